//! Leaving a state: its output, its variables, and where it leads.

use super::Failure;
use super::evaluate::{Given, Unevaluated};
use super::history::{details, to_text, untruncated};
use super::run::Run;
use crate::definition::model::{Kind, Results};
use crate::state::{Activity, FrameId, Payload, ROOT, Variables};
use crate::{Closed, Template};
use serde_json::{Map, Value, json};
use std::sync::Arc;

impl Run<'_> {
    /// A state whose output is by default its input came to its end.
    pub(super) fn succeed_with_input(&mut self, id: FrameId) {
        let Some((state, input)) =
            self.state_of(id).zip(self.frame(id).map(|frame| Arc::clone(&frame.input)))
        else {
            return;
        };
        self.leave(id, state.io.results(), "", state.next.as_ref(), input, Given::default());
    }

    /// A state has its result.
    pub(super) fn succeed(&mut self, id: FrameId, result: Payload) {
        let Some(state) = self.state_of(id) else { return };
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Aborted;
        }
        let given = Given { result: Some(&result), ..Given::default() };
        self.leave(id, state.io.results(), "", state.next.as_ref(), Arc::clone(&result), given);
    }

    /// A Choice state leaves by a rule or by its default.
    pub(super) fn leave_by(&mut self, id: FrameId, results: &Results, prefix: &str, next: Option<&Arc<str>>) {
        let Some(input) = self.frame(id).map(|frame| Arc::clone(&frame.input)) else { return };
        self.leave(id, results, prefix, next, input, Given::default());
    }

    /// A Catch rule takes an error.
    pub(super) fn leave_by_catch(&mut self, id: FrameId, index: usize, failure: &Failure) {
        let Some(rule) = self.state_of(id).and_then(|state| state.catch.get(index)) else { return };
        let mut error_output = Map::new();
        if let Some(error) = &failure.error {
            error_output.insert("Error".to_owned(), Value::from(error.as_str()));
        }
        error_output.insert("Cause".to_owned(), Value::from(failure.cause.as_deref().unwrap_or_default()));
        let error_output: Payload = Arc::new(Value::Object(error_output));
        let given = Given { error_output: Some(&error_output), ..Given::default() };
        let prefix = format!("Catch[{index}]/");
        match self.results(id, rule.io.results(), &prefix, &error_output, given) {
            Ok((output, assigned)) => self.exit(id, Some(&rule.next), output, assigned),
            Err(failure) => self.fail(id, Failure { beyond_rules: true, ..failure }),
        }
    }

    fn leave(
        &mut self,
        id: FrameId,
        results: &Results,
        prefix: &str,
        next: Option<&Arc<str>>,
        default: Payload,
        given: Given<'_>,
    ) {
        match self.results(id, results, prefix, &default, given) {
            Ok((output, assigned)) => self.exit(id, next, output, assigned),
            Err(failure) => self.fail(id, failure),
        }
    }

    /// Output and Assign: both see the variables as they were.
    fn results(
        &mut self,
        id: FrameId,
        results: &Results,
        prefix: &str,
        default: &Payload,
        given: Given<'_>,
    ) -> Result<(Payload, Vec<(String, Payload)>), Failure> {
        let assigned = self.assigned(id, &results.assign, prefix, given);
        let evaluated = assigned.and_then(|assigned| {
            let output = match &results.output {
                Some(template) => self.template(id, template, &format!("{prefix}Output"), given)?,
                None => Arc::clone(default),
            };
            Ok((output, assigned))
        });
        evaluated.map_err(|problem| self.evaluation_failed(id, problem))
    }

    fn assigned(
        &self,
        id: FrameId,
        assign: &[(String, Template)],
        prefix: &str,
        given: Given<'_>,
    ) -> Result<Vec<(String, Payload)>, Unevaluated> {
        assign
            .iter()
            .map(|(name, template)| {
                let value = self.template(id, template, &format!("{prefix}Assign/{name}"), given)?;
                Ok((name.clone(), value))
            })
            .collect()
    }

    /// Records the exit and goes on: to the next state, or to the end of the machine.
    fn exit(
        &mut self,
        id: FrameId,
        next: Option<&Arc<str>>,
        output: Payload,
        assigned: Vec<(String, Payload)>,
    ) {
        let Some(state) = self.state_of(id) else { return };
        let Some(text) = self.write(&output) else {
            let Some(failure) = self.frame(id).map(|frame| self.too_large(frame)) else { return };
            return self.fail(id, failure);
        };
        let mut exited = json!({"name": &*state.name, "output": &*text, "outputDetails": untruncated()});
        if !assigned.is_empty() {
            // Sorted by name, as AWS shows them.
            let sorted: Variables = assigned.into_iter().collect();
            let mut shown = Map::new();
            for (name, value) in &sorted {
                let Some(text) = to_text(value) else {
                    let Some(failure) = self.frame(id).map(|frame| self.too_large(frame)) else { return };
                    return self.fail(id, failure);
                };
                self.history_bytes += text.len();
                shown.insert(name.clone(), Value::from(text));
            }
            exited["assignedVariables"] = Value::Object(shown);
            exited["assignedVariablesDetails"] = untruncated();
            if let Some(frame) = self.frame_mut(id) {
                Arc::make_mut(&mut frame.variables).extend(sorted);
            }
        }
        let event_type = format!("{}StateExited", state.kind.event_prefix());
        self.chain(id, event_type, details("stateExitedEventDetails", exited));
        match next {
            Some(next) if !matches!(state.kind, Kind::Succeed) => self.go_to(id, next, output),
            _ if id == ROOT => self.complete(output, &text),
            _ => self.child_succeeded(id, output),
        }
    }

    /// The top level reached its end.
    fn complete(&mut self, output: Payload, text: &str) {
        let previous = self.frame(ROOT).map_or(0, |frame| frame.event);
        let succeeded = json!({"output": text, "outputDetails": untruncated()});
        let details = details("executionSucceededEventDetails", succeeded);
        let output = Arc::unwrap_or_clone(output);
        self.close(Closed::Succeeded { output }, previous, "ExecutionSucceeded", details);
    }
}
