//! What one step changes: the frames, tasks and timers that it touched, and no more.

use super::{
    Activity, ExecutionState, Frame, FrameId, MapRunChange, MapRunId, Payload, Start, TaskEntry, Variables,
};
use crate::{Closed, PendingTask, TaskId, TimerKey, entries};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A delta of an [`ExecutionState`]. Its inside is private: a runtime stores it and folds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Arc<Start>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_event_id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_frame: Option<FrameId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_task: Option<TaskId>,
    /// The time of a redrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven_at_ms: Option<i64>,
    /// `None` removes.
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) frames: BTreeMap<FrameId, Option<FrameChange>>,
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tasks: BTreeMap<TaskId, TaskChange>,
    /// `None` clears.
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) timers: BTreeMap<TimerKey, Option<i64>>,
    #[serde(default, with = "entries", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) map_runs: BTreeMap<MapRunId, MapRunChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Closed>,
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum TaskChange {
    Scheduled {
        frame: FrameId,
        at_ms: i64,
        task: PendingTask,
    },
    /// History tells of it now.
    Told,
    Submitted,
    Gone,
}

/// What changed of a frame; a new one has all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum FrameChange {
    New(Frame),
    Changed(Box<FramePatch>),
}

/// The changed fields of a frame that was there before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FramePatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Arc<str>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    input: Option<Payload>,
    /// Variables that were set; none is unset but all at once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    assigned: Variables,
    /// The variables are gone: the scope has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    forgets: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variable_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entered_event: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entered_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retries: Option<Vec<u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
}

/// A Map state's items, taken up or dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Items {
    Set(Arc<Vec<Value>>),
    Dropped,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.start.is_none()
            && self.last_event_id.is_none()
            && self.next_frame.is_none()
            && self.next_task.is_none()
            && self.redriven_at_ms.is_none()
            && self.frames.is_empty()
            && self.tasks.is_empty()
            && self.timers.is_empty()
            && self.map_runs.is_empty()
            && self.closed.is_none()
    }

    pub(super) fn fold_into(&self, state: &mut ExecutionState) {
        if let Some(start) = &self.start {
            state.start = Some(Arc::clone(start));
        }
        state.last_event_id = self.last_event_id.unwrap_or(state.last_event_id);
        state.next_frame = self.next_frame.unwrap_or(state.next_frame);
        state.next_task = self.next_task.unwrap_or(state.next_task);
        if let Some(at_ms) = self.redriven_at_ms {
            state.redriven_at_ms = Some(at_ms);
            state.redrive_count += 1;
            state.closed = None;
        }
        for (&id, change) in &self.frames {
            match change {
                None => {
                    state.frames.remove(&id);
                }
                Some(FrameChange::New(frame)) => {
                    state.frames.insert(id, frame.clone());
                }
                Some(FrameChange::Changed(patch)) => {
                    if let Some(frame) = state.frames.get_mut(&id) {
                        patch.fold_into(frame);
                    }
                }
            }
        }
        for (&id, change) in &self.tasks {
            match change {
                TaskChange::Scheduled { frame, at_ms, task } => {
                    state.tasks.insert(
                        id,
                        TaskEntry { frame: *frame, at_ms: *at_ms, told: false, task: task.clone() },
                    );
                }
                TaskChange::Told => {
                    if let Some(entry) = state.tasks.get_mut(&id) {
                        entry.told = true;
                    }
                }
                TaskChange::Submitted => {
                    if let Some(entry) = state.tasks.get_mut(&id) {
                        entry.told = true;
                        entry.task.submitted = true;
                    }
                }
                TaskChange::Gone => {
                    state.tasks.remove(&id);
                }
            }
        }
        for (&key, &at_ms) in &self.timers {
            match at_ms {
                Some(at_ms) => state.timers.insert(key, at_ms),
                None => state.timers.remove(&key),
            };
        }
        for (&id, change) in &self.map_runs {
            change.fold_into(id, &mut state.map_runs);
        }
        if let Some(closed) = &self.closed {
            state.closed = Some(closed.clone());
        }
    }
}

impl FramePatch {
    /// What leads from one to the other; shared values count as the same only where they are shared, which costs no
    /// comparison of whole documents.
    pub(crate) fn between(before: &Frame, after: &Frame) -> Option<FramePatch> {
        let patch = FramePatch {
            state: (before.state != after.state).then(|| Arc::clone(&after.state)),
            input: (!Arc::ptr_eq(&before.input, &after.input)).then(|| Arc::clone(&after.input)),
            assigned: assigned(&before.variables, &after.variables),
            forgets: after.variables.is_empty() && !before.variables.is_empty(),
            variable_bytes: (before.variable_bytes != after.variable_bytes).then_some(after.variable_bytes),
            event: (before.event != after.event).then_some(after.event),
            entered_event: (before.entered_event != after.entered_event).then_some(after.entered_event),
            entered_at_ms: (before.entered_at_ms != after.entered_at_ms).then_some(after.entered_at_ms),
            retries: (before.retries != after.retries).then(|| after.retries.clone()),
            items: match (&before.items, &after.items) {
                (_, None) => before.items.is_some().then_some(Items::Dropped),
                (Some(before), Some(after)) if Arc::ptr_eq(before, after) => None,
                (_, Some(after)) => Some(Items::Set(Arc::clone(after))),
            },
            activity: (before.activity != after.activity).then(|| after.activity.clone()),
        };
        (patch != FramePatch::default()).then_some(patch)
    }

    fn fold_into(&self, frame: &mut Frame) {
        if let Some(state) = &self.state {
            frame.state = Arc::clone(state);
        }
        if let Some(input) = &self.input {
            frame.input = Arc::clone(input);
        }
        if !self.assigned.is_empty() {
            let variables = Arc::make_mut(&mut frame.variables);
            for (name, value) in &self.assigned {
                variables.insert(name.clone(), Arc::clone(value));
            }
        }
        if self.forgets {
            frame.variables = Arc::default();
        }
        frame.variable_bytes = self.variable_bytes.unwrap_or(frame.variable_bytes);
        frame.event = self.event.unwrap_or(frame.event);
        frame.entered_event = self.entered_event.unwrap_or(frame.entered_event);
        frame.entered_at_ms = self.entered_at_ms.unwrap_or(frame.entered_at_ms);
        if let Some(retries) = &self.retries {
            frame.retries.clone_from(retries);
        }
        match &self.items {
            None => {}
            Some(Items::Set(items)) => frame.items = Some(Arc::clone(items)),
            Some(Items::Dropped) => frame.items = None,
        }
        if let Some(activity) = &self.activity {
            frame.activity = activity.clone();
        }
    }
}

/// A payload that is there, even where it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Payload>, D::Error> {
    Payload::deserialize(deserializer).map(Some)
}

fn assigned(before: &Arc<Variables>, after: &Arc<Variables>) -> Variables {
    if Arc::ptr_eq(before, after) {
        return Variables::new();
    }
    let kept = |name: &String, value: &Payload| before.get(name).is_some_and(|old| Arc::ptr_eq(old, value));
    after
        .iter()
        .filter(|(name, value)| !kept(name, value))
        .map(|(name, value)| (name.clone(), Arc::clone(value)))
        .collect()
}
