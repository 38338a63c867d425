//! Evaluation: bind what the expression reads, run it within its limits, and give plain JSON back.

use super::analyse::{Need, Needs};
use super::convert::{NotJson, to_json, to_jsonata};
use super::functions;
use super::{EVALUATION_MS_MAX, INTERMEDIATE_BYTES_MAX, SEQUENCE_LENGTH_MAX, STACK_DEPTH_MAX};
use crate::{EvaluationError, Evaluator, Expression, Scope};
use jsonata_core::evaluator::{Context, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// JSONata 2.0.6 with Step Functions' functions (`$partition`, `$range`, `$hash`, `$random(seed)`, `$uuid`, `$parse`;
/// no `$eval`), in bounded time and memory. Time and chance come from the [`Scope`] alone.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
#[derive(Debug, Default, Clone, Copy)]
pub struct JsonataEvaluator;

impl Evaluator for JsonataEvaluator {
    fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        if let Some(path) = &expression.path
            && let Some(found) = read(path, scope)
        {
            return Ok(found);
        }
        // The library panics on some date pictures. Nothing outlives the evaluation, so that nothing can be left
        // half done.
        catch_unwind(AssertUnwindSafe(|| run(expression, scope))).unwrap_or_else(|_| {
            Err(EvaluationError::Threw(
                "an argument was out of the range that a function can handle".to_owned(),
            ))
        })
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

fn run(expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
    let needs = &expression.needs;
    let mut context = Context::new();
    if needs.all_states || !needs.states.is_empty() {
        context.bind("states".to_owned(), states(needs, scope));
    }
    for name in &needs.names {
        if let Some(value) = scope.variables.iter().find_map(|variables| variables.get(name)) {
            context.bind(name.clone(), to_jsonata(value));
        }
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(EVALUATION_MS_MAX),
        max_stack_depth: Some(STACK_DEPTH_MAX),
        max_sequence_length: Some(SEQUENCE_LENGTH_MAX),
        cancel: None,
    };
    let mut evaluator = jsonata_core::evaluator::Evaluator::with_options(context, options);
    functions::register(&mut evaluator, needs, scope).map_err(threw)?;
    let result = evaluator.evaluate(&expression.ast, &JValue::Undefined).map_err(threw)?;
    match to_json(&result) {
        Ok(value) => Ok(Some(value)),
        Err(NotJson::Undefined) => Ok(None),
        Err(NotJson::Unsupported) => Err(EvaluationError::Unsupported),
        Err(NotJson::TooLarge) => Err(EvaluationError::Threw(format!(
            "the result has more than {INTERMEDIATE_BYTES_MAX} bytes or is nested more than {} deep",
            crate::limits::PAYLOAD_DEPTH_MAX
        ))),
    }
}

/// `$states`, with what the expression reads of it.
fn states(needs: &Needs, scope: &Scope<'_>) -> JValue {
    let context = needs.member("context").map(|_| scope.context.value());
    let members = [
        ("input", Some(scope.input)),
        ("result", scope.result),
        ("errorOutput", scope.error_output),
        ("context", context.as_deref()),
    ];
    let bound = members.into_iter().filter_map(|(name, value)| {
        let value = match (needs.member(name)?, value?) {
            (Need::Fields(fields), Value::Object(object)) => JValue::object(
                fields
                    .iter()
                    .filter_map(|field| Some((field.clone(), to_jsonata(object.get(field)?))))
                    .collect(),
            ),
            (_, value) => to_jsonata(value),
        };
        Some((name.to_owned(), value))
    });
    JValue::object(bound.collect())
}

fn threw(error: EvaluatorError) -> EvaluationError {
    // The library adds the name that was called; Step Functions does not.
    const NOT_A_FUNCTION: &str = "T1006: Attempted to invoke a non-function";
    let message = error.message();
    EvaluationError::Threw(
        if message.starts_with(NOT_A_FUNCTION) { NOT_A_FUNCTION } else { message }.to_owned(),
    )
}
