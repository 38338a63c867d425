//! Evaluating templates where a frame stands, and telling what went wrong in Step Functions' words.

use super::Failure;
use super::history::{details, error_and_cause, to_text};
use super::run::Run;
use crate::errors::{DATA_LIMIT_EXCEEDED, QUERY_EVALUATION};
use crate::random::Random;
use crate::state::{Frame, FrameId, Payload, Variables};
use crate::time::iso;
use crate::{ContextObject, EvaluationError, Expression, Scope, TASK_TOKEN_PLACEHOLDER, Template};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What an expression sees besides the frame's input and variables.
#[derive(Clone, Copy, Default)]
pub(super) struct Given<'a> {
    /// `$states.result`.
    pub(super) result: Option<&'a Value>,
    /// `$states.errorOutput`.
    pub(super) error_output: Option<&'a Value>,
    /// `$states.context.Map.Item`, of an iteration that is about to begin.
    pub(super) item: Option<(u64, &'a Value)>,
    /// Whether `$states.context.Task.Token` is there.
    pub(super) token: bool,
}

/// Why a template gave no value.
#[derive(Debug)]
pub(super) struct Unevaluated {
    /// The field, such as `Output/result`; `None` where the cause is no expression.
    pub(super) location: Option<String>,
    pub(super) problem: String,
}

impl Unevaluated {
    pub(super) fn at(location: &str, problem: impl Into<String>) -> Self {
        Unevaluated { location: Some(location.to_owned()), problem: problem.into() }
    }
}

impl Run<'_> {
    /// A template's value.
    pub(super) fn template(
        &self,
        id: FrameId,
        template: &Template,
        location: &str,
        given: Given<'_>,
    ) -> Result<Payload, Unevaluated> {
        match template {
            Template::Literal(literal) => Ok(Arc::clone(literal)),
            template => {
                self.with_scope(id, given, |evaluate| built(template, location, evaluate)).map(Arc::new)
            }
        }
    }

    /// One expression's value.
    pub(super) fn expression(
        &self,
        id: FrameId,
        expression: &Expression,
        location: &str,
        given: Given<'_>,
    ) -> Result<Value, Unevaluated> {
        self.with_scope(id, given, |evaluate| evaluate(expression, location))
    }

    fn with_scope<T>(&self, id: FrameId, given: Given<'_>, use_it: impl FnOnce(Evaluate<'_>) -> T) -> T {
        let context = ContextObject::new(|| self.context(id, given));
        let mut scopes: Vec<&Variables> = Vec::new();
        let mut next = Some(id);
        while let Some(frame) = next.and_then(|id| self.frame(id)) {
            if !frame.variables.is_empty() {
                scopes.push(&frame.variables);
            }
            next = frame.parent;
        }
        let null = Value::Null;
        let input = self.frame(id).map_or(&null, |frame| &*frame.input);
        let evaluate = |expression: &Expression, location: &str| {
            let scope = Scope {
                input,
                result: given.result,
                error_output: given.error_output,
                context: &context,
                variables: &scopes,
                now_ms: self.env.now_ms,
                seed: self.next_seed(),
            };
            evaluated(self.env.evaluator.evaluate(expression, &scope), expression, location)
        };
        use_it(&evaluate)
    }

    /// A new seed, that follows from the step's.
    pub(super) fn next_seed(&self) -> u64 {
        let count = self.evaluations.get() + 1;
        self.evaluations.set(count);
        Random::new(self.env.seed ^ count.wrapping_mul(0x2545_f491_4f6c_dd1d)).next()
    }

    /// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>
    fn context(&self, id: FrameId, given: Given<'_>) -> Value {
        let mut context = Map::new();
        if let Some(start) = &self.start {
            let identity = &start.identity;
            let mut execution = json!({
                "Id": identity.execution_id,
                "Input": &*start.input,
                "Name": identity.execution_name,
                "RoleArn": identity.role_arn,
                "StartTime": iso(start.at_ms),
                "RedriveCount": self.base.redrive_count + u64::from(self.redriven),
            });
            let redriven_at_ms = if self.redriven { Some(self.env.now_ms) } else { self.base.redriven_at_ms };
            if let Some(at_ms) = redriven_at_ms {
                execution["RedriveTime"] = Value::from(iso(at_ms));
            }
            context.insert("Execution".to_owned(), execution);
            let machine = json!({"Id": identity.state_machine_id, "Name": identity.state_machine_name});
            context.insert("StateMachine".to_owned(), machine);
        }
        if let Some(frame) = self.frame(id) {
            let state = json!({
                "EnteredTime": iso(frame.entered_at_ms),
                "Name": &*frame.state,
                "RetryCount": frame.retry_count(),
            });
            context.insert("State".to_owned(), state);
        }
        let item = given.item.or_else(|| self.item_around(id));
        if let Some((index, value)) = item {
            context.insert("Map".to_owned(), json!({"Item": {"Index": index, "Value": value}}));
        }
        if given.token {
            context.insert("Task".to_owned(), json!({"Token": TASK_TOKEN_PLACEHOLDER}));
        }
        Value::Object(context)
    }

    /// The item of the innermost iteration that a frame lies in.
    fn item_around(&self, id: FrameId) -> Option<(u64, &Value)> {
        let mut id = id;
        loop {
            let parent = self.frame(id)?.parent?;
            let frame = self.frame(parent)?;
            if let (Some(items), crate::state::Activity::Fan(fan)) = (&frame.items, &frame.activity) {
                let index = id.checked_sub(fan.first)?;
                return Some((index, items.get(usize::try_from(index).ok()?)?));
            }
            id = parent;
        }
    }

    /// Records that an expression failed; the failure that its state must deal with. `entering`: the state did nothing
    /// yet, so that the event points before the entry.
    pub(super) fn evaluation_failed(&mut self, id: FrameId, problem: Unevaluated) -> Failure {
        let Some((state, entered, previous)) =
            self.frame(id).map(|frame| (Arc::clone(&frame.state), frame.entered_event, frame.event))
        else {
            return Failure::default();
        };
        let cause = in_state(&state, entered, &problem.problem);
        let mut members = error_and_cause(Some(QUERY_EVALUATION), Some(&cause));
        if let Some(location) = problem.location {
            members.insert("location".to_owned(), Value::from(location));
        }
        members.insert("state".to_owned(), Value::from(&*state));
        let event = self.record(
            previous,
            "EvaluationFailed",
            details("evaluationFailedEventDetails", Value::Object(members)),
        );
        if let Some(frame) = self.frame_mut(id) {
            frame.event = event;
        }
        Failure::new(QUERY_EVALUATION, cause)
    }

    /// A payload over the limit.
    pub(super) fn too_large(&self, frame: &Frame) -> Failure {
        let cause = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            frame.state
        );
        Failure::new(DATA_LIMIT_EXCEEDED, cause)
    }
}

/// The beginning that Step Functions gives such causes.
pub(super) fn in_state(state: &str, entered: u64, problem: &str) -> String {
    format!(
        "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {problem}"
    )
}

/// A result that is not what its field takes.
pub(super) fn unexpected(
    expression: &Expression,
    location: &str,
    expected: &str,
    value: &Value,
) -> Unevaluated {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let shown = to_text(value).unwrap_or_default();
    Unevaluated::at(
        location,
        format!(
            "The JSONata expression '{}' specified for the field '{location}' returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {shown}",
            expression.source
        ),
    )
}

type Evaluate<'a> = &'a dyn Fn(&Expression, &str) -> Result<Value, Unevaluated>;

fn built(template: &Template, location: &str, evaluate: Evaluate<'_>) -> Result<Value, Unevaluated> {
    Ok(match template {
        Template::Literal(literal) => (**literal).clone(),
        Template::Expression(expression) => evaluate(expression, location)?,
        Template::Array(items) => {
            let items = items.iter().enumerate();
            Value::Array(
                items
                    .map(|(i, item)| built(item, &format!("{location}[{i}]"), evaluate))
                    .collect::<Result<_, _>>()?,
            )
        }
        Template::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for (name, member) in members {
                object.insert(name.clone(), built(member, &format!("{location}/{name}"), evaluate)?);
            }
            Value::Object(object)
        }
    })
}

fn evaluated(
    outcome: Result<Option<Value>, EvaluationError>,
    expression: &Expression,
    location: &str,
) -> Result<Value, Unevaluated> {
    let what =
        || format!("The JSONata expression '{}' specified for the field '{location}'", expression.source);
    match outcome {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Unevaluated::at(location, format!("{} returned nothing (undefined).", what()))),
        Err(EvaluationError::Unsupported) => {
            Err(Unevaluated::at(location, format!("{} returned an unsupported result type.", what())))
        }
        Err(EvaluationError::Threw(problem)) => {
            Err(Unevaluated::at(location, format!("{} threw an error during evaluation. {problem}", what())))
        }
    }
}
