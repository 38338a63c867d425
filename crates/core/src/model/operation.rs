//! Operations, their attempts and their progress.

use crate::{ExecutionId, OperationId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// What an operation does to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Makes everything that a tenant needs.
    Provision,
}

impl OperationKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationKind::Provision => "provision",
        }
    }

    /// The workflow that carries it out: the name of a file in `workflows/`.
    pub fn workflow(self) -> &'static str {
        match self {
            OperationKind::Provision => "provision_tenant",
        }
    }
}

/// What was written down of an operation's way. What a caller reads (`queued`, `running`, `succeeded`, `failed`,
/// `stuck`) is computed from this and from the attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationPhase {
    /// Accepted; its execution has not been started yet.
    Queued,
    /// Its execution was started.
    Running,
    /// It reached its end.
    Succeeded,
    /// It failed and everything made was undone.
    Failed,
}

/// An error as it is kept in a row: a name that `Retry` and `Catch` can match, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedError {
    /// The error's name, such as `Tenant.NoCapacity`.
    pub code: String,
    /// What, why and what now; a sentence that says where to read on, where the true one is sealed.
    pub message: String,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The true message in base64 of its sealed form, where a service's words may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// How the execution of the running attempt ended, where it ended without bringing the operation to an end: then
/// the operation is stuck, and a redrive clears this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttemptEnd {
    /// `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// The error.
    pub error: RecordedError,
    /// When.
    pub at: Timestamp,
}

/// The record of an operation: the row `OPERATION#<id>` of its tenant's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// The id.
    pub operation_id: OperationId,
    /// Whose.
    pub tenant_id: TenantId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it has come.
    pub phase: OperationPhase,
    /// The running or last attempt, from 1.
    pub attempt: u64,
    /// The tenant's generation that belongs to this attempt.
    pub generation: u64,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<RecordedError>,
    /// How the attempt's execution ended, where the operation did not end with it.
    pub attempt_end: Option<AttemptEnd>,
    /// Writes so far.
    pub revision: u64,
}

impl Operation {
    /// The execution of the running or last attempt: `<workflow>~<operationId>-<attempt>`.
    ///
    /// # Panics
    /// Never: the parts are valid by their making.
    pub fn execution_id(&self) -> ExecutionId {
        ExecutionId::new(self.kind.workflow(), &format!("{}-{}", self.operation_id, self.attempt))
            .expect("an operation id and a number make a valid execution name")
    }
}

/// What a step is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressState {
    /// It runs.
    Running,
    /// It waits for a service to answer its task token.
    Waiting,
    /// It failed and may be tried again.
    Failed,
    /// It ended well.
    Succeeded,
}

/// The latest step of an operation: the row `PROGRESS#<operationId>`, written by the step wrapper in both homes, so
/// that lists and status never ask the state machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    /// The operation.
    pub operation_id: OperationId,
    /// The operation's attempt.
    pub attempt: u64,
    /// The state's name in the definition.
    pub step: String,
    /// The try of this step, from 1.
    #[serde(rename = "try")]
    pub try_number: u64,
    /// What it is doing.
    pub state: ProgressState,
    /// When this try began.
    pub started_at: Timestamp,
    /// When the row was written.
    pub updated_at: Timestamp,
    /// The last error of this step.
    pub last_error: Option<RecordedError>,
    /// The latest time at which the next try begins, where there is one.
    pub next_retry_at: Option<Timestamp>,
    /// The latest time by which this try ends: without any sign of life after it, the operation is stuck.
    pub deadline_at: Option<Timestamp>,
}
