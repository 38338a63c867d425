//! What each function does.

use super::super::budget::{BYTES_MAX, MEMBER_BYTES, VALUE_BYTES};
use super::super::scope::Evaluation;
use super::{Fault, Function, arrays, java_text, text};
use crate::random::Random;
use serde_json::Value;

/// Integers are those of Java's `int`.
const INTEGER_MIN: f64 = -2_147_483_648.0;
const INTEGER_MAX: f64 = 2_147_483_647.0;

/// Calls the function. `template` is a literal first argument of States.Format, cut where an argument goes.
pub(super) fn evaluate(
    function: Function,
    template: Option<&[String]>,
    mut arguments: Vec<Value>,
    evaluation: &Evaluation<'_, '_>,
) -> Result<Value, Fault> {
    let budget = evaluation.budget;
    match function {
        Function::Format => format(template, &arguments, evaluation),
        Function::StringToJson => text::string_to_json(one(&arguments), budget),
        Function::JsonToString => text::json_to_string(one(&arguments), budget),
        Function::Array => {
            budget.bytes(arguments.len().saturating_mul(VALUE_BYTES))?;
            Ok(Value::Array(arguments))
        }
        Function::ArrayPartition => arrays::partition(arguments, budget),
        Function::ArrayContains => arrays::contains(&arguments, budget),
        Function::ArrayRange => arrays::range(&arguments, budget),
        Function::ArrayGetItem => arrays::get_item(arguments),
        Function::ArrayLength => Ok(arrays::items(&arguments, 0)?.len().into()),
        Function::ArrayUnique => arrays::unique(arguments, budget),
        Function::Base64Encode => text::base64_encode(one(&arguments), budget),
        Function::Base64Decode => text::base64_decode(one(&arguments), budget),
        Function::Hash => text::hash(&arguments, budget),
        Function::JsonMerge => {
            if arguments.get(2) != Some(&Value::Bool(false)) {
                return Err(Fault::Refused(
                    "The third argument must be false: only shallow merging is supported".to_owned(),
                ));
            }
            arguments.truncate(2);
            match (arguments.pop(), arguments.pop()) {
                (Some(Value::Object(second)), Some(Value::Object(mut first))) => {
                    budget.step(second.len() as u64)?;
                    budget.bytes(second.len().saturating_mul(MEMBER_BYTES))?;
                    first.extend(second);
                    Ok(Value::Object(first))
                }
                _ => Err(Fault::Refused("The first two arguments must be JSON objects".to_owned())),
            }
        }
        Function::MathRandom => random(&arguments, evaluation),
        Function::MathAdd => {
            let sum = integer(&arguments, 0)?.saturating_add(integer(&arguments, 1)?);
            Ok(sum.into())
        }
        Function::StringSplit => text::split(&arguments, budget),
        Function::Uuid => Ok(Value::String(evaluation.random.uuid())),
    }
}

fn one(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Null)
}

/// An argument that is a number, rounded to the nearest integer, halves up, as AWS rounds it.
pub(super) fn integer(arguments: &[Value], at: usize) -> Result<i64, Fault> {
    let Some(Value::Number(number)) = arguments.get(at) else {
        return Err(Fault::Refused(format!("Argument {} must be a number", at + 1)));
    };
    let number = number.as_f64().map_or(f64::NAN, |number| (number + 0.5).floor());
    if !(INTEGER_MIN..=INTEGER_MAX).contains(&number) {
        return Err(Fault::Refused(format!(
            "Argument {} must be between {INTEGER_MIN} and {INTEGER_MAX}",
            at + 1
        )));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within 32 bits")]
    Ok(number as i64)
}

fn format(
    template: Option<&[String]>,
    arguments: &[Value],
    evaluation: &Evaluation<'_, '_>,
) -> Result<Value, Fault> {
    let parts: Vec<&str> = match (template, arguments.first()) {
        (Some(parts), _) => parts.iter().map(String::as_str).collect(),
        (None, Some(Value::String(template))) => template.split("{}").collect(),
        _ => return Err(Fault::Refused("The first argument must be a string".to_owned())),
    };
    let values = arguments.get(1..).unwrap_or_default();
    if parts.len() != values.len() + 1 {
        return Err(Fault::Refused(format!(
            "The number of arguments does not match the occurrences of {{}}: {} and {}",
            values.len(),
            parts.len().saturating_sub(1)
        )));
    }
    let mut text = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        evaluation.budget.text(part.len().saturating_mul(2))?;
        text.push_str(part);
        if let Some(value) = values.get(index) {
            evaluation.budget.charge(value)?;
            let before = text.len();
            java_text(value, &mut text, BYTES_MAX);
            evaluation.budget.text((text.len() - before).saturating_mul(2))?;
        }
    }
    Ok(Value::String(text))
}

/// At least the first argument, below the second; with a seed the same number each time.
fn random(arguments: &[Value], evaluation: &Evaluation<'_, '_>) -> Result<Value, Fault> {
    let (from, to) = (integer(arguments, 0)?, integer(arguments, 1)?);
    let span = usize::try_from(to - from)
        .ok()
        .filter(|span| *span > 0)
        .ok_or_else(|| Fault::Refused("The first argument must be less than the second".to_owned()))?;
    let offset = match arguments.get(2) {
        Some(_) => Random::new(integer(arguments, 2)?.unsigned_abs()).below(span),
        None => evaluation.random.below(span),
    };
    Ok((from + i64::try_from(offset).unwrap_or(0)).into())
}
