//! A webhook on loopback that keeps what it acknowledges.

use crate::answers::Answers;
use crate::control_plane::ControlPlane;
use crate::scenario::Answer;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use tenantry_core::ports::Clock as _;
use tenantry_events::Envelope;
use tenantry_events::subscriber::{Delivery, Verifier};
use tenantry_system::SystemClock;

/// The webhook.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    answers: Arc<Answers>,
    verifier: Arc<OnceLock<Verifier>>,
    taken: Arc<Mutex<Vec<Envelope>>>,
}

impl Receiver {
    /// Listens, then subscribes by the command line.
    pub(crate) async fn start(
        to: &ControlPlane,
        name: &str,
        pattern: Option<&Value>,
        answers: &[Answer],
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let receiver = Self {
            answers: Arc::new(Answers::new(answers)),
            verifier: Arc::default(),
            taken: Arc::default(),
        };
        let router = axum::Router::new().route("/hook", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let pattern = pattern.map(Value::to_string);
        let mut arguments = vec!["subscription", "add", name, &url];
        if let Some(pattern) = &pattern {
            arguments.extend(["--pattern", pattern]);
        }
        let answer = to.tenantry(&arguments).await;
        let secret = answer["secret"].as_str().expect("a secret");
        receiver.verifier.set(Verifier::new(secret).expect("a secret of ours")).expect("the first one");
        receiver
    }

    /// The types of a tenant's events, first sightings only, in the order of their coming.
    pub(crate) fn types(&self, tenant: &str) -> Vec<String> {
        let mut seen = HashSet::new();
        let taken = self.taken.lock().expect("no panic");
        let of_tenant = taken.iter().filter(|event| event.tenant_id.as_str() == tenant);
        let first = of_tenant.filter(|event| seen.insert(event.event_id.clone()));
        first.map(|event| event.event_type.clone()).collect()
    }

    fn take_in(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        // An event may overtake the answer to the subscription: it comes again.
        let Some(verifier) = self.verifier.get() else { return StatusCode::SERVICE_UNAVAILABLE };
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let event = match verifier.verify(header, body, SystemClock.now()) {
            Ok(Delivery::Event(event)) => event.envelope,
            Ok(Delivery::Request(_)) => return StatusCode::BAD_REQUEST,
            Err(error) => {
                eprintln!("a delivery does not verify: {error}");
                return StatusCode::UNAUTHORIZED;
            }
        };
        match self.answers.next() {
            Answer::Fail | Answer::Refuse => StatusCode::INTERNAL_SERVER_ERROR,
            Answer::Reject => StatusCode::BAD_REQUEST,
            Answer::Confirm | Answer::ConfirmSlowly => {
                self.taken.lock().expect("no panic").push(event);
                StatusCode::NO_CONTENT
            }
        }
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.take_in(&headers, &body)
}
