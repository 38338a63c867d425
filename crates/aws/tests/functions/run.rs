//! Runs a function's part over any ports, as its Lambda function does over those of AWS.

use super::recorder::Log;
use super::seeds::Home;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tenantry_api::{AdminToken, ApiState, Authenticator, token_sha256};
use tenantry_app::Ports;
use tenantry_app::http::{HttpClient, HttpSettings};
use tenantry_app::usecases::{App, Settings};
use tenantry_app::workers::WorkerSettings;
use tenantry_app::workers::batch::Batch;
use tenantry_app::workers::consume::Handler;
use tenantry_app::workers::execution_status::ExecutionStatusWorker;
use tenantry_app::workers::integrations::IntegrationWorker;
use tenantry_app::workers::reconciler::{Reconciler, ReconcilerSettings};
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_app::workers::sweeper::Sweeper;
use tenantry_app::workers::webhooks::{WebhookSender, WebhookSettings};
use tenantry_aws::functions::Use;
use tenantry_core::keys::Key;
use tenantry_core::ports::{DeadLetter, DeadReason, Message, PortError};
use tenantry_core::{BoxFuture, MessageId, Timestamp};
use tenantry_handlers::Ctx;
use tower::ServiceExt as _;

pub(crate) const ADMIN_TOKEN: &str = "an-admin-token-of-these-tests-alone";

struct Admin(Arc<Log>);

impl AdminToken for Admin {
    fn sha256(&self) -> BoxFuture<'_, Result<[u8; 32], PortError>> {
        self.0.note(Use::AdminToken);
        Box::pin(async { Ok(token_sha256(ADMIN_TOKEN)) })
    }
}

/// Invokes a function once.
///
/// # Panics
/// Where a step fails, or the API answers with a fault of its own.
pub(crate) async fn invoke(ports: &Ports, log: &Arc<Log>, home: &impl Home, function: &str, event: &Value) {
    let event = filled_in(event, &home.task_token().await);
    match function {
        "operations" => batch(ports, "operations", &Starter::new(ports.clone()), &event).await,
        "execution_status" => {
            batch(ports, "execution-status", &ExecutionStatusWorker::new(ports.clone()), &event).await;
        }
        "integrations" => {
            let retries = WorkerSettings::default().integration_retries;
            let worker = IntegrationWorker::new(ports.clone(), http(), retries, 16);
            batch(ports, "integrations", &worker, &event).await;
        }
        "webhooks" => {
            let settings = WebhookSettings {
                owner: "test".to_owned(),
                sole_process: false,
                lease: Duration::from_secs(30),
                retries: WorkerSettings::default().webhook_retries,
                calls_per_subscription_max: 16,
            };
            batch(ports, "webhooks", &WebhookSender::new(ports.clone(), http(), settings), &event).await;
        }
        "dead_letters" => {
            for message in messages(&event) {
                let reason = DeadReason { code: "max_receives".to_owned(), message: String::new() };
                let letter = DeadLetter {
                    queue: "operations".to_owned(),
                    id: message.id,
                    body: message.body,
                    group: message.group,
                    receive_count: message.receive_count,
                    reason,
                    sent_at: message.sent_at,
                    died_at: ports.clock.now(),
                };
                ports.dead_letters.bury(letter).await.unwrap();
            }
        }
        "relay" => {
            let relay = Relay::new(ports.clone(), Duration::from_secs(60));
            let keys: Vec<Key> = event["Records"].as_array().unwrap().iter().map(key).collect();
            let (run, unfinished) = relay.run_for(&keys, soon(ports)).await;
            assert_eq!((run.failed, unfinished.len()), (0, 0), "{run:?}");
        }
        "sweeper" => {
            let seconds = Duration::from_secs;
            Sweeper::new(ports.clone(), seconds(60), seconds(300)).run_once().await.unwrap();
            Relay::new(ports.clone(), seconds(60)).run_once().await.unwrap();
        }
        "reconciler" => {
            let reconciler = Reconciler::new(ports.clone(), ReconcilerSettings::default());
            assert_eq!(reconciler.run_once(soon(ports)).await.unwrap().failed, 0);
        }
        "api" => api(ports, log, &event).await,
        "authorizer" => {
            let request = request(&event);
            let authenticator = Authenticator::new(ports.table.clone(), Arc::new(Admin(log.clone())));
            let (path, headers) = (request.uri().path(), request.headers());
            let _ = authenticator.authenticate(request.method(), path, headers).await;
        }
        step => {
            let ctx = ctx(ports);
            let answer = tenantry_handlers::invoke(&ctx, step, event.clone()).await;
            answer.unwrap_or_else(|error| panic!("{step}: {error}: {event}"));
        }
    }
}

fn filled_in(event: &Value, task_token: &str) -> Value {
    let text = event.to_string().replace("${taskToken}", task_token).replace("${adminToken}", ADMIN_TOKEN);
    serde_json::from_str(&text).unwrap()
}

fn soon(ports: &Ports) -> Timestamp {
    ports.clock.now().saturating_add(Duration::from_secs(20))
}

fn http() -> HttpClient {
    HttpClient::new(HttpSettings { allow_private: true, ..HttpSettings::default() }).unwrap()
}

fn ctx(ports: &Ports) -> Ctx {
    Ctx {
        table: ports.table.clone(),
        vault: ports.vault.clone(),
        data_keys: ports.data_keys.clone(),
        clock: ports.clock.clone(),
        ids: ports.ids.clone(),
        catalogue: ports.catalogue.clone(),
        retry_bound: Arc::new(|_, _, _, _| None),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn messages(event: &Value) -> Vec<Message> {
    let message = |record: &Value| Message {
        id: MessageId::from_uuid(text(&record["messageId"]).parse().unwrap()),
        receipt: text(&record["receiptHandle"]),
        body: text(&record["body"]),
        group: text(&record["attributes"]["MessageGroupId"]),
        receive_count: text(&record["attributes"]["ApproximateReceiveCount"]).parse().unwrap(),
        sent_at: Timestamp::from_millis(text(&record["attributes"]["SentTimestamp"]).parse().unwrap()),
    };
    event["Records"].as_array().unwrap().iter().map(message).collect()
}

fn key(record: &Value) -> Key {
    let part = |name: &str| text(&record["dynamodb"]["Keys"][name]["S"]);
    Key::from_stored(part("pk"), part("sk"))
}

async fn batch(ports: &Ports, queue_name: &str, handler: &dyn Handler, event: &Value) {
    let queue = &**ports.queues.get(queue_name).unwrap();
    let batch = Batch { ports, queue_name, queue, handler, in_flight_max: 4, until: soon(ports) };
    batch.run(&messages(event)).await;
}

fn request(event: &Value) -> Request<Body> {
    let query = text(&event["rawQueryString"]);
    let uri = format!("{}{}{query}", text(&event["rawPath"]), if query.is_empty() { "" } else { "?" });
    let method: Method = text(&event["requestContext"]["http"]["method"]).parse().unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in event["headers"].as_object().unwrap() {
        request = request.header(name, text(value));
    }
    request.body(Body::from(text(&event["body"]))).unwrap()
}

async fn api(ports: &Ports, log: &Arc<Log>, event: &Value) {
    let state = ApiState {
        app: Arc::new(App::new(ports.clone(), Settings { allow_private_webhooks: true })),
        admin_token: Arc::new(Admin(log.clone())),
        events_signal: None,
        gauges: Vec::new(),
    };
    let request = request(event);
    assert!(request.headers().contains_key(header::AUTHORIZATION));
    let asked = format!("{} {}", request.method(), request.uri());
    let response = tenantry_api::router(state).oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(status.is_success(), "{asked}: {status}: {}", String::from_utf8_lossy(&body));
}
