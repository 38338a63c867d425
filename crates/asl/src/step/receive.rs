//! What each event from outside does first.

use super::Failure;
use super::evaluate::{Unevaluated, too_large};
use super::history::{details, error_and_cause, untruncated};
use super::run::{Run, Work};
use crate::errors::{DATA_LIMIT_EXCEEDED, RUNTIME, TIMEOUT};
use crate::state::{Activity, Frame, FrameId, Payload, ROOT, Start};
use crate::{Closed, Event, Identity, TaskId, TaskKind, TimerKey};
use serde_json::{Value, json};
use std::sync::Arc;

impl Run<'_> {
    pub(super) fn receive(&mut self, event: &Event) {
        let open = self.base.start.is_some() && self.base.closed.is_none();
        match event {
            Event::Started { input, identity } if self.base.start.is_none() => self.started(input, identity),
            Event::Redriven if self.base.is_redrivable() => self.redrive(),
            Event::TaskSubmitted { task, started_at_ms, output } if open => {
                self.task_submitted(*task, *started_at_ms, output);
            }
            Event::TaskSucceeded { task, started_at_ms, output } if open => {
                self.task_succeeded(*task, *started_at_ms, output);
            }
            Event::TaskFailed { task, started_at_ms, error, cause } if open => {
                self.task_failed(*task, *started_at_ms, error, cause.as_deref());
            }
            Event::TaskHeartbeat { task } if open => self.task_heartbeat(*task),
            Event::TimerFired { timer } if open => self.timer_fired(*timer),
            Event::Aborted { error, cause } if open => self.abort(error.clone(), cause.clone()),
            Event::TaskStarted { task, worker_name } if open => {
                self.task_started(*task, worker_name.as_deref());
            }
            Event::ChildClosed { task, closed } if open => self.map_child_closed(*task, closed),
            Event::MapRunUpdated {
                map_run,
                max_concurrency,
                tolerated_failure_count,
                tolerated_failure_percentage,
            } if open => {
                self.update_map_run(
                    map_run,
                    *max_concurrency,
                    *tolerated_failure_count,
                    *tolerated_failure_percentage,
                );
            }
            // Too early, too late or a second time.
            _ => {}
        }
    }

    fn started(&mut self, input: &Value, identity: &Identity) {
        let input: Payload = Arc::new(input.clone());
        let now_ms = self.env.now_ms;
        self.start =
            Some(Arc::new(Start { identity: identity.clone(), input: Arc::clone(&input), at_ms: now_ms }));
        let text = self.write(&input);
        let shown = text.as_deref().unwrap_or_default();
        let started = json!({"input": shown, "inputDetails": untruncated(), "roleArn": identity.role_arn});
        self.record(0, "ExecutionStarted", details("executionStartedEventDetails", started));
        self.reserve_frames(1);
        if text.is_none() {
            // No frame: there is nothing that a redrive could mend.
            let cause =
                "The execution's input has a size exceeding the maximum number of bytes service limit.";
            return self.close_failed(Failure::new(DATA_LIMIT_EXCEEDED, cause), 1);
        }
        let first = self.probe.and_then(|probe| probe.state.as_ref()).unwrap_or(&self.definition.start_at);
        let variables = self.probe.map(|probe| probe.variables.clone()).unwrap_or_default();
        let frame = Frame {
            parent: None,
            state: Arc::clone(first),
            input,
            variables: Arc::new(variables),
            event: 0,
            entered_event: 0,
            entered_at_ms: now_ms,
            variable_bytes: 0,
            retries: Vec::new(),
            items: None,
            activity: Activity::Ready,
        };
        self.put_frame(ROOT, frame);
        self.set_execution_timer();
        self.queue.push_back(Work::Enter(ROOT));
    }

    pub(super) fn set_execution_timer(&mut self) {
        let express = self.start.as_ref().is_some_and(|start| start.identity.is_express());
        let longest = express.then_some(crate::limits::EXPRESS_SECONDS_MAX);
        if let Some(seconds) = self.definition.timeout_seconds.into_iter().chain(longest).min() {
            self.set_timer(TimerKey::Execution, self.after_seconds(seconds));
        }
    }

    pub(super) fn after_seconds(&self, seconds: u64) -> i64 {
        self.env.now_ms.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// The frame that waits for a task, with `TaskStarted` recorded where it was not yet.
    fn answered(&mut self, task: TaskId, started_at_ms: i64) -> Option<FrameId> {
        let (frame, pending) = self.task(task)?;
        let (kind, submitted) = (pending.kind, pending.submitted);
        match kind {
            TaskKind::Activity => self.record_queued(frame, task),
            _ if !submitted => self.record_task_started(frame, started_at_ms),
            _ => {}
        }
        Some(frame)
    }

    /// History tells that a task which an end cuts off was started. AWS tells of a start at once; here it is the
    /// runtime's answer that tells.
    pub(super) fn tell_started(&mut self, task: TaskId) {
        let Some(entry) = self.base.tasks.get(&task) else { return };
        let own =
            matches!(entry.task.kind, TaskKind::ReadItems | TaskKind::MapChild | TaskKind::WriteResults);
        if !own {
            self.answered(task, entry.at_ms);
        }
    }

    /// A worker took an activity's task.
    fn task_started(&mut self, task: TaskId, worker_name: Option<&str>) {
        let Some((frame, pending)) = self.task(task) else { return };
        if pending.submitted || pending.kind != TaskKind::Activity {
            return;
        }
        let heartbeat_seconds = pending.heartbeat_seconds;
        self.record_queued(frame, task);
        let mut members = json!({});
        if let Some(name) = worker_name {
            members["workerName"] = Value::from(name);
        }
        self.record_task(frame, "Started", members);
        self.mark_submitted(task);
        if let Some(seconds) = heartbeat_seconds {
            self.set_timer(TimerKey::TaskHeartbeat(task), self.after_seconds(seconds));
        }
    }

    fn task_submitted(&mut self, task: TaskId, started_at_ms: i64, output: &Value) {
        let Some((frame, pending)) = self.task(task) else { return };
        if pending.submitted {
            return;
        }
        if matches!(pending.kind, TaskKind::ReadItems | TaskKind::MapChild | TaskKind::WriteResults) {
            return self.mark_submitted(task);
        }
        if pending.kind == TaskKind::Activity {
            // It is in the activity's queue; it is submitted once a worker takes it.
            return self.record_queued(frame, task);
        }
        self.record_task_started(frame, started_at_ms);
        let output: Payload = Arc::new(output.clone());
        let text = self.write(&output).unwrap_or_else(|| Arc::from("\"\""));
        self.record_task(frame, "Submitted", json!({"output": &*text, "outputDetails": untruncated()}));
        self.mark_submitted(task);
    }

    fn task_succeeded(&mut self, task: TaskId, started_at_ms: i64, output: &Value) {
        if self.map_run_answered(task, Ok(output)) {
            return;
        }
        let Some(frame) = self.answered(task, started_at_ms) else { return };
        self.settle_task(task);
        let output: Payload = Arc::new(output.clone());
        match self.write(&output) {
            Some(text) => {
                self.record_task(
                    frame,
                    "Succeeded",
                    json!({"output": &*text, "outputDetails": untruncated()}),
                );
                self.succeed(frame, output);
            }
            None => {
                let failure = too_large(&self.named_in_limits(frame));
                self.fail_task(frame, "Failed", failure);
            }
        }
    }

    fn task_failed(&mut self, task: TaskId, started_at_ms: i64, error: &str, cause: Option<&str>) {
        let failed =
            Failure { error: Some(error.to_owned()), cause: cause.map(str::to_owned), ..Failure::default() };
        if self.map_run_answered(task, Err(failed)) {
            return;
        }
        if let Some((frame, pending)) = self.task(task)
            && pending.kind == TaskKind::Activity
            && !pending.submitted
            && error == RUNTIME
        {
            // It could not even be queued.
            self.settle_task(task);
            return self.fail_evaluation(frame, Unevaluated::runtime(cause.unwrap_or_default()));
        }
        let Some(frame) = self.answered(task, started_at_ms) else { return };
        self.settle_task(task);
        let failure =
            Failure { error: Some(error.to_owned()), cause: cause.map(str::to_owned), ..Failure::default() };
        self.fail_task(frame, "Failed", failure);
    }

    fn task_heartbeat(&mut self, task: TaskId) {
        let Some((_, pending)) = self.task(task) else { return };
        if let Some(seconds) = pending.heartbeat_seconds {
            self.set_timer(TimerKey::TaskHeartbeat(task), self.after_seconds(seconds));
        }
    }

    fn timer_fired(&mut self, key: TimerKey) {
        // One that was moved or cleared in the meantime does not matter.
        if self.timer(key).is_none_or(|at_ms| at_ms > self.env.now_ms) {
            return;
        }
        self.fired = Some(key);
        self.clear_timer(key);
        match key {
            TimerKey::Frame(id) => match self.frame(id).map(|frame| &frame.activity) {
                Some(Activity::Ready) => self.queue.push_back(Work::Enter(id)),
                Some(Activity::Backoff) => self.queue.push_back(Work::Execute(id)),
                Some(Activity::Waiting) => self.succeed_with_input(id),
                Some(&Activity::MapRun { run }) => self.fill_map_run(id, run),
                _ => {}
            },
            TimerKey::TaskTimeout(task) => {
                let more = self.tasks_due(|key| match key {
                    TimerKey::TaskTimeout(task) => Some(task),
                    _ => None,
                });
                self.tasks_timed_out(task, more, false);
            }
            TimerKey::TaskHeartbeat(task) => {
                let more = self.tasks_due(|key| match key {
                    TimerKey::TaskHeartbeat(task) => Some(task),
                    _ => None,
                });
                self.tasks_timed_out(task, more, true);
            }
            TimerKey::Execution => self.time_out(),
        }
    }

    /// Tasks whose time is over. All of them have timed out before the first one's failure cuts off what runs beside
    /// it, as recorded executions show.
    fn tasks_timed_out(&mut self, first: TaskId, more: Vec<TaskId>, missed_heartbeat: bool) {
        let failure = Failure { error: Some(TIMEOUT.to_owned()), missed_heartbeat, ..Failure::default() };
        let mut timed_out = Vec::with_capacity(1 + more.len());
        for task in std::iter::once(first).chain(more) {
            let scheduled_at_ms = self.base.tasks.get(&task).map_or(self.env.now_ms, |entry| entry.at_ms);
            let Some(frame) = self.answered(task, scheduled_at_ms) else { continue };
            self.abandon_task(task);
            self.record_task_failed(frame, "TimedOut", &failure);
            timed_out.push((frame, task));
        }
        for (frame, task) in timed_out {
            let waits =
                |activity: &Activity| matches!(activity, Activity::Task { task: waited } if *waited == task);
            if self.closed.is_none() && self.frame(frame).is_some_and(|frame| waits(&frame.activity)) {
                self.fail(frame, failure.clone());
            }
        }
    }

    /// Records how a task ended without success, and lets its state deal with it.
    fn fail_task(&mut self, frame: FrameId, how: &str, failure: Failure) {
        self.record_task_failed(frame, how, &failure);
        self.fail(frame, failure);
    }

    fn record_task_failed(&mut self, frame: FrameId, how: &str, failure: &Failure) {
        let members = error_and_cause(failure.error.as_deref(), failure.cause.as_deref());
        self.record_task(frame, how, Value::Object(members));
    }

    fn abort(&mut self, error: Option<String>, cause: Option<String>) {
        let members = error_and_cause(error.as_deref(), cause.as_deref());
        let details = details("executionAbortedEventDetails", Value::Object(members));
        self.tell_all_started();
        self.close(Closed::Aborted { error, cause }, 0, "ExecutionAborted", details);
    }

    fn tell_all_started(&mut self) {
        for task in self.task_ids() {
            self.tell_started(task);
        }
    }

    fn time_out(&mut self) {
        let details = details("executionTimedOutEventDetails", json!({}));
        self.tell_all_started();
        self.close(Closed::TimedOut, 0, "ExecutionTimedOut", details);
    }
}
