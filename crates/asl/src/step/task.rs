//! The Task state: handing its task over, and what history tells of it. Services, functions and activities each have
//! history events of their own.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html>

use super::Failure;
use super::evaluate::{Given, Unevaluated};
use super::history::{details, to_text, untruncated};
use super::probe::{Answer, Ended};
use super::run::Run;
use crate::definition::model::{Io, Kind, Resource, ResourceKind, Task, WaitsFor};
use crate::limits::SECONDS_MAX;
use crate::state::{Activity, FrameId, Payload};
use crate::{PendingTask, TaskId, TaskKind, TimerKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a task needs before it can be handed over.
struct Prepared {
    arguments: Payload,
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
    /// The role that its Credentials name.
    role: Option<Value>,
}

impl<'a> Run<'a> {
    pub(super) fn resource_of(&self, id: FrameId) -> Option<&'a Resource> {
        match &self.state_of(id)?.kind {
            Kind::Task(task) => Some(&task.resource),
            _ => None,
        }
    }

    pub(super) fn schedule_task(&mut self, id: FrameId, task: &Task) {
        let prepared = match self.prepare_task(id, task) {
            Ok(prepared) => prepared,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let Some(frame) = self.frame(id) else { return };
        let (state, retry_count) = (frame.state.to_string(), frame.retry_count());
        let Some(text) = to_text(&prepared.arguments) else {
            let failure = self.too_large(frame);
            return self.fail(id, failure);
        };
        let task_id = self.next_task_id();
        let pending = PendingTask {
            id: task_id,
            kind: task.resource.task_kind(),
            state,
            resource: task.resource.arn.clone(),
            arguments: Arc::clone(&prepared.arguments),
            waits_for_token: task.resource.waits_for_token,
            submitted: false,
            retry_count,
            timeout_seconds: prepared.timeout_seconds,
            heartbeat_seconds: prepared.heartbeat_seconds,
        };
        if self.probe.is_some() {
            return self.ask(id, pending);
        }
        if task.resource.kind != ResourceKind::Activity {
            self.record_scheduled(id, &task.resource, &text, &prepared);
        }
        if let Some(seconds) = prepared.timeout_seconds {
            self.set_timer(TimerKey::TaskTimeout(task_id), self.after_seconds(seconds));
        }
        // A worker's heartbeat begins when it takes the task.
        if let (Some(seconds), false) = (prepared.heartbeat_seconds, pending.kind == TaskKind::Activity) {
            self.set_timer(TimerKey::TaskHeartbeat(task_id), self.after_seconds(seconds));
        }
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Task { task: task_id };
        }
        self.schedule(id, pending);
    }

    fn prepare_task(&self, id: FrameId, task: &Task) -> Result<Prepared, Unevaluated> {
        // An execution that is started and waited for may answer the token, as recorded executions do.
        let token = task.resource.waits_for != WaitsFor::Response;
        let given = Given { token, ..Given::default() };
        let arguments = self.handed_on(id, given)?;
        let timeout_seconds =
            self.optional_amount(id, task.timeout.as_ref(), "TimeoutSeconds", 1..=SECONDS_MAX)?;
        let heartbeat_seconds =
            self.optional_amount(id, task.heartbeat.as_ref(), "HeartbeatSeconds", 1..=SECONDS_MAX)?;
        if let (Some(timeout), Some(heartbeat)) = (timeout_seconds, heartbeat_seconds)
            && heartbeat >= timeout
        {
            let problem =
                format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout}).");
            return Err(match self.state_of(id).map(|state| &state.io) {
                Some(Io::Jsonata(_)) => Unevaluated::at("HeartbeatSeconds", problem),
                _ => Unevaluated::runtime(problem),
            });
        }
        let role = match &task.credentials {
            Some(credentials) => {
                let input = self.selected_input(id)?;
                let credentials = self.computed(id, credentials, "Credentials", &input, given)?;
                credentials.get("RoleArn").cloned()
            }
            None => None,
        };
        Ok(Prepared { arguments, timeout_seconds, heartbeat_seconds, role })
    }

    /// In a test: the mocked answer, or the question.
    fn ask(&mut self, id: FrameId, pending: PendingTask) {
        let Some(probe) = self.probe else { return };
        match &probe.answer {
            Some(Answer::Result(result)) => self.succeed(id, Arc::clone(result)),
            Some(Answer::Error { error, cause }) => {
                let failure = Failure { error: error.clone(), cause: cause.clone(), ..Failure::default() };
                self.fail(id, failure);
            }
            None => probe.end(Ended::Asks(Box::new(pending))),
        }
    }

    fn record_scheduled(&mut self, id: FrameId, resource: &Resource, text: &str, prepared: &Prepared) {
        let mut members = match resource.kind {
            ResourceKind::Service => json!({"parameters": text, "region": self.region()}),
            ResourceKind::Function => {
                json!({"input": text, "inputDetails": untruncated(), "resource": resource.arn})
            }
            ResourceKind::Activity => return,
        };
        if let Some(seconds) = prepared.timeout_seconds {
            members["timeoutInSeconds"] = Value::from(seconds);
        }
        if let (Some(seconds), ResourceKind::Service) = (prepared.heartbeat_seconds, resource.kind) {
            members["heartbeatInSeconds"] = Value::from(seconds);
        }
        if let Some(role) = &prepared.role {
            members["taskCredentials"] = json!({"roleArn": role});
        }
        self.record_task(id, "Scheduled", members);
    }

    /// An activity's task is in its queue. Told only once it is known that the activity exists.
    pub(super) fn record_queued(&mut self, frame: FrameId, task: TaskId) {
        if self.is_told(task) {
            return;
        }
        let Some((_, pending)) = self.task(task) else { return };
        let text = to_text(&pending.arguments).unwrap_or_default();
        let mut members = json!({"resource": pending.resource, "input": text, "inputDetails": untruncated()});
        for (name, seconds) in
            [("timeoutInSeconds", pending.timeout_seconds), ("heartbeatInSeconds", pending.heartbeat_seconds)]
        {
            if let Some(seconds) = seconds {
                members[name] = Value::from(seconds);
            }
        }
        self.record_task(frame, "Scheduled", members);
        self.mark_told(task);
    }

    pub(super) fn record_task_started(&mut self, id: FrameId, started_at_ms: i64) {
        self.record_task(id, "Started", json!({}));
        let now_ms = self.env.now_ms;
        let scheduled_at_ms = self.frame(id).map_or(now_ms, |frame| frame.entered_at_ms);
        if let Some(event) = self.history.last_mut().filter(|event| event.event_type.ends_with("Started")) {
            event.timestamp_ms = started_at_ms.clamp(scheduled_at_ms.min(now_ms), now_ms);
        }
    }

    /// `TaskSucceeded`, `LambdaFunctionSucceeded` or `ActivitySucceeded`, and so on for every `how`.
    pub(super) fn record_task(&mut self, id: FrameId, how: &str, mut members: Value) {
        let Some(resource) = self.resource_of(id) else { return };
        let (prefix, member) = match resource.kind {
            ResourceKind::Service => {
                members["resource"] = Value::from(resource.api.as_str());
                members["resourceType"] = Value::from(resource.service.as_str());
                ("Task", "task")
            }
            ResourceKind::Function => ("LambdaFunction", "lambdaFunction"),
            ResourceKind::Activity => ("Activity", "activity"),
        };
        let details = match (resource.kind, how) {
            (ResourceKind::Function, "Started") => super::history::nothing(),
            _ => details(&format!("{member}{how}EventDetails"), members),
        };
        self.chain(id, format!("{prefix}{how}"), details);
    }

    /// What DataLimitExceeded names: a service's name, a function's or an activity's ARN.
    pub(super) fn named_in_limits(&self, id: FrameId) -> String {
        match self.resource_of(id) {
            Some(resource) if resource.kind == ResourceKind::Service => resource.service.clone(),
            Some(resource) => resource.arn.clone(),
            None => String::new(),
        }
    }

    /// The region that the state machine's ARN names.
    fn region(&self) -> &str {
        let id = self.start.as_ref().map_or("", |start| start.identity.state_machine_id.as_str());
        match id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)) {
            Some(region) if !region.is_empty() => region,
            _ => "local",
        }
    }
}
