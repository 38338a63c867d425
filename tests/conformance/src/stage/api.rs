//! The public surface that cases are driven through.

use super::invoker::Invoker;
use serde_json::Value;
use std::sync::Arc;
use tenantry_core::ports::{Clock, Workflows as _};
use tenantry_core::{Arn, ExecutionId, Realm};
use tenantry_engine::testing::{MemoryBlobs, MemoryDocuments, MemoryJournal, SeqIds, SimClock};
use tenantry_engine::{Engine, EngineConfig};
use tenantry_stepfunctions::{Endpoint, LogLevel, Logging, Registry, logging};

/// An operation that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Such as `ValidationException`.
    pub(crate) code: String,
    /// The words.
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned() }
    }
}

/// What the protocol is opened over.
pub(super) struct Parts {
    pub(super) journal: MemoryJournal,
    pub(super) clock: SimClock,
    pub(super) ids: Arc<SeqIds>,
    pub(super) blobs: Arc<MemoryBlobs>,
    pub(super) realm: Realm,
    pub(super) invoker: Arc<Invoker>,
}

/// The protocol over its engine.
pub(crate) struct Protocol {
    endpoint: Endpoint,
    engine: Engine,
}

/// Opens engine, registry and protocol, empty.
pub(super) async fn open(parts: Parts) -> Result<Protocol, String> {
    let Parts { journal, clock, ids, blobs, realm, invoker } = parts;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let registry = Registry::open(
        Arc::new(MemoryDocuments::default()),
        realm.clone(),
        Arc::clone(&clock),
        Arc::<SeqIds>::clone(&ids),
    );
    let registry = registry.await.map_err(|error| format!("the registry: {error}"))?;
    let config = EngineConfig::new(Arc::new(journal), invoker, clock, ids, Vec::new(), [7; 32])
        .with_realm(realm)
        .with_machines(Arc::new(registry.clone()))
        .with_blobs(blobs);
    let engine = Engine::open(config).await.map_err(|error| format!("the engine: {error}"))?;
    Ok(Protocol { endpoint: Endpoint::new(engine.clone(), registry), engine })
}

impl Protocol {
    /// Calls an operation, such as `StartExecution`.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Result<Value, Refusal> {
        let answer = self.endpoint.call(operation, body.to_string().as_bytes()).await;
        answer.map_err(|error| Refusal { code: error.code.to_owned(), message: error.message })
    }

    /// Returns once the execution has ended.
    pub(crate) async fn ended(&self, execution_arn: &str) -> Result<(), String> {
        let id = id(execution_arn)?;
        self.engine.ended(&id).await.map_err(|error| error.to_string())
    }

    /// What the machine's log would hold of an execution.
    pub(crate) async fn log(&self, execution_arn: &str, logging: &Value) -> Result<Vec<Value>, String> {
        let id = id(execution_arn)?;
        let page = self.engine.history(&id, None, false, 1_000).await.map_err(|error| error.to_string())?;
        let level = match logging["level"].as_str() {
            Some("ALL") => LogLevel::All,
            Some("ERROR") => LogLevel::Error,
            Some("FATAL") => LogLevel::Fatal,
            _ => LogLevel::Off,
        };
        let include_execution_data = logging["includeExecutionData"] == true;
        let logging = Logging { level, include_execution_data, ..Logging::default() };
        Ok(logging::entries(&logging, &page.events, execution_arn, 0))
    }
}

fn id(execution_arn: &str) -> Result<ExecutionId, String> {
    let id = match Arn::parse(execution_arn) {
        Some(Arn::Execution { machine, name }) => ExecutionId::new(machine, name),
        Some(Arn::Express { machine, name, uuid }) => ExecutionId::new(machine, &format!("{name}:{uuid}")),
        _ => return Err(format!("{execution_arn} names no execution")),
    };
    id.map_err(|error| error.to_string())
}
