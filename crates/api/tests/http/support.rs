//! The router over ports in memory, asked in-process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_api::{ApiState, router, token_sha256};
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{App, Settings};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) const ADMIN: &str = "admin-token-of-the-tests";

/// One home with its router.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) memory: Memory,
    pub(crate) router: Router,
    pub(crate) signal: Arc<watch::Sender<u64>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The problem's code; checks that it is a whole problem.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["instance"], self.header("x-request-id"), "{problem}");
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("/help/errors/{code}"));
        assert!(problem["detail"].as_str().unwrap().len() > 10 && problem["title"].is_string(), "{problem}");
        code
    }

    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(true, true)
    }

    pub(crate) fn with(allow_private_webhooks: bool, streams: bool) -> Self {
        let memory = Memory::new();
        let signal = Arc::new(watch::Sender::new(0));
        let state = ApiState {
            app: Arc::new(App::new(memory.ports(), Settings { allow_private_webhooks })),
            admin_token: Arc::new(token_sha256(ADMIN)),
            events_signal: streams.then(|| signal.subscribe()),
            gauges: Vec::new(),
        };
        Self { memory, router: router(state), signal }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 8 * 1024 * 1024).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A request of the admin, with further headers.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {ADMIN}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(&body), &[]).await
    }

    /// Signs a tenant up: its id and its operation's.
    pub(crate) async fn sign_up(&self, name: &str) -> (String, String) {
        let body = json!({"name": name, "plan": "pro", "adminEmail": "root@acme.example"});
        let registered = self.post("/v1/tenants", body).await.ok(202);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&registered["tenant"]["tenantId"]), text(&registered["operation"]["operationId"]))
    }
}
