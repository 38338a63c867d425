//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

use super::{Request, nothing};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, json};
use serde_json::Value;
use tenantry_core::ports::TaskTokens as _;

pub(super) async fn succeed(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let token = ask.required_text("taskToken", request::TASK_TOKEN)?;
    let output = ask.required_text("output", request::DATA)?;
    ask.done()?;
    // A token that is none is told before what is wrong with the output.
    let output = match json::read(output) {
        Ok(output) => output,
        Err(_) if !endpoint.engine().is_task_token(token) => return Err(ApiError::invalid_token()),
        Err(error) => return Err(ApiError::invalid_output(error)),
    };
    endpoint.engine().succeed(token, output).await?;
    Ok(nothing())
}

pub(super) async fn fail(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let token = ask.required_text("taskToken", request::TASK_TOKEN)?;
    let error = ask.text("error", request::ERROR)?.map(str::to_owned);
    let cause = ask.text("cause", request::CAUSE)?.map(str::to_owned);
    ask.done()?;
    endpoint.engine().fail(token, error, cause).await?;
    Ok(nothing())
}

pub(super) async fn heartbeat(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let token = ask.required_text("taskToken", request::TASK_TOKEN)?;
    ask.done()?;
    endpoint.engine().heartbeat(token).await?;
    Ok(nothing())
}
