//! JSON as attribute values, and back.
//!
//! Texts, numbers, lists, objects, booleans and null have types of DynamoDB's. What it has none for is kept as its JSON
//! text in a binary, which no JSON value else becomes: numbers beyond its range, and what is nested deeper than it takes.
//! Such a number is none to a condition or an addition.
//!
//! **What comes back** equals what was written by value: numbers have one form, so that 1.0 comes back as 1; the members
//! of an object come back sorted.

use super::names;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Lists and objects that an attribute holds inside one another. DynamoDB takes 32, and it is not said which it counts.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const NESTING_MAX: usize = 30;

/// The magnitudes that a number of DynamoDB's has, other than 0: from the first to below the second. Same page.
const SMALLEST: f64 = 1e-130;
const TOO_LARGE: f64 = 1e126;

/// An attribute's value.
pub(super) fn to_attribute(value: &Value) -> AttributeValue {
    nested(value, 1)
}

fn nested(value: &Value, level: usize) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(is) => AttributeValue::Bool(*is),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => match decimal(number) {
            Some(text) => AttributeValue::N(text),
            None => as_text(value),
        },
        Value::Array(_) | Value::Object(_) if level > NESTING_MAX => as_text(value),
        Value::Array(items) => AttributeValue::L(items.iter().map(|item| nested(item, level + 1)).collect()),
        Value::Object(members) => AttributeValue::M(
            members.iter().map(|(name, value)| (names::member(name), nested(value, level + 1))).collect(),
        ),
    }
}

/// One text for all that are equal but for the order of their members.
fn as_text(value: &Value) -> AttributeValue {
    let mut value = value.clone();
    value.sort_all_objects();
    AttributeValue::B(Blob::new(value.to_string()))
}

/// A number alone is read to the last bit, which the JSON parser does not promise.
fn of_text(text: &[u8]) -> Result<Value, String> {
    let alone = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).and_then(Number::from_f64);
    match alone {
        Some(number) => Ok(Value::Number(number)),
        None => {
            serde_json::from_slice(text).map_err(|error| format!("a binary that is no JSON text: {error}"))
        }
    }
}

/// A number as DynamoDB takes it; `None` beyond its range.
fn decimal(number: &Number) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    let number = number.as_f64()?;
    let magnitude = number.abs();
    if number == 0.0 {
        return Some("0".to_owned());
    }
    if !(SMALLEST..TOO_LARGE).contains(&magnitude) {
        return None;
    }
    // Both are the shortest text that gives this very number again; the second is short for large and small ones.
    Some(if (1e-6..1e21).contains(&magnitude) { format!("{number}") } else { format!("{number:e}") })
}

/// The value that an attribute holds; else what is wrong with it.
pub(super) fn from_attribute(value: AttributeValue) -> Result<Value, String> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(is) => Value::Bool(is),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(text) => {
            number(&text).map(Value::Number).ok_or_else(|| format!("{text:?} is no number"))?
        }
        AttributeValue::B(text) => of_text(text.as_ref())?,
        AttributeValue::L(items) => {
            Value::Array(items.into_iter().map(from_attribute).collect::<Result<_, _>>()?)
        }
        AttributeValue::M(members) => Value::Object(sorted(members, |name| Some(names::member_of(name)))?),
        other => return Err(format!("a type that nobody writes here: {}", type_of(&other))),
    })
}

/// Members by name, those that `name_of` gives a name.
pub(super) fn sorted(
    members: HashMap<String, AttributeValue>,
    name_of: impl Fn(&str) -> Option<&str>,
) -> Result<Map<String, Value>, String> {
    let mut pairs = Vec::with_capacity(members.len());
    for (stored, value) in members {
        if let Some(name) = name_of(&stored) {
            let value = from_attribute(value).map_err(|why| format!("{name}: {why}"))?;
            pairs.push((name.to_owned(), value));
        }
    }
    pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(pairs.into_iter().collect())
}

/// Whole numbers are whole also where they were written with a fraction or an exponent, as DynamoDB gives them.
fn number(text: &str) -> Option<Number> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    let number: f64 = text.parse().ok()?;
    if number.fract() == 0.0 {
        // Saturates; what does not fit fails the second conversion, or is not the number any more.
        let whole = number as i128;
        if let Ok(whole) = i64::try_from(whole) {
            return Some(whole.into());
        }
        if let Ok(whole) = u64::try_from(whole) {
            return Some(whole.into());
        }
    }
    Number::from_f64(number)
}

fn type_of(value: &AttributeValue) -> &'static str {
    match value {
        AttributeValue::Ss(_) => "SS",
        AttributeValue::Ns(_) => "NS",
        AttributeValue::Bs(_) => "BS",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// One form for all numbers that are equal: whole ones are whole, where that is possible.
    fn normal(value: Value) -> Value {
        match value {
            Value::Number(number) if number.is_f64() => {
                let float = number.as_f64().unwrap();
                let whole = (float.fract() == 0.0).then_some(float as i128);
                let signed = whole.and_then(|whole| i64::try_from(whole).ok()).map(Value::from);
                let unsigned = whole.and_then(|whole| u64::try_from(whole).ok()).map(Value::from);
                signed.or(unsigned).unwrap_or(Value::Number(number))
            }
            Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, normal(value))).collect())
            }
            other => other,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-1e6f64..1e6).prop_map(Value::from),
            (-40i32..40).prop_map(|power| json!(10f64.powi(power))),
            ".{0,10}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("=?.{0,3}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn deepest(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::L(items) => 1 + items.iter().map(deepest).max().unwrap_or(0),
            AttributeValue::M(members) => 1 + members.values().map(deepest).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn any_json_comes_back(value in any_json()) {
            prop_assert_eq!(normal(from_attribute(to_attribute(&value)).unwrap()), normal(value));
        }

        #[test]
        fn any_number_comes_back(number in any::<f64>().prop_filter("JSON has no other", |n| n.is_finite())) {
            let back = from_attribute(to_attribute(&json!(number))).unwrap();
            prop_assert_eq!(back.as_f64(), Some(number));
        }

        #[test]
        fn nesting_has_a_bound(levels in 1usize..100, list: bool) {
            let wrap = |value| if list { json!([value, 1]) } else { json!({"a": value, "b": 1}) };
            let value = (0..levels).fold(json!("core"), |value, _| wrap(value));
            let stored = to_attribute(&value);
            prop_assert_eq!(deepest(&stored), levels.min(NESTING_MAX));
            prop_assert_eq!(from_attribute(stored).unwrap(), value);
        }
    }

    #[test]
    fn table_of_numbers() {
        let table = [
            (json!(0), "0"),
            (json!(-0.0), "0"),
            (json!(i64::MIN), "-9223372036854775808"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(5.0), "5"),
            (json!(0.1), "0.1"),
            (json!(-1.5e-9), "-1.5e-9"),
            (json!(1e125), "1e125"),
            (json!(1e-130), "1e-130"),
        ];
        for (value, expected) in table {
            assert_eq!(to_attribute(&value), AttributeValue::N(expected.to_owned()));
        }
        for value in [json!(1e126), json!(-1e300), json!(1e-131), json!(f64::MIN_POSITIVE)] {
            assert_eq!(to_attribute(&value), AttributeValue::B(Blob::new(value.to_string())));
        }
        let read = |text: &str| from_attribute(AttributeValue::N(text.to_owned()));
        assert_eq!(read("1000"), read("1e3"));
        assert_eq!(read("12345678901234567890123456789012345678"), Ok(json!(1.234_567_890_123_456_8e37)));
        assert!(read("NaN").is_err() && read("inf").is_err() && read("").is_err());
    }

    #[test]
    fn equal_values_have_one_text() {
        let deep = |value: Value| (0..NESTING_MAX).fold(value, |value, _| json!([value]));
        assert_eq!(
            to_attribute(&deep(json!({"a": 1, "b": 2}))),
            to_attribute(&deep(json!({"b": 2, "a": 1})))
        );
    }

    #[test]
    fn what_nobody_writes_is_damage() {
        for value in [
            AttributeValue::Ss(vec!["a".to_owned()]),
            AttributeValue::B(Blob::new("no JSON")),
            AttributeValue::L(vec![AttributeValue::Ns(vec!["1".to_owned()])]),
        ] {
            assert!(from_attribute(value).is_err());
        }
    }
}
