//! What a service said is sealed in the rows, and opened in what the operator reads.

use crate::testing::Memory;
use crate::usecases::{Answer, App, NewTenant, Once, PageRequest, Principal, Registered, Settings};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::model::{AttemptEnd, Operation, OperationPhase, Progress, ProgressState, RecordedError};
use tenantry_core::ports::{Action, Clock as _, Commit, DataKeys as _, Item, KeyPurpose, Table as _};
use tenantry_core::{OperationId, TenantId};
use tenantry_events::sealed_error::{self, Place};

const STEP: Place<'static> = Place::Step { attempt: 1, step: "Place", part: "svc" };

fn render(registered: &Registered) -> Answer {
    let body = format!("{} {}", registered.tenant.tenant_id, registered.operation.operation_id);
    Answer { status: 202, location: None, etag: None, body, replayed: false }
}

struct World {
    memory: Memory,
    app: App,
    tenant: TenantId,
    operation: OperationId,
}

impl World {
    async fn new() -> Self {
        let memory = Memory::new();
        let app = App::new(memory.ports(), Settings::default());
        let request = NewTenant {
            name: "Acme".into(),
            plan: "pro".into(),
            admin_email: "root@acme.example".into(),
            slug: None,
            region: None,
            isolation: None,
            external_id: None,
            metadata: BTreeMap::new(),
        };
        let once = Once { idempotency: None, render };
        let answer = app.register_tenant(&Principal::Admin, once, &request).await.unwrap();
        let (tenant, operation) = answer.body.split_once(' ').unwrap();
        let (tenant, operation) = (tenant.parse().unwrap(), operation.parse().unwrap());
        Self { memory, app, tenant, operation }
    }

    async fn sealed(&self, place: Place<'_>, message: &str) -> RecordedError {
        let step = Some("Place".to_owned());
        let error = RecordedError {
            code: "Integration.Rejected".into(),
            message: message.into(),
            step,
            sealed: None,
        };
        let keys = self.memory.data_keys.as_ref();
        let sealed = sealed_error::seal(keys, &self.tenant, &self.operation, place, error).await.unwrap();
        assert!(!format!("{sealed:?}").contains(message), "{sealed:?}");
        sealed
    }

    /// The operation's row as edited, and a failed step.
    async fn keep(&self, edit: impl FnOnce(&mut Operation), step: RecordedError) {
        let key = Key::operation(&self.tenant, &self.operation);
        let mut item = self.memory.table.get(&key).await.unwrap().unwrap();
        let mut operation: Operation = item.record().unwrap();
        edit(&mut operation);
        item.attributes = Item::of(key, &operation).attributes;
        let now = self.memory.clock.now();
        let progress = Progress {
            operation_id: self.operation.clone(),
            attempt: 1,
            step: "Place".to_owned(),
            try_number: 1,
            state: ProgressState::Failed,
            started_at: now,
            updated_at: now,
            last_error: Some(step),
            next_retry_at: None,
            deadline_at: None,
        };
        let key = Key::progress(&self.tenant, &self.operation, 1, "Place", "svc");
        let actions = vec![Action::put(item), Action::put(Item::of(key, &progress))];
        self.memory.table.commit(Commit::of(actions)).await.unwrap();
    }

    /// What the operation, its tenant and the timeline tell.
    async fn told(&self) -> (String, String, Vec<String>) {
        let operation = self.app.operation(&self.operation).await.unwrap().error.unwrap();
        let tenant = self.app.tenant(&self.tenant).await.unwrap().status_detail.last_error.unwrap();
        let page = PageRequest { limit: None, cursor: None };
        let timeline = self.app.timeline(&self.tenant, &page).await.unwrap().items;
        let timeline = timeline.into_iter().filter_map(|entry| Some(entry.error?.message)).collect();
        (operation.message, tenant.message, timeline)
    }
}

#[tokio::test]
async fn each_error_is_opened_where_it_is_read() {
    let world = World::new().await;
    let (end, step) = (world.sealed(Place::AttemptEnd, "no end").await, world.sealed(STEP, "no step").await);
    let at = world.memory.clock.now();
    world
        .keep(
            |operation| {
                operation.phase = OperationPhase::Running;
                operation.attempt_end = Some(AttemptEnd { status: "FAILED".into(), error: end, at });
            },
            step.clone(),
        )
        .await;
    let stuck = world.app.operation(&world.operation).await.unwrap().stuck.unwrap();
    assert!(stuck.reason.ends_with("Integration.Rejected: no end"), "{}", stuck.reason);
    let (operation, tenant, timeline) = world.told().await;
    assert_eq!((operation.as_str(), tenant.as_str()), ("no end", "no end"));
    assert_eq!(timeline, ["no end", "no step"]);

    let running = |operation: &mut Operation| operation.attempt_end = None;
    world.keep(running, step.clone()).await;
    let (operation, tenant, timeline) = world.told().await;
    assert_eq!((operation.as_str(), tenant.as_str()), ("no step", "no step"));
    assert_eq!(timeline, ["no step"]);

    let own = world.sealed(Place::Operation, "no way").await;
    let failed = |operation: &mut Operation| {
        operation.phase = OperationPhase::Failed;
        operation.ended_at = Some(at);
        operation.error = Some(own);
    };
    world.keep(failed, step).await;
    assert_eq!(world.told().await.0, "no way");
}

#[tokio::test]
async fn what_cannot_be_opened_is_explained() {
    let world = World::new().await;
    let step = world.sealed(STEP, "no step").await;
    // Sealed for another place.
    let moved = world.sealed(Place::AttemptEnd, "no end").await;
    let failed = |operation: &mut Operation| {
        operation.phase = OperationPhase::Failed;
        operation.error = Some(moved);
    };
    world.keep(failed, step).await;
    let (operation, ..) = world.told().await;
    assert!(operation.contains("damaged"), "{operation}");
    world.memory.data_keys.destroy(&world.tenant, KeyPurpose::Records).await.unwrap();
    let (operation, _, timeline) = world.told().await;
    assert!(operation.contains("is gone"), "{operation}");
    assert!(timeline.iter().all(|message| message.contains("is gone")), "{timeline:?}");
}
