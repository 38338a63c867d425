//! Whose child an execution is.

use crate::journal::ExecutionKey;
use serde::{Deserialize, Serialize};
use tenantry_asl::TaskId;
use tenantry_core::ExecutionId;

/// The task that started an execution. Journaled with the child's first row, so that the link needs no row of its own:
/// a task that is dispatched again finds what it started before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Parent {
    /// The execution's number.
    pub(crate) key: ExecutionKey,
    /// Its id.
    pub(crate) id: ExecutionId,
    /// The task.
    pub(crate) task: TaskId,
    /// Whether the task waits for the child's end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) waits: bool,
}
