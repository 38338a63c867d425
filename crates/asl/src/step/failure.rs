//! Failures: Retry, then Catch, then the state around, then the execution.

use super::Failure;
use super::history::{details, last_of, nothing};
use super::probe::Ended;
use super::run::Run;
use crate::TimerKey;
use crate::definition::model::Kind;
use crate::definition::retry::takes;
use crate::random::Random;
use crate::state::{Activity, FrameId, ROOT};
use serde_json::json;

impl Run<'_> {
    /// The state that a frame stands in failed.
    pub(super) fn fail(&mut self, id: FrameId, failure: Failure) {
        let Some(state) = self.state_of(id) else { return };
        if self.probe.is_some() {
            return self.fail_probed(id, failure);
        }
        if failure.ends_execution {
            return self.end_by(id, failure);
        }
        let fans = matches!(state.kind, Kind::Parallel { .. } | Kind::Map(_));
        if fans {
            self.abort_children(id);
        }
        let ruled = !failure.beyond_rules;
        if ruled && self.retries(id, &failure) {
            return;
        }
        let before = self.frame(id).map_or(0, |frame| frame.event);
        if fans {
            self.chain(id, format!("{}StateFailed", state.kind.event_prefix()), nothing());
        }
        let caught = state.catch.iter().position(|rule| ruled && takes(&rule.errors, failure.matched()));
        if let Some(index) = caught {
            self.remove_children(id);
            return self.leave_by_catch(id, index, &failure, before);
        }
        let failure = Failure { beyond_rules: false, ..failure };
        if let Some(frame) = self.frame_mut(id)
            && !matches!(frame.activity, Activity::Fan(_) | Activity::MapRun { .. })
        {
            frame.activity = Activity::Failed { error: failure.error.clone() };
        }
        if id == ROOT {
            let previous_id = self.frame(id).map_or(0, last_of);
            self.close_failed(failure, previous_id);
        } else {
            self.child_failed(id, failure);
        }
    }

    /// Ends the execution where it stands: no rule around the state takes it, and no state around it tells of it.
    fn end_by(&mut self, id: FrameId, failure: Failure) {
        let previous_id = self.frame(id).map_or(0, last_of);
        if let Some(frame) = self.frame_mut(id)
            && !matches!(frame.activity, Activity::Fan(_) | Activity::MapRun { .. })
        {
            frame.activity = Activity::Failed { error: failure.error.clone() };
        }
        self.close_failed(failure, previous_id);
    }

    /// The state under test failed: what its rules make of it.
    fn fail_probed(&mut self, id: FrameId, failure: Failure) {
        let (Some(probe), Some(state)) = (self.probe, self.state_of(id)) else { return };
        let ruled = !failure.beyond_rules;
        let found = state.retry.iter().enumerate().find(|(_, rule)| takes(&rule.errors, failure.matched()));
        let found = found.filter(|_| ruled);
        if let Some((rule, retrier)) = found
            && probe.retries_used < retrier.max_attempts
        {
            let pause_seconds = retrier.pause_seconds(probe.retries_used);
            let Failure { error, cause, .. } = failure;
            return probe.end(Ended::Retriable { error, cause, rule, pause_seconds });
        }
        let caught = state.catch.iter().position(|rule| ruled && takes(&rule.errors, failure.matched()));
        if let Some(index) = caught {
            return self.leave_by_catch(id, index, &failure, 0);
        }
        let Failure { error, cause, .. } = failure;
        probe.end(Ended::Failed { error, cause, exhausted_rule: found.map(|(rule, _)| rule) });
    }

    /// Sets the pause before a retry, where a Retry rule grants one.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error>
    fn retries(&mut self, id: FrameId, failure: &Failure) -> bool {
        let Some(state) = self.state_of(id) else { return false };
        let found = state.retry.iter().enumerate().find(|(_, rule)| takes(&rule.errors, failure.matched()));
        let Some((index, rule)) = found else { return false };
        let used = self.frame(id).and_then(|frame| frame.retries.get(index).copied()).unwrap_or(0);
        if used >= rule.max_attempts {
            return false;
        }
        let mut pause_seconds = rule.pause_seconds(used);
        if rule.full_jitter {
            pause_seconds *= Random::new(self.next_seed()).unit();
        }
        self.remove_children(id);
        if let Some(frame) = self.frame_mut(id) {
            if frame.retries.len() <= index {
                frame.retries.resize(index + 1, 0);
            }
            frame.retries[index] += 1;
            frame.items = None;
            frame.activity = Activity::Backoff;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most a year of milliseconds")]
        let pause_ms = (pause_seconds * 1000.0).round() as i64;
        self.set_timer(TimerKey::Frame(id), self.env.now_ms.saturating_add(pause_ms));
        true
    }

    /// A branch or iteration failed: its siblings are cut off, and the state around fails with the same error.
    fn child_failed(&mut self, id: FrameId, failure: Failure) {
        let Some(parent) = self.frame(id).and_then(|frame| frame.parent) else { return };
        if let Some((index, name)) = self.iteration(parent, id) {
            let failed = json!({"index": index, "name": name});
            self.beside(id, "MapIterationFailed", details("mapIterationFailedEventDetails", failed));
        }
        let event = self.frame(id).map_or(0, last_of);
        if matches!(self.state_of(id).map(|state| &state.kind), Some(Kind::Task(_))) {
            self.record(event, "TaskStateAborted", nothing());
        }
        if let Some(frame) = self.frame_mut(parent) {
            frame.event = event;
            if let Activity::Fan(fan) = &mut frame.activity {
                fan.running = fan.running.saturating_sub(1);
            }
        }
        self.fail(parent, failure);
    }

    /// Cuts off every child that still runs. They stay, for a redrive.
    fn abort_children(&mut self, id: FrameId) {
        let Some(frame) = self.frame(id) else { return };
        let Activity::Fan(fan) = frame.activity else { return };
        let event = last_of(frame);
        for child in fan.first..fan.first + fan.started {
            self.abort_frame(id, child, event);
        }
        if let Some(frame) = self.frame_mut(id)
            && let Activity::Fan(fan) = &mut frame.activity
        {
            fan.running = 0;
        }
    }

    fn abort_frame(&mut self, parent: FrameId, id: FrameId, event: u64) {
        let Some(activity) = self.frame(id).map(|frame| frame.activity.clone()) else { return };
        if matches!(activity, Activity::Succeeded { .. } | Activity::Failed { .. } | Activity::Aborted) {
            return;
        }
        if let Activity::Fan(fan) = &activity
            && fan.running == 0
        {
            return;
        }
        let map_run_aborted = self.abort_map_run(id);
        if matches!(activity, Activity::MapRun { .. }) && !map_run_aborted {
            return;
        }
        if let Activity::Task { task } = activity {
            self.tell_started(task);
        }
        if let Some((index, name)) = self.iteration(parent, id) {
            let aborted = json!({"index": index, "name": name});
            self.record(event, "MapIterationAborted", details("mapIterationAbortedEventDetails", aborted));
        }
        self.queue.retain(|work| work.frame() != id);
        self.clear_timer(TimerKey::Frame(id));
        let prefix = self.state_of(id).map_or("", |state| state.kind.event_prefix());
        match activity {
            // Not entered yet: there is no state to abort, and a redrive enters it.
            Activity::Ready => return,
            Activity::Task { task } => self.abandon_task(task),
            Activity::Fan(_) => self.abort_children(id),
            _ => {}
        }
        self.record(event, format!("{prefix}StateAborted"), nothing());
        if map_run_aborted {
            self.record(event, "MapRunAborted", nothing());
        }
        if let Some(frame) = self.frame_mut(id)
            && !matches!(frame.activity, Activity::Fan(_) | Activity::MapRun { .. })
        {
            frame.activity = Activity::Aborted;
        }
    }

    /// Forgets the children: their state starts anew, or is left.
    pub(super) fn remove_children(&mut self, id: FrameId) {
        self.forget_map_run(id);
        let Some(Activity::Fan(fan)) = self.frame(id).map(|frame| frame.activity.clone()) else { return };
        for child in fan.first..fan.first + fan.started {
            self.remove_children(child);
            self.remove_frame(child);
        }
        if let Some(frame) = self.frame_mut(id) {
            frame.items = None;
            frame.activity = Activity::Aborted;
        }
    }

    /// A child's place, where its parent stands in a Map state, and that state's name.
    pub(super) fn iteration(&self, parent: FrameId, child: FrameId) -> Option<(u64, String)> {
        let frame = self.frame(parent)?;
        match (&frame.activity, &self.state_of(parent)?.kind) {
            (Activity::Fan(fan), Kind::Map(_)) => Some((child - fan.first, frame.state.to_string())),
            _ => None,
        }
    }
}
