//! The way out: how a task reaches what it calls.

use serde_json::Value;
use tenantry_core::{BoxFuture, ExecutionId};
use uuid::Uuid;

/// A task to carry out. It may be carried out more than once, and be cut off anywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRequest {
    /// Whose.
    pub execution: ExecutionId,
    /// The state's name.
    pub state: String,
    /// The task's id within the execution: the same when the same attempt is dispatched again after a crash.
    pub task: u64,
    /// The resource as the definition names it, such as `arn:aws:states:::sqs:sendMessage.waitForTaskToken`.
    pub resource: String,
    /// The evaluated Arguments, with the task token in its place.
    pub arguments: Value,
}

/// A task's failure. `error` is what `Retry` and `Catch` match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The error's name.
    pub error: String,
    /// Why; no secret in it.
    pub cause: Option<String>,
}

impl TaskFailure {
    /// The failure of a service's API call, as Step Functions' own clients tell it: `prefix` is what its error names
    /// begin with (`StepFunctions`), `client` what the SDK calls it (`AWSStepFunctions`), `code` the API's error code.
    pub fn of_service(prefix: &str, client: &str, code: &str, message: &str, request_id: Uuid) -> Self {
        let error = if code.ends_with("Exception") {
            format!("{prefix}.{code}")
        } else {
            format!("{prefix}.{code}Exception")
        };
        let cause = format!(
            "{message} (Service: {client}; Status Code: 400; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
        );
        Self { error, cause: Some(cause) }
    }
}

/// Carries tasks out. The composition root implements it over the steps' registry, the queues and the bus.
pub trait TaskInvoker: Send + Sync + 'static {
    /// Calls the resource: the task's result, or for a task that waits for its token the acknowledgement.
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>>;
}
