//! Operations: how far they have come, and another attempt.

use super::commit::{contention, refused};
use super::idempotency::{Answer, Once};
use super::views::OperationView;
use super::{App, Principal};
use tenantry_core::keys::Key;
use tenantry_core::model::{Operation, OperationPhase, Tenant, TenantStatus};
use tenantry_core::ports::CommitError;
use tenantry_core::{Error, ErrorCode, OperationId, Result, TenantId};
use tenantry_events::ledger::{Change, change_operation};

/// Tries where others write the same rows.
const TRIES: usize = 5;

impl App {
    /// Whose operation it is.
    async fn operation_tenant(&self, id: &OperationId) -> Result<Option<TenantId>> {
        let Some(item) = self.ports.table.get(&Key::operation_pointer(id)).await? else { return Ok(None) };
        let text = item.attributes.get("tenantId").and_then(serde_json::Value::as_str).unwrap_or_default();
        text.parse().map(Some).map_err(Error::internal)
    }

    /// The operation, where there is one.
    pub(super) async fn find_operation(&self, id: &OperationId) -> Result<Option<Operation>> {
        match self.operation_tenant(id).await? {
            Some(tenant) => self.operation_of(&tenant, id).await,
            None => Ok(None),
        }
    }

    async fn operation_record(&self, id: &OperationId) -> Result<Operation> {
        self.find_operation(id).await?.ok_or_else(|| {
            let detail = format!(
                "There is no operation {id}. GET /v1/tenants/{{id}}/operations lists those of a tenant."
            );
            Error::new(ErrorCode::OperationNotFound, detail)
        })
    }

    async fn operation_view(&self, operation: Operation) -> Result<OperationView> {
        let views = self.operation_views(vec![operation]).await?;
        views.into_iter().next().ok_or_else(|| Error::internal("an operation without a view"))
    }

    /// The operation with its status. [`ErrorCode::OperationNotFound`].
    pub async fn operation(&self, id: &OperationId) -> Result<OperationView> {
        let operation = self.operation_record(id).await?;
        self.operation_view(operation).await
    }

    /// Another attempt of an operation that failed and was undone: the next attempt and the tenant's next generation,
    /// in one commit; the tenant itself moves with the attempt's first step.
    ///
    /// Errors: [`ErrorCode::OperationNotFound`], [`ErrorCode::OperationNotRetryable`],
    /// [`ErrorCode::OperationInProgress`], [`ErrorCode::RevisionMismatch`].
    pub async fn retry_operation(
        &self,
        by: &Principal,
        once: Once<'_, OperationView>,
        id: &OperationId,
        if_match: Option<u64>,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        for _ in 0..TRIES {
            let operation = self.operation_record(id).await?;
            check_revision(if_match, operation.revision)?;
            let tenant = self.tenant_record(&operation.tenant_id).await?;
            check_retryable(&operation, &tenant)?;
            let now = self.now();
            let generation = tenant.generation + 1;
            let (next, operation_action) = change_operation(&operation, now, true, |operation| {
                operation.phase = OperationPhase::Queued;
                operation.attempt += 1;
                operation.generation = generation;
                operation.requested_by = by.to_string();
                operation.ended_at = None;
                operation.error = None;
                operation.attempt_end = None;
            });
            let (_, ledger) = Change::of(&tenant)
                .edit(|tenant| {
                    tenant.generation = generation;
                    tenant.operation_id = Some(id.clone());
                })
                .audit("operation.retry", &by.to_string(), None)
                .build(&*self.ports.ids, now)?;
            let view = self.operation_view(next).await?;
            let (answer, remembering) = self.remember(&once, Some(&tenant.tenant_id), &view).await?;
            let twins_at_0 = remembering.is_some();
            let actions = remembering.into_iter().chain([operation_action]).chain(ledger).collect();
            match self.commit(actions).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::ConditionFailed { index: 0 }) if twins_at_0 => {
                    return self.twin(once.idempotency).await;
                }
                // Someone wrote since: look again.
                Err(CommitError::ConditionFailed { .. }) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(contention())
    }
}

/// Refuses where `If-Match` named another revision.
pub(super) fn check_revision(if_match: Option<u64>, revision: u64) -> Result<()> {
    match if_match {
        Some(wanted) if wanted != revision => Err(Error::new(
            ErrorCode::RevisionMismatch,
            "The record has changed since it was read. Read it again, and decide anew.",
        )
        .with_field("If-Match")),
        _ => Ok(()),
    }
}

fn check_retryable(operation: &Operation, tenant: &Tenant) -> Result<()> {
    if let Some(holder) = tenant.operation_id.as_ref().filter(|holder| **holder != operation.operation_id) {
        let detail = format!("The operation {holder} holds the tenant. Wait until it has ended.");
        let existing = format!("/v1/operations/{holder}");
        return Err(Error::new(ErrorCode::OperationInProgress, detail).with_existing(existing));
    }
    let refuse = |detail: String| Err(Error::new(ErrorCode::OperationNotRetryable, detail));
    match operation.phase {
        OperationPhase::Failed if tenant.status == TenantStatus::ProvisioningFailed => Ok(()),
        OperationPhase::Failed => refuse(format!(
            "The tenant is {}; a failed provisioning can be retried only while its tenant is provisioning_failed.",
            tenant.status.as_str()
        )),
        OperationPhase::Succeeded => {
            refuse("The operation has succeeded: there is nothing to retry.".to_owned())
        }
        OperationPhase::Queued | OperationPhase::Running => refuse(format!(
            "The operation has not ended: wait for it. Where it is stuck, it was not undone either: POST \
             /v1/executions/{}/redrive lets it go on.",
            operation.execution_id()
        )),
    }
}
