//! A tenant's executions: the attempts of its operations, by the operations' rows. Step Functions knows no tenants.

use super::executions::damaged;
use super::{Inner, PORT};
use futures::StreamExt as _;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::Operation;
use tenantry_core::ports::{
    ExecutionFilter, ExecutionPage, ExecutionSummary, PortError, Query, WorkflowError,
};
use tenantry_core::{ExecutionId, OperationId, TenantId};

/// Operations that are read at once.
const OPERATIONS_READ: usize = 50;

/// Descriptions that are asked for at a time.
const DESCRIBED_AT_A_TIME: usize = 8;

/// An attempt, and the execution that carried it out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attempt {
    operation: OperationId,
    number: u64,
    execution: ExecutionId,
}

fn cursor(attempt: &Attempt) -> String {
    format!("{}-{}", attempt.operation, attempt.number)
}

fn parse(cursor: &str) -> Result<(OperationId, u64), PortError> {
    let refused = || PortError::Refused { port: PORT, message: "the cursor is malformed".to_owned() };
    let (operation, number) = cursor.rsplit_once('-').ok_or_else(refused)?;
    Ok((operation.parse().map_err(|_| refused())?, number.parse().map_err(|_| refused())?))
}

/// The operation's attempts, the last one first.
fn attempts(operation: &Operation) -> Result<Vec<Attempt>, PortError> {
    let attempt = |number| {
        let name = format!("{}-{number}", operation.operation_id);
        let execution = ExecutionId::new(operation.kind.workflow(), &name)
            .map_err(|error| damaged(format!("operation {}: {error}", operation.operation_id)))?;
        Ok(Attempt { operation: operation.operation_id.clone(), number, execution })
    };
    (1..=operation.attempt).rev().map(attempt).collect()
}

impl Inner {
    /// Newest operation first, and its last attempt first. That is newest start first but for one case: a later attempt
    /// of an operation stands with its operation, though another one was begun in between.
    pub(super) async fn list_of_tenant(
        &self,
        tenant: &TenantId,
        filter: &ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<ExecutionPage, WorkflowError> {
        let after = after.as_deref().map(parse).transpose()?;
        let mut page = ExecutionPage::default();
        let mut rows = self.first_rows(tenant, after.as_ref()).await?;
        loop {
            let mut batch = Vec::new();
            for operation in &rows.0 {
                batch.extend(attempts(operation)?.into_iter().filter(|attempt| {
                    after.as_ref().is_none_or(|(operation, number)| {
                        attempt.operation != *operation || attempt.number < *number
                    })
                }));
            }
            let asked = batch.clone().into_iter().map(|attempt| self.attempt(tenant, filter, attempt));
            let mut answers = std::pin::pin!(futures::stream::iter(asked).buffered(DESCRIBED_AT_A_TIME));
            let mut last: Option<&Attempt> = None;
            for attempt in &batch {
                let Some(answer) = answers.next().await else { break };
                let Some(summary) = answer? else { continue };
                if page.items.len() == limit {
                    page.next = last.map(cursor);
                    return Ok(page);
                }
                page.items.push(summary);
                last = Some(attempt);
            }
            let Some(next) = rows.1.take() else { return Ok(page) };
            // A full page stops at a batch's end, though nothing more may follow: only the next one tells.
            if page.items.len() == limit {
                page.next = batch.last().map(cursor);
                return Ok(page);
            }
            rows = self.rows(tenant, Some(next)).await?;
        }
    }

    /// The operations to go on with: the one in which the last page ended among them.
    async fn first_rows(
        &self,
        tenant: &TenantId,
        after: Option<&(OperationId, u64)>,
    ) -> Result<(Vec<Operation>, Option<String>), PortError> {
        let Some((operation, _)) = after else { return self.rows(tenant, None).await };
        let key = Key::operation(tenant, operation);
        let (mut operations, next) = self.rows(tenant, Some(key.sk().to_owned())).await?;
        if let Some(item) = self.table.get(&key).await? {
            operations.insert(0, item.record()?);
        }
        Ok((operations, next))
    }

    async fn rows(
        &self,
        tenant: &TenantId,
        after: Option<String>,
    ) -> Result<(Vec<Operation>, Option<String>), PortError> {
        let query = Query::primary(Range::operations(tenant), OPERATIONS_READ).after(after).descending();
        let page = self.table.query(query).await?;
        let operations = page.items.iter().map(|item| item.record()).collect::<Result<_, _>>()?;
        Ok((operations, page.next))
    }

    /// The attempt's execution, where the filter wants it. One that was not started yet, or that Step Functions has
    /// forgotten after its 90 days, is in no list.
    async fn attempt(
        &self,
        tenant: &TenantId,
        filter: &ExecutionFilter,
        attempt: Attempt,
    ) -> Result<Option<ExecutionSummary>, WorkflowError> {
        let id = &attempt.execution;
        let named = filter.name_prefix.as_ref().is_none_or(|prefix| id.name().starts_with(prefix));
        if !named || filter.workflow.as_ref().is_some_and(|workflow| workflow != id.workflow()) {
            return Ok(None);
        }
        let found = match self.describe_as(id, false).await {
            Ok(found) => found.summary(id, Some(tenant.clone())),
            Err(WorkflowError::UnknownExecution(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(filter.status.is_none_or(|status| status == found.status).then_some(found))
    }
}
