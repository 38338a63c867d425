//! StartExecution.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>

use super::{Request, seconds};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error, json, names};
use serde_json::{Value, json};
use tenantry_core::ports::StartOutcome;
use tenantry_engine::Launch;

/// What a start asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) arn: &'a str,
    name: Option<&'a str>,
    input: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(ask: &mut Ask<'a>) -> Result<Self, ApiError> {
        let asked = Self {
            arn: ask.required_text("stateMachineArn", request::ARN)?,
            name: ask.text("name", request::NAME)?,
            input: ask.text("input", request::DATA)?,
        };
        ask.text("traceHeader", request::TRACE_HEADER)?;
        Ok(asked)
    }

    /// The execution to launch, with the machine that it is of looked up first, then the name, then the input read: the
    /// order in which AWS refuses.
    pub(super) fn launch(&self, endpoint: &Endpoint, express_only: bool) -> Result<Launch, ApiError> {
        let registry = endpoint.registry();
        let found = registry.find(self.arn)?;
        if found.machine.deleting {
            return Err(ApiError::machine_deleting(self.arn));
        }
        if express_only && found.machine.kind != crate::registry::Kind::Express {
            return Err(ApiError::wrong_type());
        }
        let fresh;
        let name = match self.name {
            Some(name) => {
                names::check_name(name)?;
                name
            }
            None => {
                fresh = registry.uuid();
                fresh.as_str()
            }
        };
        let input = json::read(self.input.unwrap_or("{}")).map_err(ApiError::invalid_input)?;
        found.launch(registry, name, input)
    }
}

pub(super) async fn start(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let asked = Asked::read(&mut ask)?;
    ask.done()?;

    let launch = asked.launch(endpoint, false)?;
    let arn = launch.identity.execution_id.clone();
    let launched = endpoint.engine().launch(launch).await.map_err(error::of_start(&arn))?;
    match launched.outcome {
        StartOutcome::Started | StartOutcome::AlreadyRunning => {
            Ok(json!({"executionArn": arn, "startDate": seconds(launched.started_at)}))
        }
        StartOutcome::NameTaken => Err(ApiError::execution_exists(&arn)),
    }
}
