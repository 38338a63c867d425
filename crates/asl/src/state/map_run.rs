//! Map Runs: what a distributed Map's child executions have come to.
//!
//! A run's items are set once; of its children each change says only what is new of the one child that it is about.

use super::{FrameId, Payload};
use crate::items::ChildStatus;
use crate::{TaskId, entries};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Map Run's number: unique within the execution, ascending.
pub(crate) type MapRunId = u64;

/// One run of a distributed Map. Kept after its end, then without items and children unless a redrive may want them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapRun {
    pub(crate) about: Arc<About>,
    pub(crate) head: Head,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dataset: Option<Arc<Dataset>>,
    /// The children that were started, by their place.
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) children: BTreeMap<u64, Child>,
    /// The children that run, by their task.
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) running: BTreeMap<TaskId, u64>,
}

/// What never changes of a Map Run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    /// Its own name, a UUID.
    pub(crate) uuid: String,
    pub(crate) label: String,
    /// The frame that stands in the Map state.
    pub(crate) frame: FrameId,
    pub(crate) state: Arc<str>,
    pub(crate) started_at_ms: i64,
    /// `MapStateStarted`.
    pub(crate) started_event: u64,
    /// Whether its children are Express executions.
    #[serde(default)]
    pub(crate) express: bool,
    /// Whether inputs of children that ended are wanted: for results that are written, and to start Express children anew.
    #[serde(default)]
    pub(crate) keeps_inputs: bool,
}

/// What changes of a Map Run as it goes: numbers only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) status: MapRunStatus,
    pub(crate) phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_at_ms: Option<i64>,
    pub(crate) max_concurrency: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tolerated_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tolerated_percentage: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) redrive_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven_at_ms: Option<i64>,
    /// How many items are in children that were started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) next_item: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) next_child: u64,
    /// Where to look on for children that wait for a redrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redrive_from: Option<u64>,
    /// Bytes of the inputs of the children that run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) input_bytes: u64,
    /// Bytes of all outputs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) output_bytes: u64,
    pub(crate) items: MapRunCounts,
    pub(crate) executions: MapRunCounts,
}

/// What a Map Run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Phase {
    /// It reads its items.
    Reading { task: TaskId },
    /// Its children run.
    Running,
    /// It writes its results; with a failure it fails then.
    Writing {
        task: TaskId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failed>,
    },
    /// It has ended, or stands still.
    Done,
}

/// Why a Map Run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) error: String,
    pub(crate) cause: String,
}

/// Items that are worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dataset {
    pub(crate) items: Vec<Value>,
    /// The members' names, where the items are an object's members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<Vec<String>>,
    /// `Map.Item.Source` of the context object.
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batching: Option<Batching>,
}

/// An `ItemBatcher`, evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batching {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items_max: Option<u64>,
    pub(crate) bytes_max: u64,
    /// `BatchInput`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Payload>,
}

/// A child execution that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// Pending: it waits for a redrive.
    pub(crate) status: ChildStatus,
    /// The task that it was started for last.
    pub(crate) task: TaskId,
    /// How many items it works on.
    pub(crate) items: u64,
    pub(crate) started_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) input_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) redrive_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven_at_ms: Option<i64>,
    /// Its input, where it is wanted again.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Payload>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Payload>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
}

/// How a Map Run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MapRunStatus {
    /// It runs.
    Running,
    /// It reached its end.
    Succeeded,
    /// Too many of its items failed, or its items or results could not be read or written.
    Failed,
    /// It was cut off.
    Aborted,
}

impl MapRunStatus {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            MapRunStatus::Running => "RUNNING",
            MapRunStatus::Succeeded => "SUCCEEDED",
            MapRunStatus::Failed => "FAILED",
            MapRunStatus::Aborted => "ABORTED",
        }
    }
}

/// How many items, or child executions, stand how.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_MapRunItemCounts.html>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MapRunCounts {
    /// Not started yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub pending: u64,
    /// Running.
    #[serde(skip_serializing_if = "is_zero")]
    pub running: u64,
    /// Ended well.
    #[serde(skip_serializing_if = "is_zero")]
    pub succeeded: u64,
    /// Failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Took too long.
    #[serde(skip_serializing_if = "is_zero")]
    pub timed_out: u64,
    /// Stopped.
    #[serde(skip_serializing_if = "is_zero")]
    pub aborted: u64,
    /// All. Of executions, while items are put into batches as they come: those known so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub total: u64,
    /// Whose results were gathered.
    #[serde(skip_serializing_if = "is_zero")]
    pub results_written: u64,
    /// Failed before, and waiting for a redrive.
    #[serde(skip_serializing_if = "is_zero")]
    pub pending_redrive: u64,
}

impl MapRunCounts {
    /// The count of one status.
    pub(crate) fn of(&mut self, status: ChildStatus) -> &mut u64 {
        match status {
            ChildStatus::Pending => &mut self.pending,
            ChildStatus::Running => &mut self.running,
            ChildStatus::Succeeded => &mut self.succeeded,
            ChildStatus::Failed => &mut self.failed,
            ChildStatus::TimedOut => &mut self.timed_out,
            ChildStatus::Aborted => &mut self.aborted,
        }
    }

    /// Those that did not end well.
    pub(crate) fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }
}

/// What changed of a Map Run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapRunChange {
    /// It is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<Arc<About>>,
    pub(crate) head: Head,
    /// The items, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dataset: Option<Arc<Dataset>>,
    /// Nothing but the numbers is needed any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) emptied: bool,
    /// Children that are new or changed.
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) children: BTreeMap<u64, ChildChange>,
}

/// What changed of a child; a new one has all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum ChildChange {
    New(Child),
    Changed(ChildPatch),
}

/// The changed fields of a child that was there before. One that runs again has nothing of its last end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChildPatch {
    status: ChildStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redriven_at_ms: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    input: Option<Payload>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    output: Option<Payload>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl ChildChange {
    /// What leads to a child from what it was before, if it was there.
    pub(crate) fn between(before: Option<&Child>, after: Child) -> Self {
        let Some(before) = before else { return ChildChange::New(after) };
        let news = |before: &Option<Payload>, after: Option<Payload>| {
            after.filter(|after| !before.as_ref().is_some_and(|before| Arc::ptr_eq(before, after)))
        };
        ChildChange::Changed(ChildPatch {
            status: after.status,
            task: (before.task != after.task).then_some(after.task),
            stopped_at_ms: after.stopped_at_ms.filter(|_| before.stopped_at_ms != after.stopped_at_ms),
            redrive_count: (before.redrive_count != after.redrive_count).then_some(after.redrive_count),
            redriven_at_ms: after.redriven_at_ms.filter(|_| before.redriven_at_ms != after.redriven_at_ms),
            input: news(&before.input, after.input),
            output: news(&before.output, after.output),
            error: after.error.filter(|error| before.error.as_ref() != Some(error)),
            cause: after.cause.filter(|cause| before.cause.as_ref() != Some(cause)),
        })
    }

    /// The child as it is then; `None` where it should have been there.
    fn applied(&self, before: Option<&Child>) -> Option<Child> {
        let patch = match self {
            ChildChange::New(child) => return Some(child.clone()),
            ChildChange::Changed(patch) => patch,
        };
        let mut child = before?.clone();
        if patch.status == ChildStatus::Running {
            (child.stopped_at_ms, child.error, child.cause) = (None, None, None);
        }
        child.status = patch.status;
        child.task = patch.task.unwrap_or(child.task);
        child.stopped_at_ms = patch.stopped_at_ms.or(child.stopped_at_ms);
        child.redrive_count = patch.redrive_count.unwrap_or(child.redrive_count);
        child.redriven_at_ms = patch.redriven_at_ms.or(child.redriven_at_ms);
        child.input = patch.input.clone().or(child.input);
        child.output = patch.output.clone().or(child.output);
        child.error = patch.error.clone().or(child.error);
        child.cause = patch.cause.clone().or(child.cause);
        Some(child)
    }
}

/// A payload that is there, even where it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Payload>, D::Error> {
    Payload::deserialize(deserializer).map(Some)
}

impl MapRunChange {
    pub(super) fn fold_into(&self, id: MapRunId, runs: &mut BTreeMap<MapRunId, MapRun>) {
        if let Some(about) = &self.about {
            let run = MapRun {
                about: Arc::clone(about),
                head: self.head.clone(),
                dataset: None,
                children: BTreeMap::new(),
                running: BTreeMap::new(),
            };
            runs.insert(id, run);
        }
        let Some(run) = runs.get_mut(&id) else { return };
        run.head.clone_from(&self.head);
        if let Some(dataset) = &self.dataset {
            run.dataset = Some(Arc::clone(dataset));
        }
        for (&place, change) in &self.children {
            let before = run.children.get(&place);
            if let Some(before) = before {
                run.running.remove(&before.task);
            }
            let Some(child) = change.applied(before) else { continue };
            if child.status == ChildStatus::Running {
                run.running.insert(child.task, place);
            }
            run.children.insert(place, child);
        }
        if self.emptied {
            run.dataset = None;
            run.children.clear();
            run.running.clear();
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
