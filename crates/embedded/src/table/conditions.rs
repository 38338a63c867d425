//! What a condition says of an item.

use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use tenantry_core::ports::Condition;

type Attributes = Map<String, Value>;

/// Whether `condition` holds of the item with these attributes (`None`: there is no item).
pub(super) fn holds(condition: &Condition, item: Option<&Attributes>) -> bool {
    let attribute = |name: &str| item.and_then(|attributes| attributes.get(name));
    let compared = |name: &str, bound: i64| match attribute(name) {
        Some(Value::Number(number)) => compare(number, &Number::from(bound)),
        _ => None,
    };
    match condition {
        Condition::Exists => item.is_some(),
        Condition::NotExists => item.is_none(),
        Condition::Equals(name, value) => attribute(name).is_some_and(|found| equal(found, value)),
        Condition::Differs(name, value) => attribute(name).is_none_or(|found| !equal(found, value)),
        Condition::AtMost(name, bound) => compared(name, *bound).is_some_and(Ordering::is_le),
        Condition::AtLeast(name, bound) => compared(name, *bound).is_some_and(Ordering::is_ge),
        Condition::Missing(name) => attribute(name).is_none(),
    }
}

/// Equality by value, as DynamoDB has it: 1 equals 1.0, and the order of an object's members means nothing.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(item: Option<Value>, condition: Condition) -> bool {
        let attributes = item.map(|item| item.as_object().unwrap().clone());
        holds(&condition, attributes.as_ref())
    }

    #[test]
    fn table_of_conditions() {
        let item = || {
            Some(
                json!({"n": 5, "big": u64::MAX, "half": 5.5, "t": "5", "o": {"a": 1, "b": [1.0]}, "null": null}),
            )
        };
        let yes = [
            Condition::Exists,
            Condition::Equals("n".into(), json!(5.0)),
            Condition::Equals("o".into(), json!({"b": [1], "a": 1})),
            Condition::Equals("null".into(), json!(null)),
            Condition::Differs("n".into(), json!("5")),
            Condition::Differs("absent".into(), json!(null)),
            Condition::AtMost("n".into(), 5),
            Condition::AtLeast("n".into(), 5),
            Condition::AtLeast("big".into(), i64::MAX),
            Condition::AtLeast("half".into(), 5),
            Condition::AtMost("half".into(), 6),
            Condition::Missing("absent".into()),
        ];
        for condition in yes {
            assert!(check(item(), condition.clone()), "{condition:?}");
        }
        let no = [
            Condition::NotExists,
            Condition::Equals("absent".into(), json!(null)),
            Condition::Equals("o".into(), json!({"a": 1})),
            Condition::AtMost("n".into(), 4),
            Condition::AtMost("big".into(), i64::MAX),
            Condition::AtMost("t".into(), 9),
            Condition::AtLeast("absent".into(), 0),
            Condition::AtMost("half".into(), 5),
            Condition::Missing("null".into()),
        ];
        for condition in no {
            assert!(!check(item(), condition.clone()), "{condition:?}");
        }
        for condition in
            [Condition::NotExists, Condition::Missing("n".into()), Condition::Differs("n".into(), json!(1))]
        {
            assert!(check(None, condition.clone()), "{condition:?}");
        }
        for condition in
            [Condition::Exists, Condition::AtMost("n".into(), 1), Condition::Equals("n".into(), json!(null))]
        {
            assert!(!check(None, condition.clone()), "{condition:?}");
        }
    }
}
