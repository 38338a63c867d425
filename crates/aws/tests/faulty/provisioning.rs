//! One whole provisioning over a network that fails: engine, steps, workers and a product service in this process, the
//! ports on AWS. It ends active, and leaves the rows that it leaves where nothing fails.

use super::queue::make_queue;
use super::rows::rows;
use super::{Ways, persist};
use crate::support::{calls, fresh_name, make_table};
use axum::Json;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenantry::invoker::LocalInvoker;
use tenantry_app::Ports;
use tenantry_app::http::HttpSettings;
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{
    Answer, App, Idempotency, NewService, NewTenant, Once, Principal, Registered, RegisteredService, Settings,
};
use tenantry_app::workers::{Wakes, WorkerSettings, spawn_all};
use tenantry_aws::Clients;
use tenantry_aws::bus::{AwsBus, EventBridge};
use tenantry_aws::data_keys::AwsDataKeys;
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_aws::queue::AwsQueue;
use tenantry_aws::table::AwsTable;
use tenantry_aws::vault::AwsVault;
use tenantry_core::ports::{
    Clock, EventFilter, ExecutionStatus, OutgoingMessage, PortError, Queues, Table, TaskTokens as _,
    Workflows as _,
};
use tenantry_core::{BoxFuture, Error, ErrorCode, ExecutionId, Timestamp};
use tenantry_engine::testing::MemoryJournal;
use tenantry_engine::{Engine, EngineConfig};
use tenantry_handlers::Ctx;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(80);

/// Time five times as fast, so that retries need not be waited for.
struct Hasty {
    began: Instant,
    at: Timestamp,
}

const HASTE: u32 = 5;

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.at.saturating_add(self.began.elapsed() * HASTE)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.saturating_since(self.now()) / HASTE))
    }
}

/// What a deployment has in AWS.
struct Names {
    table: String,
    kms_key: String,
    bus: String,
    queues: [String; 4],
}

impl Names {
    async fn make(clients: &Clients) -> Self {
        let key = clients.kms().create_key().send().await.expect("a key");
        let bus = fresh_name("provisioning-bus");
        clients.eventbridge().create_event_bus().name(&bus).send().await.expect("a bus");
        let mut queues = Vec::new();
        for _ in Queues::NAMES {
            queues.push(make_queue(clients).await);
        }
        Self {
            table: make_table(clients).await,
            kms_key: key.key_metadata.and_then(|key| key.arn).expect("its name"),
            bus,
            queues: queues.try_into().expect("a queue for each name"),
        }
    }

    /// The ports over a way; the state machines and the task tokens are the engine's, later.
    fn ports(&self, clients: &Arc<Clients>, clock: &Arc<dyn Clock>) -> Ports {
        let clients = || Arc::clone(clients);
        let (ids, memory) = (calls().ids().clone(), Memory::new());
        let table: Arc<dyn Table> =
            Arc::new(AwsTable::new(clients(), calls(), &self.table).with_clock(Arc::clone(clock)));
        let keys = AwsDataKeys::new(clients(), calls(), table.clone(), &self.kms_key);
        let queues = self.queues.each_ref().map(|url| AwsQueue::new(clients(), calls(), url));
        let letters = AwsDeadLetters::new(
            table.clone(),
            Arc::new(keys.clone()),
            Queues::NAMES.into_iter().zip(queues.clone()),
            Arc::clone(clock),
            ids.clone(),
        );
        let [operations, integrations, webhooks, execution_status] = queues.map(Arc::new);
        let publisher = Arc::new(EventBridge::new(clients(), calls(), &self.bus));
        let bus = AwsBus::new(table.clone(), webhooks.clone(), publisher, Arc::clone(clock), ids.clone());
        Ports {
            vault: Arc::new(AwsVault::new(clients(), keys.clone(), table.clone(), "unused")),
            data_keys: Arc::new(keys),
            dead_letters: Arc::new(letters),
            bus: Arc::new(bus),
            queues: Queues { operations, integrations, webhooks, execution_status },
            table,
            ids,
            clock: Arc::clone(clock),
            ..memory.ports()
        }
    }
}

async fn engine(ports: &Ports) -> Engine {
    let steps = Ctx {
        table: ports.table.clone(),
        vault: ports.vault.clone(),
        data_keys: ports.data_keys.clone(),
        clock: ports.clock.clone(),
        ids: ports.ids.clone(),
        catalogue: ports.catalogue.clone(),
        retry_bound: Arc::new(|_, _, _, _| None),
    };
    let workflows = tenantry_definitions::workflows::load_all().expect("workflows that can run");
    let config = EngineConfig::new(
        Arc::new(MemoryJournal::default()),
        Arc::new(LocalInvoker::new(steps, ports.queues.clone())),
        ports.clock.clone(),
        ports.ids.clone(),
        workflows.into_iter().map(|workflow| (workflow.name, workflow.text)).collect(),
        [7; 32],
    );
    Engine::open(config).await.expect("an engine")
}

/// A product service that says yes a moment later: its address.
async fn service(engine: Engine) -> String {
    let answer = move |Json(request): Json<Value>| {
        let engine = engine.clone();
        async move {
            let token = request["taskToken"].as_str().expect("a token").to_owned();
            // One that is no longer waited for is no fault of the service's.
            tokio::spawn(async move { engine.succeed(&token, json!({"made": true})).await });
            axum::http::StatusCode::ACCEPTED
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let router = axum::Router::new().route("/hook", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn rendered<T: serde::Serialize>(value: &T) -> Answer {
    let body = serde_json::to_string(value).expect("JSON");
    Answer { status: 202, location: None, etag: None, body, replayed: false }
}

/// As [`persist`], of use cases.
async fn insist<T, F: Future<Output = Result<T, Error>>>(what: &str, mut op: impl FnMut() -> F) -> T {
    let unknown = |error: Error| match error.code() {
        ErrorCode::Unavailable | ErrorCode::Contention => {
            PortError::Unavailable { port: "app", message: error.to_string() }
        }
        _ => PortError::Refused { port: "app", message: format!("{error:?}") },
    };
    persist(what, || {
        let result = op();
        async move { result.await.map_err(unknown) }
    })
    .await
}

/// Registers a service, and signs a tenant up: its execution.
async fn sign_up(app: &App, url: String) -> ExecutionId {
    let principal = Principal::Admin;
    let once = |path: &str| {
        Idempotency::new(&principal, "POST", path, "the-first-one", &json!({})).expect("a good key")
    };
    let billing = NewService {
        name: "billing".to_owned(),
        url,
        required: true,
        timeout_seconds: 3_600,
        heartbeat_seconds: None,
    };
    let key = once("/v1/services");
    insist("a service", || {
        let once = Once::<RegisteredService> { idempotency: Some(&key), render: rendered };
        app.register_service(&principal, once, &billing)
    })
    .await;
    let tenant = NewTenant {
        name: "Faulty".to_owned(),
        plan: "pro".to_owned(),
        admin_email: "admin@example.com".to_owned(),
        slug: None,
        region: None,
        isolation: None,
        external_id: Some("their-own".to_owned()),
        metadata: BTreeMap::new(),
    };
    let key = once("/v1/tenants");
    let registered = insist("a sign-up", || {
        let once = Once::<Registered> { idempotency: Some(&key), render: rendered };
        app.register_tenant(&principal, once, &tenant)
    })
    .await;
    let registered: Value = serde_json::from_str(&registered.body).expect("JSON");
    let id = registered.pointer("/operation/executionId").and_then(Value::as_str);
    id.expect("an id").parse().expect("an execution's id")
}

/// Waits until `ready`; panics with what it saw last after [`PATIENCE`].
async fn until<T, F: Future<Output = Result<T, String>>>(what: &str, mut ready: impl FnMut() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match ready().await {
            Ok(done) => return done,
            Err(seen) if Instant::now() > end => panic!("{what}: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One provisioning over a way, to its end: what it left.
async fn provision(clean: &Clients, way: &Arc<Clients>) -> BTreeMap<String, BTreeSet<String>> {
    let names = Names::make(clean).await;
    let clock: Arc<dyn Clock> = Arc::new(Hasty { began: Instant::now(), at: calls().clock().now() });
    let mut ports = names.ports(way, &clock);
    let engine = engine(&ports).await;
    (ports.workflows, ports.task_tokens) = (Arc::new(engine.clone()), Arc::new(engine.clone()));
    let http = HttpSettings { allow_private: true, ..HttpSettings::default() };
    let settings = WorkerSettings { http, visibility: Duration::from_secs(5), ..WorkerSettings::default() };
    let workers = spawn_all(ports.clone(), settings, Wakes::default()).expect("workers");
    let app = App::new(ports.clone(), Settings { allow_private_webhooks: true });
    let url = service(engine.clone()).await;
    let execution = sign_up(&app, url).await;

    let ended = until("the execution", async || {
        let seen = engine.describe(&execution).await.map_err(|error| error.to_string())?;
        let running = seen.summary.status == ExecutionStatus::Running;
        if running { Err("it runs".to_owned()) } else { Ok(seen) }
    })
    .await;
    assert_eq!(ended.summary.status, ExecutionStatus::Succeeded, "{:?} {:?}", ended.error, ended.cause);
    let tenant = ended.summary.tenant_id.expect("a tenant");
    // What EventBridge tells of an execution's end, and this journal cannot.
    let status = json!({"executionId": execution, "status": "succeeded", "tenantId": tenant}).to_string();
    let outgoing = OutgoingMessage { body: status, group: tenant.to_string(), delay: Duration::ZERO };
    persist("a message", || ports.queues.execution_status.send(vec![outgoing.clone()])).await;
    until("the events", async || {
        let filter = EventFilter { event_type: Some("TenantProvisioned".to_owned()), tenant_id: None };
        let page = ports.bus.read(None, filter, 10).await.map_err(|error| error.to_string())?;
        let lengths = futures::future::join_all([&names.queues[0], &names.queues[1], &names.queues[3]].map(
            async |url| {
                let queue = AwsQueue::new(Arc::clone(way), calls(), url);
                let depth = persist("a depth", || tenantry_core::ports::Queue::depth(&queue)).await;
                depth.visible + depth.in_flight + depth.delayed
            },
        ));
        let waiting: u64 = lengths.await.into_iter().sum();
        let outbox = rows(clean, &names.table).await.values().flatten().any(|row| row.contains("OUTBOX#"));
        match (page.items.len(), waiting, outbox) {
            (1, 0, false) => Ok(()),
            seen => Err(format!("events, messages, outbox: {seen:?}")),
        }
    })
    .await;
    let status = insist("the tenant", || app.tenant(&tenant)).await.status.to_owned();
    assert_eq!(status, "active");
    assert!(workers.stop().await, "the workers end");
    rows(clean, &names.table).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provisioning_leaves_the_same_rows() {
    let Some(ways) = Ways::open("a provisioning over a network that fails", 17).await else { return };
    let expected = provision(&ways.clean, &ways.clean).await;
    assert_eq!(ways.plan.failed(), 0);
    let found = provision(&ways.clean, &ways.faulty).await;
    let mut notes_lost = 0;
    for (place, rows) in &expected {
        // A step whose work was found done, or that changes nothing, notes its success beside its work: where that
        // note is lost, the status shows less, and nothing else is missing.
        if place.contains(" PROGRESS#") && found.get(place) != Some(rows) {
            notes_lost += 1;
            continue;
        }
        assert_eq!(found.get(place), Some(rows), "{place}");
    }
    let more: Vec<_> = found.keys().filter(|place| !expected.contains_key(*place)).collect();
    assert!(more.is_empty(), "{more:?}");
    let alike = expected.len() - notes_lost;
    assert!(notes_lost * 2 < expected.len(), "{notes_lost} notes of {} rows", expected.len());
    ways.tell(&format!(
        "one provisioning, {alike} rows as without faults, {notes_lost} notes of a step lost"
    ));
}
