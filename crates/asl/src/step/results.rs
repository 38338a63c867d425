//! Leaving a state: its output, its variables, and where it leads.

use super::Failure;
use super::evaluate::{Given, Unevaluated};
use super::flow::Outcome;
use super::history::{details, to_text, untruncated};
use super::probe::{Caught, Ended, Stage};
use super::run::Run;
use crate::Closed;
use crate::definition::model::{CatchIo, Io, Kind};
use crate::limits::{ASSIGN_BYTES_MAX, VARIABLES_BYTES_MAX};
use crate::state::{Activity, FrameId, Payload, ROOT, Variables};
use serde_json::{Map, Value, json};
use std::sync::Arc;

impl Run<'_> {
    /// A state without a task came to its end.
    pub(super) fn succeed_with_input(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id) else { return };
        let outcome = match (&state.kind, &state.io) {
            (Kind::Pass, Io::JsonPath(_)) => {
                self.passed_on(id).and_then(|result| self.outcome(id, &state.io, &result))
            }
            _ => self.outcome_of_input(id, &state.io),
        };
        self.leave(id, outcome, state.next.as_ref());
    }

    /// A state has its result.
    pub(super) fn succeed(&mut self, id: FrameId, result: Payload) {
        let Some(state) = self.state_of(id) else { return };
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Aborted;
        }
        if matches!(state.kind, Kind::Task(_)) {
            self.observe(Stage::Result, &result);
        }
        let outcome = self.outcome(id, &state.io, &result);
        self.leave(id, outcome, state.next.as_ref());
    }

    /// A Parallel or Map state has its result, and an event beside its chain told of it: what fails now in JSONPath
    /// follows that event, what goes on does not.
    pub(super) fn succeed_after(&mut self, id: FrameId, result: Payload, beside: u64) {
        let Some(state) = self.state_of(id) else { return };
        let outcome = self.outcome(id, &state.io, &result);
        if let (Err(Unevaluated::Path { .. }), Some(frame)) = (&outcome, self.frame_mut(id)) {
            frame.event = beside;
        }
        self.leave(id, outcome, state.next.as_ref());
    }

    /// A Catch rule takes an error. `before` is the thread's last event before the state told that it failed: an
    /// expression of the rule that fails is told from there.
    pub(super) fn leave_by_catch(&mut self, id: FrameId, index: usize, failure: &Failure, before: u64) {
        let Some(rule) = self.state_of(id).and_then(|state| state.catch.get(index)) else { return };
        let mut error_output = Map::new();
        if let Some(error) = &failure.error {
            error_output.insert("Error".to_owned(), Value::from(error.as_str()));
        }
        error_output.insert("Cause".to_owned(), Value::from(failure.cause.as_deref().unwrap_or_default()));
        let error_output: Payload = Arc::new(Value::Object(error_output));
        let outcome = match &rule.io {
            CatchIo::Jsonata(results) => {
                let given = Given { error_output: Some(&error_output), ..Given::default() };
                self.results(id, results, &format!("Catch[{index}]/"), &error_output, given)
            }
            CatchIo::JsonPath { result_path, assign } => {
                self.assigned_by_paths(id, assign.as_ref(), &error_output).and_then(|assigned| {
                    Ok((self.combined(id, result_path, Arc::clone(&error_output))?, assigned))
                })
            }
        };
        let caught = Caught { rule: index, error: failure.error.clone(), cause: failure.cause.clone() };
        match outcome {
            Ok(outcome) => self.exit(id, Some(&rule.next), outcome, Some(caught)),
            Err(problem) => {
                if let (Unevaluated::Query { .. }, Some(frame)) = (&problem, self.frame_mut(id)) {
                    frame.event = before;
                }
                let failure = self.evaluation_failed(id, problem);
                self.fail(id, Failure { beyond_rules: true, ..failure });
            }
        }
    }

    /// A state leaves with what was evaluated, or fails where that failed.
    pub(super) fn leave(
        &mut self,
        id: FrameId,
        outcome: Result<Outcome, Unevaluated>,
        next: Option<&Arc<str>>,
    ) {
        match outcome {
            Ok(outcome) => self.exit(id, next, outcome, None),
            Err(problem) => self.fail_evaluation(id, problem),
        }
    }

    /// Records the exit and goes on: to the next state, or to the end of the machine.
    fn exit(
        &mut self,
        id: FrameId,
        next: Option<&Arc<str>>,
        (output, assigned): Outcome,
        caught: Option<Caught>,
    ) {
        let Some(state) = self.state_of(id) else { return };
        let Some(text) = self.write(&output) else {
            let Some(failure) = self.frame(id).map(|frame| self.too_large(frame)) else { return };
            return self.fail(id, failure);
        };
        if let Some(probe) = self.probe {
            let next = next.filter(|_| !matches!(state.kind, Kind::Succeed)).cloned();
            return probe.end(Ended::Exited {
                next,
                output,
                assigned: assigned.into_iter().collect(),
                caught,
            });
        }
        let mut exited = json!({"name": &*state.name, "output": &*text, "outputDetails": untruncated()});
        if !assigned.is_empty() {
            // Sorted by name, as AWS shows them.
            let sorted: Variables = assigned.into_iter().collect();
            let Some((shown, variable_bytes)) = self.variables_shown(id, &sorted) else {
                let Some(failure) = self.frame(id).map(|frame| self.too_large(frame)) else { return };
                return self.fail(id, failure);
            };
            exited["assignedVariables"] = Value::Object(shown);
            exited["assignedVariablesDetails"] = untruncated();
            if let Some(frame) = self.frame_mut(id) {
                Arc::make_mut(&mut frame.variables).extend(sorted);
                frame.variable_bytes = variable_bytes;
            }
        }
        let event_type = format!("{}StateExited", state.kind.event_prefix());
        self.chain(id, event_type, details("stateExitedEventDetails", exited));
        match next {
            Some(next) if !matches!(state.kind, Kind::Succeed) => self.go_to(id, next, output),
            _ if id == ROOT => self.complete(output, &text),
            _ => self.child_succeeded(id, output, text.len()),
        }
    }

    /// Variables as history shows them, and how many bytes the frame's variables have with them; `None` where that is
    /// more than they may have.
    fn variables_shown(&mut self, id: FrameId, assigned: &Variables) -> Option<(Map<String, Value>, u64)> {
        let frame = self.frame(id)?;
        let mut bytes_in_all = frame.variable_bytes;
        for name in assigned.keys() {
            if let Some(old) = frame.variables.get(name) {
                bytes_in_all = bytes_in_all.saturating_sub(to_text(old)?.len() as u64);
            }
        }
        let mut shown = Map::new();
        let mut bytes = 0;
        for (name, value) in assigned {
            let text = to_text(value)?;
            bytes += text.len();
            shown.insert(name.clone(), Value::from(text));
        }
        self.history_bytes += bytes;
        bytes_in_all += bytes as u64;
        (bytes <= ASSIGN_BYTES_MAX && bytes_in_all <= VARIABLES_BYTES_MAX).then_some((shown, bytes_in_all))
    }

    /// The top level reached its end.
    fn complete(&mut self, output: Payload, text: &str) {
        if self.exhausted {
            return self.close_exhausted();
        }
        let previous = self.frame(ROOT).map_or(0, |frame| frame.event);
        let succeeded = json!({"output": text, "outputDetails": untruncated()});
        let details = details("executionSucceededEventDetails", succeeded);
        let output = Arc::unwrap_or_clone(output);
        self.close(Closed::Succeeded { output }, previous, "ExecutionSucceeded", details);
    }
}
