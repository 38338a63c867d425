//! One home, driven by hand on one thread: the ports are honest, the journal loses what was not synced, the clock moves
//! only when nothing else does.

use crate::clean_slate;
use crate::faulty::{self, Fault, Faulty, InFlight, Plan};
use crate::scenario::Scenario;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_app::usecases::{
    Answer, App, NewService, NewTenant, Once, Principal, Registered, RegisteredService, Settings,
};
use tenantry_app::workers::consume::{Handler, settle};
use tenantry_app::workers::execution_status::ExecutionStatusWorker;
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Commit, CommitError, EventFilter, ExecutionStatus, Item, KeyPurpose, OutgoingMessage, Page, PortError,
    Query, Queue, Table, TaskTokens,
};
use tenantry_core::{BoxFuture, ExecutionId, OperationId, TenantId};
use tenantry_engine::testing::{Crash, MemoryJournal, quiesce};
use tenantry_engine::{Engine, EngineConfig};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Compensated,
    Stuck,
}

/// An end, in a form that two runs can be compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) tenant: String,
    pub(crate) error: Option<String>,
    pub(crate) stuck_at: Option<String>,
    /// What a clean slate has not.
    pub(crate) residue: BTreeMap<String, u64>,
    /// The tenant's events, in order.
    pub(crate) events: Vec<String>,
    /// How often each service really made and really undid something.
    pub(crate) effects: BTreeMap<String, (u32, u32)>,
}

#[derive(Default)]
struct Service {
    held: BTreeSet<String>,
    made: u32,
    undone: u32,
}

struct Begun {
    tenant: TenantId,
    operation: OperationId,
    execution: ExecutionId,
}

pub(crate) struct Home<'a, W> {
    scenario: &'a Scenario,
    world: W,
    commits: Arc<AtomicU64>,
    in_flight: InFlight,
    journal: MemoryJournal,
    plan: Arc<Mutex<Plan>>,
    services: BTreeMap<String, Service>,
    engine: Option<Engine>,
    ports: Option<Ports>,
    begun: Option<Begun>,
    deaths: u32,
    appends_before: u64,
    announced: bool,
}

/// Rounds without an end after which a run is judged to have none.
const ROUNDS_MAX: u32 = 4_000;
/// Pauses after which what is under way is not waited for any longer: it may wait for the clock itself.
const PAUSES_MAX: u32 = 10_000;

fn answer<T: serde::Serialize>(status: u16) -> fn(&T) -> Answer {
    match status {
        201 => |value| rendered(201, value),
        _ => |value| rendered(202, value),
    }
}

fn rendered<T: serde::Serialize>(status: u16, value: &T) -> Answer {
    let body = serde_json::to_string(value).expect("JSON");
    Answer { status, location: None, etag: None, body, replayed: false }
}

/// A table that counts the commits that were made.
struct Counted {
    inner: Arc<dyn Table>,
    commits: Arc<AtomicU64>,
}

impl Table for Counted {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.inner.get(key)
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        self.inner.query(query)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let made = self.inner.commit(commit).await;
            self.commits.fetch_add(u64::from(made.is_ok()), Ordering::SeqCst);
            made
        })
    }
}

impl<'a, W: World> Home<'a, W> {
    pub(crate) fn new(scenario: &'a Scenario, world: W) -> Self {
        Self {
            scenario,
            world,
            commits: Arc::default(),
            in_flight: InFlight::default(),
            journal: MemoryJournal::default(),
            plan: Arc::default(),
            services: BTreeMap::new(),
            engine: None,
            ports: None,
            begun: None,
            deaths: 0,
            appends_before: 0,
            announced: false,
        }
    }

    pub(crate) fn fault(&mut self, state: &str, fault: Fault) {
        self.plan.lock().expect("no panic").faults.insert(state.to_owned(), fault);
    }

    pub(crate) fn lift(&mut self, state: &str) {
        self.plan.lock().expect("no panic").faults.remove(state);
    }

    pub(crate) fn crash_at(&mut self, crash: Crash) {
        self.journal.crash_at(crash);
    }

    pub(crate) fn visited(&self) -> BTreeSet<String> {
        self.plan.lock().expect("no panic").visited.clone()
    }

    pub(crate) fn deaths(&self) -> u32 {
        self.deaths
    }

    pub(crate) fn appends(&self) -> u64 {
        self.appends_before + self.journal.appends()
    }

    /// Begins the scenario and drives it until its execution has ended and nothing is on its way.
    pub(crate) async fn run_to_end(&mut self) -> End {
        self.open().await;
        self.begin().await;
        self.drive().await;
        self.judge().await
    }

    /// Lets the execution that failed go on, and drives it to its end.
    pub(crate) async fn redrive_to_end(&mut self) -> End {
        let execution = self.begun.as_ref().expect("it was begun").execution.clone();
        self.announced = false;
        let app = self.app();
        app.redrive_execution(&Principal::Admin, &execution).await.expect("a redrive");
        self.drive().await;
        self.judge().await
    }

    async fn open(&mut self) {
        let mut ports = self.world.ports();
        ports.table = Arc::new(Counted { inner: ports.table, commits: Arc::clone(&self.commits) });
        let steps = tenantry_handlers::Ctx {
            table: ports.table.clone(),
            vault: ports.vault.clone(),
            data_keys: ports.data_keys.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            catalogue: ports.catalogue.clone(),
            retry_bound: Arc::new(|_, _, _, _| None),
        };
        let inner = self.world.invoker(steps, ports.queues.clone());
        let invoker = Faulty { inner, plan: Arc::clone(&self.plan), in_flight: self.in_flight.clone() };
        let workflow = &self.scenario.workflow;
        let config = EngineConfig::new(
            Arc::new(self.journal.clone()),
            Arc::new(invoker),
            ports.clock.clone(),
            ports.ids.clone(),
            vec![(workflow.name.clone(), workflow.text.clone())],
            [7; 32],
        );
        // A death may strike while the engine takes up its work.
        let Some(opened) = self.alive(&self.journal, Engine::open(config)).await else { return };
        let engine = opened.expect("an engine");
        ports.workflows = Arc::new(engine.clone());
        ports.task_tokens = Arc::new(engine.clone());
        self.engine = Some(engine);
        self.ports = Some(ports);
    }

    fn ports(&self) -> Ports {
        self.ports.clone().expect("an open home")
    }

    fn app(&self) -> App {
        App::new(self.ports(), Settings { allow_private_webhooks: true })
    }

    /// Two services, one with a heartbeat, so that both ways through the definition are walked; then a sign-up.
    async fn begin(&mut self) {
        let app = self.app();
        for (name, heartbeat_seconds) in [("plain", None), ("beating", Some(600))] {
            let service = NewService {
                name: name.to_owned(),
                url: format!("http://127.0.0.1:9/{name}"),
                required: true,
                timeout_seconds: 3_600,
                heartbeat_seconds,
            };
            let once = Once::<RegisteredService> { idempotency: None, render: answer(201) };
            let registered =
                app.register_service(&Principal::Admin, once, &service).await.expect("a service");
            let registered: Value = serde_json::from_str(&registered.body).expect("JSON");
            self.services
                .insert(registered["serviceId"].as_str().expect("an id").to_owned(), Service::default());
        }
        let tenant = NewTenant {
            name: "Saga".to_owned(),
            plan: "pro".to_owned(),
            admin_email: "admin@example.com".to_owned(),
            slug: None,
            region: None,
            isolation: None,
            external_id: Some("their-own".to_owned()),
            metadata: BTreeMap::new(),
        };
        let once = Once::<Registered> { idempotency: None, render: answer(202) };
        let registered = app.register_tenant(&Principal::Admin, once, &tenant).await.expect("a sign-up");
        let registered: Value = serde_json::from_str(&registered.body).expect("JSON");
        let id =
            |pointer: &str| registered.pointer(pointer).and_then(Value::as_str).expect("an id").to_owned();
        self.begun = Some(Begun {
            tenant: id("/tenant/tenantId").parse().expect("a tenant's id"),
            operation: id("/operation/operationId").parse().expect("an operation's id"),
            execution: id("/operation/executionId").parse().expect("an execution's id"),
        });
    }

    async fn drive(&mut self) {
        let mut mark = self.mark().await;
        for _ in 0..ROUNDS_MAX {
            if self.journal.crashed() {
                self.die().await;
                continue;
            }
            self.round().await;
            self.settle().await;
            if self.journal.crashed() {
                continue;
            }
            let now = self.mark().await;
            if now != mark {
                mark = now;
            } else if self.ended().await {
                return;
            } else {
                self.world.advance(Duration::from_secs(5));
                self.settle().await;
            }
        }
        panic!("no end after {ROUNDS_MAX} rounds: {:?}", self.visited());
    }

    /// What changes with every step forward.
    async fn mark(&self) -> (u64, u64, u64) {
        let mut queued = 0;
        if let Some(ports) = &self.ports {
            for queue in
                [&ports.queues.operations, &ports.queues.integrations, &ports.queues.execution_status]
            {
                queued += length(queue.as_ref()).await;
            }
        }
        (self.commits.load(Ordering::SeqCst), self.appends(), queued)
    }

    /// Lets everything happen that happens without the clock.
    async fn settle(&self) {
        for _ in 0..PAUSES_MAX {
            quiesce().await;
            if self.in_flight.count() == 0 {
                return;
            }
            self.world.pause().await;
        }
    }

    /// What `work` comes to, or `None` where the process dies first: its journal answers nobody any more.
    async fn alive<T>(&self, journal: &MemoryJournal, work: impl Future<Output = T>) -> Option<T> {
        let death = async {
            while !journal.crashed() {
                self.world.pause().await;
            }
            // What was durable before the death may still be on its way back to its caller.
            quiesce().await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = death => None,
        }
    }

    /// The process dies, and another takes up what is durable.
    async fn die(&mut self) {
        self.deaths += 1;
        self.appends_before += self.journal.appends();
        self.engine = None;
        self.ports = None;
        // Steps that were under way when it died may still end: nobody hears of it.
        self.settle().await;
        self.journal = self.journal.reopen();
        self.open().await;
    }

    /// One look of every worker.
    async fn round(&mut self) {
        let (Some(ports), journal) = (self.ports.clone(), self.journal.clone()) else { return };
        let relay = Relay::new(ports.clone(), Duration::from_secs(60));
        if self.alive(&journal, relay.run_once()).await.is_none() {
            return;
        }
        self.announce().await;
        let starter = Starter::new(ports.clone());
        let status = ExecutionStatusWorker::new(ports.clone());
        let hidden = self.world.visibility();
        let operations = work(&ports, "operations", &starter, hidden);
        if self.alive(&journal, operations).await.is_none() {
            return;
        }
        let statuses = work(&ports, "execution-status", &status, hidden);
        if self.alive(&journal, statuses).await.is_none() {
            return;
        }
        self.serve(&journal).await;
    }

    /// The embedded journal announces an execution's end in the commit that ends it; this one cannot.
    async fn announce(&mut self) {
        let Some(begun) = &self.begun else { return };
        let Ok(execution) = self.ports().workflows.describe(&begun.execution).await else { return };
        if execution.summary.status == ExecutionStatus::Running || self.announced {
            return;
        }
        self.announced = true;
        let body = json!({
            "executionId": begun.execution, "status": execution.summary.status.as_str(), "tenantId": begun.tenant
        });
        let message = OutgoingMessage {
            body: body.to_string(),
            group: begun.tenant.to_string(),
            delay: Duration::ZERO,
        };
        self.ports().queues.execution_status.send(vec![message]).await.expect("a message");
    }

    /// The product services: each makes its thing once, and answers its token.
    async fn serve(&mut self, journal: &MemoryJournal) {
        let queue = self.ports().queues.integrations;
        let messages = queue.receive(10, self.world.visibility(), Duration::ZERO).await.expect("messages");
        for message in messages {
            let request: Value = serde_json::from_str(&message.body).expect("JSON");
            let text = |name: &str| request[name].as_str().expect("a text").to_owned();
            let refused =
                self.plan.lock().expect("no panic").faults.get(&text("state")) == Some(&Fault::Refused);
            let service = self.services.get_mut(&text("serviceId")).expect("a registered service");
            match text("action").as_str() {
                "provision" if refused => {}
                "provision" => service.made += u32::from(service.held.insert(text("tenantId"))),
                "undo" => service.undone += u32::from(service.held.remove(&text("tenantId"))),
                other => panic!("an unknown action {other}"),
            }
            let engine = self.engine.clone().expect("an engine");
            let token = text("taskToken");
            let answered = async {
                if refused {
                    engine.fail(&token, Some(faulty::ERROR.to_owned()), Some("refused".to_owned())).await
                } else {
                    engine.succeed(&token, json!({"made": true})).await
                }
            };
            // A token that is no longer waited for is no fault of the service's.
            if self.alive(journal, answered).await.is_none() {
                return;
            }
            queue.delete(&message.receipt).await.expect("a deletion");
        }
    }

    async fn ended(&self) -> bool {
        let Some(begun) = &self.begun else { return false };
        let described = self.ports().workflows.describe(&begun.execution).await;
        let closed = described.is_ok_and(|execution| execution.summary.status != ExecutionStatus::Running);
        closed && self.announced && length(self.ports().queues.execution_status.as_ref()).await == 0
    }

    async fn judge(&self) -> End {
        let begun = self.begun.as_ref().expect("it was begun");
        let app = self.app();
        let operation = app.operation(&begun.operation).await.expect("the operation");
        let operation = serde_json::to_value(operation).expect("JSON");
        let tenant = app.tenant(&begun.tenant).await.expect("the tenant");
        let outcome = match operation["status"].as_str() {
            Some("succeeded") => Outcome::Succeeded,
            Some("failed") => Outcome::Compensated,
            Some("stuck") => Outcome::Stuck,
            other => panic!("the operation ended as {other:?}: {operation:#}"),
        };
        let held: BTreeMap<String, u32> = self
            .services
            .values()
            .enumerate()
            .map(|(number, service)| (number.to_string(), service.held.len() as u32))
            .collect();
        let ports = self.ports();
        let archive = ports.bus.read(None, EventFilter::default(), 100).await.expect("the archive");
        assert!(!archive.more, "more events than one tenant has");
        let mut events: Vec<(u64, String)> = archive
            .items
            .iter()
            .map(|archived| (archived.event.sequence, archived.event.detail_type.clone()))
            .collect();
        events.sort();
        let (items, references) = (self.world.items().await, self.world.references().await);
        let mut residue = clean_slate::residue(&items, &references, &held);
        // In memory, keys lie beside the table.
        if ports.data_keys.exists(&begun.tenant, KeyPurpose::Data).await.expect("an answer") {
            residue.insert("data key".to_owned(), 1);
        }
        let text = |pointer: &str| operation.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        End {
            outcome,
            tenant: tenant.status.to_owned(),
            error: text("/error/code"),
            stuck_at: text("/stuck/step"),
            residue,
            events: events.into_iter().map(|(sequence, kind)| format!("{sequence} {kind}")).collect(),
            effects: self
                .services
                .values()
                .enumerate()
                .map(|(number, service)| (number.to_string(), (service.made, service.undone)))
                .collect(),
        }
    }
}

/// Messages of a queue, hidden and delayed ones too.
async fn length(queue: &dyn Queue) -> u64 {
    let depth = queue.depth().await.expect("a depth");
    depth.visible + depth.in_flight + depth.delayed
}

/// One receive of a queue, handled.
async fn work(ports: &Ports, name: &str, handler: &dyn Handler, hidden: Duration) {
    let queue = ports.queues.get(name).expect("a queue of that name").as_ref();
    let messages = queue.receive(10, hidden, Duration::ZERO).await.expect("messages");
    for message in messages {
        match handler.handle(&message).await {
            Ok(disposition) => settle(ports, name, queue, &message, disposition).await.expect("settled"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
