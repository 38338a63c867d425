//! How a task of a workflow reaches what it names on one machine: a step of the registry, a queue, or the bus.

mod events;
mod lambda;
mod sqs;

use serde_json::Value;
use std::sync::Arc;
use tenantry_core::ports::{Bus, Queues};
use tenantry_core::{BoxFuture, Realm};
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};
use uuid::Uuid;

/// What this home offers, for those who ask for something else.
const OFFERED: &str = "lambda:invoke and functions by their ARN (the steps), sqs:sendMessage (its queues), \
                       events:putEvents (its bus), states:startExecution and activities";

/// Calls steps in this process, puts messages into the queues and events onto the bus.
pub struct LocalInvoker {
    steps: tenantry_handlers::Ctx,
    queues: Queues,
    bus: Option<Arc<dyn Bus>>,
    realm: Realm,
}

impl LocalInvoker {
    /// An invoker over the steps' context and the queues.
    pub fn new(steps: tenantry_handlers::Ctx, queues: Queues) -> Self {
        Self { steps, queues, bus: None, realm: Realm::default() }
    }

    /// With a bus that `events:putEvents` publishes to.
    #[must_use]
    pub fn with_bus(mut self, bus: Arc<dyn Bus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// A random id for an answer that carries one.
    fn request_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.steps.ids.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    async fn route(&self, request: TaskRequest) -> Result<Value, TaskFailure> {
        if let Some(name) = lambda::function_of_arn(&request.resource) {
            return self.call_function(name, request.arguments).await;
        }
        let service = request.resource.split_once(":::").map_or("", |(_, service)| service);
        match service.trim_end_matches(".waitForTaskToken") {
            "lambda:invoke" => self.invoke_lambda(&request.arguments).await,
            "sqs:sendMessage" => self.send_message(&request.arguments).await,
            "events:putEvents" if self.bus.is_some() => self.put_events(&request).await,
            _ => Err(TaskFailure {
                error: "States.Runtime".to_owned(),
                cause: Some(format!(
                    "The state '{}' asks for {}, which this home does not offer; it offers {OFFERED}.",
                    request.state, request.resource
                )),
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
        Box::pin(self.route(request))
    }
}
