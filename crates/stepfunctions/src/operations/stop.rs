//! StopExecution.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html>

use super::describe_execution::execution_id;
use super::{Request, seconds};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error};
use serde_json::{Value, json};
use tenantry_core::ports::{WorkflowError, Workflows as _};

pub(super) async fn stop(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let error_name = ask.text("error", request::ERROR)?.map(str::to_owned);
    let cause = ask.text("cause", request::CAUSE)?.map(str::to_owned);
    ask.done()?;

    let id = execution_id(endpoint.registry().realm(), arn)?;
    let engine = endpoint.engine();
    match engine.stop(&id, error_name, cause).await {
        // One that has ended already is as it was.
        Ok(()) | Err(WorkflowError::WrongState(_)) => {}
        Err(refusal) => return Err(error::of_execution(arn)(refusal)),
    }
    let execution = engine.inspect(&id).await.map_err(error::of_execution(arn))?.execution;
    let stopped_at = execution.summary.ended_at.unwrap_or_else(|| endpoint.registry().now());
    Ok(json!({"stopDate": seconds(stopped_at)}))
}
