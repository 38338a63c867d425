//! One machine's home, put together: data folder, engine, steps, workers and API. The only place that chooses adapters.

use crate::invoker::LocalInvoker;
use crate::stepfunctions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tenantry_api::{ApiState, token_sha256};
use tenantry_app::usecases::{App, Gauge, GaugeSource, Settings};
use tenantry_app::workers::{Wakes, WorkerHandles, WorkerSettings, spawn_all};
use tenantry_app::{Ports, http};
use tenantry_core::Timestamp;
use tenantry_core::model::CatalogueError;
use tenantry_core::ports::{PortError, Secret, Vault as _};
use tenantry_definitions::workflows::{self, WorkflowFault};
use tenantry_embedded::{EmbeddedHome, HomeOptions};
use tenantry_engine::{Engine, EngineConfig};
use tenantry_stepfunctions::{Endpoint, RegistryError, Verifier};

/// The file in the data folder that holds the administrator's token.
pub const TOKEN_FILE: &str = "admin.token";
/// The file in the data folder that tells where the server listens.
pub const ADDRESS_FILE: &str = "server.address";

const TASK_TOKEN_KEY: &str = "system/task-token-key";

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Whether services and webhooks may have private addresses.
    pub allow_private_webhooks: bool,
    /// A folder whose `*.asl.json` stand in for the built-in workflows of the same name.
    pub workflows: Option<PathBuf>,
}

/// Why a node cannot start; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Home(#[from] tenantry_embedded::OpenError),
    /// Workflows that cannot run.
    #[error("{}", faults(.0))]
    Workflows(Vec<WorkflowFault>),
    /// Plans or cells.
    #[error("the plans or cells of this build cannot be used: {0}")]
    Catalogue(#[from] CatalogueError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] tenantry_engine::OpenError),
    /// The registry of state machines.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A port, while starting.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A file of the data folder.
    #[error("{path} cannot be {act}: {source}")]
    File {
        /// The file.
        path: String,
        /// `read` or `written`.
        act: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The outgoing HTTP client.
    #[error(transparent)]
    Http(#[from] http::HttpBuildError),
    /// What is kept under the task token key is no key.
    #[error("the task token key in the vault is damaged: restore the data folder from a backup")]
    TaskTokenKey,
}

fn faults(faults: &[WorkflowFault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("{} fault(s) in the workflows; nothing was started:\n  {}", lines.len(), lines.join("\n  "))
}

/// A running node, without its listener.
pub struct Node {
    home: EmbeddedHome,
    engine: Engine,
    workers: WorkerHandles,
    api: ApiState,
    protocol: (Endpoint, Verifier),
    background: Vec<tokio::task::JoinHandle<()>>,
}

impl Node {
    /// Takes the data folder, takes up every open execution and starts the workers.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(options: &NodeOptions) -> Result<Self, StartError> {
        let workflows = workflows::load(options.workflows.as_deref()).map_err(StartError::Workflows)?;
        let catalogue = Arc::new(tenantry_definitions::catalogue()?);
        let home = EmbeddedHome::open(&options.data_dir, HomeOptions::default())?;
        let token = admin_token(&options.data_dir, &home)?;
        let queues = home.queues.ports();

        let steps = tenantry_handlers::Ctx {
            table: home.table.clone(),
            vault: home.vault.clone(),
            data_keys: home.data_keys.clone(),
            clock: Arc::clone(&home.clock),
            ids: Arc::clone(&home.ids),
            catalogue: Arc::clone(&catalogue),
            retry_bound: tenantry_definitions::retry_bound(&workflows),
        };
        let definitions = workflows.iter().map(|flow| (flow.name.clone(), flow.text.clone())).collect();
        let verifier = stepfunctions::verifier(&options.data_dir, &home).await?;
        let registry = stepfunctions::registry(&home, &workflows).await?;
        let config = EngineConfig::new(
            Arc::new(home.journal.clone()),
            Arc::new(LocalInvoker::new(steps, queues.clone()).with_bus(Arc::new(home.bus.clone()))),
            Arc::clone(&home.clock),
            Arc::clone(&home.ids),
            definitions,
            task_token_key(&home).await?,
        )
        .with_realm(registry.realm().clone())
        .with_blobs(home.blobs.clone())
        .with_machines(Arc::new(registry.clone()));
        let engine = Engine::open(config).await?;

        let ports = Ports {
            table: home.table.clone(),
            queues,
            dead_letters: Arc::new(home.dead_letters.clone()),
            bus: Arc::new(home.bus.clone()),
            workflows: Arc::new(engine.clone()),
            task_tokens: Arc::new(engine.clone()),
            vault: home.vault.clone(),
            data_keys: home.data_keys.clone(),
            blobs: home.blobs.clone(),
            clock: Arc::clone(&home.clock),
            ids: Arc::clone(&home.ids),
            catalogue,
        };
        let mut settings = WorkerSettings { sole_process: true, ..WorkerSettings::default() };
        settings.http.allow_private = options.allow_private_webhooks;
        let wakes = Wakes::default();
        let endpoint = Endpoint::new(engine.clone(), registry);
        let logged = endpoint.clone();
        let background = vec![
            tokio::spawn(async move { logged.write_logs().await }),
            tokio::spawn(home.sweeper().run()),
            tokio::spawn(forget_old_executions(home.clone(), engine.clone())),
            tokio::spawn(wake_the_relay(home.table.outbox(), wakes.clone())),
        ];
        let workers = spawn_all(ports.clone(), settings, wakes)?;

        let app = App::new(ports, Settings { allow_private_webhooks: options.allow_private_webhooks });
        let gauges = NodeGauges { home: home.clone(), engine: engine.clone() };
        let api = ApiState {
            app: Arc::new(app),
            admin_token: Arc::new(token_sha256(&token)),
            events_signal: Some(home.bus.watch()),
            gauges: vec![Arc::new(gauges)],
        };
        let protocol = (endpoint, verifier);
        Ok(Self { home, engine, workers, api, protocol, background })
    }

    /// The HTTP API, and the Step Functions endpoint beside it.
    pub fn router(&self) -> axum::Router {
        let (endpoint, verifier) = self.protocol.clone();
        tenantry_api::router(self.api.clone()).merge(tenantry_stepfunctions::router(endpoint, verifier))
    }

    /// Ends the workers and the engine, and closes the data folder.
    pub async fn stop(self) {
        self.background.iter().for_each(tokio::task::JoinHandle::abort);
        self.workers.stop().await;
        self.engine.shutdown().await;
        drop(self.home);
    }
}

/// A commit that put something into the outbox wakes the relay; without it the relay looks every second.
async fn wake_the_relay(mut outbox: tokio::sync::watch::Receiver<u64>, wakes: Wakes) {
    while outbox.changed().await.is_ok() {
        wakes.outbox.notify_one();
    }
}

/// Ended executions are kept for 90 days, as Step Functions keeps them; then their rows go and their names are free.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html> Express executions are in no list and no
/// history; they are kept for an hour, for whoever waits for one or reads the log.
async fn forget_old_executions(home: EmbeddedHome, engine: Engine) {
    const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
    const EXPRESS_KEPT: Duration = Duration::from_secs(3600);
    const ROUND: Duration = Duration::from_secs(3600);
    loop {
        let now = home.clock.now();
        let ago = |kept: Duration| Timestamp::from_millis(now.as_millis() - kept.as_millis() as i64);
        if let Err(error) = engine.forget_express(ago(EXPRESS_KEPT)).await {
            tracing::warn!(%error, "old Express executions could not be forgotten; the next round tries again");
        }
        let before = ago(KEPT);
        match home.journal.forget_closed_before(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "executions that ended over 90 days ago were forgotten"),
            Err(error) => {
                tracing::warn!(%error, "old executions could not be forgotten; the next round tries again");
            }
        }
        home.clock.sleep_until(now.saturating_add(ROUND)).await;
    }
}

/// Made once, kept in the vault: tokens that are out stay good over restarts.
async fn task_token_key(home: &EmbeddedHome) -> Result<[u8; 32], StartError> {
    let kept = match home.vault.resolve(TASK_TOKEN_KEY).await {
        Err(PortError::NotFound { .. }) => {
            let mut fresh = [0_u8; 32];
            home.ids.fill(&mut fresh);
            home.vault.store(TASK_TOKEN_KEY, Secret::new(STANDARD.encode(fresh))).await?;
            home.vault.resolve(TASK_TOKEN_KEY).await?
        }
        kept => kept?,
    };
    let bytes = STANDARD.decode(kept.expose()).map_err(|_| StartError::TaskTokenKey)?;
    bytes.try_into().map_err(|_| StartError::TaskTokenKey)
}

/// Made at the first start, readable by its owner alone.
fn admin_token(dir: &Path, home: &EmbeddedHome) -> Result<String, StartError> {
    let path = dir.join(TOKEN_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(StartError::File { path: path.display().to_string(), act: "read", source });
        }
    }
    let mut bytes = [0_u8; 32];
    home.ids.fill(&mut bytes);
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let token = format!("tadm_{encoded}");
    write_private(&path, &token)?;
    Ok(token)
}

/// Writes a file whole or not at all, readable by its owner alone.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), StartError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension("new");
    let write = || {
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
    };
    write().map_err(|source| StartError::File { path: path.display().to_string(), act: "written", source })
}

struct NodeGauges {
    home: EmbeddedHome,
    engine: Engine,
}

impl GaugeSource for NodeGauges {
    fn gauges(&self) -> Vec<Gauge> {
        let store = self.home.store.stats();
        let engine = self.engine.stats();
        let gauge = |name, help, value: u64| Gauge::new(name, help, value as f64);
        vec![
            gauge(
                "tenantry_store_commits",
                "Commits of the store since the start, each one sync.",
                store.commits,
            ),
            gauge("tenantry_store_requests", "Write requests that those commits answered.", store.requests),
            gauge(
                "tenantry_store_failed_batches",
                "Batches that failed whole, such as on a full disk.",
                store.failed_batches,
            ),
            gauge("tenantry_journal_rows", "Rows appended to the journal since the start.", engine.entries),
            gauge("tenantry_engine_open_executions", "Executions that are open.", engine.open_executions),
            gauge("tenantry_engine_dispatched", "Tasks dispatched since the start.", engine.dispatched),
            gauge(
                "tenantry_engine_redispatched",
                "Tasks dispatched again after a death of the engine.",
                engine.redispatched,
            ),
            gauge("tenantry_engine_timers_armed", "Timers that are set.", engine.timers_armed),
            gauge(
                "tenantry_engine_faulted",
                "Executions that are left alone because of damaged rows or a fault.",
                engine.faulted,
            ),
        ]
    }
}
