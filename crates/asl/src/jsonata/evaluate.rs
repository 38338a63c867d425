//! Evaluation: bind what the expression reads, run it within its limits, and give plain JSON back.

use super::LIMITS;
use super::analyse::{Need, Needs};
use super::engine::convert::{NotJson, to_json, to_value};
use super::engine::{Dialect, Evaluation, Host, Thrown, Value as Inner};
use crate::random::Random;
use crate::{EvaluationError, Evaluator, Expression, Scope};
use serde_json::{Map, Value};

/// JSONata 2.0.6 with Step Functions' functions (`$partition`, `$range`, `$hash`, `$random(seed)`, `$uuid`, `$parse`;
/// no `$eval`), in bounded time and memory. Time and chance come from the [`Scope`] alone.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
#[derive(Debug, Default, Clone, Copy)]
pub struct JsonataEvaluator;

/// What an evaluation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Steps: nodes evaluated, items visited, one for each 64 bytes of text.
    pub fuel: u64,
    /// Most bytes that lived at once, as counted.
    pub peak_bytes: usize,
}

impl Evaluator for JsonataEvaluator {
    fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        self.evaluate_metered(expression, scope).0
    }
}

impl JsonataEvaluator {
    /// Most fuel that an evaluation may use.
    pub const FUEL_MAX: u64 = LIMITS.fuel;

    /// As [`Evaluator::evaluate`], and what it took.
    pub fn evaluate_metered(
        &self,
        expression: &Expression,
        scope: &Scope<'_>,
    ) -> (Result<Option<Value>, EvaluationError>, Spent) {
        let nothing = Spent { fuel: 0, peak_bytes: 0 };
        if let Some(path) = &expression.path
            && let Some(found) = read(path, scope)
        {
            return (Ok(found), nothing);
        }
        let host =
            Host { dialect: Dialect::StepFunctions, now_ms: scope.now_ms, random: Random::new(scope.seed) };
        let evaluation = match Evaluation::new(host, LIMITS) {
            Ok(evaluation) => evaluation,
            Err(error) => return (Err(threw(&error)), nothing),
        };
        let result = run(&evaluation, expression, scope);
        let meter = evaluation.meter();
        (result, Spent { fuel: meter.fuel_used(), peak_bytes: meter.peak_bytes() })
    }
}

/// Follows a plain path without JSONata. `None` where it cannot tell what JSONata would do: an array or a text on the
/// way, or a name that is a function's.
fn read(path: &[String], scope: &Scope<'_>) -> Option<Option<Value>> {
    let (first, rest) = path.split_first()?;
    if first != "states" {
        let value = scope.variables.iter().find_map(|variables| variables.get(first.as_str()))?;
        return follow(value, rest);
    }
    let (member, rest) = rest.split_first()?;
    match member.as_str() {
        "input" => follow(scope.input, rest),
        "result" => scope.result.map_or(Some(None), |value| follow(value, rest)),
        "errorOutput" => scope.error_output.map_or(Some(None), |value| follow(value, rest)),
        "context" => follow(&scope.context.value(), rest),
        _ => Some(None),
    }
}

fn follow(value: &Value, names: &[String]) -> Option<Option<Value>> {
    let mut value = value;
    for name in names {
        match value {
            Value::Object(members) => match members.get(name) {
                Some(member) => value = member,
                None => return Some(None),
            },
            Value::Null => return Some(None),
            _ => return None,
        }
    }
    Some(Some(value.clone()))
}

fn run(
    evaluation: &Evaluation,
    expression: &Expression,
    scope: &Scope<'_>,
) -> Result<Option<Value>, EvaluationError> {
    bind(evaluation, &expression.needs, scope).map_err(|error| threw(&error))?;
    let result = evaluation.run(&expression.tree, &Inner::Undefined).map_err(|error| threw(&error))?;
    match to_json(evaluation.meter(), &result) {
        Ok(value) => Ok(Some(value)),
        Err(NotJson::Undefined) => Ok(None),
        Err(NotJson::Unsupported) => Err(EvaluationError::Unsupported),
        Err(NotJson::Thrown(error)) => Err(threw(&error)),
    }
}

fn bind(evaluation: &Evaluation, needs: &Needs, scope: &Scope<'_>) -> Result<(), Thrown> {
    if needs.all_states || !needs.states.is_empty() {
        let context = needs.member("context").map(|_| scope.context.value());
        let members = [
            ("input", Some(scope.input)),
            ("result", scope.result),
            ("errorOutput", scope.error_output),
            ("context", context.as_deref()),
        ];
        let mut states = evaluation.object()?;
        for (name, value) in members {
            let (Some(need), Some(value)) = (needs.member(name), value) else { continue };
            let value = match (need, value) {
                (Need::Fields(fields), Value::Object(object)) => some_of(evaluation, object, fields)?,
                (_, value) => to_value(evaluation.meter(), value)?,
            };
            states.set(name.into(), value)?;
        }
        evaluation.bind(&"states".into(), states.finish()?)?;
    }
    for name in &needs.names {
        if let Some(value) = scope.variables.iter().find_map(|variables| variables.get(name)) {
            evaluation.bind(&name.as_str().into(), to_value(evaluation.meter(), value)?)?;
        }
    }
    Ok(())
}

fn some_of(
    evaluation: &Evaluation,
    object: &Map<String, Value>,
    fields: &std::collections::BTreeSet<String>,
) -> Result<Inner, Thrown> {
    let mut members = evaluation.object()?;
    for field in fields {
        if let Some(value) = object.get(field) {
            members.set(field.as_str().into(), to_value(evaluation.meter(), value)?)?;
        }
    }
    members.finish()
}

fn threw(error: &Thrown) -> EvaluationError {
    EvaluationError::Threw(error.to_string())
}
