//! How a task reaches the case's services.

use super::{Refusal, Shared};
use crate::world::Reply;
use serde_json::{Map, Value};
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tenantry_core::BoxFuture;
use tenantry_core::ports::Clock as _;
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};

/// The engine's way out. It does not keep the case alive.
pub(super) struct Invoker(pub(super) Weak<Shared>);

impl TaskInvoker for Invoker {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        Box::pin(async move {
            let Some(shared) = self.0.upgrade() else { return pending().await };
            if let Some(action) = request.resource.strip_prefix("arn:aws:states:::aws-sdk:sfn:") {
                return sdk(&shared, action, &request.arguments).await;
            }
            let mut reply = shared.world(|world| world.call(&request.resource, &request.arguments));
            if request.resource.contains(":sqs:") {
                shared.sent.notify_waiters();
            }
            while let Reply::After(ms, inner) = reply {
                let at = shared.clock.now().saturating_add(Duration::from_millis(ms));
                shared.clock.sleep_until(at).await;
                reply = *inner;
            }
            match reply {
                Reply::Done(answer) => Ok(answer),
                Reply::Failed(failure) => Err(failure),
                Reply::Unknown(service) => {
                    shared.miss(&service);
                    pending().await
                }
                Reply::After(..) => pending().await,
            }
        })
    }
}

/// The SDK integration with Step Functions itself: our own protocol, in the SDK for Java's spelling.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>
async fn sdk(shared: &Arc<Shared>, action: &str, arguments: &Value) -> Result<Value, TaskFailure> {
    let operation = with_first(action, char::to_ascii_uppercase);
    let answer = shared.call(&operation, &spelled(arguments, char::to_ascii_lowercase)).await;
    answer.map(|answer| spelled(&answer, char::to_ascii_uppercase)).map_err(|Refusal { code, message }| {
        let code = if code.ends_with("Exception") { code } else { format!("{code}Exception") };
        TaskFailure {
            error: format!("Sfn.{code}"),
            cause: Some(format!(
                "{message} (Service: Sfn, Status Code: 400, Request ID: 00000000-0000-4000-8000-000000000000) (SDK Attempt Count: 1)"
            )),
        }
    })
}

fn with_first(text: &str, change: fn(&char) -> char) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| change(&first)).into_iter().chain(characters).collect()
}

fn spelled(value: &Value, change: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| (with_first(name, change), spelled(value, change)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| spelled(item, change)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_spelled_as_the_sdk_spells_them() {
        let there = json!({"TaskToken": "t", "Tags": [{"Key": "a"}]});
        let here = json!({"taskToken": "t", "tags": [{"key": "a"}]});
        assert_eq!(spelled(&there, char::to_ascii_lowercase), here);
        assert_eq!(spelled(&here, char::to_ascii_uppercase), there);
    }
}
