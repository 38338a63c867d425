//! Between plain JSON and the library's values.

use super::INTERMEDIATE_BYTES_MAX;
use jsonata_core::value::{JArray, JValue, with_stack};
use serde_json::{Map, Number, Value};

/// Deepest nesting of a result.
const DEPTH_MAX: usize = crate::limits::PAYLOAD_DEPTH_MAX;

/// Why a result is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotJson {
    /// It is undefined, as a whole.
    Undefined,
    /// It holds a function, a regular expression or a number without end.
    Unsupported,
    /// It is too large or nested too deep.
    TooLarge,
}

pub(super) fn to_jsonata(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(bool) => JValue::Bool(*bool),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(string) => JValue::string(string.as_str()),
        Value::Array(items) => {
            let flat = !items.iter().any(Value::is_array);
            JValue::Array(JArray::new_flat(items.iter().map(to_jsonata).collect(), flat))
        }
        Value::Object(members) => {
            JValue::object(members.iter().map(|(name, value)| (name.clone(), to_jsonata(value))).collect())
        }
    }
}

pub(super) fn to_json(value: &JValue) -> Result<Value, NotJson> {
    let mut left = INTERMEDIATE_BYTES_MAX;
    converted(value, &mut left, DEPTH_MAX)
}

fn converted(value: &JValue, left: &mut usize, depth: usize) -> Result<Value, NotJson> {
    let cost = match value {
        JValue::String(string) => string.len() + 2,
        _ => 2,
    };
    *left = left.checked_sub(cost).ok_or(NotJson::TooLarge)?;
    Ok(match value {
        JValue::Null => Value::Null,
        JValue::Bool(bool) => Value::Bool(*bool),
        JValue::Number(number) => Value::Number(to_number(*number).ok_or(NotJson::Unsupported)?),
        JValue::String(string) => Value::String(string.to_string()),
        JValue::Array(items) => {
            let depth = depth.checked_sub(1).ok_or(NotJson::TooLarge)?;
            let items = items.iter().map(|item| match converted(item, left, depth) {
                Err(NotJson::Undefined) => Ok(Value::Null),
                other => other,
            });
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        JValue::Object(members) => {
            let depth = depth.checked_sub(1).ok_or(NotJson::TooLarge)?;
            let mut object = Map::with_capacity(members.len());
            for (name, member) in members.iter() {
                *left = left.checked_sub(name.len() + 3).ok_or(NotJson::TooLarge)?;
                match converted(member, left, depth) {
                    Err(NotJson::Undefined) => {}
                    other => {
                        object.insert(name.clone(), other?);
                    }
                }
            }
            Value::Object(object)
        }
        JValue::Undefined => return Err(NotJson::Undefined),
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
            return Err(NotJson::Unsupported);
        }
    })
}

/// Whole numbers stay whole in JSON: 1, not 1.0.
fn to_number(number: f64) -> Option<Number> {
    // 2^63: from here on, an i64 cannot hold it.
    const WHOLE_MAX: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        let whole = number as i64;
        return Some(Number::from(whole));
    }
    Number::from_f64(number)
}

/// The size of a value as JSON, counted up to `limit`; `None` where it is over. Shared parts count as often as they
/// are written, which is what makes them dangerous.
pub(super) fn size_within(value: &JValue, limit: usize) -> Option<usize> {
    fn spend(value: &JValue, left: &mut usize) -> Option<()> {
        let cost = match value {
            JValue::String(string) => string.len() + 2,
            _ => 4,
        };
        *left = left.checked_sub(cost)?;
        match value {
            JValue::Array(items) => with_stack(|| items.iter().try_for_each(|item| spend(item, left))),
            JValue::Object(members) => with_stack(|| {
                members.iter().try_for_each(|(name, member)| {
                    *left = left.checked_sub(name.len() + 3)?;
                    spend(member, left)
                })
            }),
            _ => Some(()),
        }
    }
    let mut left = limit;
    spend(value, &mut left)?;
    Some(limit - left)
}
