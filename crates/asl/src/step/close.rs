//! The end of an execution.

use super::Failure;
use super::history::{details, error_and_cause};
use super::run::Run;
use crate::Closed;
use crate::errors::RUNTIME;
use crate::limits::HISTORY_EVENTS_MAX;
use crate::state::{Activity, ROOT};
use serde_json::Value;

impl Run<'_> {
    /// `previous_id`: the event that the failure follows.
    pub(super) fn close_failed(&mut self, failure: Failure, previous_id: u64) {
        if self.exhausted {
            return self.close_exhausted();
        }
        self.end_failed(failure, previous_id);
    }

    fn end_failed(&mut self, failure: Failure, previous_id: u64) {
        let Failure { error, cause, .. } = failure;
        let members = error_and_cause(error.as_deref(), cause.as_deref());
        let details = details("executionFailedEventDetails", Value::Object(members));
        self.close(Closed::Failed { error, cause }, previous_id, "ExecutionFailed", details);
    }

    /// The history has no room for anything but its end: what did not fit in is not to be passed over.
    pub(super) fn close_exhausted(&mut self) {
        let cause =
            format!("The execution reached the maximum number of history events ({HISTORY_EVENTS_MAX}).");
        let previous_id = self.frame(ROOT).map_or(0, super::history::last_of);
        self.end_failed(Failure::new(RUNTIME, cause), previous_id);
    }

    /// Ends the execution: every task and timer goes; the frames stay where they were cut off, for a redrive.
    pub(super) fn close(&mut self, closed: Closed, previous_id: u64, event_type: &str, details: Value) {
        self.record_at(self.env.now_ms, previous_id, event_type.to_owned(), details);
        self.queue.clear();
        self.abort_map_runs();
        for task in self.task_ids() {
            self.abandon_task(task);
        }
        let succeeded = matches!(closed, Closed::Succeeded { .. });
        for id in self.frame_ids() {
            if succeeded {
                self.remove_frame(id);
            } else if self.frame(id).is_some_and(|frame| is_in_flight(&frame.activity))
                && let Some(frame) = self.frame_mut(id)
            {
                frame.activity = Activity::Aborted;
            }
        }
        self.clear_all_timers();
        self.closed = Some(closed);
    }
}

/// Whether it waits for something that an end cuts off. A Parallel or Map state waits through its children.
pub(super) fn is_in_flight(activity: &Activity) -> bool {
    matches!(activity, Activity::Waiting | Activity::Backoff | Activity::Task { .. })
}
