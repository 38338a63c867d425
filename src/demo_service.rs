//! A product service, whole, as a product team would write it: it makes one workspace for each tenant.
//!
//! `cargo run --example product_service` runs it beside your own control plane; `tenantry demo` runs it for you.
//! It is on purpose one file, and shows the five things that a service which takes part has to get right:
//!
//! 1. **Register once**, however often this process or the control plane is restarted (`Service::register`).
//! 2. **Trust nobody** who does not hold the secret: verify the bytes as they came (`Service::take_in`).
//! 3. **Keep the promise** that a 2xx is: the request is on disk before the answer, and is taken up again after a
//!    crash (`run`).
//! 4. **Make it once**, however often and in whatever order requests come (`Service::provision`, `Service::undo`).
//! 5. **Confirm until it is heard**: the control plane may be restarting just now (`ControlPlane::post`).

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fmt;
use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::TenantId;
use tenantry_core::ports::{Clock as _, Ids as _};
use tenantry_events::subscriber::{
    Delivery, DeliveryError, IntegrationAction, IntegrationRequest, Registration, RegistrationRequest,
    TaskAnswer, TaskFailure, TaskHeartbeat, TaskSuccess, Verifier, task_token_path,
};
use tenantry_system::{SystemClock, SystemIds};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// How to run the service.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the service listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: String,
    /// The address under which the control plane reaches it; `http://<listen>/tenantry` where it is left out.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The control plane.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    control_plane: String,
    /// The administrator's token, with which the service registers itself.
    #[arg(long, value_name = "TOKEN", env = "TENANTRY_TOKEN", hide_env_values = true)]
    admin_token: Option<Token>,
    /// A file that holds the administrator's token.
    #[arg(long, value_name = "FILE", conflicts_with = "admin_token")]
    token_file: Option<PathBuf>,
    /// The name to register under.
    #[arg(long, default_value = "workspaces")]
    name: String,
    /// Where the service keeps what it must not forget.
    #[arg(long, value_name = "DIR", default_value = "product-service-data")]
    state_dir: PathBuf,
    /// How long it may take to confirm, in seconds.
    #[arg(long, default_value_t = 300)]
    timeout_seconds: u64,
    /// How often it gives a sign of life while it works, in seconds.
    #[arg(long)]
    heartbeat_seconds: Option<u64>,
    /// How long each request takes, in milliseconds, as if the work were hard.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Refuse tenants whose name or slug holds this text, to see how a failure is undone.
    #[arg(long, value_name = "TEXT")]
    refuse: Option<String>,
}

/// A token that is not shown by `Debug`.
#[derive(Clone)]
struct Token(String);

impl std::str::FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Token(text.trim().to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

/// Why the service ends.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}. Choose another --listen")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is needed to begin is missing or wrong.
    #[error("{0}")]
    Setup(String),
    /// Its memory cannot be read or written: it must not promise what it would forget.
    #[error("{path} cannot be kept: {message}. Nothing is lost: put it right and start the service again")]
    Store {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A fault of this program.
    #[error("the service failed: {0}. Start it again: what it has promised is on disk")]
    Fault(String),
}

/// Serves until Ctrl-C.
pub async fn run(options: Options) -> Result<(), ServiceError> {
    let cannot_listen = |source| ServiceError::Listen { address: options.listen.clone(), source };
    let listener = tokio::net::TcpListener::bind(&options.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let url = options.public_url.clone().unwrap_or_else(|| format!("http://{address}/tenantry"));

    let (wake, woken) = mpsc::unbounded_channel();
    let service = Arc::new(Service::open(options, url, wake).await?);
    let router = Router::new()
        .route("/tenantry", post(receive))
        .route("/resources", get(resources))
        .route("/healthz", get(health))
        .with_state(service.clone());
    tracing::info!(%address, "the service listens");

    // It listens before it registers, because the first request may follow at once.
    tokio::select! {
        served = axum::serve(listener, router).into_future() => {
            served.map_err(|error| ServiceError::Fault(error.to_string()))
        }
        ended = service.clone().work(woken) => match ended? {},
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// The control plane asks: answer fast, work later.
async fn receive(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // In a task of its own, so that it is not cut off in the middle where the caller hangs up.
    let taken_in = tokio::spawn(async move { service.take_in(&headers, &body).await });
    taken_in.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn resources(State(service): State<Arc<Service>>) -> Json<Value> {
    let memory = service.store.memory.lock().await;
    let item = |(tenant, workspace): (&TenantId, &Workspace)| json!({"tenantId": tenant, "resource": workspace.name, "generation": workspace.generation});
    Json(json!({"items": memory.workspaces.iter().map(item).collect::<Vec<_>>()}))
}

async fn health(State(service): State<Arc<Service>>) -> Json<Value> {
    let memory = service.store.memory.lock().await;
    Json(
        json!({"status": "ok", "registered": memory.registration.is_some(), "pending": memory.pending.len()}),
    )
}

struct Service {
    options: Options,
    /// Where the control plane is to send its requests.
    url: String,
    control_plane: ControlPlane,
    store: Store,
    /// Wakes `Service::work` with the id of a request.
    wake: mpsc::UnboundedSender<String>,
}

/// What became of a request.
enum Outcome {
    Done(Value),
    Refused { error: &'static str, cause: String },
}

impl Service {
    async fn open(
        options: Options,
        url: String,
        wake: mpsc::UnboundedSender<String>,
    ) -> Result<Self, ServiceError> {
        let admin_token = match (&options.admin_token, &options.token_file) {
            (Some(token), _) => token.0.clone(),
            (None, Some(path)) => {
                std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| {
                    ServiceError::Setup(format!("{} cannot be read: {error}", path.display()))
                })?
            }
            (None, None) => {
                return Err(ServiceError::Setup(
                    "an administrator's token is needed to register: give --token-file <data folder>/admin.token"
                        .to_owned(),
                ));
            }
        };
        let control_plane = ControlPlane::new(&options.control_plane, admin_token)?;
        let store = Store::open(&options.state_dir).await?;
        Ok(Self { options, url, control_plane, store, wake })
    }

    /// Registers, then carries out what is pending: first what an earlier life of this process has left.
    async fn work(
        self: Arc<Self>,
        mut woken: mpsc::UnboundedReceiver<String>,
    ) -> Result<Infallible, ServiceError> {
        self.register().await?;
        for id in self.store.memory.lock().await.pending.keys() {
            self.wake(id);
        }
        // One task a request: two for the same one would answer each other's token.
        let mut running = HashSet::new();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                Some(id) = woken.recv() => {
                    if running.insert(id.clone()) {
                        let service = self.clone();
                        tasks.spawn(async move { service.fulfil(&id).await.map(|()| id) });
                    }
                }
                Some(ended) = tasks.join_next() => {
                    let id = ended.map_err(|error| ServiceError::Fault(error.to_string()))??;
                    running.remove(&id);
                    // It may have come again meanwhile, with a newer token.
                    if self.store.memory.lock().await.pending.contains_key(&id) {
                        self.wake(&id);
                    }
                }
            }
        }
    }

    fn wake(&self, id: &str) {
        // The receiver is gone only when the whole service ends, and then the request waits on disk.
        let _ = self.wake.send(id.to_owned());
    }

    /// Registers, unless an earlier life of this process did.
    async fn register(&self) -> Result<(), ServiceError> {
        if let Some(known) = &self.store.memory.lock().await.registration {
            if known.url == self.url {
                return Ok(());
            }
            return Err(ServiceError::Setup(format!(
                "this service is registered at {}, but now is reached at {}. Start it with the --listen or --public-url \
                 that it had; or remove it with `tenantry service remove {}` and use a fresh --state-dir",
                known.url, self.url, known.answer.service_id
            )));
        }
        // The key is on disk before it is sent: whoever dies when, the next try is answered with the same registration.
        let ids = SystemIds::new().map_err(|error| ServiceError::Setup(error.to_string()))?;
        let fresh = ids.next().to_string();
        let key = self.store.change(|memory| memory.registration_key.get_or_insert(fresh).clone()).await?;
        let asked = RegistrationRequest {
            name: self.options.name.clone(),
            url: self.url.clone(),
            required: true,
            timeout_seconds: self.options.timeout_seconds,
            heartbeat_seconds: self.options.heartbeat_seconds,
        };
        let token = &self.control_plane.admin_token;
        let answer = self.control_plane.post("/v1/services", token, Some(&key), &asked).await.map_err(|problem| {
            ServiceError::Setup(format!(
                "the control plane does not register this service: {problem}. Where another one has the name, choose \
                 another --name, or remove that one with `tenantry service remove`"
            ))
        })?;
        let answer: Registration = serde_json::from_value(answer).map_err(|error| {
            ServiceError::Fault(format!("the answer to the registration is malformed: {error}"))
        })?;
        tracing::info!(service = %answer.service_id, "registered");
        let registered = Registered { url: self.url.clone(), answer };
        self.store.change(|memory| memory.registration = Some(registered)).await
    }

    /// Verifies a request and writes it down. The status is the whole answer: it tells a stranger nothing.
    async fn take_in(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let Some(registered) = self.store.memory.lock().await.registration.clone() else {
            return StatusCode::SERVICE_UNAVAILABLE;
        };
        let Ok(verifier) = Verifier::new(&registered.answer.secret) else {
            return StatusCode::INTERNAL_SERVER_ERROR;
        };
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let request = match verifier.verify(header, body, SystemClock.now()) {
            Ok(Delivery::Request(request)) => request,
            // This service subscribes to nothing; one that does hands its events to an `Inbox` here.
            Ok(Delivery::Event(_)) => return StatusCode::NO_CONTENT,
            Err(error) => {
                tracing::warn!(%error, "a request is refused");
                return match error {
                    DeliveryError::Untrusted(_) => StatusCode::UNAUTHORIZED,
                    _ => StatusCode::BAD_REQUEST,
                };
            }
        };
        let id = request.webhook_id(&registered.answer.service_id);
        let newest = |memory: &mut Memory| {
            // A request that comes again brings a new token, and only the newest is still waited for. One of an
            // older generation is a late copy.
            let known = memory.pending.get(&id).is_some_and(|known| known.generation > request.generation);
            if !known {
                memory.pending.insert(id.clone(), request.clone());
            }
        };
        match self.store.change(newest).await {
            Ok(()) => {
                self.wake(&id);
                StatusCode::ACCEPTED
            }
            Err(error) => {
                tracing::error!(%error, "a request cannot be kept");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Does what a request asks for and answers its token; then forgets the request, unless a newer one came.
    async fn fulfil(&self, id: &str) -> Result<(), ServiceError> {
        let (request, token) = {
            let memory = self.store.memory.lock().await;
            let (Some(request), Some(registered)) = (memory.pending.get(id), &memory.registration) else {
                return Ok(());
            };
            (request.clone(), registered.answer.token.clone())
        };
        let heard = tokio::select! {
            heard = self.carry_out(&request, &token) => heard?,
            never = self.heartbeats(&request, &token) => match never {},
        };
        match heard {
            Ok(_) => tracing::info!(id, "confirmed"),
            // Answered before, or too late: the control plane has gone on, and what it wants now it will ask for.
            Err(problem) => tracing::warn!(id, %problem, "the answer is not wanted any more"),
        }
        self.store
            .change(|memory| {
                if memory.pending.get(id).is_some_and(|newest| newest.task_token == request.task_token) {
                    memory.pending.remove(id);
                }
            })
            .await
    }

    async fn carry_out(
        &self,
        request: &IntegrationRequest,
        token: &str,
    ) -> Result<Result<Value, Problem>, ServiceError> {
        tokio::time::sleep(Duration::from_millis(self.options.delay_ms)).await;
        let outcome = match request.action {
            IntegrationAction::Provision => self.provision(request).await?,
            IntegrationAction::Undo => self.undo(request).await?,
        };
        let task_token = request.task_token.clone();
        Ok(match outcome {
            Outcome::Done(output) => self.answer(token, &TaskSuccess { task_token, output }).await,
            Outcome::Refused { error, cause } => {
                self.answer(token, &TaskFailure::new(&task_token, error, &cause)).await
            }
        })
    }

    /// Makes the tenant's workspace, once.
    async fn provision(&self, request: &IntegrationRequest) -> Result<Outcome, ServiceError> {
        let tenant = &request.tenant_id;
        if let Some(cause) = self.refusal(tenant).await {
            return Ok(Outcome::Refused { error: "Demo.Refused", cause });
        }
        let name = format!("workspace-{tenant}");
        let made = self
            .store
            .change(|memory| {
                // The undo of this attempt overtook it: making the workspace now would leave it behind for ever.
                if memory.undone.get(tenant).is_some_and(|undone| *undone >= request.generation) {
                    return false;
                }
                // The name is the tenant's, so a second request finds what the first has made.
                let made = Workspace { name: name.clone(), generation: request.generation };
                let workspace = memory.workspaces.entry(tenant.clone()).or_insert(made);
                workspace.generation = workspace.generation.max(request.generation);
                true
            })
            .await?;
        Ok(if made {
            Outcome::Done(json!({"resource": name}))
        } else {
            Outcome::Refused {
                error: "Demo.Superseded",
                cause: "This attempt was undone already.".to_owned(),
            }
        })
    }

    /// Removes the tenant's workspace, whether there is one or not.
    async fn undo(&self, request: &IntegrationRequest) -> Result<Outcome, ServiceError> {
        let tenant = &request.tenant_id;
        let removed = self
            .store
            .change(|memory| {
                let undone = memory.undone.entry(tenant.clone()).or_default();
                *undone = (*undone).max(request.generation);
                // A late undo of an old attempt must not take away what a newer one has made.
                let ours =
                    memory.workspaces.get(tenant).is_some_and(|made| made.generation <= request.generation);
                ours && memory.workspaces.remove(tenant).is_some()
            })
            .await?;
        Ok(Outcome::Done(json!({"removed": removed})))
    }

    /// Why this tenant is refused, where it is. A real service would look at its own rules.
    async fn refusal(&self, tenant: &TenantId) -> Option<String> {
        let word = self.options.refuse.as_deref()?;
        let found = self.control_plane.get(&format!("/v1/tenants/{tenant}")).await.ok()?;
        let holds = |field: &str| found[field].as_str().is_some_and(|text| text.contains(word));
        (holds("name") || holds("slug"))
            .then(|| format!("This service was started to refuse tenants with {word:?} in their name."))
    }

    async fn answer(&self, token: &str, answer: &(impl TaskAnswer + Sync)) -> Result<Value, Problem> {
        self.control_plane.post(&task_token_path(answer), token, None, answer).await
    }

    /// Gives signs of life as often as asked for, with room for two to be lost.
    async fn heartbeats(&self, request: &IntegrationRequest, token: &str) -> Infallible {
        let Some(seconds) = request.heartbeat_seconds else { return std::future::pending().await };
        loop {
            tokio::time::sleep(Duration::from_secs(seconds) / 3).await;
            // Refused where nobody waits any more; then the answer will be, too, and that ends it.
            let _ = self.answer(token, &TaskHeartbeat { task_token: request.task_token.clone() }).await;
        }
    }
}

/// The control plane's API, as far as this service needs it.
struct ControlPlane {
    http: reqwest::Client,
    base: String,
    admin_token: String,
}

/// An answer that will not change: what RFC 9457 calls a problem.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl ControlPlane {
    const FIRST_PAUSE: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_secs(2);

    fn new(base: &str, admin_token: String) -> Result<Self, ServiceError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client_config())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| ServiceError::Fault(format!("the HTTP client cannot be made: {error}")))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), admin_token })
    }

    async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.send(|| self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.admin_token)).await
    }

    async fn post(
        &self,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: &(impl Serialize + Sync),
    ) -> Result<Value, Problem> {
        self.send(|| {
            let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(token).json(body);
            match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        })
        .await
    }

    /// Sends until there is an answer that will not change. Everything this service sends may be sent again.
    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Value, Problem> {
        let mut pause = Self::FIRST_PAUSE;
        loop {
            match Self::once(request()).await {
                Ok(settled) => return settled,
                Err(reason) => tracing::warn!(reason, "the control plane does not answer; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
        }
    }

    /// `Err` where it is worth to try again.
    async fn once(request: reqwest::RequestBuilder) -> Result<Result<Value, Problem>, String> {
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        let status = response.status();
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(format!("it answered {status}"));
        }
        let bytes = response.bytes().await.map_err(|error| error.without_url().to_string())?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(Ok(body));
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        Ok(Err(Problem { status, code: text("code"), detail: text("detail") }))
    }
}

/// What the service must not forget. It holds secrets: the file is for its owner alone.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    /// The `Idempotency-Key` of the registration.
    registration_key: Option<String>,
    registration: Option<Registered>,
    /// Requests that were answered 2xx and not yet confirmed, by their `webhook-id`.
    pending: BTreeMap<String, IntegrationRequest>,
    /// What the service is for.
    workspaces: BTreeMap<TenantId, Workspace>,
    /// The last generation that was undone, by tenant.
    undone: BTreeMap<TenantId, u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    /// Where requests were asked to be sent.
    url: String,
    answer: Registration,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Workspace {
    name: String,
    /// The newest generation that asked for it.
    generation: u64,
}

/// A small file that is always whole. A real service has a database; the rules are the same.
struct Store {
    path: PathBuf,
    memory: Mutex<Memory>,
}

impl Store {
    async fn open(dir: &Path) -> Result<Self, ServiceError> {
        let path = dir.join("state.json");
        let fault = |message: String| ServiceError::Store { path: path.display().to_string(), message };
        tokio::fs::create_dir_all(dir).await.map_err(|error| fault(error.to_string()))?;
        let memory = match tokio::fs::read(&path).await {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| fault(format!("it is damaged: {error}")))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(fault(error.to_string())),
        };
        Ok(Self { path, memory: Mutex::new(memory) })
    }

    /// Changes the memory. Once this is `Ok`, the change survives a crash; before it, nobody sees it.
    async fn change<T>(&self, edit: impl FnOnce(&mut Memory) -> T) -> Result<T, ServiceError> {
        let mut memory = self.memory.lock().await;
        let mut next = memory.clone();
        let answer = edit(&mut next);
        self.write(&next).await.map_err(|error| ServiceError::Store {
            path: self.path.display().to_string(),
            message: error.to_string(),
        })?;
        *memory = next;
        Ok(answer)
    }

    /// A new file, synced, put in the place of the old one: a crash leaves the one or the other, never half of one.
    async fn write(&self, memory: &Memory) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&new).await?;
        tokio::io::AsyncWriteExt::write_all(&mut file, &serde_json::to_vec(memory)?).await?;
        file.sync_all().await?;
        tokio::fs::rename(&new, &self.path).await?;
        // The new name, too, must be on disk.
        match self.path.parent() {
            Some(dir) => tokio::fs::File::open(dir).await?.sync_all().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
