//! A webhook receiver inside the test: it keeps everything that it is sent, in order.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tenantry_core::ports::Secret;

/// One delivery.
#[derive(Debug, Clone)]
pub struct Received {
    pub event: Value,
    pub webhook_id: String,
    pub replay: bool,
    pub verified: bool,
}

/// The receiver.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    pub secret: Arc<Mutex<String>>,
    pub received: Arc<Mutex<Vec<Received>>>,
    /// Answers 500 to this many next deliveries.
    pub fail_next: Arc<Mutex<u32>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().expect("an address")),
            secret: Arc::default(),
            received: Arc::default(),
            fail_next: Arc::default(),
        };
        let router = axum::Router::new().route("/hook", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Subscribes to everything.
    pub async fn subscribe(&self, server: &super::server::Server) -> String {
        let body = serde_json::json!({
            "name": "test", "pattern": {"source": ["tenantry"]}, "target": {"type": "webhook", "url": self.url}
        });
        let answer = server.post("/v1/subscriptions", &body, 201).await;
        *self.secret.lock().expect("no panic") = super::text(&answer, "/secret").to_owned();
        super::text(&answer, "/subscriptionId").to_owned()
    }

    /// What came, first sightings only, by tenant in the order of their coming.
    pub fn first_sightings(&self) -> BTreeMap<String, Vec<Value>> {
        let mut seen = std::collections::HashSet::new();
        let mut by_tenant: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for received in self.received.lock().expect("no panic").iter() {
            let id = super::text(&received.event, "/eventId").to_owned();
            if seen.insert(id) {
                let tenant = super::text(&received.event, "/tenantId").to_owned();
                by_tenant.entry(tenant).or_default().push(received.event.clone());
            }
        }
        by_tenant
    }
}

/// Checks a Standard Webhooks signature with nothing of the product's own code.
pub fn signature_holds(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(key) = secret.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()) else {
        return false;
    };
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length is a key");
    mac.update(header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    {
        let mut fail_next = receiver.fail_next.lock().expect("no panic");
        if *fail_next > 0 {
            *fail_next -= 1;
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let secret = Secret::new(receiver.secret.lock().expect("no panic").clone());
    receiver.received.lock().expect("no panic").push(Received {
        event: serde_json::from_slice(&body).expect("a JSON body"),
        webhook_id: header("webhook-id"),
        replay: header("tenantry-replay") == "true",
        verified: signature_holds(&secret, &headers, &body),
    });
    StatusCode::OK
}
