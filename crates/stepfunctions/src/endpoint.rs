//! The endpoint: what HTTP, tests and the conformance runner call.

use crate::operations::redrive::Redrives;
use crate::registry::Registry;
use crate::{ApiError, operations, request};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tenantry_core::ExecutionId;
use tenantry_core::limits::REQUEST_BODY_BYTES_MAX;
use tenantry_engine::Engine;

/// Every operation of the protocol. Clones are the same endpoint.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    engine: Engine,
    registry: Registry,
    redrives: Redrives,
}

impl Endpoint {
    /// The engine must have been opened with this registry as its machines, and with its realm. The engine's own workflows
    /// are shown as state machines, too. Deletions that a restart cut off go on; needs a tokio runtime.
    pub fn new(engine: Engine, registry: Registry) -> Self {
        registry.adopt(engine.definitions());
        let endpoint = Self(Arc::new(Inner { engine, registry, redrives: Redrives::default() }));
        operations::finish_deletions(&endpoint);
        endpoint
    }

    /// Carries out an operation such as `CreateStateMachine`; `body` is the request's JSON.
    ///
    /// # Errors
    /// What the caller is told: AWS's code and words.
    pub async fn call(&self, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
        if body.len() > REQUEST_BODY_BYTES_MAX {
            return Err(ApiError::new(
                "RequestEntityTooLargeException",
                format!("The request has more than {REQUEST_BODY_BYTES_MAX} bytes. Nothing was done."),
            )
            .with_status(413));
        }
        let request = request::parse(body)?;
        operations::call(self, operation, &request).await
    }

    /// Writes the logs of executions that end, for ever: one `tracing` event of the target `stepfunctions.log` for each entry
    /// that their state machine's `loggingConfiguration` asks for, once the execution has ended. As well as can be, as AWS's
    /// logs are: what ends as the process does may go unlogged.
    pub async fn write_logs(&self) {
        loop {
            let id = self.registry().endings().next().await;
            let write = |entry: Value| {
                tracing::info!(target: "stepfunctions.log", state_machine = id.workflow(), %entry, "execution log");
            };
            if let Err(error) = operations::execution_log::entries(self, &id, write).await {
                tracing::warn!(execution = %id, %error, "an execution goes unlogged");
            }
        }
    }

    /// The log of an execution, as [`Endpoint::write_logs`] writes it.
    ///
    /// # Errors
    /// Where the execution is not there, or the store does not answer.
    pub async fn execution_log(&self, id: &ExecutionId) -> Result<Vec<Value>, ApiError> {
        let mut found = Vec::new();
        operations::execution_log::entries(self, id, |entry| found.push(entry)).await?;
        Ok(found)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What is registered.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn redrives(&self) -> &Redrives {
        &self.0.redrives
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}
