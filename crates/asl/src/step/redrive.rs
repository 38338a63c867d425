//! Redrive: an execution that did not succeed goes on from where it stood.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>

use super::history::details;
use super::run::{Run, Work};
use crate::limits::HISTORY_EVENTS_MAX;
use crate::state::{Activity, FrameId, ROOT};
use crate::{Closed, ExecutionState};
use serde_json::json;

impl ExecutionState {
    /// Whether [`crate::Event::Redriven`] would let it go on: it failed, timed out or was stopped, and its history has
    /// room. (AWS also wants it to have ended at most 14 days ago; that is the caller's to check.)
    pub fn is_redrivable(&self) -> bool {
        matches!(self.closed, Some(Closed::Failed { .. } | Closed::TimedOut | Closed::Aborted { .. }))
            && self.last_event_id + 2 < HISTORY_EVENTS_MAX
            && self.frames.contains_key(&ROOT)
    }
}

impl Run<'_> {
    pub(super) fn redrive(&mut self) {
        self.redriven = true;
        let redriven = json!({"redriveCount": self.base.redrive_count + 1});
        let details = details("executionRedrivenEventDetails", redriven);
        let event = self.record(self.base.last_event_id, "ExecutionRedriven", details);
        self.set_execution_timer();
        self.resume(ROOT, event);
    }

    /// Lets a frame go on; whether there was anything to go on with.
    fn resume(&mut self, id: FrameId, event: u64) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let Some(frame) = self.frame_mut(id) else { return false };
        if matches!(frame.activity, Activity::Succeeded { .. }) {
            return false;
        }
        frame.event = event;
        frame.retries.clear();
        match frame.activity.clone() {
            Activity::Ready => self.queue.push_back(Work::Enter(id)),
            Activity::MapRun { run } => self.redrive_map_run(id, run),
            Activity::Fan(fan) => {
                let children = fan.first..fan.first + fan.started;
                let running = children.filter(|child| self.resume(*child, event)).count() as u64;
                if let Some(frame) = self.frame_mut(id)
                    && let Activity::Fan(fan) = &mut frame.activity
                {
                    fan.running = running;
                }
                // A Map goes on with iterations that were never started, too.
                self.fill(id, event);
            }
            _ => {
                if let Some(frame) = self.frame_mut(id) {
                    frame.activity = Activity::Aborted;
                }
                self.queue.push_back(Work::Execute(id));
            }
        }
        true
    }
}
