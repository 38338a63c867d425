//! How a task of a workflow reaches what it names on one machine: a step of the registry, a queue, or the bus.

use serde_json::{Value, json};
use std::time::Duration;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{OutgoingMessage, PortError, Queues};
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};

/// Calls steps in this process, and puts messages into the queues.
pub struct LocalInvoker {
    steps: tenantry_handlers::Ctx,
    queues: Queues,
}

impl LocalInvoker {
    /// An invoker over the steps' context and the queues.
    pub fn new(steps: tenantry_handlers::Ctx, queues: Queues) -> Self {
        Self { steps, queues }
    }

    /// The answer has the members of the Lambda `Invoke` integration.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>
    async fn call_step(&self, arguments: &Value) -> Result<Value, TaskFailure> {
        let name = text(arguments, "FunctionName")?;
        let payload = arguments.get("Payload").cloned().unwrap_or_else(|| json!({}));
        match tenantry_handlers::invoke(&self.steps, name, payload).await {
            Ok(result) => Ok(json!({"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": 200})),
            Err(error) => Err(TaskFailure { error: error.name().to_owned(), cause: Some(error.to_string()) }),
        }
    }

    /// The answer has the members of the SQS integration.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html>
    async fn send_message(&self, arguments: &Value) -> Result<Value, TaskFailure> {
        let name = text(arguments, "QueueUrl")?;
        let queue = self.queues.get(name).ok_or_else(|| TaskFailure {
            error: "SQS.QueueDoesNotExistException".to_owned(),
            cause: Some(format!("There is no queue {name}; known are {}.", Queues::NAMES.join(", "))),
        })?;
        let body = match arguments.get("MessageBody") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return Err(missing("MessageBody")),
        };
        let group = arguments.get("MessageGroupId").and_then(Value::as_str).unwrap_or(name).to_owned();
        let delay = arguments.get("DelaySeconds").and_then(Value::as_u64).unwrap_or(0);
        let message = OutgoingMessage { body, group, delay: Duration::from_secs(delay) };
        match queue.send(vec![message]).await {
            Ok(ids) => {
                let id = ids.first().map(ToString::to_string).unwrap_or_default();
                Ok(json!({ "MessageId": id }))
            }
            Err(error) => Err(TaskFailure {
                error: match error {
                    PortError::Unavailable { .. } => "SQS.SdkClientException",
                    _ => "SQS.InvalidMessageContentsException",
                }
                .to_owned(),
                cause: Some(error.to_string()),
            }),
        }
    }
}

fn missing(field: &str) -> TaskFailure {
    TaskFailure {
        error: "States.ParameterPathFailure".to_owned(),
        cause: Some(format!("The task's Arguments have no text {field}.")),
    }
}

fn text<'a>(arguments: &'a Value, field: &str) -> Result<&'a str, TaskFailure> {
    arguments.get(field).and_then(Value::as_str).ok_or_else(|| missing(field))
}

impl TaskInvoker for LocalInvoker {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        Box::pin(async move {
            let service = request.resource.rsplit(":::").next().unwrap_or_default();
            match service.trim_end_matches(".waitForTaskToken") {
                "lambda:invoke" => self.call_step(&request.arguments).await,
                "sqs:sendMessage" => self.send_message(&request.arguments).await,
                _ => Err(TaskFailure {
                    error: "States.Runtime".to_owned(),
                    cause: Some(format!(
                        "State {} asks for {}, which this home does not offer; it offers lambda:invoke and \
                         sqs:sendMessage.",
                        request.state, request.resource
                    )),
                }),
            }
        })
    }
}
