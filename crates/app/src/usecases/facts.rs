//! Reads the durable facts that a status is computed from.

use super::App;
use super::status::{Facts, Row};
use super::views::{OperationView, TenantView};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{Operation, OperationPhase, Tenant, TenantStatus};
use tenantry_core::ports::Query;
use tenantry_core::{OperationId, Result, TenantId};
use tenantry_events::sealed_error::{self, Place};

/// Reads at once.
pub(super) const READS_AT_ONCE: usize = 16;

/// An operation that waits to be started for longer is looked for among the dead letters.
const QUEUED_LONG: Duration = Duration::from_secs(60);

/// Most dead letters that are looked through for one request.
const DEAD_LETTERS_READ_MAX: usize = 1_000;

impl App {
    /// The rows of progress of the operation's current attempt.
    async fn progress(&self, operation: &Operation) -> Result<Vec<Row>> {
        // The key of a step without a name sorts before every step of its attempt and after every earlier attempt.
        let (tenant, id) = (&operation.tenant_id, &operation.operation_id);
        let before = Key::progress(tenant, id, operation.attempt, "", "").sk().to_owned();
        let items = self.all(Range::progress(tenant, id), Some(before)).await?;
        let mut rows = Vec::with_capacity(items.len());
        for item in &items {
            rows.push(self.opened_row(tenant, Row::of(item)?).await?);
        }
        Ok(rows)
    }

    /// The operation as the operator reads it, its errors opened. For views alone: it must never be written back.
    pub(super) async fn opened(&self, mut operation: Operation) -> Result<Operation> {
        let (keys, tenant, id) =
            (self.ports.data_keys.as_ref(), &operation.tenant_id, &operation.operation_id);
        if let Some(error) = operation.error.take() {
            operation.error = Some(sealed_error::open(keys, tenant, id, Place::Operation, error).await?);
        }
        if let Some(mut end) = operation.attempt_end.take() {
            end.error = sealed_error::open(keys, tenant, id, Place::AttemptEnd, end.error).await?;
            operation.attempt_end = Some(end);
        }
        Ok(operation)
    }

    /// The row as the operator reads it, its error opened. For views alone: it must never be written back.
    pub(super) async fn opened_row(&self, tenant: &TenantId, mut row: Row) -> Result<Row> {
        if let Some(error) = row.progress.last_error.take() {
            let progress = &row.progress;
            let place = Place::Step { attempt: progress.attempt, step: &progress.step, part: &row.part };
            let keys = self.ports.data_keys.as_ref();
            let opened = sealed_error::open(keys, tenant, &progress.operation_id, place, error).await?;
            row.progress.last_error = Some(opened);
        }
        Ok(row)
    }

    /// The facts of operations, in their order. The dead letters are asked once, and only where one of them has
    /// waited for long.
    pub(super) async fn facts(&self, operations: Vec<Operation>) -> Result<Vec<Facts>> {
        let now = self.now();
        let waits = |operation: &Operation| {
            operation.phase == OperationPhase::Queued
                && now.saturating_since(operation.updated_at) > QUEUED_LONG
        };
        let buried = if operations.iter().any(waits) { self.buried().await? } else { BTreeSet::new() };
        stream::iter(operations)
            .map(|operation| async {
                let rows = match operation.phase {
                    OperationPhase::Running => self.progress(&operation).await?,
                    _ => Vec::new(),
                };
                let buried = buried.contains(&operation.operation_id);
                Ok(Facts { operation: self.opened(operation).await?, rows, buried })
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Operations whose message lies among the dead letters.
    async fn buried(&self) -> Result<BTreeSet<OperationId>> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            operation_id: OperationId,
        }
        let (mut found, mut after, mut read) = (BTreeSet::new(), None, 0);
        loop {
            let page = self.ports.dead_letters.list("operations", after, 100).await?;
            read += page.items.len();
            let bodies =
                page.items.iter().filter_map(|letter| serde_json::from_str::<Body>(&letter.body).ok());
            found.extend(bodies.map(|body| body.operation_id));
            match page.next {
                Some(next) if read < DEAD_LETTERS_READ_MAX => after = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// The operation, by tenant.
    pub(super) async fn operation_of(
        &self,
        tenant: &TenantId,
        id: &OperationId,
    ) -> Result<Option<Operation>> {
        let item = self.ports.table.get(&Key::operation(tenant, id)).await?;
        Ok(item.map(|item| item.record()).transpose()?)
    }

    /// The operation that a tenant's status tells of: the one that holds it, or the last one where it failed.
    async fn telling_operation(&self, tenant: &Tenant) -> Result<Option<Operation>> {
        if let Some(id) = &tenant.operation_id {
            return self.operation_of(&tenant.tenant_id, id).await;
        }
        if tenant.status != TenantStatus::ProvisioningFailed {
            return Ok(None);
        }
        let query = Query::primary(Range::operations(&tenant.tenant_id), 1).descending();
        let page = self.ports.table.query(query).await?;
        Ok(page.items.first().map(|item| item.record()).transpose()?)
    }

    /// Tenants with their status, in their order.
    pub(super) async fn tenant_views(&self, tenants: Vec<Tenant>) -> Result<Vec<TenantView>> {
        // The futures first: a closure inside the stream would not be general enough in its lifetimes.
        let reads: Vec<_> = tenants.iter().map(|tenant| self.telling_operation(tenant)).collect();
        let operations: Vec<Option<Operation>> =
            stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        let facts = self.facts(operations.iter().flatten().cloned().collect()).await?;
        let mut facts = facts.into_iter();
        let now = self.now();
        let pairs = tenants.into_iter().zip(operations);
        Ok(pairs
            .map(|(tenant, operation)| {
                let facts = operation.and_then(|_| facts.next());
                TenantView::new(tenant, facts.as_ref(), now)
            })
            .collect())
    }

    /// Operations with their status, in their order.
    pub(super) async fn operation_views(&self, operations: Vec<Operation>) -> Result<Vec<OperationView>> {
        let now = self.now();
        Ok(self.facts(operations).await?.iter().map(|facts| OperationView::new(facts, now)).collect())
    }
}
