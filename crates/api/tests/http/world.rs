//! What workers and steps would do, done by hand.

use super::support::Home;
use serde_json::json;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{
    AttemptEnd, Operation, OperationPhase, Progress, ProgressState, RecordedError, Tenant, TenantStatus,
};
use tenantry_core::ports::{Action, Bus as _, Clock as _, Commit, Item, Query, Table as _, Workflows as _};
use tenantry_core::{OperationId, TenantId};
use tenantry_events::ledger::{Change, change_operation};
use tenantry_events::{Envelope, TenantProvisioningStarted};

impl Home {
    pub(crate) async fn tenant_row(&self, tenant: &str) -> Tenant {
        let key = Key::tenant(&tenant.parse().unwrap());
        self.memory.table.get(&key).await.unwrap().unwrap().record().unwrap()
    }

    pub(crate) async fn operation_row(&self, tenant: &str, operation: &str) -> Operation {
        let key = Key::operation(&tenant.parse().unwrap(), &operation.parse().unwrap());
        self.memory.table.get(&key).await.unwrap().unwrap().record().unwrap()
    }

    pub(crate) async fn commit(&self, actions: Vec<Action>) {
        self.memory.table.commit(Commit::of(actions)).await.unwrap();
    }

    /// Moves the tenant along, with an event and an audit entry.
    pub(crate) async fn move_tenant(&self, tenant: &str, to: TenantStatus, edit: impl FnOnce(&mut Tenant)) {
        let before = self.tenant_row(tenant).await;
        let event = TenantProvisioningStarted {
            operation_id: before.operation_id.clone().unwrap(),
            attempt: before.generation,
            generation: before.generation,
            plan: before.plan.clone(),
        };
        let (_, actions) = Change::of(&before)
            .status(to)
            .unwrap()
            .edit(edit)
            .emit(event)
            .audit("tenant.move", "tenantry", None)
            .build(&*self.memory.ids, self.memory.clock.now())
            .unwrap();
        self.commit(actions).await;
    }

    pub(crate) async fn change_operation(
        &self,
        tenant: &str,
        operation: &str,
        edit: impl FnOnce(&mut Operation),
    ) {
        let before = self.operation_row(tenant, operation).await;
        let (_, action) = change_operation(&before, self.memory.clock.now(), false, edit);
        self.commit(vec![action]).await;
    }

    /// The start worker's part.
    pub(crate) async fn start(&self, tenant: &str, operation: &str) {
        let row = self.operation_row(tenant, operation).await;
        let input = json!({"tenantId": tenant, "operationId": operation, "generation": row.generation,
            "attempt": row.attempt});
        self.memory.workflows.start(&row.execution_id(), input).await.unwrap();
        self.change_operation(tenant, operation, |row| row.phase = OperationPhase::Running).await;
        self.move_tenant(tenant, TenantStatus::Provisioning, |_| {}).await;
    }

    /// The step wrapper's part.
    pub(crate) async fn progress(&self, progress: Progress, tenant: &str, part: &str) {
        let (id, step) = (&progress.operation_id, &progress.step);
        let key = Key::progress(&tenant.parse().unwrap(), id, progress.attempt, step, part);
        self.commit(vec![Action::put(Item::of(key, &progress))]).await;
    }

    pub(crate) fn step(&self, operation: &str, step: &str, state: ProgressState) -> Progress {
        let now = self.memory.clock.now();
        Progress {
            operation_id: operation.parse::<OperationId>().unwrap(),
            attempt: 1,
            step: step.to_owned(),
            try_number: 1,
            state,
            started_at: now,
            updated_at: now,
            last_error: None,
            next_retry_at: None,
            deadline_at: None,
        }
    }

    /// The end of a compensation.
    pub(crate) async fn fail(&self, tenant: &str, operation: &str) {
        let now = self.memory.clock.now();
        self.change_operation(tenant, operation, |row| {
            row.phase = OperationPhase::Failed;
            row.ended_at = Some(now);
            row.error = Some(recorded());
        })
        .await;
        self.move_tenant(tenant, TenantStatus::ProvisioningFailed, |row| row.operation_id = None).await;
    }

    /// The execution status worker's part.
    pub(crate) async fn end_attempt(&self, tenant: &str, operation: &str) {
        let at = self.memory.clock.now();
        self.change_operation(tenant, operation, |row| {
            row.attempt_end = Some(AttemptEnd { status: "FAILED".into(), error: recorded(), at });
        })
        .await;
    }

    /// The outbox relay's part.
    pub(crate) async fn publish(&self, tenant: &str) {
        let tenant: TenantId = tenant.parse().unwrap();
        let page = self.memory.table.query(Query::primary(Range::events(&tenant), 500)).await.unwrap();
        let events = page.items.iter().map(|item| item.record::<Envelope>().unwrap().to_bus_event());
        self.memory.bus.publish(events.collect()).await.unwrap();
        self.signal.send_modify(|count| *count += 1);
    }
}

pub(crate) fn recorded() -> RecordedError {
    RecordedError {
        code: "Tenant.NoCapacity".into(),
        message: "No cell has room.".into(),
        step: Some("Place".into()),
        sealed: None,
    }
}
