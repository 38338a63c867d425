//! The service against a control plane that only registers, and remembers what it is told.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenantry_events::webhook::{SigningSecret, sign};
use tokio::task::JoinHandle;

const OPERATION: &str = "op_01h455vb4qex5vsknk084sn02r";
const SERVICE: &str = "svc_01h455vb4pex5vsknk084sn02q";
const ACME: &str = "tnt_01h455vb4pex5vsknk084sn02q";

#[derive(Default)]
struct Told {
    registrations: Mutex<Vec<(String, Value)>>,
    answers: Mutex<Vec<(String, Value)>>,
    /// How many of the next calls are answered 503.
    down_for: AtomicUsize,
    /// Calls, refused ones included.
    calls: AtomicUsize,
}

struct Plane {
    told: Arc<Told>,
    url: String,
    task: JoinHandle<()>,
    dir: tempfile::TempDir,
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn secret() -> SigningSecret {
    SigningSecret::from_bytes(&[5; 32]).unwrap()
}

async fn is_down(told: &Told) -> bool {
    told.calls.fetch_add(1, Ordering::SeqCst);
    told.down_for.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

async fn register(
    State(told): State<Arc<Told>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if is_down(&told).await {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
    }
    assert_eq!(headers["authorization"], "Bearer admin");
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    told.registrations.lock().await.push((key, body));
    let answer = json!({"serviceId": SERVICE, "secret": secret().reveal(), "token": "for-tasks"});
    (StatusCode::CREATED, Json(answer))
}

async fn answered(
    State(told): State<Arc<Told>>,
    axum::extract::Path(kind): axum::extract::Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if is_down(&told).await {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
    }
    assert_eq!(headers["authorization"], "Bearer for-tasks");
    let mut answers = told.answers.lock().await;
    let used = kind != "heartbeat"
        && answers
            .iter()
            .any(|(known, earlier)| known != "heartbeat" && earlier["taskToken"] == body["taskToken"]);
    if used {
        return (StatusCode::CONFLICT, Json(json!({"code": "TNT-0402", "detail": "answered before"})));
    }
    answers.push((kind, body));
    (StatusCode::OK, Json(json!({})))
}

async fn tenant(axum::extract::Path(id): axum::extract::Path<String>) -> Json<Value> {
    Json(json!({"tenantId": id, "name": if id == ACME { "Acme" } else { "Brittle Glass" }, "slug": "s"}))
}

impl Plane {
    async fn start() -> Self {
        let told = Arc::new(Told::default());
        let router = Router::new()
            .route("/v1/services", post(register))
            .route("/v1/task-tokens/{kind}", post(answered))
            .route("/v1/tenants/{id}", get(tenant))
            .with_state(told.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { told, url, task, dir: tempfile::tempdir().unwrap() }
    }

    fn options(&self) -> Options {
        Options {
            listen: "127.0.0.1:0".to_owned(),
            public_url: None,
            control_plane: self.url.clone(),
            admin_token: Some(Token("admin".to_owned())),
            token_file: None,
            name: "workspaces".to_owned(),
            state_dir: self.dir.path().to_owned(),
            timeout_seconds: 60,
            heartbeat_seconds: None,
            delay_ms: 0,
            refuse: None,
        }
    }

    async fn registered_url(&self) -> String {
        poll("a registration", async || {
            let registrations = self.told.registrations.lock().await;
            registrations.last().map(|(_, body)| body["url"].as_str().unwrap().to_owned())
        })
        .await
    }

    async fn answer(&self, token: &str) -> (String, Value) {
        poll(token, async || {
            let answers = self.told.answers.lock().await;
            answers.iter().find(|(kind, body)| kind != "heartbeat" && body["taskToken"] == token).cloned()
        })
        .await
    }
}

async fn poll<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never came");
}

fn request(action: &str, tenant: &str, generation: u64, token: &str) -> Value {
    json!({
        "action": action, "tenantId": tenant, "operationId": OPERATION, "generation": generation,
        "taskToken": token, "heartbeatSeconds": null,
    })
}

/// Sends a request as the control plane does; a connection of its own, since a killed service keeps none.
async fn deliver(url: &str, body: &Value, by: &SigningSecret) -> u16 {
    let id = format!("{OPERATION}.{SERVICE}.{}", body["action"].as_str().unwrap());
    let (seconds, body) = (SystemClock.now().as_seconds(), body.to_string());
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(crate::tls::client_config()).build().unwrap();
    let request = client
        .post(url)
        .header("webhook-id", &id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", sign(by, &id, seconds, body.as_bytes()));
    request.body(body).send().await.unwrap().status().as_u16()
}

/// Delivers until the service, which may just be registering, takes it.
async fn delivered(url: &str, body: &Value) {
    poll("a 202", async || (deliver(url, body, &secret()).await == 202).then_some(())).await;
}

async fn held(url: &str) -> Vec<String> {
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(crate::tls::client_config()).build().unwrap();
    let answer =
        client.get(url.replace("/tenantry", "/resources")).send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["tenantId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn however_often_it_is_asked_it_makes_one_and_answers_the_newest_token() {
    let plane = Plane::start().await;
    plane.told.down_for.store(2, Ordering::SeqCst);
    let service = tokio::spawn(run(plane.options()));
    let url = plane.registered_url().await;
    for token in ["a", "a", "b", "c"] {
        delivered(&url, &request("provision", ACME, 1, token)).await;
    }
    let (kind, body) = plane.answer("c").await;
    assert_eq!(
        (kind.as_str(), &body["output"]["resource"]),
        ("success", &json!(format!("workspace-{ACME}")))
    );
    assert_eq!(held(&url).await, [ACME]);
    assert_eq!(plane.told.registrations.lock().await.len(), 1);
    service.abort();
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let plane = Plane::start().await;
    let service = tokio::spawn(run(plane.options()));
    let url = plane.registered_url().await;
    delivered(&url, &request("provision", ACME, 1, "t")).await;
    let forged = SigningSecret::from_bytes(&[6; 32]).unwrap();
    assert_eq!(deliver(&url, &request("undo", ACME, 1, "u"), &forged).await, 401);
    plane.answer("t").await;
    assert_eq!(held(&url).await, [ACME]);
    assert_eq!(plane.told.answers.lock().await.len(), 1);
    service.abort();
}

#[tokio::test]
async fn an_undo_removes_and_may_overtake_what_it_undoes() {
    let plane = Plane::start().await;
    let service = tokio::spawn(run(plane.options()));
    let url = plane.registered_url().await;
    delivered(&url, &request("provision", ACME, 1, "p1")).await;
    plane.answer("p1").await;
    delivered(&url, &request("undo", ACME, 1, "u1")).await;
    assert_eq!(plane.answer("u1").await.1["output"], json!({"removed": true}));
    assert!(held(&url).await.is_empty());
    // The first attempt's request comes once more, late: it makes nothing.
    delivered(&url, &request("provision", ACME, 1, "p1-again")).await;
    assert_eq!(plane.answer("p1-again").await.1["error"], "Demo.Superseded");
    assert!(held(&url).await.is_empty());
    // The second attempt makes it, and the first attempt's undo, late, leaves it.
    delivered(&url, &request("provision", ACME, 2, "p2")).await;
    assert_eq!(plane.answer("p2").await.0, "success");
    delivered(&url, &request("undo", ACME, 1, "u1-again")).await;
    assert_eq!(plane.answer("u1-again").await.1["output"], json!({"removed": false}));
    assert_eq!(held(&url).await, [ACME]);
    service.abort();
}

#[tokio::test]
async fn a_killed_service_keeps_its_promise_and_registers_no_second_time() {
    let plane = Plane::start().await;
    let service = tokio::spawn(run(plane.options()));
    let url = plane.registered_url().await;
    delivered(&url, &request("provision", ACME, 1, "first")).await;
    plane.answer("first").await;
    // From now on nobody hears it: what it takes in stays pending.
    plane.told.down_for.store(usize::MAX, Ordering::SeqCst);
    let other = "tnt_01h455vb4qex5vsknk084sn02r";
    delivered(&url, &request("provision", other, 1, "unheard")).await;
    let calls = plane.told.calls.load(Ordering::SeqCst);
    poll("a try", async || (plane.told.calls.load(Ordering::SeqCst) > calls).then_some(())).await;
    service.abort();
    assert!(service.await.unwrap_err().is_cancelled());

    plane.told.down_for.store(0, Ordering::SeqCst);
    let listen = url.trim_start_matches("http://").trim_end_matches("/tenantry").to_owned();
    let again = tokio::spawn(run(Options { listen, ..plane.options() }));
    assert_eq!(plane.answer("unheard").await.0, "success");
    assert_eq!(held(&url).await, [ACME, other]);
    assert_eq!(plane.told.registrations.lock().await.len(), 1);
    again.abort();

    // At another address the control plane would not find it: it says so rather than wait for ever.
    let elsewhere = Options { public_url: Some("http://127.0.0.1:1/tenantry".to_owned()), ..plane.options() };
    let error = run(elsewhere).await.unwrap_err().to_string();
    assert!(error.contains("is registered at") && error.contains("tenantry service remove"), "{error}");
}

#[tokio::test]
async fn it_refuses_whom_it_was_told_to_and_gives_signs_of_life() {
    let plane = Plane::start().await;
    let options = Options { refuse: Some("Brittle".to_owned()), delay_ms: 2_000, ..plane.options() };
    let service = tokio::spawn(run(options));
    let url = plane.registered_url().await;
    let brittle = "tnt_01h455vb4qex5vsknk084sn02r";
    let mut asked = request("provision", brittle, 1, "r");
    asked["heartbeatSeconds"] = json!(1);
    delivered(&url, &asked).await;
    let (kind, body) = plane.answer("r").await;
    assert_eq!((kind.as_str(), &body["error"]), ("failure", &json!("Demo.Refused")));
    assert!(body["cause"].as_str().unwrap().contains("Brittle"));
    assert!(plane.told.answers.lock().await.iter().any(|(kind, _)| kind == "heartbeat"));
    assert!(held(&url).await.is_empty());
    service.abort();
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_said() {
    let plane = Plane::start().await;
    let nameless = Options { admin_token: None, ..plane.options() };
    assert!(run(nameless).await.unwrap_err().to_string().contains("--token-file"));
    let missing = Options { admin_token: None, token_file: Some("nowhere/token".into()), ..plane.options() };
    assert!(run(missing).await.unwrap_err().to_string().contains("nowhere/token cannot be read"));
    let nowhere = Options { listen: "192.0.2.1:1".to_owned(), ..plane.options() };
    assert!(run(nowhere).await.unwrap_err().to_string().contains("Choose another --listen"));
    std::fs::write(plane.dir.path().join("state.json"), "{").unwrap();
    assert!(run(plane.options()).await.unwrap_err().to_string().contains("it is damaged"));
    assert!(!format!("{:?}", plane.options()).contains("admin\""));
}
