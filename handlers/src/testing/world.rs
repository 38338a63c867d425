//! A signed-up tenant, and calls of the steps as the workflow makes them.

use super::clock::CountingIds;
use super::{Stores, TestClock};
use crate::{Ctx, StepError, invoke};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::{
    Catalogue, Isolation, Operation, OperationKind, OperationPhase, Progress, Service, Tenant, TenantStatus,
};
use tenantry_core::ports::{Action, Clock as _, Commit, Item, Table as _};
use tenantry_core::{OperationId, ServiceId, TenantId};
use tenantry_events::Change;
use tenantry_events::ledger::operation_item;

pub(crate) struct ServiceSpec {
    pub(crate) number: u128,
    pub(crate) required: bool,
    pub(crate) removed: bool,
    pub(crate) heartbeat_seconds: Option<u64>,
}

pub(crate) struct World {
    pub(crate) stores: Arc<Stores>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) ctx: Ctx,
    pub(crate) tenant: TenantId,
    pub(crate) operation: OperationId,
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::from_json(
        include_str!("../../../schema/cells.json"),
        &[
            include_str!("../../../schema/plans/free.json"),
            include_str!("../../../schema/plans/pro.json"),
            include_str!("../../../schema/plans/enterprise.json"),
        ],
    )
    .unwrap()
}

/// Rows that stay when everything else is undone.
const KEPT: [&str; 6] = ["METADATA", "OPERATION#", "AUDIT#", "EVENT#", "PROGRESS#", "RELAY"];

impl World {
    /// A world with one tenant of the plan `pro`, and two services that it needs.
    pub(crate) async fn new() -> Self {
        let world = Self::bare(catalogue());
        world.sign_up(&world.tenant, &world.operation, "pro", Isolation::Pool).await;
        for (number, heartbeat_seconds) in [(1, None), (2, Some(10))] {
            let spec = ServiceSpec { number, required: true, removed: false, heartbeat_seconds };
            world.register(&spec).await;
        }
        world
    }

    /// A world without tenants and services.
    pub(crate) fn bare(catalogue: Catalogue) -> Self {
        let stores = Arc::new(Stores::default());
        let clock = Arc::new(TestClock::new());
        let ctx = Ctx {
            table: stores.clone(),
            vault: stores.clone(),
            data_keys: stores.clone(),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::default()),
            catalogue: Arc::new(catalogue),
            retry_bound: Arc::new(|workflow, state, error, retries| {
                let known =
                    workflow == "provision_tenant" && !state.is_empty() && error == "Store.Unavailable";
                known.then(|| Duration::from_secs(10 + retries))
            }),
        };
        let (tenant, operation) = Self::ids(1);
        Self { stores, clock, ctx, tenant, operation }
    }

    pub(crate) fn ids(number: u128) -> (TenantId, OperationId) {
        let uuid = uuid::Uuid::from_u128((9 << 76) + number);
        (TenantId::from_uuid(uuid), OperationId::from_uuid(uuid))
    }

    /// What sign-up commits, as far as steps read it.
    pub(crate) async fn sign_up(&self, id: &TenantId, op: &OperationId, plan: &str, isolation: Isolation) {
        let now = self.clock.now();
        let tenant = Tenant {
            tenant_id: id.clone(),
            name: "Acme".into(),
            slug: "acme".into(),
            plan: plan.into(),
            isolation,
            region: "eu-west-1".into(),
            cell: None,
            status: TenantStatus::Registered,
            status_since: now,
            operation_id: Some(op.clone()),
            generation: 1,
            revision: 0,
            sequence: 0,
            admin_email: "Ada@example.com".into(),
            external_id: None,
            metadata: BTreeMap::new(),
            created_at: now,
            updated_at: now,
        };
        let operation = Operation {
            operation_id: op.clone(),
            tenant_id: id.clone(),
            kind: OperationKind::Provision,
            phase: OperationPhase::Running,
            attempt: 1,
            generation: 1,
            requested_by: "admin".into(),
            created_at: now,
            updated_at: now,
            ended_at: None,
            error: None,
            attempt_end: None,
            revision: 1,
        };
        let change = Change::register(tenant).audit("tenant.register", "admin", None);
        let (_, mut actions) = change.build(self.ctx.ids.as_ref(), now).unwrap();
        actions.push(Action::put(operation_item(&operation, false)));
        self.stores.commit(Commit::of(actions)).await.unwrap();
    }

    pub(crate) async fn register(&self, spec: &ServiceSpec) -> ServiceId {
        let service_id = ServiceId::from_uuid(uuid::Uuid::from_u128(spec.number));
        let now = self.clock.now();
        let service = Service {
            service_id: service_id.clone(),
            name: format!("service-{}", spec.number),
            url: "http://127.0.0.1:1/".into(),
            required: spec.required,
            timeout_seconds: 60,
            heartbeat_seconds: spec.heartbeat_seconds,
            secret_ref: "services/secret".into(),
            token_hash: "00".into(),
            removed: spec.removed,
            created_at: now,
            updated_at: now,
        };
        let item = Item::of(Key::service(&service_id), &service);
        self.stores.commit(Commit::of(vec![Action::put(item)])).await.unwrap();
        service_id
    }

    /// Starts the next attempt of a failed operation, as a retry does.
    pub(crate) async fn retry(&self) {
        let tenant = self.tenant().await;
        let operation = self.operation.clone();
        let change = Change::of(&tenant)
            .edit(|tenant| {
                tenant.generation += 1;
                tenant.operation_id = Some(operation);
            })
            .audit("operation.retry", "admin", None);
        let (_, mut actions) = change.build(self.ctx.ids.as_ref(), self.clock.now()).unwrap();
        let mut record = self.operation_record().await;
        record.attempt += 1;
        record.generation += 1;
        record.phase = OperationPhase::Running;
        (record.ended_at, record.error) = (None, None);
        actions.push(Action::put(operation_item(&record, false)));
        self.stores.commit(Commit::of(actions)).await.unwrap();
    }

    pub(crate) fn payload(&self, action: &str, state: &str, generation: u64) -> Map<String, Value> {
        let payload = json!({
            "action": action,
            "tenantId": self.tenant,
            "operationId": self.operation,
            "generation": generation,
            "attempt": generation,
            "executionId": format!("provision_tenant~{}-{generation}", self.operation),
            "state": state,
            "retryCount": 0,
        });
        match payload {
            Value::Object(payload) => payload,
            other => panic!("{other}"),
        }
    }

    /// Calls a step as the workflow does, with what the step needs beside the common fields.
    pub(crate) async fn call(&self, action: &str, step: &str, part: &str) -> Result<Value, StepError> {
        let generation = self.tenant().await.generation;
        let mut payload = self.payload(action, step, generation);
        if !part.is_empty() {
            payload.insert("part".into(), part.into());
        }
        if (action, step) == ("run", "record_integration") {
            payload.insert("output".into(), json!({ "workspaceId": "ws-42" }));
        }
        if step == "fail_provisioning" {
            payload.insert("failure".into(), json!({ "error": "Test.Failed", "cause": "why", "step": "S" }));
        }
        invoke(&self.ctx, step, Value::Object(payload)).await
    }

    pub(crate) async fn record<T: serde::de::DeserializeOwned>(&self, key: &Key) -> Option<T> {
        self.stores.get(key).await.unwrap().map(|item| item.record().unwrap())
    }

    pub(crate) async fn tenant(&self) -> Tenant {
        let rows = self.stores.rows();
        let key = Key::tenant(&self.tenant);
        let attributes = rows[&(key.pk().to_owned(), key.sk().to_owned())].clone();
        serde_json::from_value(Value::Object(attributes)).unwrap()
    }

    pub(crate) async fn operation_record(&self) -> Operation {
        self.record(&Key::operation(&self.tenant, &self.operation)).await.unwrap()
    }

    pub(crate) async fn progress(&self, step: &str) -> Option<Progress> {
        self.record(&Key::progress(&self.tenant, &self.operation, 1, step, "")).await
    }

    pub(crate) fn event_types(&self) -> Vec<String> {
        let rows = self.stores.rows();
        let events = rows.iter().filter(|((_, sk), _)| sk.starts_with("EVENT#"));
        events.map(|(_, attributes)| attributes["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Everything that was made, in a form that compares: without the rows that stay, without a cell that nobody
    /// uses, and without the ids that each run draws anew.
    pub(crate) fn things(&self) -> Value {
        let mut things = Map::new();
        for ((pk, sk), mut attributes) in self.stores.rows() {
            let unused = pk.starts_with("CELL#") && attributes["usedUnits"] == 0;
            if unused || KEPT.iter().any(|kept| sk.starts_with(kept)) {
                continue;
            }
            for drawn in ["resourceId", "identityId"] {
                if let Some(id) = attributes.get_mut(drawn) {
                    *id = "an id".into();
                }
            }
            things.insert(format!("{pk} {sk}"), Value::Object(attributes));
        }
        for name in self.stores.secrets().into_keys() {
            things.insert(format!("secret {name}"), Value::Null);
        }
        // The key of the control plane's own records stays with the tenant's record.
        let data = self.stores.keys().into_iter().filter(|(_, purpose)| purpose.as_str() == "data");
        for (tenant, _) in data {
            things.insert(format!("key {tenant}"), Value::Null);
        }
        Value::Object(things)
    }
}
