//! A home in memory under the meter: its ports, its API, and who calls it.

use crate::dynamodb;
use crate::invoker::Metered;
use crate::meter::Meter;
use crate::ports::metered;
use crate::prices::{Prices, Unit};
use crate::receiver::Receiver;
use crate::record::{Failed, Scenario, failed};
use axum::body::Body;
use axum::http::{self, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tenantry::invoker::LocalInvoker;
use tenantry_api::{ApiState, token_sha256};
use tenantry_app::Ports;
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{App, Settings, token_hash};
use tenantry_core::keys::Key;
use tenantry_core::ports::{Secret, Table};
use tenantry_engine::testing::MemoryJournal;
use tenantry_engine::{Engine, EngineConfig};
use tower::ServiceExt as _;

/// Where the admin token lies.
const ADMIN_TOKEN: &str = "system/admin-token";
/// Requests that come in.
const GATEWAY: &str = "the HTTP API";

/// A home in memory under the meter.
pub struct Home {
    pub memory: Memory,
    pub meter: Meter,
    pub ports: Ports,
    router: axum::Router,
    pub(crate) receiver: Receiver,
    pub(crate) admin_token: String,
    /// Tokens that the API's authorizer has let in: the answer is kept for a while.
    let_in: BTreeSet<String>,
    /// Tokens of the services, in the order of their registration.
    pub(crate) service_tokens: Vec<String>,
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
        self.forget();
        Ok(())
    }

    /// One request through API Gateway: the authorizer, where its answer is not kept, and the API's function.
    pub(crate) async fn call(
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
    pub(crate) async fn trace(&self, function: &str) {
        self.meter.at(function, async { self.meter.trace() }).await;
    }

    /// The processes end, and what was counted is forgotten: the next tenant comes alone.
    pub fn forget(&mut self) {
        self.let_in.clear();
        self.meter.forget_processes();
        self.meter.reset();
    }

    /// Bytes in the table now, with what the adapters keep of their own.
    pub fn stored_bytes(&self) -> f64 {
        self.memory.table.dump().iter().map(dynamodb::stored_bytes).sum::<f64>() + self.meter.adapter_bytes()
    }
}
