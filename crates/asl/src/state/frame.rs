//! Frames: where each thread of an execution stands.

use super::{Payload, Variables};
use crate::TaskId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// A frame's number: unique within the execution, ascending.
pub(crate) type FrameId = u64;

/// The frame of the top level.
pub(crate) const ROOT: FrameId = 0;

/// One thread: the top level, a branch of a Parallel state, or an iteration of a Map state. It stands in exactly one
/// state of its own machine. A Parallel or Map state has child frames, numbered without holes from `Fan::first`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// The frame whose Parallel or Map state made this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<FrameId>,
    /// The state it stands in. Names are unique in the whole definition.
    pub(crate) state: Arc<str>,
    /// That state's raw input.
    pub(crate) input: Payload,
    /// The variables of this scope; outer scopes are the parents'.
    #[serde(default, skip_serializing_if = "no_variables")]
    pub(crate) variables: Arc<Variables>,
    /// Bytes of those variables, as JSON.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) variable_bytes: u64,
    /// The last history event of this thread.
    pub(crate) event: u64,
    /// The history event of the state's entry.
    pub(crate) entered_event: u64,
    /// When the state was entered.
    pub(crate) entered_at_ms: i64,
    /// How often each Retry rule of the state was used, by its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) retries: Vec<u64>,
    /// The items of the Map state it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Arc<Vec<Value>>>,
    /// What it does there.
    pub(crate) activity: Activity,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks that way")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn no_variables(variables: &Arc<Variables>) -> bool {
    variables.is_empty()
}

impl Frame {
    /// `State.RetryCount` of the context object: all retries of the state so far.
    pub(crate) fn retry_count(&self) -> u64 {
        self.retries.iter().sum()
    }
}

/// What a frame does in its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Activity {
    /// It is about to enter the state; the step before went on for long enough.
    Ready,
    /// A Wait state waits for its timer.
    Waiting,
    /// A retry's pause.
    Backoff,
    /// A task is in flight.
    Task {
        /// The task.
        task: TaskId,
    },
    /// The child frames run.
    Fan(Fan),
    /// The child executions of a distributed Map run.
    MapRun {
        /// The Map Run.
        run: u64,
    },
    /// A branch or iteration reached its end.
    Succeeded {
        /// Its output.
        output: Payload,
    },
    /// It failed here by itself; kept for a redrive.
    Failed {
        /// The error's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// It was cut off here by a failure elsewhere, a timeout or a stop; kept for a redrive.
    Aborted,
}

/// The children of a Parallel or Map state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fan {
    /// The first child's number; child `index` is `first + index`.
    pub(crate) first: FrameId,
    /// How many children there are in all.
    pub(crate) length: u64,
    /// How many were started.
    pub(crate) started: u64,
    /// How many run.
    pub(crate) running: u64,
    /// Most that may run at once.
    pub(crate) limit: u64,
    /// Bytes of the outputs so far, as JSON. Once they are more than a payload may have, outputs are no longer kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) output_bytes: u64,
}
