//! One home in memory, driven by hand on one thread: the ports are honest, the journal loses what was not synced, the
//! clock moves only when nothing else does.

use super::clean_slate;
use super::faulty::{self, Fault, Faulty, Plan};
use super::scenario::Scenario;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry::invoker::LocalInvoker;
use tenantry_app::Ports;
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{
    Answer, App, NewService, NewTenant, Once, Principal, Registered, RegisteredService, Settings,
};
use tenantry_app::workers::consume::{Handler, settle};
use tenantry_app::workers::execution_status::ExecutionStatusWorker;
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_core::ports::{DataKeys, ExecutionStatus, KeyPurpose, OutgoingMessage, Queue, TaskTokens};
use tenantry_core::{ExecutionId, OperationId, TenantId};
use tenantry_engine::testing::{Crash, MemoryJournal, quiesce};
use tenantry_engine::{Engine, EngineConfig};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Compensated,
    Stuck,
}

/// An end, in a form that two runs can be compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub outcome: Outcome,
    pub tenant: String,
    pub error: Option<String>,
    pub stuck_at: Option<String>,
    /// What a clean slate has not.
    pub residue: BTreeMap<String, u64>,
    /// The tenant's events, in order.
    pub events: Vec<String>,
    /// How often each service really made and really undid something.
    pub effects: BTreeMap<String, (u32, u32)>,
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

pub struct Home<'a> {
    scenario: &'a Scenario,
    memory: Memory,
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

impl<'a> Home<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            memory: Memory::new(),
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

    pub fn fault(&mut self, state: &str, fault: Fault) {
        self.plan.lock().expect("no panic").faults.insert(state.to_owned(), fault);
    }

    pub fn lift(&mut self, state: &str) {
        self.plan.lock().expect("no panic").faults.remove(state);
    }

    pub fn crash_at(&mut self, crash: Crash) {
        self.journal.crash_at(crash);
    }

    pub fn visited(&self) -> BTreeSet<String> {
        self.plan.lock().expect("no panic").visited.clone()
    }

    pub fn deaths(&self) -> u32 {
        self.deaths
    }

    pub fn appends(&self) -> u64 {
        self.appends_before + self.journal.appends()
    }

    /// Begins the scenario and drives it until its execution has ended and nothing is on its way.
    pub async fn run_to_end(&mut self) -> End {
        self.open().await;
        self.begin().await;
        self.drive().await;
        self.judge().await
    }

    /// Lets the execution that failed go on, and drives it to its end.
    pub async fn redrive_to_end(&mut self) -> End {
        let execution = self.begun.as_ref().expect("it was begun").execution.clone();
        self.announced = false;
        let app = self.app();
        app.redrive_execution(&Principal::Admin, &execution).await.expect("a redrive");
        self.drive().await;
        self.judge().await
    }

    async fn open(&mut self) {
        let steps = tenantry_handlers::Ctx {
            table: self.memory.table.clone(),
            vault: self.memory.vault.clone(),
            data_keys: self.memory.data_keys.clone(),
            clock: self.memory.clock.clone(),
            ids: self.memory.ids.clone(),
            catalogue: self.memory.catalogue.clone(),
            retry_bound: Arc::new(|_, _, _, _| None),
        };
        let queues = self.memory.ports().queues;
        let invoker = Faulty { inner: LocalInvoker::new(steps, queues), plan: Arc::clone(&self.plan) };
        let workflow = &self.scenario.workflow;
        let config = EngineConfig::new(
            Arc::new(self.journal.clone()),
            Arc::new(invoker),
            self.memory.clock.clone(),
            self.memory.ids.clone(),
            vec![(workflow.name.clone(), workflow.text.clone())],
            [7; 32],
        );
        // A death may strike while the engine takes up its work.
        let Some(opened) = alive(&self.journal, Engine::open(config)).await else { return };
        let engine = opened.expect("an engine");
        let mut ports = self.memory.ports();
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
        let mut mark = self.mark();
        for _ in 0..ROUNDS_MAX {
            if self.journal.crashed() {
                self.die().await;
                continue;
            }
            self.round().await;
            quiesce().await;
            if self.journal.crashed() {
                continue;
            }
            let now = self.mark();
            if now != mark {
                mark = now;
            } else if self.ended().await {
                return;
            } else {
                self.memory.clock.advance(Duration::from_secs(5));
                quiesce().await;
            }
        }
        panic!("no end after {ROUNDS_MAX} rounds: {:?}", self.visited());
    }

    /// What changes with every step forward.
    fn mark(&self) -> (u64, u64, usize) {
        let queued = [&self.memory.operations, &self.memory.integrations, &self.memory.execution_status];
        (self.memory.table.commits(), self.appends(), queued.iter().map(|queue| queue.bodies().len()).sum())
    }

    /// The process dies, and another takes up what is durable.
    async fn die(&mut self) {
        self.deaths += 1;
        self.appends_before += self.journal.appends();
        self.engine = None;
        self.ports = None;
        // Steps that were under way when it died may still end: nobody hears of it.
        quiesce().await;
        self.journal = self.journal.reopen();
        self.open().await;
    }

    /// One look of every worker.
    async fn round(&mut self) {
        let (Some(ports), journal) = (self.ports.clone(), self.journal.clone()) else { return };
        let relay = Relay::new(ports.clone(), Duration::from_secs(60));
        if alive(&journal, relay.run_once()).await.is_none() {
            return;
        }
        self.announce().await;
        let starter = Starter::new(ports.clone());
        let status = ExecutionStatusWorker::new(ports.clone());
        let operations = self.memory.operations.clone();
        if alive(&journal, work(&ports, "operations", operations.as_ref(), &starter)).await.is_none() {
            return;
        }
        let statuses = self.memory.execution_status.clone();
        if alive(&journal, work(&ports, "execution-status", statuses.as_ref(), &status)).await.is_none() {
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
        self.memory.execution_status.send(vec![message]).await.expect("a message");
    }

    /// The product services: each makes its thing once, and answers its token.
    async fn serve(&mut self, journal: &MemoryJournal) {
        let queue = self.memory.integrations.clone();
        let messages = queue.receive(10, Duration::from_secs(30), Duration::ZERO).await.expect("messages");
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
            if alive(journal, answered).await.is_none() {
                return;
            }
            queue.delete(&message.receipt).await.expect("a deletion");
        }
    }

    async fn ended(&self) -> bool {
        let Some(begun) = &self.begun else { return false };
        let described = self.ports().workflows.describe(&begun.execution).await;
        let closed = described.is_ok_and(|execution| execution.summary.status != ExecutionStatus::Running);
        closed && self.announced && self.memory.execution_status.bodies().is_empty()
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
        let mut events: Vec<(u64, String)> = self
            .memory
            .bus
            .archive()
            .iter()
            .map(|event| (event.sequence, event.detail_type.clone()))
            .collect();
        events.sort();
        let mut residue = clean_slate::residue(&self.memory, &held);
        // Keys lie beside the table.
        if self.memory.data_keys.exists(&begun.tenant, KeyPurpose::Data).await.expect("an answer") {
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

/// One receive of a queue, handled.
async fn work(ports: &Ports, name: &str, queue: &dyn Queue, handler: &dyn Handler) {
    let messages = queue.receive(10, Duration::from_secs(20), Duration::ZERO).await.expect("messages");
    for message in messages {
        match handler.handle(&message).await {
            Ok(disposition) => settle(ports, name, queue, &message, disposition).await.expect("settled"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// What `work` comes to, or `None` where the process dies first: its journal answers nobody any more.
async fn alive<T>(journal: &MemoryJournal, work: impl Future<Output = T>) -> Option<T> {
    let death = async {
        while !journal.crashed() {
            tokio::task::yield_now().await;
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
