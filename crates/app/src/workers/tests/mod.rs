//! A home in memory for the workers' tests, and tests over all workers together.

mod all;
mod batch;
mod execution_status;
mod reconciler;
mod start;
mod sweeper;

use super::consume::{Handler, settle};
use super::error::WorkerError;
use super::relay::{Relay, RelayRun};
use crate::Ports;
use crate::http::{HttpClient, HttpSettings};
use crate::testing::{Memory, MemoryQueue, MemoryTable};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{
    Isolation, Operation, OperationKind, OperationPhase, Service, Subscription, Target, Tenant, TenantStatus,
};
use tenantry_core::ports::{
    Action, Bus as _, Commit, CommitError, Item, Page, PortError, Query, Queue as _, Rule, Secret, Table,
    Vault as _,
};
use tenantry_core::{BoxFuture, OperationId, ServiceId, SubscriptionId, TenantId, Timestamp};
use tenantry_events::webhook::SigningSecret;
use tenantry_events::{Change, TenantProvisioningStarted, TenantRegistered, ledger};

pub(super) const RESEND_AFTER: Duration = Duration::from_secs(60);

/// The signing secret of every service and subscription in these tests.
pub(super) fn signing_secret() -> SigningSecret {
    SigningSecret::from_bytes(&[7; 32]).unwrap()
}

/// A home in memory.
pub(super) struct Home {
    pub(super) memory: Memory,
    pub(super) ports: Ports,
    relay: Relay,
}

impl Home {
    pub(super) fn new() -> Self {
        let memory = Memory::new();
        let ports = memory.ports();
        Self { relay: Relay::new(ports.clone(), RESEND_AFTER), memory, ports }
    }

    /// A client that may call this machine.
    pub(super) fn http(&self) -> HttpClient {
        HttpClient::new(HttpSettings { allow_private: true, ..HttpSettings::default() }).unwrap()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    pub(super) async fn commit(&self, actions: Vec<Action>) {
        self.memory.table.commit(Commit::of(actions)).await.unwrap();
    }

    pub(super) async fn row<T: DeserializeOwned>(&self, key: Key) -> Option<T> {
        self.memory.table.get(&key).await.unwrap().map(|item| item.record().unwrap())
    }

    pub(super) async fn rows<T: DeserializeOwned>(&self, range: Range) -> Vec<T> {
        let page = self.memory.table.query(Query::primary(range, 1_000)).await.unwrap();
        page.items.iter().map(|item| item.record().unwrap()).collect()
    }

    /// What a sign-up commits: tenant, operation with its pointer, event.
    pub(super) async fn sign_up(&self) -> (TenantId, OperationId) {
        let tenant_id = TenantId::from_uuid(self.ports.ids.next());
        let operation_id = OperationId::from_uuid(self.ports.ids.next());
        let now = self.now();
        let tenant = Tenant {
            tenant_id: tenant_id.clone(),
            name: "Acme".to_owned(),
            slug: tenant_id.as_str().replace('_', "-"),
            plan: "starter".to_owned(),
            isolation: Isolation::Pool,
            region: "eu-west-1".to_owned(),
            cell: None,
            status: TenantStatus::Registered,
            status_since: now,
            operation_id: Some(operation_id.clone()),
            generation: 1,
            revision: 0,
            sequence: 0,
            admin_email: "a@example.com".to_owned(),
            external_id: None,
            metadata: BTreeMap::new(),
            created_at: now,
            updated_at: now,
        };
        let operation = Operation {
            operation_id: operation_id.clone(),
            tenant_id: tenant_id.clone(),
            kind: OperationKind::Provision,
            phase: OperationPhase::Queued,
            attempt: 1,
            generation: 1,
            requested_by: "admin".to_owned(),
            created_at: now,
            updated_at: now,
            ended_at: None,
            error: None,
            attempt_end: None,
            revision: 1,
        };
        let registered = TenantRegistered {
            operation_id: operation_id.clone(),
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            plan: tenant.plan.clone(),
            isolation: tenant.isolation,
            region: tenant.region.clone(),
            external_id: None,
        };
        let change = Change::register(tenant).emit(registered).audit("tenant.register", "admin", None);
        let (_, mut actions) = change.build(&*self.ports.ids, now).unwrap();
        actions.push(Action::create(ledger::operation_item(&operation, true)));
        actions.push(Action::create(ledger::operation_pointer_item(&operation)));
        self.commit(actions).await;
        (tenant_id, operation_id)
    }

    /// One more event of the tenant.
    pub(super) async fn emit(&self, tenant: &TenantId) {
        let before: Tenant = self.row(Key::tenant(tenant)).await.unwrap();
        let started = TenantProvisioningStarted {
            operation_id: before.operation_id.clone().unwrap(),
            attempt: 1,
            generation: 1,
            plan: "starter".to_owned(),
        };
        let change = Change::of(&before).emit(started).audit("tenant.test", "tenantry", None);
        let (_, actions) = change.build(&*self.ports.ids, self.now()).unwrap();
        self.commit(actions).await;
    }

    pub(super) async fn relay(&self) -> RelayRun {
        self.relay.run_once().await.unwrap()
    }

    pub(super) async fn operation(&self, tenant: &TenantId, operation: &OperationId) -> Operation {
        self.row(Key::operation(tenant, operation)).await.unwrap()
    }

    pub(super) async fn change_operation(
        &self,
        before: &Operation,
        outbox: bool,
        edit: impl FnOnce(&mut Operation),
    ) {
        let (_, action) = ledger::change_operation(before, self.now(), outbox, edit);
        self.commit(vec![action]).await;
    }

    /// The numbers that the bus got of the tenant, in the order of publication.
    pub(super) fn published(&self, tenant: &TenantId) -> Vec<u64> {
        let archive = self.memory.bus.archive();
        archive.iter().filter(|event| event.tenant_id == *tenant).map(|event| event.sequence).collect()
    }

    pub(super) async fn subscribe(&self, url: String, pattern: Value) -> Subscription {
        let id = SubscriptionId::from_uuid(self.ports.ids.next());
        let subscription = Subscription {
            subscription_id: id.clone(),
            name: "test".to_owned(),
            pattern: pattern.clone(),
            target: Target::Webhook { url },
            secret_ref: format!("subscriptions/{id}"),
            created_at: self.now(),
        };
        let secret = Secret::new(signing_secret().reveal());
        self.memory.vault.store(&subscription.secret_ref, secret).await.unwrap();
        self.commit(vec![Action::put(Item::of(Key::subscription(&id), &subscription))]).await;
        self.memory.bus.put_rule(Rule { subscription_id: id, pattern }).await.unwrap();
        subscription
    }

    pub(super) async fn register(&self, url: String) -> Service {
        let id = ServiceId::from_uuid(self.ports.ids.next());
        let service = Service {
            service_id: id.clone(),
            name: "billing".to_owned(),
            url,
            required: true,
            timeout_seconds: 600,
            heartbeat_seconds: None,
            secret_ref: format!("services/{id}"),
            token_hash: String::new(),
            removed: false,
            created_at: self.now(),
            updated_at: self.now(),
        };
        let secret = Secret::new(signing_secret().reveal());
        self.memory.vault.store(&service.secret_ref, secret).await.unwrap();
        self.commit(vec![Action::put(Item::of(Key::service(&id), &service))]).await;
        service
    }

    /// Handles what can be received of a queue now, until nothing can; answers how many messages that were. An error
    /// leaves its message for later.
    pub(super) async fn pump(
        &self,
        name: &str,
        queue: &MemoryQueue,
        handler: &dyn Handler,
    ) -> (usize, Vec<WorkerError>) {
        let (mut count, mut errors) = (0, Vec::new());
        loop {
            let messages = queue.receive(10, Duration::from_secs(20), Duration::ZERO).await.unwrap();
            if messages.is_empty() {
                return (count, errors);
            }
            for message in messages {
                count += 1;
                assert!(count < 10_000, "the queue {name} does not come to rest");
                match handler.handle(&message).await {
                    Ok(disposition) => {
                        settle(&self.ports, name, queue, &message, disposition).await.unwrap();
                    }
                    Err(error) => errors.push(error),
                }
            }
        }
    }

    /// [`Home::pump`], again and again while the clock moves on by `step`, until the queue is empty.
    pub(super) async fn drain(&self, name: &str, queue: &MemoryQueue, handler: &dyn Handler, step: Duration) {
        for _ in 0..1_000 {
            let (_, errors) = self.pump(name, queue, handler).await;
            assert!(errors.is_empty(), "{errors:?}");
            if queue.bodies().is_empty() {
                return;
            }
            self.memory.clock.advance(step);
        }
        panic!("the queue {name} is never empty");
    }
}

/// A table before whose next commit something happens, once.
pub(super) struct MeddlingTable {
    pub(super) inner: Arc<MemoryTable>,
    pub(super) meddle: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Table for MeddlingTable {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.inner.get(key)
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        self.inner.query(query)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let meddle = self.meddle.lock().unwrap().take();
            if let Some(meddle) = meddle {
                meddle.await;
            }
            self.inner.commit(commit).await
        })
    }
}

/// Looks until `check` is true; fails after a minute.
pub(super) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never: {what}");
}

/// A settings' worth of waits.
pub(super) fn seconds(list: &[u64]) -> Vec<Duration> {
    list.iter().copied().map(Duration::from_secs).collect()
}
