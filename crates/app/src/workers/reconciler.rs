//! The reconciler: an operation whose execution has ended, and that nobody told, is told of.
//!
//! Step Functions announces the end of an execution at best effort
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>). An announcement that is lost
//! would leave an operation running for ever. So, from time to time, the state machines are asked about each operation
//! that makes no progress, and where its execution has ended, the message is sent that the announcement would have
//! been: the execution-status worker does the rest, as always. One machine needs no reconciler: there the end and its
//! message are one commit of the journal.
//!
//! **Fair and bounded:** a run looks at so many tenants and goes on the next time where it stopped, which its row tells.

use super::error::WorkerError;
use super::rows;
use crate::Ports;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tenantry_core::keys::{INDEX_SHARDS, Key, Range, index};
use tenantry_core::model::{Operation, OperationPhase, Progress, Tenant, TenantStatus};
use tenantry_core::ports::{
    Action, Condition, ExecutionStatus, Index, Item, OutgoingMessage, Query, WorkflowError,
};
use tenantry_core::{OperationId, TenantId, Timestamp};

/// Tenants of one page.
const PAGE_ITEMS: usize = 100;
/// The name of the row that tells where the next run goes on.
const WORKER: &str = "reconciler";

/// How far a run goes.
#[derive(Debug, Clone)]
pub struct ReconcilerSettings {
    /// An operation that has made no progress for so long is asked about, from then on by every run.
    pub quiet_for: Duration,
    /// Tenants that one run looks at.
    pub tenants_max: usize,
}

impl Default for ReconcilerSettings {
    /// 5 minutes, 1,000 tenants.
    fn default() -> Self {
        Self { quiet_for: Duration::from_secs(300), tenants_max: 1_000 }
    }
}

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconcilerRun {
    /// Tenants whose operation was looked at.
    pub looked_at: u64,
    /// Executions that the state machines were asked about.
    pub asked: u64,
    /// Executions that had ended: their message was sent.
    pub told: u64,
    /// Operations that could not be looked at; the log names them.
    pub failed: u64,
    /// Whether the run came to the end of the tenants; else the next one goes on.
    pub finished: bool,
}

/// The reconciler.
pub struct Reconciler {
    ports: Ports,
    settings: ReconcilerSettings,
}

/// Where the next run goes on: the partition of the index, and its sort key that was looked at last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Place {
    partition: String,
    after: Option<String>,
    revision: u64,
}

/// The partitions of tenants in whose state an operation may be on its way, in order. Each kind of operation that is
/// offered moves its tenant into a state of its own; the states of rest hold nearly all tenants, and are left out.
fn partitions() -> Vec<String> {
    use TenantStatus::{Active, Offboarded, Purged, Suspended};
    let at_rest = |status: &TenantStatus| matches!(status, Active | Suspended | Offboarded | Purged);
    let moving = TenantStatus::ALL.iter().filter(|status| !at_rest(status));
    let mut partitions: Vec<String> =
        moving.flat_map(|status| (0..INDEX_SHARDS).map(|shard| index::status(*status, shard))).collect();
    partitions.sort_unstable();
    partitions
}

impl Reconciler {
    /// A reconciler.
    pub fn new(ports: Ports, settings: ReconcilerSettings) -> Self {
        Self { ports, settings }
    }

    /// Looks at the next tenants, until there are no more, so many were looked at, or `until` has come.
    ///
    /// # Errors
    /// The table cannot be read. What fails for one operation is counted and logged, and stops no other.
    pub async fn run_once(&self, until: Timestamp) -> Result<ReconcilerRun, WorkerError> {
        let mut run = ReconcilerRun::default();
        let row = self.ports.table.get(&Key::worker(WORKER)).await?;
        let begin: Place = row.map(|item| item.record()).transpose()?.unwrap_or_default();
        let mut place = begin.clone();
        for partition in partitions() {
            match partition.as_str().cmp(place.partition.as_str()) {
                // Partitions that this build does not know any more are passed over.
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => {
                    place = Place { partition, after: None, ..place };
                }
            }
            if !self.partition(&mut place, until, &mut run).await? {
                self.leave_at(&begin, place).await?;
                return Ok(run);
            }
        }
        run.finished = true;
        self.leave_at(&begin, Place { revision: begin.revision, ..Place::default() }).await?;
        Ok(run)
    }

    /// Looks at one partition from `place` on; `false` where it was left before its end.
    async fn partition(
        &self,
        place: &mut Place,
        until: Timestamp,
        run: &mut ReconcilerRun,
    ) -> Result<bool, WorkerError> {
        loop {
            let query =
                Query::index(Index::One, place.partition.clone(), PAGE_ITEMS).after(place.after.clone());
            let page = self.ports.table.query(query).await?;
            for item in &page.items {
                if run.looked_at >= self.settings.tenants_max as u64 || self.ports.clock.now() >= until {
                    return Ok(false);
                }
                self.one(item, run).await;
                place.after =
                    item.indexes.get(&Index::One).map(|place| place.sk.clone()).or(place.after.take());
            }
            place.after = page.next;
            if place.after.is_none() {
                return Ok(true);
            }
        }
    }

    async fn one(&self, item: &Item, run: &mut ReconcilerRun) {
        run.looked_at += 1;
        // The index may be stale: what it shows only says which operation to look at.
        let looked = match item.record::<Tenant>() {
            Ok(Tenant { operation_id: Some(operation), tenant_id, .. }) => {
                self.operation(&tenant_id, &operation, run).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = looked {
            run.failed += 1;
            tracing::warn!(pk = item.key.pk(), %error, "an operation could not be compared with its execution");
        }
    }

    async fn operation(
        &self,
        tenant: &TenantId,
        id: &OperationId,
        run: &mut ReconcilerRun,
    ) -> Result<(), WorkerError> {
        let key = Key::operation(tenant, id);
        let Some(operation) = rows::operation(&self.ports, &key).await? else { return Ok(()) };
        // One that has its attempt's end is told of already: it waits for an operator.
        if operation.phase != OperationPhase::Running || operation.attempt_end.is_some() {
            return Ok(());
        }
        let quiet_since = self.last_sign(&operation).await?;
        if self.ports.clock.now().saturating_since(quiet_since) < self.settings.quiet_for {
            return Ok(());
        }
        run.asked += 1;
        let execution = operation.execution_id();
        let status = match self.ports.workflows.describe(&execution).await {
            Ok(found) => found.summary.status,
            Err(WorkflowError::UnknownExecution(_)) => {
                let text = format!("operation {id} runs, but there is no execution {execution}");
                return Err(WorkerError::Inconsistent(text));
            }
            Err(error) => return Err(error.into()),
        };
        match status {
            ExecutionStatus::Running => return Ok(()),
            ExecutionStatus::Succeeded => {
                let text = format!("the execution {execution} succeeded, but its operation has no end");
                return Err(WorkerError::Inconsistent(text));
            }
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {}
        }
        tracing::warn!(%tenant, operation = %id, %execution, "nobody told of an execution's end");
        let body = json!({"executionId": execution, "status": status.as_aws(), "tenantId": tenant});
        let message =
            OutgoingMessage { body: body.to_string(), group: tenant.to_string(), delay: Duration::ZERO };
        self.ports.queues.execution_status.send(vec![message]).await?;
        run.told += 1;
        Ok(())
    }

    /// When the operation last showed that it gets on: in its own row, or in a step's.
    async fn last_sign(&self, operation: &Operation) -> Result<Timestamp, WorkerError> {
        let range = Range::progress(&operation.tenant_id, &operation.operation_id);
        let mut last = operation.updated_at;
        let mut after = None;
        loop {
            let page = self.ports.table.query(Query::primary(range.clone(), PAGE_ITEMS).after(after)).await?;
            for item in &page.items {
                let step: Progress = item.record()?;
                if step.attempt == operation.attempt {
                    last = last.max(step.updated_at);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(last);
            }
        }
    }

    /// Writes down where the next run goes on. Where another run was faster, its word stands.
    async fn leave_at(&self, begin: &Place, mut place: Place) -> Result<(), WorkerError> {
        if (&place.partition, &place.after) == (&begin.partition, &begin.after) {
            return Ok(());
        }
        let condition = match begin.revision {
            0 => Condition::NotExists,
            revision => rows::equals("revision", revision),
        };
        place.revision = begin.revision + 1;
        let item = Item::of(Key::worker(WORKER), &place);
        rows::commit_if(&self.ports, vec![Action::put_if(item, vec![condition])]).await?;
        Ok(())
    }
}
