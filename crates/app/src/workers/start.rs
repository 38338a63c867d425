//! The start worker: an operation's message starts the execution of its attempt.

use super::consume::{Disposition, Handler};
use super::error::WorkerError;
use super::rows;
use crate::Ports;
use crate::http::retry::Transient as _;
use serde::Deserialize;
use serde_json::json;
use tenantry_core::keys::Key;
use tenantry_core::model::{Operation, OperationPhase};
use tenantry_core::ports::{Message, StartOutcome};
use tenantry_core::{BoxFuture, OperationId, TenantId};

/// Receives after which a message is let go where the state machines cannot answer: the operation is due until it is
/// started, so the sweeper sends it again, and an outage leaves no dead letters.
const TRANSIENT_RECEIVES_MAX: u32 = 4;

/// Body of a message of the `operations` queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    tenant_id: TenantId,
    operation_id: OperationId,
}

/// The start worker.
pub struct Starter {
    ports: Ports,
}

impl Starter {
    /// A start worker.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    async fn start(&self, message: &Message) -> Result<Disposition, WorkerError> {
        let body: Body = match serde_json::from_str(&message.body) {
            Ok(body) => body,
            Err(error) => {
                let text = format!("the body is not {{tenantId, operationId}}: {error}");
                return Ok(Disposition::bury("malformed", text));
            }
        };
        let key = Key::operation(&body.tenant_id, &body.operation_id);
        let Some(operation) = rows::operation(&self.ports, &key).await? else {
            let text = format!("tenant {} has no operation {}", body.tenant_id, body.operation_id);
            return Ok(Disposition::bury("operation_not_found", text));
        };
        if operation.phase != OperationPhase::Queued {
            return Ok(Disposition::Done);
        }
        let execution = operation.execution_id();
        let outcome = self.ports.workflows.start(&execution, execution_input(&operation)).await?;
        if outcome == StartOutcome::NameTaken {
            // It ran already, and this message is late: the row only has not heard of it.
            tracing::info!(%execution, "the execution was started before and has ended");
        }
        self.mark_running(&operation).await?;
        Ok(Disposition::Done)
    }

    /// The row says that the execution was started. Where the row has moved on meanwhile, it knows already.
    async fn mark_running(&self, operation: &Operation) -> Result<(), WorkerError> {
        let key = Key::operation(&operation.tenant_id, &operation.operation_id);
        let conditions = vec![rows::equals("phase", "queued"), rows::equals("attempt", operation.attempt)];
        let mut action = rows::update(key, conditions);
        action = rows::set(action, "phase", "running");
        action = rows::set(action, "updatedAt", self.ports.clock.now().to_string());
        action = rows::raise_revision(rows::index_one(action, None));
        rows::commit_if(&self.ports, vec![action]).await?;
        Ok(())
    }
}

/// The execution's input: a pure function of the operation's row, so that a repeated start is the same start.
pub fn execution_input(operation: &Operation) -> serde_json::Value {
    json!({
        "tenantId": operation.tenant_id,
        "operationId": operation.operation_id,
        "generation": operation.generation,
        "attempt": operation.attempt,
    })
}

impl Handler for Starter {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(async move {
            match self.start(message).await {
                Err(error) if error.is_transient() && message.receive_count >= TRANSIENT_RECEIVES_MAX => {
                    tracing::warn!(message = %message.id, %error, "an operation waits for the sweeper");
                    Ok(Disposition::Done)
                }
                result => result,
            }
        })
    }
}
