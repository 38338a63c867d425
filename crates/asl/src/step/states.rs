//! Entering a state, and what each type of state does then.

use super::Failure;
use super::evaluate::{Given, Unevaluated, unexpected};
use super::history::{details, last_of, untruncated};
use super::run::{Run, Work};
use crate::Template;
use crate::definition::model::{FailText, Kind, State};
use crate::errors::RUNTIME;
use crate::state::{Activity, FrameId, Payload};
use serde_json::{Value, json};
use std::sync::Arc;

impl<'a> Run<'a> {
    /// The state that a frame stands in.
    pub(super) fn state_of(&self, id: FrameId) -> Option<&'a State> {
        self.definition.state(&self.frame(id)?.state)
    }

    /// Enters the state that a frame is ready for, and does what it does.
    pub(super) fn enter(&mut self, id: FrameId) {
        let Some((input, event)) = self
            .frame(id)
            .filter(|frame| frame.activity == Activity::Ready)
            .map(|frame| (Arc::clone(&frame.input), last_of(frame)))
        else {
            return;
        };
        let Some(state) = self.state_of(id) else { return self.lost(id) };
        let text = self.write(&input);
        let entered = json!({"input": text.as_deref().unwrap_or_default(), "inputDetails": untruncated(), "name": &*state.name});
        let event_type = format!("{}StateEntered", state.kind.event_prefix());
        let entered = self.record(event, event_type, details("stateEnteredEventDetails", entered));
        let now_ms = self.env.now_ms;
        if let Some(frame) = self.frame_mut(id) {
            // What fails while it is entered points before the entry.
            frame.event = event;
            frame.entered_event = entered;
            frame.entered_at_ms = now_ms;
            frame.retries.clear();
        }
        match (text, self.frame(id).map(|frame| self.too_large(frame))) {
            (None, Some(failure)) => self.fail(id, failure),
            _ => self.execute(id),
        }
    }

    /// Does what the frame's state does, for the first time or again.
    pub(super) fn execute(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id) else { return self.lost(id) };
        if let Some(frame) = self.frame_mut(id) {
            // Should it be cut off before it waits for something, it is done again.
            frame.activity = Activity::Aborted;
        }
        match &state.kind {
            Kind::Pass | Kind::Succeed => self.succeed_with_input(id),
            Kind::Task(task) => self.schedule_task(id, task),
            Kind::Choice(choice) => self.choose(id, choice),
            Kind::Wait(wait) => self.wait(id, wait),
            Kind::Fail { error, cause } => self.fail_by_state(id, error.as_ref(), cause.as_ref()),
            Kind::Parallel { branches } => self.start_branches(id, branches),
            Kind::Map(map) => self.start_map(id, map),
        }
    }

    /// The definition has no such state: it is not the one that the execution is pinned to.
    fn lost(&mut self, id: FrameId) {
        let state = self.frame(id).map_or_else(String::new, |frame| frame.state.to_string());
        let cause = format!(
            "The definition has no state '{state}': it is not the one that this execution was started with."
        );
        self.close_failed(Failure::new(RUNTIME, cause), 0);
    }

    fn fail_by_state(&mut self, id: FrameId, error: Option<&FailText>, cause: Option<&FailText>) {
        let failure = self.selected_input(id).and_then(|input| {
            Ok(Failure {
                error: self.fail_text(id, error, "Error", &input)?,
                cause: self.fail_text(id, cause, "Cause", &input)?,
                ..Failure::default()
            })
        });
        match failure {
            Ok(failure) => self.fail(id, failure),
            Err(problem) => self.fail_evaluation(id, problem),
        }
    }

    fn fail_text(
        &self,
        id: FrameId,
        text: Option<&FailText>,
        field: &str,
        input: &Payload,
    ) -> Result<Option<String>, Unevaluated> {
        match text {
            None => Ok(None),
            Some(FailText::Template(template)) => {
                let value = self.template(id, template, field, Given::default())?;
                match (&*value, template) {
                    (Value::String(text), _) => Ok(Some(text.clone())),
                    (value, Template::Expression(expression)) => {
                        Err(unexpected(expression, field, "string", value))
                    }
                    _ => Ok(None),
                }
            }
            Some(FailText::At(path)) => {
                let field = format!("{field}Path");
                match self.path_or_intrinsic(id, path, &field, input)? {
                    Value::String(text) => Ok(Some(text)),
                    other => Err(Unevaluated::runtime(format!(
                        "The field '{field}' must refer to a string, but was: {other}"
                    ))),
                }
            }
        }
    }

    /// A frame goes on to its next state.
    pub(super) fn go_to(&mut self, id: FrameId, next: &Arc<str>, input: Arc<Value>) {
        if let Some(frame) = self.frame_mut(id) {
            frame.state = Arc::clone(next);
            frame.input = input;
            frame.retries.clear();
            frame.activity = Activity::Ready;
        }
        self.queue.push_front(Work::Enter(id));
    }
}
