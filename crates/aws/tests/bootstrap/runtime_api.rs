//! Lambda's side of a function: the Runtime API on loopback, and the bootstrap as the process that asks it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::ports::Clock as _;
use tenantry_system::SystemClock;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Far longer than anything here takes; who waits this long waits for nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a function answered: a value, or `errorType` and `errorMessage`.
pub(super) type Answer = Result<Value, (String, String)>;

/// An event for the function.
struct Event {
    id: String,
    payload: String,
    deadline_ms: i64,
    trace: Option<&'static str>,
    answered: oneshot::Sender<Answer>,
}

struct Lambda {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    /// How often the next event was asked for.
    asked: AtomicU64,
    /// How many answers came.
    offered: AtomicU64,
    init_error: Mutex<Option<(String, String)>>,
    /// Answers are taken as long as there are permits.
    taken: Semaphore,
}

async fn next(State(lambda): State<Arc<Lambda>>) -> Response {
    lambda.asked.fetch_add(1, Ordering::SeqCst);
    let Some(event) = lambda.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    let mut header = |name: &'static str, value: &str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    };
    header("lambda-runtime-aws-request-id", &event.id);
    header("lambda-runtime-deadline-ms", &event.deadline_ms.to_string());
    header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:test");
    if let Some(trace) = event.trace {
        header("lambda-runtime-trace-id", trace);
    }
    lambda.waiting.lock().unwrap().insert(event.id, event.answered);
    (headers, event.payload).into_response()
}

async fn take(lambda: &Lambda, id: &str, answer: Answer) -> StatusCode {
    let answered = lambda.waiting.lock().unwrap().remove(id);
    let Some(answered) = answered else { return StatusCode::BAD_REQUEST };
    lambda.offered.fetch_add(1, Ordering::SeqCst);
    lambda.taken.acquire().await.unwrap().forget();
    let _ = answered.send(answer);
    StatusCode::ACCEPTED
}

async fn response(State(lambda): State<Arc<Lambda>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let value = serde_json::from_slice(&body).expect("the answer is JSON");
    take(&lambda, &id, Ok(value)).await
}

fn diagnostic(body: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body).expect("the diagnostic is JSON");
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    (text("errorType"), text("errorMessage"))
}

async fn error(State(lambda): State<Arc<Lambda>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    take(&lambda, &id, Err(diagnostic(&body))).await
}

async fn init_error(State(lambda): State<Arc<Lambda>>, body: Bytes) -> StatusCode {
    *lambda.init_error.lock().unwrap() = Some(diagnostic(&body));
    StatusCode::ACCEPTED
}

/// A running function. It ends with this.
pub(super) struct Function {
    lambda: Arc<Lambda>,
    events: mpsc::UnboundedSender<Event>,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    count: AtomicU64,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.server.abort();
    }
}

impl Function {
    /// Starts the function of that handler, with `variables` and what Lambda itself gives.
    pub(super) async fn start(handler: &str, variables: &[(String, String)]) -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let lambda = Arc::new(Lambda {
            events: tokio::sync::Mutex::new(queue),
            waiting: Mutex::default(),
            asked: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            init_error: Mutex::default(),
            taken: Semaphore::new(1_000),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(lambda.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut child = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", format!("test-{handler}"))
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("_HANDLER", handler)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the bootstrap starts");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (out, lines) = (child.stdout.take().unwrap(), log.clone());
        let reader = std::thread::spawn(move || {
            BufReader::new(out)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| lines.lock().unwrap().push(line));
        });
        Self { lambda, events, child, log, reader: Some(reader), count: AtomicU64::new(0), server }
    }

    /// Sends an event with 30 s to answer it, and waits for the answer.
    pub(super) async fn invoke(&self, payload: &Value) -> Answer {
        self.send(payload, 30_000, None).await
    }

    /// Sends an event that is to be answered within so many milliseconds.
    pub(super) async fn send(&self, payload: &Value, within_ms: i64, trace: Option<&'static str>) -> Answer {
        let answered = self.begin(payload, within_ms, trace);
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            other => panic!("no answer: {other:?}; the function's log: {:#?}", self.log()),
        }
    }

    /// Sends an event, and waits for nothing.
    pub(super) fn begin(
        &self,
        payload: &Value,
        within_ms: i64,
        trace: Option<&'static str>,
    ) -> oneshot::Receiver<Answer> {
        let (answered, receiver) = oneshot::channel();
        let event = Event {
            id: format!("request-{}", self.count.fetch_add(1, Ordering::SeqCst)),
            payload: payload.to_string(),
            deadline_ms: SystemClock.now().as_millis() + within_ms,
            trace,
            answered,
        };
        self.events.send(event).expect("the Runtime API lives");
        receiver
    }

    /// Takes no more answers until [`Function::take_answers`].
    pub(super) fn hold_answers(&self) {
        self.lambda.taken.forget_permits(1_000_000);
    }

    /// Takes answers again.
    pub(super) fn take_answers(&self) {
        self.lambda.taken.add_permits(1_000);
    }

    /// How often the function has asked for an event.
    pub(super) fn asked(&self) -> u64 {
        self.lambda.asked.load(Ordering::SeqCst)
    }

    /// How many answers it has offered, taken or not.
    pub(super) fn offered(&self) -> u64 {
        self.lambda.offered.load(Ordering::SeqCst)
    }

    /// What the function told of its start.
    pub(super) fn init_error(&self) -> Option<(String, String)> {
        self.lambda.init_error.lock().unwrap().clone()
    }

    /// The lines of its log that were read until now.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Ends it, and answers the whole of its log: each line is JSON.
    pub(super) async fn whole_log(mut self) -> Vec<Value> {
        self.terminate();
        eventually("the function ends", || self.ended()).await;
        self.reader.take().expect("it is read once").join().expect("the log is read to its end");
        let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        self.log().iter().map(read).collect()
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("the process can be waited for")
    }
}

/// Looks until `check` answers; fails after a long while.
pub(super) async fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = check() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, found).await {
        Ok(found) => found,
        Err(_) => panic!("never: {what}"),
    }
}
