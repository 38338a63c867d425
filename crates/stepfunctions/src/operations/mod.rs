//! The operations of the protocol, one small file for each group.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html>

mod activities;
mod aliases;
mod create_machine;
mod definitions;
mod delete_machine;
mod describe_execution;
mod describe_machine;
pub(crate) mod execution_log;
mod history;
mod list_executions;
mod map_runs;
pub(crate) mod redrive;
mod settings;
mod start;
mod stop;
mod sync;
mod tags;
mod task_tokens;
mod test_state;
mod update_machine;
mod validate;
mod versions;

pub(crate) use delete_machine::finish_deletions;

use crate::{ApiError, Endpoint};
use serde_json::{Map, Number, Value};
use tenantry_core::Timestamp;

/// The members of a request.
pub(crate) type Request = Map<String, Value>;

/// Carries out one operation by its name.
pub(crate) async fn call(endpoint: &Endpoint, operation: &str, request: &Request) -> Result<Value, ApiError> {
    match operation {
        "CreateStateMachine" => create_machine::create(endpoint, request).await,
        "UpdateStateMachine" => update_machine::update(endpoint, request).await,
        "DescribeStateMachine" => describe_machine::describe(endpoint, request),
        "DescribeStateMachineForExecution" => describe_machine::for_execution(endpoint, request).await,
        "ListStateMachines" => describe_machine::list(endpoint, request),
        "DeleteStateMachine" => delete_machine::delete(endpoint, request).await,
        "ValidateStateMachineDefinition" => validate::validate(request),
        "PublishStateMachineVersion" => versions::publish(endpoint, request).await,
        "DeleteStateMachineVersion" => versions::delete(endpoint, request).await,
        "ListStateMachineVersions" => versions::list(endpoint, request),
        "CreateStateMachineAlias" => aliases::create(endpoint, request).await,
        "UpdateStateMachineAlias" => aliases::update(endpoint, request).await,
        "DescribeStateMachineAlias" => aliases::describe(endpoint, request),
        "DeleteStateMachineAlias" => aliases::delete(endpoint, request).await,
        "ListStateMachineAliases" => aliases::list(endpoint, request),
        "StartExecution" => start::start(endpoint, request).await,
        "StartSyncExecution" => sync::start(endpoint, request).await,
        "DescribeExecution" => describe_execution::describe(endpoint, request).await,
        "ListExecutions" => list_executions::list(endpoint, request).await,
        "GetExecutionHistory" => history::get(endpoint, request).await,
        "StopExecution" => stop::stop(endpoint, request).await,
        "RedriveExecution" => redrive::redrive(endpoint, request).await,
        "SendTaskSuccess" => task_tokens::succeed(endpoint, request).await,
        "SendTaskFailure" => task_tokens::fail(endpoint, request).await,
        "SendTaskHeartbeat" => task_tokens::heartbeat(endpoint, request).await,
        "CreateActivity" => activities::create(endpoint, request).await,
        "DescribeActivity" => activities::describe(endpoint, request),
        "DeleteActivity" => activities::delete(endpoint, request).await,
        "ListActivities" => activities::list(endpoint, request),
        "GetActivityTask" => activities::task(endpoint, request).await,
        "DescribeMapRun" => map_runs::describe(endpoint, request).await,
        "ListMapRuns" => map_runs::list(endpoint, request).await,
        "UpdateMapRun" => map_runs::update(endpoint, request).await,
        "TestState" => test_state::test(endpoint, request).await,
        "TagResource" => tags::tag(endpoint, request).await,
        "UntagResource" => tags::untag(endpoint, request).await,
        "ListTagsForResource" => tags::list(endpoint, request),
        _ => Err(ApiError::new(
            "UnknownOperationException",
            format!("This server has no operation {operation} of Step Functions."),
        )),
    }
}

/// A time as the protocol writes it: seconds since the Unix epoch, with milliseconds as fraction.
pub(crate) fn seconds(at: Timestamp) -> Value {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are exact in 53 bits")]
    let seconds = at.as_millis() as f64 / 1000.0;
    Number::from_f64(seconds).map_or(Value::Null, Value::Number)
}

/// An answer without members.
pub(crate) fn nothing() -> Value {
    Value::Object(Map::new())
}

/// A list's answer, with the token of the page that follows where there is one.
pub(crate) fn page(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(items));
    put(&mut answer, "nextToken", next);
    Value::Object(answer)
}

/// Adds a member where there is something to say.
pub(crate) fn put(answer: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        answer.insert(name.to_owned(), value.into());
    }
}
