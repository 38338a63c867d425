//! One provisioning, recorded: the real definitions, steps, workers and API, over metered ports in memory, each at
//! work where AWS would have a function at work. Nothing is warm, nothing is cached, nothing is batched with another
//! tenant's: the bill of a tenant that comes alone.

use crate::dynamodb;
use crate::invoker::Metered;
use crate::logs::CountedLog;
use crate::meter::{Amounts, Call, Meter};
use crate::ports::metered;
use crate::prices::{Prices, Unit};
use crate::receiver::{Receiver, Request};
use axum::body::Body;
use axum::http::{self, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tenantry::invoker::LocalInvoker;
use tenantry_api::{ApiState, token_sha256};
use tenantry_app::Ports;
use tenantry_app::http::{HttpClient, HttpSettings};
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{App, Settings, token_hash};
use tenantry_app::workers::WorkerSettings;
use tenantry_app::workers::batch::Batch;
use tenantry_app::workers::consume::Handler;
use tenantry_app::workers::integrations::IntegrationWorker;
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_app::workers::webhooks::{WebhookSender, WebhookSettings};
use tenantry_core::ExecutionId;
use tenantry_core::keys::Key;
use tenantry_core::ports::{ExecutionStatus, Secret, Table};
use tenantry_engine::testing::{MemoryJournal, quiesce};
use tenantry_engine::{Engine, EngineConfig};
use tower::ServiceExt as _;

/// Rounds after which a provisioning is judged to have no end.
const ROUNDS_MAX: usize = 1_000;
/// Where the admin token lies.
const ADMIN_TOKEN: &str = "system/admin-token";
/// Transitions and messages that Step Functions itself causes are counted here.
pub const STATE_MACHINE: &str = "the state machine";
/// What an event source mapping receives and deletes.
pub const MAPPINGS: &str = "event source mappings";
/// Requests that come in.
const GATEWAY: &str = "the HTTP API";

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Product services that take part, all required.
    pub services: usize,
    /// Webhook subscriptions that get every event.
    pub subscriptions: usize,
}

/// What a provisioned tenant leaves, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kept {
    /// In the table, its overhead and indexes included.
    pub table_bytes: f64,
    /// In the bus's own archive.
    pub archive_bytes: f64,
}

/// A recorded provisioning.
pub struct Recording {
    /// What it was.
    pub scenario: Scenario,
    /// Amounts by place and unit.
    pub amounts: Amounts,
    /// What it leaves.
    pub kept: Kept,
}

/// A recording that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the recorded provisioning went wrong: {0}")]
pub struct Failed(pub String);

fn failed(what: impl std::fmt::Display) -> Failed {
    Failed(what.to_string())
}

/// A home in memory under the meter.
pub struct Home {
    pub memory: Memory,
    pub meter: Meter,
    pub ports: Ports,
    router: axum::Router,
    receiver: Receiver,
    admin_token: String,
    /// Tokens that the API's authorizer has let in: the answer is kept for a while.
    let_in: BTreeSet<String>,
    /// Tokens of the services, in the order of their registration.
    service_tokens: Vec<String>,
    /// Requests so far.
    requests: u32,
}

impl Home {
    /// An empty home; functions have the memory that is given by name.
    pub async fn open(prices: Arc<Prices>, memory_megabytes: BTreeMap<String, f64>) -> Result<Self, Failed> {
        Self::open_with(prices, memory_megabytes, |table| table).await
    }

    /// An empty home whose steps see the metered table through `steps_table`.
    pub async fn open_with(
        prices: Arc<Prices>,
        memory_megabytes: BTreeMap<String, f64>,
        steps_table: impl FnOnce(Arc<dyn Table>) -> Arc<dyn Table>,
    ) -> Result<Self, Failed> {
        let mut memory = Memory::new();
        memory.catalogue = Arc::new(tenantry_definitions::catalogue().map_err(failed)?);
        let meter = Meter::new(prices, memory_megabytes);
        let mut ports = metered(&memory.ports(), &meter);
        let workflows = tenantry_definitions::workflows::load_all()
            .map_err(|faults| failed(format!("{} faults in the definitions", faults.len())))?;
        let steps = tenantry_handlers::Ctx {
            table: steps_table(ports.table.clone()),
            vault: ports.vault.clone(),
            data_keys: ports.data_keys.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            catalogue: ports.catalogue.clone(),
            retry_bound: tenantry_definitions::retry_bound(&workflows),
        };
        let invoker = Metered { inner: LocalInvoker::new(steps, ports.queues.clone()), meter: meter.clone() };
        let texts = workflows.into_iter().map(|workflow| (workflow.name, workflow.text)).collect();
        let journal = Arc::new(MemoryJournal::default());
        let config = EngineConfig::new(
            journal,
            Arc::new(invoker),
            ports.clock.clone(),
            ports.ids.clone(),
            texts,
            [7; 32],
        );
        let engine = Engine::open(config).await.map_err(failed)?;
        let bare =
            Ports { workflows: Arc::new(engine.clone()), task_tokens: Arc::new(engine), ..memory.ports() };
        let again = metered(&bare, &meter);
        ports.workflows = again.workflows;
        ports.task_tokens = again.task_tokens;

        let admin_token = "cost-model-admin-token".to_owned();
        memory.ports().vault.store(ADMIN_TOKEN, Secret::new(admin_token.clone())).await.map_err(failed)?;
        let app = App::new(ports.clone(), Settings { allow_private_webhooks: true });
        let state = ApiState {
            app: Arc::new(app),
            admin_token: Arc::new(token_sha256(&admin_token)),
            events_signal: None,
            gauges: Vec::new(),
        };
        Ok(Self {
            memory,
            meter,
            ports,
            router: tenantry_api::router(state),
            receiver: Receiver::open().await.map_err(failed)?,
            admin_token,
            let_in: BTreeSet::new(),
            service_tokens: Vec::new(),
            requests: 0,
        })
    }

    /// Registers services and subscriptions. None of it is the tenants' bill.
    pub async fn furnish(&mut self, scenario: Scenario) -> Result<(), Failed> {
        let token = self.admin_token.clone();
        for number in 0..scenario.services {
            let service = json!({
                "name": format!("service-{number}"), "url": self.receiver.url(&format!("service/{number}")),
                "required": true, "timeoutSeconds": 120, "heartbeatSeconds": 30
            });
            let made = self.call(Method::POST, "/v1/services", &token, Some(service)).await?;
            let token = made["token"].as_str().ok_or_else(|| failed("a service has no token"))?;
            self.service_tokens.push(token.to_owned());
        }
        for number in 0..scenario.subscriptions {
            let subscription = json!({
                "name": format!("subscription-{number}"), "pattern": {"source": ["tenantry"]},
                "target": {"type": "webhook", "url": self.receiver.url("webhook")}
            });
            self.call(Method::POST, "/v1/subscriptions", &token, Some(subscription)).await?;
        }
        while self.meter.take_news().is_some() {}
        self.let_in.clear();
        self.meter.forget_processes();
        self.meter.reset();
        Ok(())
    }

    /// One request through API Gateway: the authorizer, where its answer is not kept, and the API's function.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<Value, Failed> {
        self.meter
            .at(GATEWAY, async {
                self.meter.add(Unit::ApiGatewayRequests, 1.0);
                self.meter.log(self.meter.prices().assumptions.access_log_bytes.value);
            })
            .await;
        self.requests += 1;
        if self.let_in.insert(token.to_owned()) {
            self.trace("authorizer").await;
            let asked = self.meter.invoke("authorizer", async {
                self.ports.vault.resolve(ADMIN_TOKEN).await?;
                if token != self.admin_token {
                    self.ports.table.get(&Key::bearer(&token_hash(token))).await?;
                }
                Ok::<_, tenantry_core::ports::PortError>(())
            });
            asked.await.map_err(failed)?;
        }
        self.trace("api").await;
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        if body.is_some() {
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                // As a sign-up API does that may ask twice.
                .header("idempotency-key", format!("request-{}", self.requests));
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Body::from(text)).map_err(failed)?;
        let answer = self.meter.invoke_with_tasks("api", async {
            // A cold process reads the token that it compares with.
            self.ports.vault.resolve(ADMIN_TOKEN).await.map_err(failed)?;
            self.router.clone().oneshot(request).await.map_err(failed)
        });
        let (head, body) = answer.await?.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.map_err(failed)?;
        if !head.status.is_success() {
            return Err(failed(format!("{path}: {}: {}", head.status, String::from_utf8_lossy(&body))));
        }
        if head.status == StatusCode::NO_CONTENT || body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(failed)
    }

    /// An invocation that nothing traced has led to begins a trace.
    async fn trace(&self, function: &str) {
        self.meter.at(function, async { self.meter.trace() }).await;
    }

    /// A sign-up, driven until the tenant is active and nothing is on its way.
    pub async fn provision(&mut self, name: &str) -> Result<(), Failed> {
        let token = self.admin_token.clone();
        let tenant = json!({"name": name, "plan": "pro", "adminEmail": "admin@example.com"});
        let signed = self.call(Method::POST, "/v1/tenants", &token, Some(tenant)).await?;
        let text = |pointer: &str| {
            signed.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| failed(pointer))
        };
        let (tenant, execution) = (text("/tenant/tenantId")?, text("/operation/executionId")?);
        let execution: ExecutionId = execution.parse().map_err(|_| failed("no execution"))?;
        self.drive().await?;
        self.transitions(&execution).await?;
        let follow = self.meter.prices().assumptions.follow_requests.value as usize;
        for place in 1..=follow {
            let shown = self.call(Method::GET, &format!("/v1/tenants/{tenant}"), &token, None).await?;
            if place == follow && shown["status"] != "active" {
                return Err(failed(format!("the tenant is {}", shown["status"])));
            }
        }
        Ok(())
    }

    async fn drive(&mut self) -> Result<(), Failed> {
        let settings = WorkerSettings::default();
        let client = || {
            let http = HttpSettings { allow_private: true, ..HttpSettings::default() };
            HttpClient::new(http).map_err(failed)
        };
        let starter = Starter::new(self.ports.clone());
        let retries = settings.integration_retries.clone();
        let integrations = IntegrationWorker::new(self.ports.clone(), client()?, retries, 16);
        let webhooks = WebhookSender::new(
            self.ports.clone(),
            client()?,
            WebhookSettings {
                owner: "cost".to_owned(),
                sole_process: false,
                lease: settings.delivery_lease,
                retries: settings.webhook_retries.clone(),
                calls_per_subscription_max: 16,
            },
        );
        let mut idle = 0;
        for _ in 0..ROUNDS_MAX {
            quiesce().await;
            let mut moved = self.relay(&settings).await;
            moved |= self.work("operations", &starter, false).await?;
            moved |= self.work("integrations", &integrations, true).await?;
            moved |= self.work("webhooks", &webhooks, true).await?;
            moved |= self.answer().await?;
            idle = if moved { 0 } else { idle + 1 };
            if idle == 3 {
                return Ok(());
            }
        }
        Err(failed(format!("no end after {ROUNDS_MAX} rounds")))
    }

    /// The stream tells the relay of what entered the outbox, commit by commit.
    async fn relay(&self, settings: &WorkerSettings) -> bool {
        let mut moved = false;
        while let Some(keys) = self.meter.take_news() {
            moved = true;
            self.trace("relay").await;
            let relay = Relay::new(self.ports.clone(), settings.operation_resend_after);
            let until = self.ports.clock.now().saturating_add(Duration::from_secs(60));
            self.meter.invoke("relay", relay.run_for(&keys, until)).await;
        }
        moved
    }

    /// One message, one invocation.
    async fn work(&self, name: &str, handler: &dyn Handler, calls: bool) -> Result<bool, Failed> {
        let bare = self.memory.ports().queues;
        let (Some(bare), Some(queue)) = (bare.get(name), self.ports.queues.get(name)) else {
            return Err(failed(format!("no queue {name}")));
        };
        let hidden = Duration::from_secs(60);
        let messages = bare.receive(1, hidden, Duration::ZERO).await.map_err(failed)?;
        let Some(message) = messages.first() else { return Ok(false) };
        // The mapping receives and deletes. The one receive that found something ends a poll early, whose successor
        // begins at once: it is one more than the idle polling that a month has anyway.
        self.meter.at(MAPPINGS, async { self.meter.add(Unit::SqsFairRequests, 2.0) }).await;
        self.trace(name).await;
        let batch = Batch {
            ports: &self.ports,
            queue_name: name,
            queue: queue.as_ref(),
            handler,
            in_flight_max: 1,
            until: self.ports.clock.now().saturating_add(hidden),
        };
        let again = self.meter.invoke(name, async {
            if calls {
                self.meter.wait(Call::Receiver);
            }
            batch.run(&messages).await
        });
        if !again.await.is_empty() {
            return Err(failed(format!("a message of {name} could not be handled: {}", message.body)));
        }
        bare.delete(&message.receipt).await.map_err(failed)?;
        Ok(true)
    }

    /// The services answer their task tokens over the API, each with its own token.
    async fn answer(&mut self) -> Result<bool, Failed> {
        let requests = self.receiver.take();
        let moved = !requests.is_empty();
        for request in requests {
            let Request { path, body } = request;
            let Some(number) = path.strip_prefix("/service/").and_then(|number| number.parse::<usize>().ok())
            else {
                continue;
            };
            let token = self.service_tokens.get(number).cloned().ok_or_else(|| failed("a stranger"))?;
            let answer =
                json!({"taskToken": body["taskToken"], "output": {"workspace": format!("ws-{number}")}});
            self.call(Method::POST, "/v1/task-tokens/success", &token, Some(answer)).await?;
        }
        Ok(moved)
    }

    /// Each state that was entered is a transition, and so is each further try of a task.
    /// <https://aws.amazon.com/step-functions/pricing/>
    async fn transitions(&self, execution: &ExecutionId) -> Result<(), Failed> {
        let workflows = self.ports.workflows.clone();
        let described = workflows.describe(execution).await.map_err(failed)?;
        if described.summary.status != ExecutionStatus::Succeeded {
            return Err(failed(format!("{execution} is {}", described.summary.status.as_str())));
        }
        let (mut entered, mut tasks, mut scheduled) = (0, 0, 0);
        let mut after = None;
        loop {
            let page = workflows.history(execution, after, false, 1_000).await.map_err(failed)?;
            for event in &page.events {
                entered += u32::from(event.event_type.ends_with("StateEntered"));
                tasks += u32::from(event.event_type == "TaskStateEntered");
                scheduled += u32::from(event.event_type == "TaskScheduled");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let ends = self.meter.prices().assumptions.execution_end_transitions.value;
        let transitions = f64::from(entered + scheduled.max(tasks) - tasks) + ends;
        self.meter
            .at(STATE_MACHINE, async {
                self.meter.add(Unit::StepFunctionsTransitions, transitions);
                self.meter.trace();
            })
            .await;
        Ok(())
    }

    /// Bytes in the table now, with what the adapters keep of their own.
    pub fn stored_bytes(&self) -> f64 {
        self.memory.table.dump().iter().map(dynamodb::stored_bytes).sum::<f64>() + self.meter.adapter_bytes()
    }
}

/// Records one provisioning. Two tenants come first, so that what is made once for all of them (a cell's row, a
/// system's key) is nobody's bill.
pub async fn record(
    prices: Arc<Prices>,
    memory_megabytes: BTreeMap<String, f64>,
    scenario: Scenario,
) -> Result<Recording, Failed> {
    record_in(Home::open(prices, memory_megabytes).await?, scenario).await
}

/// Records one provisioning in that home, which is empty.
pub async fn record_in(mut home: Home, scenario: Scenario) -> Result<Recording, Failed> {
    let _log = CountedLog::new(home.meter.clone()).start();
    home.furnish(scenario).await?;
    for name in ["First", "Second"] {
        home.provision(name).await?;
    }
    home.let_in.clear();
    home.meter.forget_processes();
    home.meter.reset();
    let before = home.stored_bytes();
    home.provision("Recorded").await?;
    let kept = Kept { table_bytes: home.stored_bytes() - before, archive_bytes: home.meter.archived_bytes() };
    Ok(Recording { scenario, amounts: home.meter.amounts(), kept })
}
