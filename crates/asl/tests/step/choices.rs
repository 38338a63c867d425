//! Choice in JSONPath: every operator over every type of value, missing values, nesting.

use crate::support::{Simulation, definition};
use serde_json::{Value, json};

fn machine(rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["Next"] = json!("Yes");
    json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [rule], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": true, "End": true}, "No": {"Type": "Pass", "Result": false, "End": true}}})
}

/// Whether the rule is met; `None` where it ends the execution.
fn met(rule: &Value, input: &Value) -> Option<bool> {
    let definition = definition(&machine(rule));
    let simulation = Simulation::start(&definition, input.clone());
    match simulation.state.closed() {
        Some(tenantry_asl::Closed::Succeeded { output }) => output.as_bool(),
        _ => {
            assert_eq!(simulation.failure().0, Some("States.Runtime"));
            None
        }
    }
}

const VALUES: [&str; 12] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "1.5",
    "\"\"",
    "\"b\"",
    "\"2024-01-01T00:00:00Z\"",
    "[]",
    "{}",
    "\"1\"",
];

#[test]
fn a_value_of_another_type_meets_nothing() {
    type Holds = fn(&Value) -> bool;
    let table: [(&str, Value, Holds); 22] = [
        ("StringEquals", json!("b"), |v| v == "b"),
        ("StringLessThan", json!("b"), |v| v.as_str().is_some_and(|v| v < "b")),
        ("StringGreaterThan", json!("b"), |v| v.as_str().is_some_and(|v| v > "b")),
        ("StringLessThanEquals", json!("b"), |v| v.as_str().is_some_and(|v| v <= "b")),
        ("StringGreaterThanEquals", json!("b"), |v| v.as_str().is_some_and(|v| v >= "b")),
        ("StringMatches", json!("*"), Value::is_string),
        ("NumericEquals", json!(1), |v| v.as_f64() == Some(1.0)),
        ("NumericLessThan", json!(1), |v| v.as_f64().is_some_and(|v| v < 1.0)),
        ("NumericGreaterThan", json!(1), |v| v.as_f64().is_some_and(|v| v > 1.0)),
        ("NumericLessThanEquals", json!(1), |v| v.as_f64().is_some_and(|v| v <= 1.0)),
        ("NumericGreaterThanEquals", json!(1), |v| v.as_f64().is_some_and(|v| v >= 1.0)),
        ("BooleanEquals", json!(true), |v| *v == json!(true)),
        ("TimestampEquals", json!("2024-01-01T01:00:00+01:00"), |v| v == "2024-01-01T00:00:00Z"),
        ("TimestampLessThan", json!("2024-01-01T00:00:00.001Z"), |v| v == "2024-01-01T00:00:00Z"),
        ("TimestampGreaterThan", json!("2023-12-31T23:59:59Z"), |v| v == "2024-01-01T00:00:00Z"),
        ("TimestampLessThanEquals", json!("2024-01-01T00:00:00Z"), |v| v == "2024-01-01T00:00:00Z"),
        ("TimestampGreaterThanEquals", json!("2024-01-01T00:00:00Z"), |v| v == "2024-01-01T00:00:00Z"),
        ("IsNull", json!(true), Value::is_null),
        ("IsNumeric", json!(true), Value::is_number),
        ("IsString", json!(true), Value::is_string),
        ("IsBoolean", json!(false), |v| !v.is_boolean()),
        ("IsTimestamp", json!(true), |v| v == "2024-01-01T00:00:00Z"),
    ];
    for (operator, operand, holds) in table {
        for value in VALUES {
            let value: Value = serde_json::from_str(value).expect("a value");
            let input = json!({"v": value, "o": operand});
            assert_eq!(
                met(&json!({"Variable": "$.v", operator: operand}), &input),
                Some(holds(&value)),
                "{value} {operator} {operand}"
            );
            if !operator.starts_with("Is") && operator != "StringMatches" {
                let by_path = format!("{operator}Path");
                assert_eq!(
                    met(&json!({"Variable": "$.v", by_path.clone(): "$.o"}), &input),
                    Some(holds(&value)),
                    "{value} {by_path} {operand}"
                );
                // An operand of another type is no error either.
                assert_eq!(
                    met(&json!({"Variable": "$.v", by_path: "$.w"}), &json!({"v": 1, "w": {}})),
                    Some(false)
                );
            }
        }
        assert_eq!(met(&json!({"Variable": "$.none", operator: operand}), &json!({})), None, "{operator}");
    }
}

#[test]
fn only_presence_may_be_asked_of_what_is_not_there() {
    for (path, present) in
        [("$.a", true), ("$.a.b", false), ("$.n", true), ("$.x", false), ("$.l[1]", true), ("$.l[5]", false)]
    {
        let input = json!({"a": 1, "n": null, "l": [1, 2]});
        for expected in [true, false] {
            let rule = json!({"Variable": path, "IsPresent": expected});
            assert_eq!(met(&rule, &input), Some(present == expected), "{path}");
        }
    }
    let definition = definition(&machine(&json!({"Variable": "$.x", "IsNull": true})));
    let simulation = Simulation::start(&definition, json!({}));
    assert_eq!(
        simulation.failure().1,
        Some(
            "An error occurred while executing the state 'C' (entered at the event id #2). Invalid path '$.x': The choice state's condition path references an invalid value."
        )
    );
    assert_eq!(met(&json!({"Variable": "$.a", "NumericEqualsPath": "$.x"}), &json!({"a": 1})), None);
}

#[test]
fn tests_are_asked_from_the_left_until_it_is_clear() {
    let present = json!({"Variable": "$.x", "IsPresent": true});
    let one = json!({"Variable": "$.x", "NumericEquals": 1});
    for (rule, input, expected) in [
        (json!({"And": [present, one]}), json!({}), Some(false)),
        (json!({"And": [one, present]}), json!({}), None),
        (json!({"Or": [{"Not": present}, one]}), json!({}), Some(true)),
        (json!({"And": [present, one]}), json!({"x": 1}), Some(true)),
        (json!({"Not": {"And": [present, one]}}), json!({"x": 1}), Some(false)),
        (json!({"Or": [one, {"Variable": "$.x", "NumericEquals": 2}]}), json!({"x": 3}), Some(false)),
    ] {
        assert_eq!(met(&rule, &input), expected, "{rule} {input}");
    }
}

#[test]
fn patterns_take_any_text_for_an_asterisk() {
    for (pattern, text, expected) in [
        ("log-*.txt", "log-1.txt", true),
        ("log-*.txt", "log-.txt", true),
        ("log-*.txt", "log-1.txt2", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b*", "xxbxxaxx", false),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("a\\\\b", "a\\b", true),
        ("", "", true),
        ("*", "", true),
        ("aa*aa", "aaa", false),
    ] {
        let rule = json!({"Variable": "$.v", "StringMatches": pattern});
        assert_eq!(met(&rule, &json!({"v": text})), Some(expected), "{pattern} {text}");
    }
}

#[test]
fn numbers_of_any_size_are_told_apart() {
    for (a, b, equal) in [
        (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
        (json!(1), json!(1.0), true),
        (json!(-0.0), json!(0), true),
        (json!(1e300), json!(1e300), true),
    ] {
        let rule = json!({"Variable": "$.a", "NumericEqualsPath": "$.b"});
        assert_eq!(met(&rule, &json!({"a": a, "b": b})), Some(equal), "{a} {b}");
    }
}

#[test]
fn paths_into_variables_and_the_context_and_the_state_s_own_paths() {
    let machine = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"v": 3}, "Next": "C"},
        "C": {"Type": "Choice", "InputPath": "$.in", "OutputPath": "$.kept", "Choices": [
            {"And": [{"Variable": "$v", "NumericEqualsPath": "$.three"}, {"Variable": "$$.State.Name", "StringEquals": "C"}],
             "Assign": {"by": "rule"}, "Next": "E"}], "Assign": {"by": "default"}, "Default": "E"},
        "E": {"Type": "Pass", "Parameters": {"in.$": "$", "by.$": "$by"}, "End": true}}});
    let definition = definition(&machine);
    for (three, by) in [(3, "rule"), (4, "default")] {
        let simulation = Simulation::start(&definition, json!({"in": {"three": three, "kept": [1]}}));
        assert_eq!(*simulation.output(), json!({"in": [1], "by": by}));
    }
}
