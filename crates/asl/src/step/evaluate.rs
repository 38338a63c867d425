//! Evaluating fields where a frame stands, in the state's own query language, and telling what went wrong in Step
//! Functions' words.

use super::Failure;
use super::history::{details, error_and_cause, to_text};
use super::run::Run;
use crate::definition::model::Computed;
use crate::errors::{DATA_LIMIT_EXCEEDED, QUERY_EVALUATION, RUNTIME};
use crate::jsonpath;
use crate::random::Random;
use crate::state::{Frame, FrameId, Payload, Variables};
use crate::{ContextObject, EvaluationError, Expression, Scope, Template};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a field sees besides the frame's input and variables.
#[derive(Clone, Copy, Default)]
pub(super) struct Given<'a> {
    /// `$states.result`.
    pub(super) result: Option<&'a Value>,
    /// `$states.errorOutput`.
    pub(super) error_output: Option<&'a Value>,
    /// `Map.Item` of the context object, of an iteration that is about to begin.
    pub(super) item: Option<(u64, &'a Value)>,
    /// That item's key, where the items are an object's members.
    pub(super) item_key: Option<&'a str>,
    /// Where that item comes from; only distributed Maps tell.
    pub(super) item_source: Option<&'a str>,
    /// Whether `Task.Token` of the context object is there.
    pub(super) token: bool,
}

/// Why a field gave no value.
#[derive(Debug)]
pub(super) enum Unevaluated {
    /// In JSONata: `States.QueryEvaluationError`, with an `EvaluationFailed` event.
    Query {
        /// The field, such as `Output/result`; `None` where the cause is no expression.
        location: Option<String>,
        problem: String,
    },
    /// In JSONPath: the state fails with that error, and history tells nothing else of it.
    Path { error: &'static str, problem: String },
}

impl Unevaluated {
    /// In JSONata: a field's expression failed.
    pub(super) fn at(location: &str, problem: impl Into<String>) -> Self {
        Unevaluated::Query { location: Some(location.to_owned()), problem: problem.into() }
    }

    /// In JSONata: the state fails, and no expression is to blame.
    pub(super) fn nowhere(problem: impl Into<String>) -> Self {
        Unevaluated::Query { location: None, problem: problem.into() }
    }

    /// In JSONPath: `States.Runtime`, which nothing catches.
    pub(super) fn runtime(problem: impl Into<String>) -> Self {
        Unevaluated::Path { error: RUNTIME, problem: problem.into() }
    }
}

impl From<jsonpath::Failure> for Unevaluated {
    fn from(failure: jsonpath::Failure) -> Self {
        Unevaluated::Path { error: failure.error, problem: failure.cause }
    }
}

impl Run<'_> {
    /// A JSONata template's value.
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

    /// One JSONata expression's value.
    pub(super) fn expression(
        &self,
        id: FrameId,
        expression: &Expression,
        location: &str,
        given: Given<'_>,
    ) -> Result<Value, Unevaluated> {
        self.with_scope(id, given, |evaluate| evaluate(expression, location))
    }

    /// A template's value in either language. `location` names the field in JSONata, `input` is `$` in JSONPath.
    pub(super) fn computed(
        &self,
        id: FrameId,
        computed: &Computed,
        location: &str,
        input: &Value,
        given: Given<'_>,
    ) -> Result<Payload, Unevaluated> {
        match computed {
            Computed::Jsonata(template) => self.template(id, template, location, given),
            Computed::JsonPath(template) => self.payload_template(id, template, input, given),
        }
    }

    fn with_scope<T>(&self, id: FrameId, given: Given<'_>, use_it: impl FnOnce(Evaluate<'_>) -> T) -> T {
        let context = ContextObject::new(|| self.context(id, given));
        let scopes = self.scopes(id);
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

    /// The variables that a frame sees, innermost scope first.
    pub(super) fn scopes(&self, id: FrameId) -> Vec<&Variables> {
        let mut scopes: Vec<&Variables> = Vec::new();
        let mut next = Some(id);
        while let Some(frame) = next.and_then(|id| self.frame(id)) {
            if !frame.variables.is_empty() {
                scopes.push(&frame.variables);
            }
            next = frame.parent;
        }
        scopes
    }

    /// A new seed, that follows from the step's.
    pub(super) fn next_seed(&self) -> u64 {
        let count = self.evaluations.get() + 1;
        self.evaluations.set(count);
        Random::new(self.env.seed ^ count.wrapping_mul(0x2545_f491_4f6c_dd1d)).next()
    }

    /// The failure that a field without a value is. In JSONata, history tells of it first.
    pub(super) fn evaluation_failed(&mut self, id: FrameId, problem: Unevaluated) -> Failure {
        let Some((state, entered, previous)) =
            self.frame(id).map(|frame| (Arc::clone(&frame.state), frame.entered_event, frame.event))
        else {
            return Failure::default();
        };
        let (location, problem) = match problem {
            Unevaluated::Path { error, problem } => {
                let cause = self.in_state(&state, entered, &problem);
                return Failure { ends_execution: error == RUNTIME, ..Failure::new(error, cause) };
            }
            Unevaluated::Query { location, problem } => (location, problem),
        };
        let cause = self.in_state(&state, entered, &problem);
        let mut members = error_and_cause(Some(QUERY_EVALUATION), Some(&cause));
        if let Some(location) = location {
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

    /// Records a failed evaluation and lets the state deal with it.
    pub(super) fn fail_evaluation(&mut self, id: FrameId, problem: Unevaluated) {
        let failure = self.evaluation_failed(id, problem);
        self.fail(id, failure);
    }

    /// A payload over the limit.
    pub(super) fn too_large(&self, frame: &Frame) -> Failure {
        too_large(&frame.state)
    }

    /// The beginning that Step Functions gives the causes of what goes wrong in a state. `TestState` has none.
    pub(super) fn in_state(&self, state: &str, entered: u64, problem: &str) -> String {
        if self.probe.is_some() {
            return problem.to_owned();
        }
        format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {problem}"
        )
    }
}

/// What gave more than a payload may hold: a state, a service, a function.
pub(super) fn too_large(what: &str) -> Failure {
    let cause = format!(
        "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new(DATA_LIMIT_EXCEEDED, cause)
}

/// A JSONata result that is not what its field takes.
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
