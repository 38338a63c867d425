//! Whatever it is given, parsing ends with an answer.

use crate::{MachineType, Severity, parse, parse_as, parse_state, validate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: &[&str] = &[
    "Type",
    "Next",
    "End",
    "States",
    "StartAt",
    "Choices",
    "Variable",
    "And",
    "Not",
    "Condition",
    "StringEquals",
    "NumericLessThanPath",
    "IsNull",
    "ItemProcessor",
    "Iterator",
    "ProcessorConfig",
    "Mode",
    "ExecutionType",
    "Branches",
    "Resource",
    "Parameters",
    "Arguments",
    "x.$",
    "Assign",
    "Output",
    "ResultPath",
    "Retry",
    "Catch",
    "ErrorEquals",
    "QueryLanguage",
    "Seconds",
    "TimestampPath",
    "ItemReader",
    "ReaderConfig",
    "InputType",
    "Items",
    "MaxConcurrency",
    "Label",
    "ItemBatcher",
    "ResultWriter",
    "Credentials",
    "A",
    "B",
];

const TEXTS: &[&str] = &[
    "Pass",
    "Task",
    "Map",
    "Parallel",
    "Choice",
    "Wait",
    "Fail",
    "Succeed",
    "A",
    "B",
    "JSONata",
    "JSONPath",
    "$",
    "$.a[0]",
    "$$.x",
    "$v.y",
    "$..*",
    "States.Format('{}', $.a)",
    "States.UUID(",
    "{% $states.input %}",
    "{% $ %}",
    "{% (",
    "DISTRIBUTED",
    "INLINE",
    "STANDARD",
    "arn:aws:states:::lambda:invoke",
    "States.ALL",
    "é€",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(NAMES), inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_gets_an_answer(text in any::<String>()) {
        prop_assert_eq!(parse(&text).is_err(), validate(&text).iter().any(|d| d.severity == Severity::Error));
        let _ = parse_state(&text);
    }

    #[test]
    fn any_json_gets_an_answer(value in value()) {
        let definition = json!({"StartAt": "A", "States": {"A": value}}).to_string();
        for kind in [MachineType::Standard, MachineType::Express] {
            if let Err(found) = parse_as(&definition, kind) {
                prop_assert!(!found.is_empty());
                for finding in found {
                    prop_assert!(finding.line >= 1 && finding.column >= 1);
                    prop_assert!(finding.severity == Severity::Error);
                }
            }
        }
        let _ = parse_state(&value.to_string());
    }

    #[test]
    fn a_processor_stands_alone(inner in value()) {
        let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "B", "States": {"B": inner, "C": {"Type": "Succeed"}}}}}});
        if let Ok(definition) = parse(&definition.to_string()) {
            let processor = definition.processor("A").expect("it is distributed");
            prop_assert!(parse(processor.text()).is_ok());
        }
    }
}

/// Small for a text, large for what a careless reader would make of it.
#[test]
fn hostile_sizes_end_soon() {
    for count in [1, 400, 600, 40_000] {
        let rules = vec!["{}"; count].join(",");
        let choices =
            format!(r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Choice", "Choices": [{rules}]}}}}}}"#);
        assert_eq!(parse(&choices).expect_err("no rule has a test").len(), (2 * count).min(1_000));
    }
    for (name, count) in [(10, 20_000), (1_000, 20_000), (400_000, 50), (400_000, 100_000)] {
        let items = vec![r#"{"x.$": 1}"#; count].join(",");
        let key = "k".repeat(name);
        let far = format!(
            r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "End": true, "Parameters": {{"{key}": [{items}]}}}}}}}}"#
        );
        assert!(parse(&far).is_err_and(|found| !found.is_empty() && found.len() <= 1_000));
    }
}

/// As deep as a definition may be: the stack of a small thread holds it.
#[test]
fn the_deepest_definitions_are_read() {
    let nested = |depth: usize, open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let pass = r#"{"Type": "Pass", "End": true}"#;
    let arrays = nested(98, "[", "1", "]");
    let tests = nested(110, r#"{"Not": "#, r#"{"Variable": "$.a", "IsNull": true}"#, "}");
    let mut branches = pass.to_owned();
    for depth in 0..28 {
        branches = format!(
            r#"{{"Type": "Parallel", "End": true, "Branches": [{{"StartAt": "S{depth}", "States": {{"S{depth}": {branches}}}}}]}}"#
        );
    }
    let states = [
        branches,
        format!(r#"{{"Type": "Pass", "End": true, "Parameters": {{"x": {arrays}, "y.$": "$.z"}}}}"#),
        format!(
            r#"{{"Type": "Pass", "End": true, "QueryLanguage": "JSONata", "Output": {{"x": {arrays}, "y": "{{% 1 %}}"}}}}"#
        ),
        format!(r#"{{"Type": "Choice", "Default": "B", "Choices": [{{"Next": "B", "Not": {tests}}}]}}"#),
    ];
    for state in states {
        let text = format!(r#"{{"StartAt": "A", "States": {{"A": {state}, "B": {{"Type": "Succeed"}}}}}}"#);
        let found = validate(&text);
        assert!(found.iter().all(|d| d.code == "MISSING_TRANSITION_TARGET"), "{:?}", found.first());
    }
}
