//! Definitions: what was parsed, and what one may ask of it.

pub(crate) mod model;
mod parse;
pub(crate) mod retry;
mod retry_rules;
mod source;

pub use model::map::MachineType;
pub use model::{Definition, QueryLanguage};
pub use parse::{LONE_STATE_NAME, is_lone_state, parse, parse_as, parse_state, validate, validate_as};
pub use retry_rules::RetryRules;

/// One Task state, at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// The names of the states that it lies in, outermost first, and its own last.
    pub path: Vec<String>,
    /// Its name.
    pub name: String,
    /// Its resource, as the definition names it.
    pub resource: String,
    /// `Arguments.FunctionName`, where the resource is a Lambda invocation and the name is fixed.
    pub function: Option<String>,
    /// Where its Catch rules lead, in order.
    pub catch_targets: Vec<String>,
    /// Whether it is reachable only through a Catch: a step of the compensation lane.
    pub compensating: bool,
    /// Whether it lies in a Map or Parallel state.
    pub nested: bool,
    /// Whether it ends by a task token.
    pub waits_for_token: bool,
}

impl Definition {
    /// The text that was parsed, to the byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The first state's name.
    pub fn start_at(&self) -> &str {
        &self.start_at
    }

    /// The top-level Comment.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// The top-level TimeoutSeconds.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// The top-level QueryLanguage; JSONPath where none is named.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language
    }

    /// What a distributed Map state's child executions run: its processor as a definition of its own. `None` where the
    /// state is no distributed Map. The processors of a processor are asked of that one.
    pub fn processor(&self, state: &str) -> Option<&std::sync::Arc<Definition>> {
        self.processors.get(state)
    }

    /// The variables that each state reads, by the state's name, as DescribeStateMachine's `variableReferences` gives
    /// them; states that read none are left out.
    pub fn variable_references(&self) -> &std::collections::BTreeMap<String, Vec<String>> {
        &self.variable_references
    }

    /// Every Task state at any depth, in the order of the text.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.tasks.clone()
    }

    /// Upper bound of the pause, in seconds, before the retry that this state would make after that error, having made
    /// `retry_count` retries; `None` where it would make none. Jitter only shortens a pause.
    pub fn retry_bound_seconds(&self, state: &str, error: &str, retry_count: u64) -> Option<f64> {
        let retrier = self.states.get(state)?.retry.iter().find(|rule| retry::takes(&rule.errors, error))?;
        (retry_count < retrier.max_attempts).then(|| retrier.pause_seconds(retry_count))
    }

    /// Every error name that a Retry or Catch rule matches, sorted, each once.
    pub fn error_names(&self) -> &[String] {
        &self.error_names
    }
}
