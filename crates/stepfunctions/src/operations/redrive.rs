//! RedriveExecution.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html>

use super::describe_execution::execution_id;
use super::{Request, seconds};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::ports::{WorkflowError, Workflows as _};

/// How long a client token stands for the redrive that it was sent with.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How many tokens are remembered; the oldest go first.
const TOKENS_MAX: usize = 10_000;

/// Redrives that were answered, by execution and client token: what is sent again is answered again. In memory alone:
/// after a restart the execution itself tells that it runs.
#[derive(Debug, Default)]
pub(crate) struct Redrives(Mutex<HashMap<(String, String), Timestamp>>);

impl Redrives {
    fn remembered(&self, key: &(String, String), now: Timestamp) -> Option<Timestamp> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).copied().filter(|at| now.saturating_since(*at) < REMEMBERED)
    }

    fn remember(&self, key: (String, String), now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, at| now.saturating_since(*at) < REMEMBERED);
        if kept.len() >= TOKENS_MAX
            && let Some(oldest) = kept.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(key, now);
    }
}

pub(super) async fn redrive(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let token = ask.text("clientToken", request::CLIENT_TOKEN)?;
    ask.done()?;

    let registry = endpoint.registry();
    let id = execution_id(registry.realm(), arn)?;
    let key = token.map(|token| (arn.to_owned(), token.to_owned()));
    let now = registry.now();
    if let Some(at) = key.as_ref().and_then(|key| endpoint.redrives().remembered(key, now)) {
        return Ok(json!({"redriveDate": seconds(at)}));
    }
    if id.map_run_child().is_some() {
        return Err(not_redrivable("Execution is a child workflow execution; redrive its Map Run's parent"));
    }
    if registry.machine(id.workflow()).is_some_and(|machine| machine.deleting) {
        return Err(not_redrivable("State machine is in DELETING status"));
    }
    let engine = endpoint.engine();
    match engine.redrive(&id).await {
        Ok(()) => {}
        Err(WorkflowError::WrongState(why)) => {
            let inspection = engine.inspect(&id).await.map_err(error::of_execution(arn))?;
            return Err(not_redrivable(inspection.not_redrivable.unwrap_or(&why)));
        }
        Err(refusal) => return Err(error::of_execution(arn)(refusal)),
    }
    let inspection = engine.inspect(&id).await.map_err(error::of_execution(arn))?;
    let at = inspection.redriven_at.unwrap_or(now);
    if let Some(key) = key {
        endpoint.redrives().remember(key, at);
    }
    Ok(json!({"redriveDate": seconds(at)}))
}

fn not_redrivable(why: &str) -> ApiError {
    ApiError::new("ExecutionNotRedrivable", format!("Execution Not Redrivable: '{why}'"))
}
