//! Workflows: starting, watching and mending executions.

use super::PortError;
use crate::{BoxFuture, ExecutionId, Timestamp};
use serde_json::Value;

/// Step Functions' execution states.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// It runs.
    Running,
    /// It reached its end.
    Succeeded,
    /// It failed.
    Failed,
    /// Its own timeout passed.
    TimedOut,
    /// It was stopped.
    Aborted,
}

impl ExecutionStatus {
    /// All states.
    pub const ALL: &'static [ExecutionStatus] = &[
        ExecutionStatus::Running,
        ExecutionStatus::Succeeded,
        ExecutionStatus::Failed,
        ExecutionStatus::TimedOut,
        ExecutionStatus::Aborted,
    ];

    /// The word in our JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionStatus::Running => "running",
            ExecutionStatus::Succeeded => "succeeded",
            ExecutionStatus::Failed => "failed",
            ExecutionStatus::TimedOut => "timed_out",
            ExecutionStatus::Aborted => "aborted",
        }
    }

    /// Step Functions' word.
    pub fn as_aws(self) -> &'static str {
        match self {
            ExecutionStatus::Running => "RUNNING",
            ExecutionStatus::Succeeded => "SUCCEEDED",
            ExecutionStatus::Failed => "FAILED",
            ExecutionStatus::TimedOut => "TIMED_OUT",
            ExecutionStatus::Aborted => "ABORTED",
        }
    }

    /// The state that our word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == word)
    }
}

/// What a start came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// It was started now. Also where it runs already with the same input, in a home that does not tell (Step
    /// Functions answers such a start as it answered the first).
    Started,
    /// It runs already, with the same input.
    AlreadyRunning,
    /// One of this name has ended, or runs with another input: names are used once.
    NameTaken,
}

/// An execution in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// The id.
    pub id: ExecutionId,
    /// The tenant that its input names, where it names one.
    pub tenant_id: Option<crate::TenantId>,
    /// The state.
    pub status: ExecutionStatus,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How often it was redriven.
    pub redrive_count: u32,
}

/// An execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// What a list shows.
    pub summary: ExecutionSummary,
    /// Its input.
    pub input: Value,
    /// Its output, once it succeeded.
    pub output: Option<Value>,
    /// Its error's name, once it failed.
    pub error: Option<String>,
    /// Its cause, once it failed.
    pub cause: Option<String>,
    /// SHA-256 of the rendered definition that it is pinned to, in hex.
    pub definition_hash: String,
}

/// Which executions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionFilter {
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only this state.
    pub status: Option<ExecutionStatus>,
    /// Only this tenant.
    pub tenant_id: Option<crate::TenantId>,
    /// Only names that begin with this.
    pub name_prefix: Option<String>,
}

/// A page, newest start first. Express executions are in none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionPage {
    /// The executions.
    pub items: Vec<ExecutionSummary>,
    /// To go on after; `None` at the end.
    pub next: Option<String>,
}

/// One event of a history, in Step Functions' types and details.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// From 1, without holes.
    pub id: u64,
    /// The event that led to this one; 0 for none.
    pub previous_id: u64,
    /// When.
    pub timestamp: Timestamp,
    /// The type, such as `TaskStateEntered`.
    pub event_type: String,
    /// The details: the member that Step Functions names after the type, such as `stateEnteredEventDetails`; an empty
    /// object where the type has none.
    pub details: Value,
}

/// A page of a history.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistoryPage {
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// The id to go on after; `None` where nothing more is there now.
    pub next: Option<u64>,
}

/// Why the state machines refuse.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkflowError {
    /// No such workflow.
    #[error("there is no workflow {0}")]
    UnknownWorkflow(String),
    /// No such execution.
    #[error("there is no execution {0}")]
    UnknownExecution(ExecutionId),
    /// The execution's state forbids it; the text says why.
    #[error("{0}")]
    WrongState(String),
    /// The input is over the limit.
    #[error("the input has more than {} bytes", crate::limits::PAYLOAD_BYTES_MAX)]
    InputTooLarge,
    /// The adapter.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The state machines.
pub trait Workflows: Send + Sync {
    /// Starts an execution. Once `Ok(Started)`, it survives a crash and goes on by itself.
    fn start<'a>(
        &'a self,
        id: &'a ExecutionId,
        input: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>>;

    /// An execution, as of what is durable.
    fn describe<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>>;

    /// A page of executions.
    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>>;

    /// A page of a history after an event's id (`None`: from the start; with `descending` from the end, going on
    /// before that id).
    fn history<'a>(
        &'a self,
        id: &'a ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>>;

    /// Stops a running execution. Once `Ok`, it is `aborted`, and nothing of it is dispatched again.
    fn stop<'a>(
        &'a self,
        id: &'a ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>>;

    /// Lets an execution that failed, timed out or was stopped go on from where it stood. Once `Ok`, it is running.
    fn redrive<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>>;
}
