//! An execution's state, and the pure fold that makes it.

mod change;
mod frame;
mod map_run;
mod map_views;

pub use change::Change;
pub(crate) use change::{FrameChange, FramePatch, TaskChange};
pub(crate) use frame::{Activity, Fan, Frame, FrameId, ROOT};
pub(crate) use map_run::{
    About, Batching, Child, ChildChange, Dataset, Failed, Head, MapRun, MapRunChange, MapRunId, Phase,
};
pub use map_run::{MapRunCounts, MapRunStatus};
pub use map_views::{MapChild, MapRunView, map_child_name_prefix};
pub(crate) use map_views::{map_run_arn, result_of, uuid_of};

use crate::{Closed, Identity, PendingTask, TaskId, Timer, TimerKey, entries};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A JSON value that several places share.
pub(crate) type Payload = Arc<Value>;

/// The variables of one scope.
pub type Variables = BTreeMap<String, Payload>;

/// How an execution began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) identity: Identity,
    pub(crate) input: Payload,
    pub(crate) at_ms: i64,
}

/// A task in flight and the frame that waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskEntry {
    pub(crate) frame: FrameId,
    /// When it was scheduled.
    pub(crate) at_ms: i64,
    /// Whether history tells of it, where that waits for the dispatch to be acknowledged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) told: bool,
    pub(crate) task: PendingTask,
}

/// Where an execution stands: plain JSON values only, no code. The default is one that was not started.
///
/// **Invariant:** it is exactly the fold of its [`Change`]s; nothing else writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecutionState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Arc<Start>>,
    pub(crate) last_event_id: u64,
    pub(crate) next_frame: FrameId,
    pub(crate) next_task: TaskId,
    #[serde(default)]
    pub(crate) redrive_count: u64,
    #[serde(default)]
    pub(crate) redriven_at_ms: Option<i64>,
    #[serde(with = "entries")]
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    #[serde(with = "entries")]
    pub(crate) tasks: BTreeMap<TaskId, TaskEntry>,
    #[serde(with = "entries")]
    pub(crate) timers: BTreeMap<TimerKey, i64>,
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) map_runs: BTreeMap<MapRunId, MapRun>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Closed>,
}

impl ExecutionState {
    /// Folds a change in. Never evaluates an expression and never needs the definition. Changes must come in the order
    /// in which [`crate::step`] made them.
    pub fn apply(&mut self, change: &Change) {
        change.fold_into(self);
    }

    /// How it ended, once it has.
    pub fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Whether it was started.
    pub fn is_started(&self) -> bool {
        self.start.is_some()
    }

    /// Who runs; `None` before the start.
    pub fn identity(&self) -> Option<&Identity> {
        self.start.as_deref().map(|start| &start.identity)
    }

    /// The execution's input; `None` before the start.
    pub fn input(&self) -> Option<&Value> {
        self.start.as_deref().map(|start| &*start.input)
    }

    /// When it was started, in milliseconds since the Unix epoch; `None` before the start.
    pub fn started_at_ms(&self) -> Option<i64> {
        self.start.as_deref().map(|start| start.at_ms)
    }

    /// When it was last redriven, in milliseconds since the Unix epoch; `None` where it never was.
    pub fn redriven_at_ms(&self) -> Option<i64> {
        self.redriven_at_ms
    }

    /// How often it was redriven.
    pub fn redrive_count(&self) -> u64 {
        self.redrive_count
    }

    /// The tasks that were scheduled and have not answered, oldest first.
    pub fn pending_tasks(&self) -> impl Iterator<Item = &PendingTask> {
        self.tasks.values().map(|entry| &entry.task)
    }

    /// A task in flight; `None` once it is answered, timed out or abandoned.
    pub fn pending_task(&self, task: TaskId) -> Option<&PendingTask> {
        self.tasks.get(&task).map(|entry| &entry.task)
    }

    /// The timers that are set.
    pub fn timers(&self) -> Vec<Timer> {
        self.timers.iter().map(|(&key, &at_ms)| Timer { key, at_ms }).collect()
    }

    /// The last history event's id; 0 before the start.
    pub fn last_event_id(&self) -> u64 {
        self.last_event_id
    }

    /// Whether nothing is in flight but submitted tasks and timers: nothing will happen soon, so that the runtime may
    /// put it aside. A closed execution is parked too.
    pub fn is_parked(&self) -> bool {
        self.closed.is_some()
            || self.is_started()
                && self.tasks.values().all(|entry| entry.task.submitted || entry.told)
                && !self.frames.values().any(|frame| frame.activity == Activity::Ready)
    }
}
