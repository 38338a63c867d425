//! A product service inside the test: it registers, makes its resource once per tenant, and confirms. Independent of
//! the subscriber kit, so that a fault there is seen.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::ports::Secret;

/// How the service answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Confirm,
    Refuse,
}

#[derive(Default)]
pub struct Held {
    /// How often a resource was really made, by tenant.
    pub made: BTreeMap<String, u32>,
    /// How often a resource was really taken away, by tenant.
    pub undone: BTreeMap<String, u32>,
    /// Who has a resource now.
    pub present: HashSet<String>,
    /// Requests whose signature does not verify.
    pub forged: u32,
    /// Requests seen, repeats counted.
    pub requests: u32,
}

type Decide = dyn Fn(&str) -> Verdict + Send + Sync;

/// The service.
#[derive(Clone)]
pub struct Service {
    pub url: String,
    pub held: Arc<Mutex<Held>>,
    decide: Arc<Decide>,
    base: Arc<Mutex<String>>,
    secret: Arc<Mutex<String>>,
    token: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Service {
    /// Listens; `decide` says by the tenant's id what becomes of a request to provision.
    pub async fn start(decide: impl Fn(&str) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/tenantry", listener.local_addr().expect("an address"));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tenantry::tls::client_config())
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client");
        let service = Self {
            url,
            held: Arc::default(),
            decide: Arc::new(decide),
            base: Arc::default(),
            secret: Arc::default(),
            token: Arc::default(),
            http,
        };
        let router = axum::Router::new().route("/tenantry", post(receive)).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// Registers with a control plane.
    pub async fn register(&self, server: &super::server::Server, name: &str) -> Value {
        let body = json!({
            "name": name, "url": self.url, "required": true, "timeoutSeconds": 3600, "heartbeatSeconds": 1800
        });
        let answer = server.post("/v1/services", &body, 201).await;
        *self.base.lock().expect("no panic") = server.base();
        *self.secret.lock().expect("no panic") = super::text(&answer, "/secret").to_owned();
        *self.token.lock().expect("no panic") = super::text(&answer, "/token").to_owned();
        answer
    }

    fn handle(&self, headers: &HeaderMap, body: &[u8]) -> Option<Value> {
        let secret = Secret::new(self.secret.lock().expect("no panic").clone());
        let mut held = self.held.lock().expect("no panic");
        held.requests += 1;
        if !super::receiver::signature_holds(&secret, headers, body) {
            held.forged += 1;
            return None;
        }
        let request: Value = serde_json::from_slice(body).ok()?;
        let tenant = request["tenantId"].as_str()?.to_owned();
        let refused = match request["action"].as_str()? {
            "provision" => match (self.decide)(&tenant) {
                Verdict::Refuse => true,
                Verdict::Confirm => {
                    if held.present.insert(tenant.clone()) {
                        *held.made.entry(tenant).or_default() += 1;
                    }
                    false
                }
            },
            "undo" => {
                if held.present.remove(&tenant) {
                    *held.undone.entry(tenant).or_default() += 1;
                }
                false
            }
            other => panic!("an unknown action {other}"),
        };
        let task_token = request["taskToken"].as_str()?;
        Some(if refused {
            json!({"path": "failure", "body": {"taskToken": task_token, "error": "Test.Refused", "cause": "as told"}})
        } else {
            json!({"path": "success", "body": {"taskToken": task_token, "output": {"done": true}}})
        })
    }

    /// Tells the control plane, as long as it takes: it may be down.
    async fn answer(self, answer: Value) {
        let path = super::text(&answer, "/path").to_owned();
        for _ in 0..2_000 {
            let base = self.base.lock().expect("no panic").clone();
            let token = self.token.lock().expect("no panic").clone();
            let request = self
                .http
                .post(format!("{base}/v1/task-tokens/{path}"))
                .bearer_auth(token)
                .json(&answer["body"]);
            match request.send().await {
                // A conflict says that an earlier answer was taken, though its 200 was lost with the server.
                Ok(response) if response.status().is_success() || response.status().as_u16() == 409 => return,
                Ok(response) if response.status().is_client_error() => {
                    panic!("the answer was refused: {:?}", response.text().await)
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn receive(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> axum::http::StatusCode {
    match service.handle(&headers, &body) {
        Some(answer) => {
            tokio::spawn(service.answer(answer));
            axum::http::StatusCode::ACCEPTED
        }
        None => axum::http::StatusCode::UNAUTHORIZED,
    }
}
