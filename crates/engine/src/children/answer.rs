//! What tasks hear of the executions that they started, in the shapes of the Step Functions integration.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html>

use crate::dispatch::hide_token;
use crate::invoker::TaskFailure;
use crate::live::Live;
use crate::record::Folded;
use serde_json::{Map, Value, json};
use tenantry_asl::{Closed, ExecutionState, Identity, errors};
use tenantry_core::Timestamp;
use tenantry_core::ports::ExecutionStatus;
use uuid::Uuid;

/// A failure of the Step Functions API, as a task that called it hears it.
pub(super) fn failure(request_id: Uuid, code: &str, message: &str) -> TaskFailure {
    TaskFailure::of_service("StepFunctions", "AWSStepFunctions", code, message, request_id)
}

/// What `StartExecution` answers, with what the SDK adds.
pub(super) fn started(request_id: Uuid, arn: &str, at: Timestamp) -> Value {
    let request_id = request_id.to_string();
    // The body that the API answers: an ARN and seconds with three decimals.
    let length =
        format!("{{\"executionArn\":\"{arn}\",\"startDate\":{}}}", at.as_millis() as f64 / 1000.0).len();
    let length = length.to_string();
    json!({
        "ExecutionArn": arn,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "Content-Length": [length],
                "Content-Type": ["application/x-amz-json-1.0"],
                "x-amzn-RequestId": [request_id],
            },
            "HttpHeaders": {
                "Content-Length": length,
                "Content-Type": "application/x-amz-json-1.0",
                "x-amzn-RequestId": request_id,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StartDate": at,
    })
}

/// A child at its end.
pub(crate) struct ChildEnd {
    pub(super) identity: Identity,
    pub(super) started_at: Timestamp,
    input: Value,
    ended_at: Timestamp,
    redrive_count: u64,
    closed: Closed,
    not_redrivable: Option<&'static str>,
}

impl ChildEnd {
    /// Of one that is in memory; `None` where it has not ended.
    pub(crate) fn of_live(live: &Live) -> Option<Self> {
        Self::of(&live.state, live.last_ms)
    }

    /// Of one that was read.
    pub(crate) fn of_folded(folded: &Folded) -> Option<Self> {
        Self::of(&folded.state, folded.last_ms)
    }

    fn of(state: &ExecutionState, ended_at_ms: i64) -> Option<Self> {
        let mut closed = state.closed()?.clone();
        if let Closed::Succeeded { output } = &mut closed {
            // A placeholder in it is the child's own: its parent must not take it for one of its tokens.
            hide_token(output);
        }
        let ended_at = Timestamp::from_millis(ended_at_ms);
        let identity = state.identity().cloned().unwrap_or_default();
        let status = crate::commit::status(&closed);
        Some(Self {
            started_at: Timestamp::from_millis(state.started_at_ms().unwrap_or_default()),
            input: state.input().cloned().unwrap_or_default(),
            redrive_count: state.redrive_count(),
            not_redrivable: crate::redrive::refusal(status, ended_at, identity.is_express(), state, ended_at),
            identity,
            ended_at,
            closed,
        })
    }

    pub(super) fn into_closed(self) -> Closed {
        self.closed
    }

    /// What a task that waited for it answers; `.sync:2` gets input and output as JSON, `.sync` as text.
    pub(super) fn into_answer(self, parsed: bool) -> Result<Value, TaskFailure> {
        let Self { identity, started_at, input, ended_at, redrive_count, closed, not_redrivable } = self;
        let status = crate::commit::status(&closed);
        let shown = |value: Value| if parsed { value } else { Value::String(value.to_string()) };
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        let output = match closed {
            Closed::Succeeded { output } => Some(output),
            Closed::Failed { error, cause } | Closed::Aborted { error, cause } => {
                if let Some(cause) = cause {
                    put("Cause", cause.into());
                }
                if let Some(error) = error {
                    put("Error", error.into());
                }
                None
            }
            Closed::TimedOut => None,
        };
        put("ExecutionArn", identity.execution_id.into());
        put("Input", shown(input));
        put("InputDetails", json!({"Included": true}));
        put("Name", identity.execution_name.into());
        if let Some(output) = output {
            put("Output", shown(output));
            put("OutputDetails", json!({"Included": true}));
        }
        put("RedriveCount", redrive_count.into());
        match not_redrivable {
            Some(why) => {
                put("RedriveStatus", "NOT_REDRIVABLE".into());
                put("RedriveStatusReason", why.into());
            }
            None => put("RedriveStatus", "REDRIVABLE".into()),
        }
        put("StartDate", json!(started_at));
        if let Some(arn) = identity.state_machine_alias_arn {
            put("StateMachineAliasArn", arn.into());
        }
        put("StateMachineArn", identity.state_machine_id.into());
        if let Some(arn) = identity.state_machine_version_arn {
            put("StateMachineVersionArn", arn.into());
        }
        put("Status", status.as_aws().into());
        put("StopDate", json!(ended_at));
        let document = Value::Object(document);
        if status == ExecutionStatus::Succeeded {
            return Ok(document);
        }
        Err(TaskFailure { error: errors::TASK_FAILED.to_owned(), cause: Some(document.to_string()) })
    }
}
