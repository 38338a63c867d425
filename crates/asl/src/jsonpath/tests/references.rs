use crate::jsonpath::{ReferenceError, ReferencePath};
use serde_json::{Value, json};

fn set(path: &str, mut target: Value, value: Value) -> Result<Value, String> {
    let path = ReferencePath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let before = target.clone();
    match path.set(&mut target, value) {
        Ok(()) => Ok(target),
        Err(error) => {
            assert_eq!(target, before, "a failed set changes nothing");
            Err(error.to_string())
        }
    }
}

#[test]
fn results_are_put_where_they_belong() {
    for (path, target, expected) in [
        ("$", json!({"a": 1}), json!("R")),
        ("$", Value::Null, json!("R")),
        ("$.x", json!({"a": 1}), json!({"a": 1, "x": "R"})),
        ("$.a", json!({"a": 1, "b": 2}), json!({"a": "R", "b": 2})),
        ("$.x.y['z w']", json!({}), json!({"x": {"y": {"z w": "R"}}})),
        ("$.a.b", json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": "R", "c": 2}})),
        ("$.a[1]", json!({"a": [1, 2]}), json!({"a": [1, "R"]})),
        ("$.a[0].b.c", json!({"a": [{}]}), json!({"a": [{"b": {"c": "R"}}]})),
        ("$[0]", json!([1]), json!(["R"])),
    ] {
        assert_eq!(set(path, target, json!("R")), Ok(expected), "{path}");
    }
}

#[test]
fn conflicts_are_worded_as_aws_words_them() {
    for (path, target, expected) in [
        (
            "$.someTaskResult",
            json!("input1"),
            "Unable to apply ReferencePath $.someTaskResult to input \"input1\"",
        ),
        ("$.x", json!([1]), "Unable to apply ReferencePath $.x to input [1]"),
        ("$.x", Value::Null, "Unable to apply ReferencePath $.x to input null"),
        ("$.a.b", json!({"a": 1}), "Unable to apply ReferencePath $.a.b to input {\"a\":1}"),
        ("$.a[2]", json!({"a": [1]}), "Unable to apply ReferencePath $.a[2] to input {\"a\":[1]}"),
        ("$.b[0]", json!({"a": 1}), "Unable to apply ReferencePath $.b[0] to input {\"a\":1}"),
        ("$.b.c[0]", json!({}), "Unable to apply ReferencePath $.b.c[0] to input {}"),
    ] {
        assert_eq!(set(path, target, json!("R")), Err(expected.to_owned()), "{path}");
    }
    assert_eq!(ReferenceError::NAME, "States.ReferencePathConflict");
}

#[test]
fn what_is_no_reference_path() {
    for path in
        ["$$.x", "$x", "$[*]", "$.a[1:]", "$..a", "$['a','b']", "$[0,1]", "$[?(@.a)]", "$.a.length()", "x"]
    {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
    assert!(ReferencePath::parse(&format!("${}", ".a".repeat(100))).is_ok());
    assert!(ReferencePath::parse(&format!("${}", ".a".repeat(101))).is_err());
}
