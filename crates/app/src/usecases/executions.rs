//! Executions: watching and mending them.

use super::commit::refused;
use super::views::{ExecutionSummaryView, ExecutionView, HistoryEventView};
use super::{App, Listing, PageRequest, Principal};
use serde::{Deserialize, Serialize};
use tenantry_core::model::{Operation, OperationPhase};
use tenantry_core::ports::{Action, Execution, ExecutionFilter, ExecutionStatus, WorkflowError};
use tenantry_core::{Error, ErrorCode, ExecutionId, OperationId, Result, Timestamp, limits};
use tenantry_events::ledger::{AuditEntry, change_operation};

/// Which executions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionsRequest {
    /// The filter.
    pub filter: ExecutionFilter,
    /// The page.
    pub page: PageRequest,
}

/// Which events of a history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryRequest {
    /// From the newest to the oldest.
    pub descending: bool,
    /// Only events after the one with this id (before it, where `descending`): for one who follows.
    pub after: Option<u64>,
    /// The page.
    pub page: PageRequest,
}

/// Why an execution is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopExecution {
    /// The error's name, at most 256 characters.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub error: Option<String>,
    /// Why, at most 32,768 characters.
    #[serde(default)]
    #[schema(max_length = 32768)]
    pub cause: Option<String>,
}

fn not_found(id: &ExecutionId) -> Error {
    let detail = format!("There is no execution {id}. GET /v1/executions lists those that there are.");
    Error::new(ErrorCode::ExecutionNotFound, detail)
}

/// `state` is the code where the execution's state forbids it.
fn translate(error: WorkflowError, id: &ExecutionId, state: ErrorCode) -> Error {
    match error {
        WorkflowError::UnknownWorkflow(_) | WorkflowError::UnknownExecution(_) => not_found(id),
        WorkflowError::WrongState(reason) => Error::new(state, format!("{reason}.")),
        WorkflowError::InputTooLarge => Error::internal(error),
        WorkflowError::Port(error) => error.into(),
    }
}

/// Refuses an error name or a cause over its limit.
pub(super) fn check_error(error: Option<&str>, cause: Option<&str>) -> Result<()> {
    for (text, max, field) in
        [(error, limits::ERROR_NAME_LENGTH_MAX, "/error"), (cause, limits::CAUSE_LENGTH_MAX, "/cause")]
    {
        let length = text.map_or(0, |text| text.chars().count());
        if length > max {
            let detail = format!("{} has {length} characters; at most {max} are allowed.", &field[1..]);
            return Err(Error::new(ErrorCode::TaskErrorTooLong, detail).with_field(field));
        }
    }
    Ok(())
}

/// The operation and attempt that an execution belongs to, by its name.
fn attempt_of(id: &ExecutionId) -> Option<(OperationId, u64)> {
    let (operation, attempt) = id.name().rsplit_once('-')?;
    Some((operation.parse().ok()?, attempt.parse().ok()?))
}

impl App {
    /// A page of executions, newest start first.
    pub async fn executions(&self, request: &ExecutionsRequest) -> Result<Listing<ExecutionSummaryView>> {
        let query = format!("executions {:?}", request.filter);
        let after = request.page.after(&query)?;
        let limit = request.page.limit()?;
        let page = match self.ports.workflows.list(request.filter.clone(), after, limit).await {
            Ok(page) => page,
            // No workflow of that name: no execution of it either.
            Err(WorkflowError::UnknownWorkflow(_)) => Default::default(),
            Err(WorkflowError::Port(error)) => return Err(error.into()),
            Err(error) => return Err(Error::internal(error)),
        };
        let items = page.items.into_iter().map(ExecutionSummaryView::from).collect();
        Ok(Listing::new(items, &query, page.next.as_deref()))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Execution> {
        let found = self.ports.workflows.describe(id).await;
        found.map_err(|error| translate(error, id, ErrorCode::ExecutionNotFound))
    }

    /// An execution. [`ErrorCode::ExecutionNotFound`].
    pub async fn execution(&self, id: &ExecutionId) -> Result<ExecutionView> {
        self.describe(id).await.map(ExecutionView::from)
    }

    /// A page of an execution's history.
    pub async fn execution_history(
        &self,
        id: &ExecutionId,
        request: &HistoryRequest,
    ) -> Result<Listing<HistoryEventView>> {
        let query = format!("history {id} {}", request.descending);
        let after = match request.page.after(&query)? {
            Some(place) => Some(place.parse::<u64>().map_err(Error::internal)?),
            None => request.after,
        };
        let limit = request.page.limit()?;
        let page = self.ports.workflows.history(id, after, request.descending, limit).await;
        let page = page.map_err(|error| translate(error, id, ErrorCode::ExecutionNotFound))?;
        let items = page.events.into_iter().map(HistoryEventView::from).collect();
        let next = page.next.map(|next| next.to_string());
        Ok(Listing::new(items, &query, next.as_deref()))
    }

    /// Lets an execution that ended without being compensated go on from where it failed, and its operation with it.
    ///
    /// The operation's attempt end is cleared first: a crash in between leaves an execution that is still `failed` and
    /// can be redriven again. Cleared afterwards, the operation would call itself stuck while its execution runs.
    ///
    /// Errors: [`ErrorCode::ExecutionNotFound`], [`ErrorCode::ExecutionNotRedrivable`].
    pub async fn redrive_execution(&self, by: &Principal, id: &ExecutionId) -> Result<ExecutionView> {
        let refuse = |detail: String| Error::new(ErrorCode::ExecutionNotRedrivable, detail);
        let execution = self.describe(id).await?;
        let status = execution.summary.status;
        if matches!(status, ExecutionStatus::Running | ExecutionStatus::Succeeded) {
            let word = status.as_str();
            return Err(refuse(format!(
                "The execution is {word}; only one that failed, timed out or was aborted can be redriven."
            )));
        }
        let operation = self.operation_behind(id).await?;
        if let Some(operation) = &operation {
            check_redrivable(operation, id).map_err(refuse)?;
            self.clear_attempt_end(by, operation, id).await?;
        }
        let redriven_at = self.now();
        if let Err(error) = self.ports.workflows.redrive(id).await {
            if let Some(operation) = &operation {
                self.restore_attempt_end(operation).await;
            }
            return Err(translate(error, id, ErrorCode::ExecutionNotRedrivable));
        }
        if let Some(operation) = &operation {
            self.forget_earlier_end(operation, redriven_at).await;
        }
        tracing::info!(execution = %id, by = %by, "redriven");
        self.execution(id).await
    }

    /// Stops a running execution; its operation is then stuck until it is redriven.
    ///
    /// Errors: [`ErrorCode::ExecutionNotFound`], [`ErrorCode::ExecutionNotRunning`], [`ErrorCode::TaskErrorTooLong`].
    pub async fn stop_execution(
        &self,
        by: &Principal,
        id: &ExecutionId,
        request: &StopExecution,
    ) -> Result<ExecutionView> {
        check_error(request.error.as_deref(), request.cause.as_deref())?;
        let stopped = self.ports.workflows.stop(id, request.error.clone(), request.cause.clone()).await;
        stopped.map_err(|error| translate(error, id, ErrorCode::ExecutionNotRunning))?;
        tracing::info!(execution = %id, by = %by, "stopped");
        if let Some(operation) = self.operation_behind(id).await? {
            let now = self.now();
            let entry = AuditEntry::new("execution.stop", &by.to_string())
                .reason(request.cause.as_deref().or(request.error.as_deref()))
                .at(now)
                .operation(Some(operation.operation_id))
                .item(&operation.tenant_id, &self.ports.ids.next().to_string());
            self.commit(vec![Action::put(entry)]).await.map_err(refused)?;
        }
        self.execution(id).await
    }

    async fn operation_behind(&self, id: &ExecutionId) -> Result<Option<Operation>> {
        match attempt_of(id) {
            Some((operation, _)) => {
                let found = self.find_operation(&operation).await?;
                Ok(found.filter(|operation| operation.kind.workflow() == id.workflow()))
            }
            None => Ok(None),
        }
    }

    async fn clear_attempt_end(&self, by: &Principal, operation: &Operation, id: &ExecutionId) -> Result<()> {
        let now = self.now();
        let entry = AuditEntry::new("execution.redrive", &by.to_string())
            .reason(Some(&format!("the execution {id} goes on from where it failed")))
            .at(now)
            .operation(Some(operation.operation_id.clone()))
            .item(&operation.tenant_id, &self.ports.ids.next().to_string());
        let (_, action) = change_operation(operation, now, false, |operation| operation.attempt_end = None);
        self.commit(vec![action, Action::put(entry)]).await.map_err(refused)
    }

    /// Between the clearing and the redrive a late message may have written the end of the past again. Best effort:
    /// the operation calls itself stuck until its execution ends, no more.
    async fn forget_earlier_end(&self, before: &Operation, redriven_at: Timestamp) {
        let forgotten = async {
            let now = self.operation_of(&before.tenant_id, &before.operation_id).await?;
            let earlier = |now: &Operation| now.attempt_end.as_ref().is_some_and(|end| end.at < redriven_at);
            let Some(now) = now.filter(|now| now.attempt == before.attempt && earlier(now)) else {
                return Ok(());
            };
            let (_, action) =
                change_operation(&now, self.now(), false, |operation| operation.attempt_end = None);
            self.commit(vec![action]).await.map_err(refused)
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(operation = %before.operation_id, %error, "the earlier attempt's end was not forgotten");
        }
    }

    /// Best effort: without it the operation is still found stuck, by its silence.
    async fn restore_attempt_end(&self, before: &Operation) {
        let restored = async {
            let now = self.operation_of(&before.tenant_id, &before.operation_id).await?;
            let Some(now) = now.filter(|now| now.attempt == before.attempt && now.attempt_end.is_none())
            else {
                return Ok(());
            };
            let (_, action) = change_operation(&now, self.now(), false, |operation| {
                operation.attempt_end.clone_from(&before.attempt_end);
            });
            self.commit(vec![action]).await.map_err(refused)
        };
        if let Err(error) = restored.await {
            tracing::warn!(operation = %before.operation_id, %error, "the attempt's end was not restored");
        }
    }
}

fn check_redrivable(operation: &Operation, id: &ExecutionId) -> Result<(), String> {
    match operation.phase {
        OperationPhase::Failed => Err(format!(
            "Everything that this execution made was undone. POST /v1/operations/{}/retry makes another attempt.",
            operation.operation_id
        )),
        OperationPhase::Succeeded => {
            Err("The operation has succeeded: there is nothing to go on with.".to_owned())
        }
        _ if operation.execution_id() != *id => {
            Err(format!("It belongs to an earlier attempt; the current one is {}.", operation.execution_id()))
        }
        OperationPhase::Queued | OperationPhase::Running => Ok(()),
    }
}
