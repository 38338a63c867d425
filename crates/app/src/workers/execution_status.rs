//! The execution-status worker: an execution that ended without bringing its operation to an end leaves its error
//! with the operation, which then is stuck, with a step and a cause.
//!
//! **Level-triggered:** the message says only that an execution has ended; what is written is what the state machine
//! and the operation's row say when the message is handled. A late message after a redrive changes nothing.

use super::consume::{Disposition, Handler};
use super::error::WorkerError;
use super::rows;
use crate::Ports;
use crate::http::sanitize;
use serde::Deserialize;
use serde_json::Value;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{AttemptEnd, Operation, OperationPhase, Progress, RecordedError};
use tenantry_core::ports::{
    Action, Condition, Execution, ExecutionStatus, Message, PortError, Query, WorkflowError,
};
use tenantry_core::{BoxFuture, ExecutionId, OperationId, TenantId, Timestamp};
use tenantry_events::ledger::{AuditEntry, AuditOutcome};
use tenantry_events::sealed_error::{self, Place};

/// Most bytes of an execution's cause that the operation keeps; the history has the rest.
const MESSAGE_BYTES_MAX: usize = 4096;
/// How far back in a history the last state is looked for.
const HISTORY_EVENTS: usize = 200;
/// How many such pages.
const HISTORY_PAGES_MAX: usize = 25;
/// How often a lost race is run again before the message is left for later.
const RACES_MAX: usize = 5;

/// Body of a message of the `execution-status` queue. Its `status` is not read: it may be of yesterday.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    execution_id: ExecutionId,
    tenant_id: Option<TenantId>,
}

/// The execution-status worker.
pub struct ExecutionStatusWorker {
    ports: Ports,
}

/// The operation and attempt that an execution's name tells: `<operationId>-<attempt>`.
fn operation_of(execution: &ExecutionId) -> Option<(OperationId, u64)> {
    let (operation, attempt) = execution.name().rsplit_once('-')?;
    Some((operation.parse().ok()?, attempt.parse().ok()?))
}

impl ExecutionStatusWorker {
    /// An execution-status worker.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    async fn ended(&self, message: &Message) -> Result<Disposition, WorkerError> {
        let body: Body = match serde_json::from_str(&message.body) {
            Ok(body) => body,
            Err(error) => {
                let text = format!("the body is not {{executionId, status, tenantId}}: {error}");
                return Ok(Disposition::bury("malformed", text));
            }
        };
        // Someone's own execution, of no operation.
        let Some((operation, attempt)) = operation_of(&body.execution_id) else {
            return Ok(Disposition::Done);
        };
        let tenant = match body.tenant_id {
            Some(tenant) => tenant,
            None => match self.tenant_of(&operation).await? {
                Some(tenant) => tenant,
                None => return Ok(Disposition::Done),
            },
        };
        let key = Key::operation(&tenant, &operation);
        for _ in 0..RACES_MAX {
            if self.try_once(&key, &body.execution_id, attempt).await? {
                return Ok(Disposition::Done);
            }
        }
        Err(WorkerError::Inconsistent(format!("others keep writing operation {operation}")))
    }

    async fn tenant_of(&self, operation: &OperationId) -> Result<Option<TenantId>, WorkerError> {
        let pointer = self.ports.table.get(&Key::operation_pointer(operation)).await?;
        Ok(pointer.and_then(|item| item.attributes.get("tenantId")?.as_str()?.parse().ok()))
    }

    /// Writes the attempt's end where it is to be written; `false` where someone else wrote the row meanwhile.
    async fn try_once(&self, key: &Key, id: &ExecutionId, attempt: u64) -> Result<bool, WorkerError> {
        // The row first: a redrive that comes after this read changes its revision.
        let Some(operation) = rows::operation(&self.ports, key).await? else { return Ok(true) };
        let open = matches!(operation.phase, OperationPhase::Queued | OperationPhase::Running);
        if !open || operation.attempt != attempt || operation.execution_id() != *id {
            return Ok(true);
        }
        let execution = match self.ports.workflows.describe(id).await {
            Ok(execution) => execution,
            Err(WorkflowError::UnknownExecution(_)) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        match execution.summary.status {
            ExecutionStatus::Running => return Ok(true),
            ExecutionStatus::Succeeded => {
                tracing::error!(execution = %id, "the execution succeeded, but its operation has no end");
                return Ok(true);
            }
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {}
        }
        let mut end = self.attempt_end(&operation, id, &execution).await?;
        if self.written(&operation).await?.as_ref() == Some(&end) {
            return Ok(true);
        }
        let (keys, place) = (self.ports.data_keys.as_ref(), Place::AttemptEnd);
        let (tenant, operation_id) = (&operation.tenant_id, &operation.operation_id);
        end.error = sealed_error::seal(keys, tenant, operation_id, place, end.error).await?;
        if !rows::commit_if(&self.ports, self.actions(key, &operation, id, &end)).await? {
            return Ok(false);
        }
        self.take_back_after_redrive(key, &operation, id).await?;
        Ok(true)
    }

    /// The end that the row already tells, opened: a seal of the same words is another one each time.
    async fn written(&self, operation: &Operation) -> Result<Option<AttemptEnd>, PortError> {
        let Some(mut end) = operation.attempt_end.clone() else { return Ok(None) };
        let (keys, place) = (self.ports.data_keys.as_ref(), Place::AttemptEnd);
        let (tenant, operation) = (&operation.tenant_id, &operation.operation_id);
        end.error = sealed_error::open(keys, tenant, operation, place, end.error).await?;
        Ok(Some(end))
    }

    fn actions(&self, key: &Key, operation: &Operation, id: &ExecutionId, end: &AttemptEnd) -> Vec<Action> {
        let conditions = vec![
            rows::equals("attempt", operation.attempt),
            rows::equals("revision", operation.revision),
            Condition::Differs("phase".to_owned(), "succeeded".into()),
            Condition::Differs("phase".to_owned(), "failed".into()),
        ];
        let mut action = rows::update(key.clone(), conditions);
        // Plain data: it always serialises.
        action = rows::set(action, "attemptEnd", serde_json::to_value(end).unwrap_or(Value::Null));
        action = rows::set(action, "updatedAt", self.ports.clock.now().to_string());
        let audit = AuditEntry::new("operation.attempt_ended", "tenantry")
            .at(end.at)
            .operation(Some(operation.operation_id.clone()))
            .reason(Some(&sanitize(&end.error.code, MESSAGE_BYTES_MAX)))
            .outcome(AuditOutcome::Failed);
        // The same end is the same entry, however often it is written.
        let audit = audit.item(&operation.tenant_id, &format!("{}-end", id.name()));
        vec![rows::raise_revision(action), Action::put(audit)]
    }

    /// A redrive between the look at the execution and the write would leave a running execution with the end of its
    /// past.
    async fn take_back_after_redrive(
        &self,
        key: &Key,
        before: &Operation,
        id: &ExecutionId,
    ) -> Result<(), WorkerError> {
        if self.ports.workflows.describe(id).await?.summary.status != ExecutionStatus::Running {
            return Ok(());
        }
        let mut action = rows::update(key.clone(), vec![rows::equals("revision", before.revision + 1)]);
        action = rows::set(action, "attemptEnd", Value::Null);
        rows::commit_if(&self.ports, vec![rows::raise_revision(action)]).await?;
        Ok(())
    }

    async fn attempt_end(
        &self,
        operation: &Operation,
        id: &ExecutionId,
        execution: &Execution,
    ) -> Result<AttemptEnd, WorkerError> {
        let status = execution.summary.status;
        let code = execution.error.clone().unwrap_or_else(|| match status {
            ExecutionStatus::TimedOut => "States.Timeout".to_owned(),
            ExecutionStatus::Aborted => "Execution.Aborted".to_owned(),
            _ => "Execution.Failed".to_owned(),
        });
        let cause = execution.cause.as_deref().map(|cause| sanitize(cause, MESSAGE_BYTES_MAX));
        let message = cause.filter(|cause| !cause.is_empty()).unwrap_or_else(|| {
            format!(
                "The execution ended as {} and gave no cause; its history shows the last state.",
                status.as_aws()
            )
        });
        // The history tells for certain; a step's own row is not there where the call never reached the step.
        let step = match self.failed_state(id).await? {
            Some(step) => Some(step),
            None => self.last_step(operation).await?,
        };
        let at = execution.summary.ended_at.unwrap_or(operation.updated_at);
        Ok(AttemptEnd {
            status: status.as_aws().to_owned(),
            error: RecordedError { code, message, step, sealed: None },
            at,
        })
    }

    /// The step of the attempt that was worked on last, by the steps' own rows.
    async fn last_step(&self, operation: &Operation) -> Result<Option<String>, PortError> {
        let range = Range::progress(&operation.tenant_id, &operation.operation_id);
        let mut last: Option<(Timestamp, String)> = None;
        let mut after = None;
        loop {
            let page = self.ports.table.query(Query::primary(range.clone(), 100).after(after)).await?;
            for item in &page.items {
                let progress: Progress = item.record()?;
                let newer = last.as_ref().is_none_or(|(at, _)| progress.updated_at >= *at);
                if progress.attempt == operation.attempt && newer {
                    last = Some((progress.updated_at, progress.step));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(last.map(|(_, step)| step));
            }
        }
    }

    /// The state at which the execution ended: the first one that was entered on the way back from its last event, so
    /// that of the iterations of a Map it is the one that failed.
    async fn failed_state(&self, id: &ExecutionId) -> Result<Option<String>, WorkerError> {
        let mut before = None;
        let mut cause = None;
        for _ in 0..HISTORY_PAGES_MAX {
            let page = self.ports.workflows.history(id, before, true, HISTORY_EVENTS).await?;
            for event in &page.events {
                if cause.is_some_and(|cause| event.id != cause) {
                    continue;
                }
                if event.event_type.ends_with("StateEntered") {
                    let name = event.details.pointer("/stateEnteredEventDetails/name");
                    return Ok(name.and_then(Value::as_str).map(str::to_owned));
                }
                cause = Some(event.previous_id);
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        Ok(None)
    }
}

impl Handler for ExecutionStatusWorker {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(self.ended(message))
    }
}
