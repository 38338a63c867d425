//! StartSyncExecution: an Express execution, and its end in the same answer.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html>

use super::describe_execution::{data, included};
use super::start::Asked;
use super::{Request, put, seconds};
use crate::request::Ask;
use crate::{ApiError, Endpoint, error};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Express executions are billed in steps of this.
const BILLED_STEP: Duration = Duration::from_millis(100);
/// The least memory that is billed, and what these use.
const BILLED_MEMORY_MB: u64 = 64;

pub(super) async fn start(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let asked = Asked::read(&mut ask)?;
    let metadata_only = included(&mut ask)?;
    ask.done()?;

    let launch = asked.launch(endpoint, true)?;
    let (id, identity) = (launch.id.clone(), launch.identity.clone());
    let refused = error::of_execution(&identity.execution_id);
    let engine = endpoint.engine();
    let launched = engine.launch(launch).await.map_err(error::of_start(&identity.execution_id))?;
    engine.ended(&id).await.map_err(&refused)?;
    let execution = engine.inspect(&id).await.map_err(&refused)?.execution;
    let stopped_at = execution.summary.ended_at.unwrap_or(launched.started_at);
    let mut answer = Map::new();
    put(&mut answer, "executionArn", Some(identity.execution_id.as_str()));
    put(&mut answer, "stateMachineArn", Some(identity.state_machine_id));
    put(&mut answer, "name", Some(identity.execution_name));
    put(&mut answer, "status", Some(execution.summary.status.as_aws()));
    put(&mut answer, "startDate", Some(seconds(launched.started_at)));
    put(&mut answer, "stopDate", Some(seconds(stopped_at)));
    data(&mut answer, &execution, metadata_only);
    let billed = billed_ms(stopped_at.saturating_since(launched.started_at));
    let details = json!({"billedDurationInMilliseconds": billed, "billedMemoryUsedInMB": BILLED_MEMORY_MB});
    put(&mut answer, "billingDetails", Some(details));
    Ok(Value::Object(answer))
}

/// Rounded up to whole steps, and at least one.
fn billed_ms(took: Duration) -> u64 {
    let step = BILLED_STEP.as_millis() as u64;
    (took.as_millis() as u64).div_ceil(step).max(1) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_billed_in_whole_steps() {
        for (took, billed) in [(0, 100), (1, 100), (100, 100), (101, 200), (7_501, 7_600)] {
            assert_eq!(billed_ms(Duration::from_millis(took)), billed);
        }
    }
}
