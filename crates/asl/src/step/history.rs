//! Writing history events, in Step Functions' types, order and details.
//!
//! Each thread's events form a chain by `previousEventId`. As recorded executions show: the first event after the start
//! points at 0; what fails while a state is being entered points before the entry; an iteration's or state's own
//! `…Succeeded` and `…Failed` stand beside the chain, so that the event after one points where it points.

use super::run::Run;
use crate::limits::{HISTORY_EVENTS_MAX, PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX};
use crate::state::{Frame, FrameId, Payload};
use crate::{HistoryEvent, TASK_TOKEN_PLACEHOLDER};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What history shows where a task's token stood.
pub(crate) const TOKEN_SHOWN: &str = "[task token]";

impl Run<'_> {
    /// Appends an event; its id. The last place is kept for the end of the execution.
    pub(super) fn record(&mut self, previous_id: u64, event_type: impl Into<String>, details: Value) -> u64 {
        if self.last_event + 1 >= HISTORY_EVENTS_MAX {
            self.exhausted = true;
            return self.last_event;
        }
        self.record_at(self.env.now_ms, previous_id, event_type.into(), details)
    }

    pub(super) fn record_at(
        &mut self,
        at_ms: i64,
        previous_id: u64,
        event_type: String,
        details: Value,
    ) -> u64 {
        self.last_event += 1;
        let id = self.last_event;
        self.history.push(HistoryEvent { id, previous_id, timestamp_ms: at_ms, event_type, details });
        id
    }

    /// Appends an event to a frame's chain.
    pub(super) fn chain(&mut self, frame: FrameId, event_type: impl Into<String>, details: Value) -> u64 {
        let previous = self.frame(frame).map_or(0, last_of);
        let id = self.record(previous, event_type, details);
        if let Some(frame) = self.frame_mut(frame) {
            frame.event = id;
        }
        id
    }

    /// Appends an event that points at a frame's chain but is no part of it.
    pub(super) fn beside(&mut self, frame: FrameId, event_type: impl Into<String>, details: Value) -> u64 {
        let previous = self.frame(frame).map_or(0, last_of);
        self.record(previous, event_type, details)
    }

    /// A payload as text; `None` where it is over the limit.
    pub(super) fn write(&mut self, payload: &Payload) -> Option<Arc<str>> {
        if let Some((last, text)) = &self.written
            && Arc::ptr_eq(last, payload)
        {
            self.history_bytes += text.len();
            return Some(Arc::clone(text));
        }
        let text: Arc<str> = to_text(payload)?.into();
        self.history_bytes += text.len();
        self.written = Some((Arc::clone(payload), Arc::clone(&text)));
        Some(text)
    }
}

/// The last event of a frame's chain.
pub(super) fn last_of(frame: &Frame) -> u64 {
    frame.event.max(frame.entered_event)
}

/// A value as JSON text, with task tokens hidden; `None` where it is too large or nested too deep.
pub(super) fn to_text(value: &Value) -> Option<String> {
    if !within_depth(value, PAYLOAD_DEPTH_MAX) {
        return None;
    }
    let text = value.to_string();
    if text.len() > PAYLOAD_BYTES_MAX {
        return None;
    }
    Some(if text.contains(TASK_TOKEN_PLACEHOLDER) {
        text.replace(TASK_TOKEN_PLACEHOLDER, TOKEN_SHOWN)
    } else {
        text
    })
}

fn within_depth(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| within_depth(item, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|member| within_depth(member, depth - 1)),
        _ => true,
    }
}

/// The details of an event: one member, named as Step Functions names it.
pub(super) fn details(name: &str, value: Value) -> Value {
    let mut details = Map::with_capacity(1);
    details.insert(name.to_owned(), value);
    Value::Object(details)
}

/// No details.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

/// `error` and `cause`, each where it is there.
pub(super) fn error_and_cause(error: Option<&str>, cause: Option<&str>) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, text) in [("error", error), ("cause", cause)] {
        if let Some(text) = text {
            members.insert(name.to_owned(), Value::from(text));
        }
    }
    members
}

/// `truncated` is always false here: nothing over the limit is ever written.
pub(super) fn untruncated() -> Value {
    json!({"truncated": false})
}
