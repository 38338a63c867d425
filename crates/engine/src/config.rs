//! What an engine is opened with, and why it may not open.

use crate::invoker::TaskInvoker;
use crate::journal::{Journal, JournalError};
use crate::machines::Machines;
use std::fmt;
use std::sync::Arc;
use tenantry_asl::{Diagnostic, Evaluator, JsonataEvaluator};
use tenantry_core::Realm;
use tenantry_core::ports::{Blobs, Clock, Ids};

const CALLS_MAX: usize = 4_096;

/// What an engine is opened with.
pub struct EngineConfig {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) invoker: Arc<dyn TaskInvoker>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) definitions: Vec<(String, String)>,
    pub(crate) token_key: [u8; 32],
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) checkpoint_records: usize,
    pub(crate) calls_max: usize,
    pub(crate) realm: Realm,
    pub(crate) machines: Option<Arc<dyn Machines>>,
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) dispatches_early: bool,
}

impl EngineConfig {
    /// `definitions`: each workflow's name and its rendered text. `token_key`: 32 secret bytes that authenticate and
    /// seal task tokens; with another key the tokens that are out become invalid, and those that were not handed out
    /// cannot be.
    pub fn new(
        journal: Arc<dyn Journal>,
        invoker: Arc<dyn TaskInvoker>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        definitions: Vec<(String, String)>,
        token_key: [u8; 32],
    ) -> Self {
        Self {
            journal,
            invoker,
            clock,
            ids,
            definitions,
            token_key,
            evaluator: Arc::new(JsonataEvaluator),
            checkpoint_records: 50,
            calls_max: CALLS_MAX,
            realm: Realm::default(),
            machines: None,
            blobs: None,
            #[cfg(any(test, feature = "testing"))]
            dispatches_early: false,
        }
    }

    /// Another query language; [`JsonataEvaluator`] otherwise.
    #[must_use]
    pub fn with_evaluator(mut self, evaluator: Arc<dyn Evaluator>) -> Self {
        self.evaluator = evaluator;
        self
    }

    /// After how many records an execution that parks is written whole; 50 otherwise. One that never parks is written
    /// whole after twenty times as many.
    #[must_use]
    pub fn with_checkpoint_records(mut self, records: usize) -> Self {
        self.checkpoint_records = records;
        self
    }

    /// How many calls are made at once, at least one; 4,096 otherwise. Further tasks wait, while their timeouts run.
    #[must_use]
    pub fn with_calls_max(mut self, calls: usize) -> Self {
        self.calls_max = calls.max(1);
        self
    }

    /// Where executions live: what their ARNs begin with. [`Realm::default`] otherwise.
    #[must_use]
    pub fn with_realm(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }

    /// Who knows the state machines and activities that definitions name; without it `states:startExecution` finds the
    /// engine's own workflows alone, and no activity.
    #[must_use]
    pub fn with_machines(mut self, machines: Arc<dyn Machines>) -> Self {
        self.machines = Some(machines);
        self
    }

    /// Where distributed Maps read their items and write their results; without it they can do neither.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Arc<dyn Blobs>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// Makes the engine wrong on purpose: it dispatches before the journal has synced. The proof of durability must
    /// notice.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn dispatching_early(mut self) -> Self {
        self.dispatches_early = true;
        self
    }
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workflows: Vec<_> = self.definitions.iter().map(|(name, _)| name).collect();
        f.debug_struct("EngineConfig").field("workflows", &workflows).finish_non_exhaustive()
    }
}

/// Why an engine does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A definition cannot run.
    #[error("the workflow {workflow} cannot run: {}", list(.diagnostics))]
    Definition {
        /// Its name.
        workflow: String,
        /// All that is wrong with it.
        diagnostics: Vec<Diagnostic>,
    },
    /// Two definitions have one name.
    #[error("there are two workflows of the name {0}: give one of them another name")]
    DuplicateWorkflow(String),
    /// The journal cannot be read or written.
    #[error("the journal does not answer, so nothing was recovered: {0}")]
    Journal(#[from] JournalError),
}

fn list(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("; ")
}
