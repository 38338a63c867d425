//! What each state does once it is entered.

use super::Failure;
use super::evaluate::{Given, Unevaluated, in_state, unexpected};
use super::history::{details, last_of, untruncated};
use super::run::{Run, Work};
use crate::definition::model::{Amount, Choice, Condition, FailText, Kind, Resource, State, Task, Wait};
use crate::errors::{NO_CHOICE_MATCHED, RUNTIME};
use crate::limits::SECONDS_MAX;
use crate::state::{Activity, FrameId};
use crate::{PendingTask, Template, TimerKey, time};
use serde_json::{Value, json};
use std::sync::Arc;

impl<'a> Run<'a> {
    /// The state that a frame stands in.
    pub(super) fn state_of(&self, id: FrameId) -> Option<&'a State> {
        self.definition.state(&self.frame(id)?.state)
    }

    pub(super) fn resource_of(&self, id: FrameId) -> Option<&'a Resource> {
        match &self.state_of(id)?.kind {
            Kind::Task(task) => Some(&task.resource),
            _ => None,
        }
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
            Kind::Task(task) => self.schedule_task(id, task, state.io.arguments()),
            Kind::Choice(choice) => self.choose(id, choice),
            Kind::Wait(wait) => self.wait(id, wait),
            Kind::Fail { error, cause } => self.fail_by_state(id, error.as_ref(), cause.as_ref()),
            Kind::Parallel { branches } => self.start_branches(id, branches, state.io.arguments()),
            Kind::Map(map) => self.start_map(id, map),
        }
    }

    /// The definition has no such state: it is not the one that the execution is pinned to.
    fn lost(&mut self, id: FrameId) {
        let state = self.frame(id).map_or_else(String::new, |frame| frame.state.to_string());
        let cause = format!(
            "The definition has no state '{state}': it is not the one that this execution was started with."
        );
        self.close_failed(Failure::new(RUNTIME, cause));
    }

    /// Records a failed evaluation and lets the state deal with it.
    pub(super) fn fail_evaluation(&mut self, id: FrameId, problem: Unevaluated) {
        let failure = self.evaluation_failed(id, problem);
        self.fail(id, failure);
    }

    fn schedule_task(&mut self, id: FrameId, task: &Task, arguments: Option<&Template>) {
        let prepared = self.prepare_task(id, task, arguments);
        let (arguments, timeout_seconds, heartbeat_seconds) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let Some(frame) = self.frame(id) else { return };
        let (state, retry_count) = (frame.state.to_string(), frame.retry_count());
        let Some(parameters) = super::history::to_text(&arguments) else {
            let failure = self.too_large(frame);
            return self.fail(id, failure);
        };
        let mut scheduled = json!({"parameters": parameters, "region": self.region()});
        for (name, seconds) in
            [("timeoutInSeconds", timeout_seconds), ("heartbeatInSeconds", heartbeat_seconds)]
        {
            if let Some(seconds) = seconds {
                scheduled[name] = Value::from(seconds);
            }
        }
        self.record_task(id, "Scheduled", scheduled);
        let task_id = self.next_task_id();
        if let Some(seconds) = timeout_seconds {
            self.set_timer(TimerKey::TaskTimeout(task_id), self.after_seconds(seconds));
        }
        if let Some(seconds) = heartbeat_seconds {
            self.set_timer(TimerKey::TaskHeartbeat(task_id), self.after_seconds(seconds));
        }
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Task { task: task_id };
        }
        let pending = PendingTask {
            id: task_id,
            kind: task.resource.task_kind(),
            state,
            resource: task.resource.arn.clone(),
            arguments,
            waits_for_token: task.resource.waits_for_token,
            submitted: false,
            retry_count,
            timeout_seconds,
            heartbeat_seconds,
        };
        self.schedule(id, pending);
    }

    #[expect(clippy::type_complexity, reason = "three values, used once")]
    fn prepare_task(
        &self,
        id: FrameId,
        task: &Task,
        arguments: Option<&Template>,
    ) -> Result<(Arc<Value>, Option<u64>, Option<u64>), Unevaluated> {
        let given = Given { token: task.resource.waits_for_token, ..Given::default() };
        let arguments = match arguments {
            Some(template) => self.template(id, template, "Arguments", given)?,
            None => self.frame(id).map(|frame| Arc::clone(&frame.input)).unwrap_or_default(),
        };
        let timeout = self.optional_amount(id, task.timeout.as_ref(), "TimeoutSeconds", 1)?;
        let heartbeat = self.optional_amount(id, task.heartbeat.as_ref(), "HeartbeatSeconds", 1)?;
        if let (Some(timeout), Some(heartbeat)) = (timeout, heartbeat)
            && heartbeat >= timeout
        {
            let problem =
                format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout}).");
            return Err(Unevaluated::at("HeartbeatSeconds", problem));
        }
        Ok((arguments, timeout, heartbeat))
    }

    fn optional_amount(
        &self,
        id: FrameId,
        amount: Option<&Amount>,
        location: &str,
        least: u64,
    ) -> Result<Option<u64>, Unevaluated> {
        amount.map(|amount| self.amount(id, amount, location, least)).transpose()
    }

    /// A whole number of at least `least`.
    pub(super) fn amount(
        &self,
        id: FrameId,
        amount: &Amount,
        location: &str,
        least: u64,
    ) -> Result<u64, Unevaluated> {
        let expression = match amount {
            Amount::Fixed(fixed) => return Ok(*fixed),
            Amount::Computed(expression) => expression,
            Amount::At(_) => return Err(Unevaluated::at(location, "A path gives no number here.")),
        };
        let value = self.expression(id, expression, location, Given::default())?;
        if !value.is_number() {
            return Err(unexpected(expression, location, "number", &value));
        }
        value.as_u64().filter(|number| (least..=SECONDS_MAX).contains(number)).ok_or_else(|| {
            let problem = format!(
                "The JSONata expression '{}' specified for the field '{location}' must give a whole number from {least} to {SECONDS_MAX}, but was: {value}",
                expression.source
            );
            Unevaluated::at(location, problem)
        })
    }

    fn choose(&mut self, id: FrameId, choice: &'a Choice) {
        for (index, rule) in choice.rules.iter().enumerate() {
            let location = format!("Choices[{index}]/Condition");
            let met = match &rule.condition {
                Condition::Fixed(met) => Ok(*met),
                Condition::Computed(expression) => {
                    self.expression(id, expression, &location, Given::default()).and_then(|value| {
                        value.as_bool().ok_or_else(|| unexpected(expression, &location, "boolean", &value))
                    })
                }
                Condition::Test(_) => Ok(false),
            };
            match met {
                Ok(true) => {
                    let prefix = format!("Choices[{index}]/");
                    return self.leave_by(id, rule.results.results(), &prefix, Some(&rule.next));
                }
                Ok(false) => {}
                Err(problem) => return self.fail_evaluation(id, problem),
            }
        }
        match &choice.default {
            Some(default) => {
                let Some(state) = self.state_of(id) else { return };
                self.leave_by(id, state.io.results(), "", Some(default));
            }
            None => {
                let Some((state, entered)) =
                    self.frame(id).map(|frame| (Arc::clone(&frame.state), frame.entered_event))
                else {
                    return;
                };
                let problem =
                    "Failed to transition out of the state. The state does not point to a next state.";
                self.fail(id, Failure::new(NO_CHOICE_MATCHED, in_state(&state, entered, problem)));
            }
        }
    }

    fn wait(&mut self, id: FrameId, wait: &Wait) {
        let until = match wait {
            Wait::Seconds(amount) => {
                self.amount(id, amount, "Seconds", 0).map(|seconds| self.after_seconds(seconds))
            }
            Wait::Timestamp(template) => match self.template(id, template, "Timestamp", Given::default()) {
                Ok(value) => self.timestamp(id, template, &value),
                Err(problem) => Err(problem),
            },
            Wait::TimestampPath(_) => Err(Unevaluated::at("TimestampPath", "A path gives no time here.")),
        };
        match until {
            Ok(until) if until <= self.env.now_ms => self.succeed_with_input(id),
            Ok(until) => {
                if let Some(frame) = self.frame_mut(id) {
                    frame.event = last_of(frame);
                    frame.activity = Activity::Waiting;
                }
                self.set_timer(TimerKey::Frame(id), until);
            }
            Err(problem) => self.fail_evaluation(id, problem),
        }
    }

    fn timestamp(&mut self, id: FrameId, template: &Template, value: &Value) -> Result<i64, Unevaluated> {
        let Some(text) = value.as_str() else {
            return Err(match template {
                Template::Expression(expression) => unexpected(expression, "Timestamp", "string", value),
                _ => Unevaluated::at("Timestamp", "The Timestamp field is no string."),
            });
        };
        time::parse(text).ok_or_else(|| {
            // It was evaluated; what fails now comes after the entry.
            if let Some(frame) = self.frame_mut(id) {
                frame.event = last_of(frame);
            }
            let problem = format!(
                "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
            );
            Unevaluated::at("Timestamp", problem)
        })
    }

    fn fail_by_state(&mut self, id: FrameId, error: Option<&FailText>, cause: Option<&FailText>) {
        let text = |text: Option<&FailText>, location: &str| -> Result<Option<String>, Unevaluated> {
            let Some(FailText::Template(template)) = text else { return Ok(None) };
            let value = self.template(id, template, location, Given::default())?;
            match (&*value, template) {
                (Value::String(text), _) => Ok(Some(text.clone())),
                (value, Template::Expression(expression)) => {
                    Err(unexpected(expression, location, "string", value))
                }
                _ => Ok(None),
            }
        };
        let failure = text(error, "Error")
            .and_then(|error| Ok(Failure { error, cause: text(cause, "Cause")?, ..Failure::default() }));
        match failure {
            Ok(failure) => self.fail(id, failure),
            Err(problem) => self.fail_evaluation(id, problem),
        }
    }

    // What history tells of a task.

    pub(super) fn record_task_started(&mut self, id: FrameId, started_at_ms: i64) {
        self.record_task(id, "Started", json!({}));
        let now_ms = self.env.now_ms;
        let scheduled_at_ms = self.frame(id).map_or(now_ms, |frame| frame.entered_at_ms);
        if let Some(event) = self.history.last_mut().filter(|event| event.event_type == "TaskStarted") {
            event.timestamp_ms = started_at_ms.clamp(scheduled_at_ms.min(now_ms), now_ms);
        }
    }

    /// `Task<how>`, with the resource named.
    pub(super) fn record_task(&mut self, id: FrameId, how: &str, mut members: Value) {
        if let Some(resource) = self.resource_of(id) {
            members["resource"] = Value::from(resource.api.as_str());
            members["resourceType"] = Value::from(resource.service.as_str());
        }
        let name = format!("task{how}EventDetails");
        self.chain(id, format!("Task{how}"), details(&name, members));
    }

    /// The region that the state machine's ARN names.
    fn region(&self) -> &str {
        let id = self.start.as_ref().map_or("", |start| start.identity.state_machine_id.as_str());
        match id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)) {
            Some(region) if !region.is_empty() => region,
            _ => "local",
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
