//! A product service on loopback that answers as a scenario says.

use crate::answers::Answers;
use crate::control_plane::{ControlPlane, client};
use crate::scenario::Answer;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tenantry_core::ports::Clock as _;
use tenantry_events::subscriber::{
    Delivery, IntegrationAction, IntegrationRequest, Registration, TaskFailure, TaskSuccess, Verifier,
    task_token_path,
};
use tenantry_system::SystemClock;

/// How long a slow confirmation takes.
const SLOWLY: Duration = Duration::from_millis(1_500);

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) answers: Arc<Answers>,
    pub(crate) registration: Arc<OnceLock<Registration>>,
    /// Which tenant has something, made by which generation.
    held: Arc<Mutex<BTreeMap<String, u64>>>,
    base: String,
    http: reqwest::Client,
}

impl Service {
    /// Listens, then registers by the command line.
    pub(crate) async fn start(to: &ControlPlane, name: &str, required: bool, answers: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/tenantry", listener.local_addr().expect("an address"));
        let service = Self {
            answers: Arc::new(Answers::new(answers)),
            registration: Arc::default(),
            held: Arc::default(),
            base: to.base().to_owned(),
            http: client(),
        };
        let router = axum::Router::new().route("/tenantry", post(receive)).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut arguments = vec!["service", "add", name, &url, "--timeout-seconds", "600"];
        if required {
            arguments.push("--required");
        }
        let answer = to.tenantry(&arguments).await;
        let registration = serde_json::from_value(answer).expect("a registration");
        service.registration.set(registration).expect("the first one");
        service
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.registration.get().expect("it has registered").service_id.to_string()
    }

    /// Tenants who have something of it.
    pub(crate) fn holds(&self) -> Vec<String> {
        self.held.lock().expect("no panic").keys().cloned().collect()
    }

    fn take_in(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        // The first request may overtake the answer to the registration: it comes again.
        let Some(registration) = self.registration.get() else { return StatusCode::SERVICE_UNAVAILABLE };
        let verifier = Verifier::new(&registration.secret).expect("a secret of ours");
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match verifier.verify(header, body, SystemClock.now()) {
            Ok(Delivery::Request(request)) => self.answer(request),
            Ok(Delivery::Event(_)) => StatusCode::BAD_REQUEST,
            Err(error) => {
                eprintln!("a request to a service does not verify: {error}");
                StatusCode::UNAUTHORIZED
            }
        }
    }

    fn answer(&self, request: IntegrationRequest) -> StatusCode {
        let tenant = request.tenant_id.to_string();
        let mut held = self.held.lock().expect("no panic");
        let mut wait = Duration::ZERO;
        if request.action == IntegrationAction::Undo {
            if held.get(&tenant).is_some_and(|made| *made <= request.generation) {
                held.remove(&tenant);
            }
        } else {
            match self.answers.next() {
                Answer::Fail => return StatusCode::INTERNAL_SERVER_ERROR,
                Answer::Reject => return StatusCode::BAD_REQUEST,
                Answer::Refuse => {
                    let cause = "This service was told to refuse.";
                    let failure = TaskFailure::new(&request.task_token, "Scenario.Refused", cause);
                    tokio::spawn(self.clone().tell(task_token_path(&failure), json!(failure)));
                    return StatusCode::ACCEPTED;
                }
                Answer::ConfirmSlowly => wait = SLOWLY,
                Answer::Confirm => {}
            }
            held.insert(tenant, request.generation);
        }
        let success = TaskSuccess { task_token: request.task_token, output: json!({"done": true}) };
        let (service, path) = (self.clone(), task_token_path(&success));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            service.tell(path, json!(success)).await;
        });
        StatusCode::ACCEPTED
    }

    /// Answers a task token, until it is heard.
    async fn tell(self, path: String, body: Value) {
        let token = self.registration.get().expect("it has registered").token.clone();
        crate::until("a task token's answer to be taken", || async {
            let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&token).json(&body);
            let answer = request.send().await.ok()?;
            match answer.status().as_u16() {
                // A conflict: an earlier answer was taken already.
                200..=299 | 409 => Some(()),
                status @ 400..=499 => {
                    panic!("the answer was refused with {status}: {:?}", answer.text().await)
                }
                _ => None,
            }
        })
        .await;
    }
}

async fn receive(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> StatusCode {
    service.take_in(&headers, &body)
}
