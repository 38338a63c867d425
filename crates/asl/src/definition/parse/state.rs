//! One state.

use super::fields::{At, Fields, StateAt};
use super::{Language, Parser, Surroundings};
use crate::TaskInfo;
use crate::definition::model::{
    Amount, FailText, Io, JsonataIo, Kind, Resource, ResourceKind, State, Task, Wait, WaitsFor,
};
use crate::definition::source::NodeKind;
use crate::limits::{SECONDS_MAX, STATE_NAME_LENGTH_MAX};
use std::sync::Arc;

/// The resources that a Task may name; each may stand with the suffixes after it.
const RESOURCES: &[(&str, &[&str])] = &[
    ("lambda:invoke", &["", WAIT_FOR_TASK_TOKEN]),
    ("sqs:sendMessage", &["", WAIT_FOR_TASK_TOKEN]),
    ("events:putEvents", &["", WAIT_FOR_TASK_TOKEN]),
    ("states:startExecution", &["", ".sync", ".sync:2", WAIT_FOR_TASK_TOKEN]),
];

const WAIT_FOR_TASK_TOKEN: &str = ".waitForTaskToken";
const PREFIX: &str = "arn:aws:states:::";

impl Parser<'_> {
    pub(super) fn state(&mut self, state: StateAt<'_>, around: &Surroundings) {
        let name = state.name();
        let Some(mut fields) = Fields::open(self, state.at.clone()) else { return };
        self.check_state_name(name, &state.at);
        fields.take("Comment");
        let language = self.language(&mut fields, around.language, Some(name));
        if language == Language::JsonPath {
            // What follows would be read in the wrong language.
            let at = fields.peek("QueryLanguage").unwrap_or_else(|| query_language_of(&state.at));
            let message = "JSONPath is not supported yet: set \"QueryLanguage\": \"JSONata\" here or for the whole state machine";
            self.error(&at, "UNSUPPORTED_QUERY_LANGUAGE", message);
            return;
        }
        let Some(kind_at) = fields.take("Type") else {
            self.error(&state.at, "SCHEMA_VALIDATION_FAILED", "These fields are required: [Type]");
            return;
        };
        let mut path = around.path.clone();
        path.push(name.to_owned());
        let inside = Surroundings { language, path: path.clone(), compensating: around.compensating };
        let arguments = match kind_at.as_str() {
            Some("Task" | "Parallel") => fields.take("Arguments").and_then(|at| self.template(&at)),
            _ => None,
        };
        let mut retries = false;
        let kind = match kind_at.as_str() {
            Some("Task") => {
                retries = true;
                self.task(&mut fields).map(|task| Kind::Task(Box::new(task)))
            }
            Some("Pass") => Some(Kind::Pass),
            Some("Choice") => self.choice(&mut fields).map(Kind::Choice),
            Some("Wait") => self.wait(&mut fields).map(Kind::Wait),
            Some("Succeed") => Some(Kind::Succeed),
            Some("Fail") => Some(self.fail(&mut fields)),
            Some("Parallel") => {
                retries = true;
                self.parallel(&mut fields, &inside)
            }
            Some("Map") => {
                retries = true;
                self.map(&mut fields, &inside)
            }
            _ => {
                let message = "Type must be one of Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map";
                self.error(&kind_at, "SCHEMA_VALIDATION_FAILED", message);
                return;
            }
        };
        let kind_name = kind_at.as_str().unwrap_or_default();
        let (retry, catch) = if retries {
            (self.retry(&mut fields), self.catch(&mut fields))
        } else {
            (Vec::new(), Vec::new())
        };
        let results = match kind_name {
            "Fail" => Default::default(),
            // A Succeed state ends its scope: there is nobody left to read a variable.
            "Succeed" => crate::definition::model::Results {
                output: fields.take("Output").and_then(|at| self.template(&at)),
                assign: Vec::new(),
            },
            // Each rule of a Choice has its own Output; the state's holds where no rule matches.
            _ => self.results(&mut fields),
        };
        let next = self.transition(&mut fields, kind_name);
        fields.finish(self);
        let Some(kind) = kind else { return };
        if let Kind::Task(task) = &kind {
            let catch_targets = catch.iter().map(|rule| rule.next.to_string()).collect();
            self.tasks.push(TaskInfo {
                path,
                name: name.to_owned(),
                resource: task.resource.arn.clone(),
                function: function_of(task, &state.at),
                catch_targets,
                compensating: around.compensating,
                nested: !around.path.is_empty(),
                waits_for_token: task.resource.waits_for_token,
            });
        }
        let name: Arc<str> = Arc::from(name);
        let state_model = State {
            name: Arc::clone(&name),
            kind,
            next,
            io: Io::Jsonata(JsonataIo { arguments, results }),
            retry,
            catch,
        };
        if self.states.insert(name, state_model).is_some() {
            let message =
                "a state of this name stands elsewhere in the definition: names must be unique in all of it";
            self.error(&state.at, "DUPLICATE_STATE_NAME", message);
        }
    }

    fn check_state_name(&mut self, name: &str, at: &At<'_>) {
        if name.is_empty() || name.chars().count() > STATE_NAME_LENGTH_MAX {
            let message = format!("a state's name must have 1 to {STATE_NAME_LENGTH_MAX} characters");
            self.error(at, "INVALID_STATE_NAME", message);
        }
    }

    /// Next or End.
    fn transition(&mut self, fields: &mut Fields<'_>, kind: &str) -> Option<Arc<str>> {
        if matches!(kind, "Choice" | "Succeed" | "Fail") {
            return None;
        }
        let next = fields.take("Next");
        let end = fields.take("End");
        let ends = match &end {
            Some(at) => match at.node.kind {
                NodeKind::Bool(ends) => ends,
                _ => {
                    self.error(at, "SCHEMA_VALIDATION_FAILED", "End must be true or false");
                    return None;
                }
            },
            None => false,
        };
        match next {
            Some(at) if ends => {
                self.error(&at, "SCHEMA_VALIDATION_FAILED", "a state has either Next or End, not both");
                None
            }
            Some(at) => self.name_of(&at).map(Arc::from),
            None if ends => None,
            None => {
                self.error(fields.at(), "MISSING_TRANSITION", "a state needs Next, or \"End\": true");
                None
            }
        }
    }

    fn task(&mut self, fields: &mut Fields<'_>) -> Option<Task> {
        let resource = match fields.take("Resource") {
            Some(at) => self.resource(&at),
            None => {
                self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Resource]");
                None
            }
        };
        if let Some(at) = fields.take("Credentials") {
            self.error(
                &at,
                "UNSUPPORTED_FIELD",
                "Credentials are not supported: every step runs as the engine itself",
            );
        }
        let heartbeat_at = fields.peek("HeartbeatSeconds");
        let timeout = self.amount(fields, "TimeoutSeconds", 1, SECONDS_MAX);
        let heartbeat = self.amount(fields, "HeartbeatSeconds", 1, SECONDS_MAX);
        if let (Some(Amount::Fixed(timeout)), Some(Amount::Fixed(heartbeat)), Some(at)) =
            (&timeout, &heartbeat, heartbeat_at)
            && heartbeat >= timeout
        {
            let message =
                format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout})");
            self.error(&at, "HEARTBEAT_NOT_BELOW_TIMEOUT", message);
        }
        let resource = resource?;
        if timeout.is_none() && resource.waits_for_token {
            let message = "this Task waits for a token without TimeoutSeconds: lost, it waits for a year";
            self.warn(fields.at(), "MISSING_TIMEOUT", message);
        }
        Some(Task { resource, timeout, heartbeat, credentials: None })
    }

    fn resource(&mut self, at: &At<'_>) -> Option<Resource> {
        let Some(arn) = at.as_str() else {
            let message = format!("Resource must be a string, not {}", at.node.describe());
            self.error(at, "SCHEMA_VALIDATION_FAILED", message);
            return None;
        };
        let known = arn.strip_prefix(PREFIX).filter(|name| {
            RESOURCES.iter().any(|(base, suffixes)| {
                name.strip_prefix(base).is_some_and(|suffix| suffixes.contains(&suffix))
            })
        });
        let Some((service, api)) = known.and_then(|name| name.split_once(':')) else {
            let known: Vec<&str> = RESOURCES.iter().map(|(base, _)| *base).collect();
            let message = format!(
                "the resource '{arn}' is not supported: use {PREFIX} with one of {}",
                known.join(", ")
            );
            self.error(at, "UNSUPPORTED_RESOURCE", message);
            return None;
        };
        Some(Resource {
            arn: arn.to_owned(),
            service: service.to_owned(),
            api: api.to_owned(),
            waits_for_token: api.ends_with(WAIT_FOR_TASK_TOKEN),
            kind: ResourceKind::Service,
            waits_for: match api.split_once('.') {
                Some((_, "sync")) => WaitsFor::Job,
                Some((_, "sync:2")) => WaitsFor::JobAsJson,
                Some(_) => WaitsFor::Token,
                None => WaitsFor::Response,
            },
        })
    }

    fn wait(&mut self, fields: &mut Fields<'_>) -> Option<Wait> {
        if fields.has("Seconds") == fields.has("Timestamp") {
            fields.take("Seconds");
            fields.take("Timestamp");
            let message = "a Wait state has either Seconds or Timestamp";
            self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", message);
            return None;
        }
        if fields.has("Seconds") {
            return self.amount(fields, "Seconds", 0, SECONDS_MAX).map(Wait::Seconds);
        }
        let at = fields.take("Timestamp")?;
        let Some(text) = at.as_str() else {
            let message = format!("Timestamp must be a string, not {}", at.node.describe());
            self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            return None;
        };
        if !text.contains("{%") && crate::time::parse(text).is_none() {
            let message = "Timestamp must be an ISO 8601 date-time with offset, such as 2026-01-31T12:00:00Z";
            self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            return None;
        }
        self.template(&at).map(Wait::Timestamp)
    }

    fn fail(&mut self, fields: &mut Fields<'_>) -> Kind {
        let mut text = |name: &str| {
            let at = fields.take(name)?;
            if at.as_str().is_none() {
                let message = format!("{name} must be a string, not {}", at.node.describe());
                self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            }
            self.template(&at).map(FailText::Template)
        };
        let (error, cause) = (text("Error"), text("Cause"));
        Kind::Fail { error, cause }
    }
}

/// The place of a field that is not there: the state's own, with the field's name.
fn query_language_of<'a>(state: &At<'a>) -> At<'a> {
    let mut at = state.child("QueryLanguage", state.node);
    at.offset = state.offset;
    at
}

/// `Arguments.FunctionName`, where it is fixed.
fn function_of(task: &Task, state: &At<'_>) -> Option<String> {
    fn member<'a>(at: &At<'a>, name: &str) -> Option<At<'a>> {
        match &at.node.kind {
            NodeKind::Object(members) => {
                members.iter().find(|m| m.name == name).map(|m| at.child(name, &m.value))
            }
            _ => None,
        }
    }
    if task.resource.service != "lambda" {
        return None;
    }
    let name = member(&member(state, "Arguments")?, "FunctionName")?.as_str()?;
    (!name.starts_with("{%")).then(|| name.to_owned())
}
