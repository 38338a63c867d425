//! Parsing, by behaviour.

mod language;
mod model;
mod properties;
mod schema;
mod together;

use crate::{Diagnostic, Severity, parse, validate};
use serde_json::{Value, json};

/// The errors as `CreateStateMachine` words them: `CODE: message at location`.
fn words(definition: &Value) -> Vec<String> {
    let text = definition.to_string();
    let errors: Vec<Diagnostic> =
        validate(&text).into_iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert_eq!(errors.is_empty(), parse(&text).is_ok(), "{text}");
    errors.iter().map(|error| said(std::slice::from_ref(error))).collect()
}

fn said(errors: &[Diagnostic]) -> String {
    let said = Diagnostic::invalid_definition(errors);
    let inner = said.strip_prefix("Invalid State Machine Definition: '").and_then(|s| s.strip_suffix('\''));
    inner.expect("AWS's sentence").to_owned()
}

/// A machine of one state `A` of that type with these fields, which ends.
fn of(kind: &str, fields: Value) -> Value {
    let mut state = json!({"Type": kind});
    if !matches!(kind, "Choice" | "Succeed" | "Fail") {
        state["End"] = json!(true);
    }
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Null if name == "End" => state.as_object_mut().and_then(|state| state.remove("End")),
            value => state.as_object_mut().and_then(|state| state.insert(name.clone(), value.clone())),
        };
    }
    json!({"StartAt": "A", "States": {"A": state}})
}

/// The same in JSONata.
fn jsonata(kind: &str, fields: Value) -> Value {
    let mut machine = of(kind, fields);
    machine["QueryLanguage"] = json!("JSONata");
    machine
}

/// Holds each definition against the words that it should get.
fn check(cases: Vec<(Value, Vec<&str>)>) {
    for (definition, expected) in cases {
        assert_eq!(words(&definition), expected, "{definition}");
    }
}

const LAMBDA: &str = "arn:aws:states:::lambda:invoke";

#[test]
fn the_place_in_the_text_is_told() {
    let text = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"Nowhere\"}, \"B\": {\"Type\": \"Succeed\"}\n  }\n}";
    let diagnostics = parse(text).expect_err("Nowhere is nowhere");
    let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 4, column 35: state 'A', field 'Next': Missing 'Next' target: Nowhere [MISSING_TRANSITION_TARGET] (a target is a state of the same machine, in the same 'States')",
            "line 4, column 52: state 'B': State \"B\" is not reachable. [MISSING_TRANSITION_TARGET]",
        ]
    );
    assert_eq!(diagnostics[0].location, "/States/A/Next");
}

#[test]
fn of_a_field_that_stands_twice_the_last_counts() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "x", "Comment": 5}}}"#;
    let found: Vec<_> = validate(text).iter().map(|d| (d.severity, d.code, d.location.clone())).collect();
    let place = "/States/A/Comment".to_owned();
    assert_eq!(
        found,
        [
            (Severity::Warning, "DUPLICATE_FIELD", place.clone()),
            (Severity::Error, "SCHEMA_VALIDATION_FAILED", place)
        ]
    );
}

#[test]
fn a_field_that_has_no_place_is_pointed_at() {
    let text = "{\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Pass\",\n \"timeoutSeconds\": 5, \"End\": true}}}";
    let found = parse(text).expect_err("there is no such field");
    assert_eq!(found.len(), 1, "{found:?}");
    let told = (found[0].line, found[0].column, found[0].location.as_str(), found[0].field.as_deref());
    assert_eq!(told, (2, 2, "/States/A", Some("timeoutSeconds")));
}

#[test]
fn what_is_no_json_is_told_as_jackson_tells_it() {
    let found = parse("not a definition").expect_err("it is none");
    assert_eq!(
        said(&found),
        "INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4] at [Source: (String)\"not a definition\"; line: 1, column: 4]"
    );
    for text in ["", " ", "[]", "5"] {
        let found = parse(text).expect_err(text);
        assert_eq!(said(&found), "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null");
    }
    let deep = format!("{{\"States\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    assert_eq!(parse(&deep).expect_err("too deep")[0].code, "TOO_DEEPLY_NESTED");
    let long = format!("{{\"Comment\": \"{}\"}}", "x".repeat(1_100_000));
    assert_eq!(parse(&long).expect_err("too long")[0].code, "DEFINITION_TOO_LARGE");
}

#[test]
fn a_definition_tells_of_its_tasks() {
    let invoke = |name: &str, next: Value, catch: Value| {
        let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": name, "Payload": {}}, "Catch": catch,
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 3, "MaxDelaySeconds": 10, "JitterStrategy": "FULL"}, {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}]});
        match next {
            Value::Null => state["End"] = json!(true),
            next => state["Next"] = next,
        }
        state
    };
    let all = |next: &str| json!([{"ErrorEquals": ["States.ALL"], "Next": next}]);
    let text = json!({
        "Comment": "two lanes", "QueryLanguage": "JSONata", "TimeoutSeconds": 60, "StartAt": "Make", "States": {
            "Make": invoke("make", json!("Fan"), all("Unmake")),
            "Fan": {"Type": "Map", "Items": [1], "Next": "Done", "Catch": all("Unfan"), "ItemProcessor": {"StartAt": "Ask", "States": {
                "Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Arguments": {"QueueUrl": "q", "MessageBody": "{% $states.context.Task.Token %}"}, "TimeoutSeconds": 5, "End": true}}}},
            "Unfan": {"Type": "Map", "Items": [1], "Next": "Unmake", "ItemProcessor": {"StartAt": "Unask", "States": {"Unask": invoke("{% $f %}", Value::Null, json!([]))}}},
            "Unmake": invoke("unmake", json!("Failed"), json!([])),
            "Failed": {"Type": "Fail", "Error": "Undone"},
            "Done": {"Type": "Succeed"}
        }
    })
    .to_string();
    let definition = crate::parse(&text).expect("it is right");
    assert_eq!((definition.text(), definition.start_at()), (text.as_str(), "Make"));
    assert_eq!((definition.comment(), definition.timeout_seconds()), (Some("two lanes"), Some(60)));
    assert_eq!(definition.hash().len(), 64);
    let tasks: Vec<_> = definition
        .tasks()
        .into_iter()
        .map(|task| {
            (
                task.path.join("/"),
                task.function,
                task.catch_targets.join(","),
                task.compensating,
                task.nested,
                task.waits_for_token,
            )
        })
        .collect();
    let expected = [
        ("Make", Some("make"), "Unmake", false, false, false),
        ("Fan/Ask", None, "", false, true, true),
        ("Unfan/Unask", None, "", true, true, false),
        ("Unmake", Some("unmake"), "", true, false, false),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(path, f, catch, c, n, w)| (path.to_owned(), f.map(str::to_owned), catch.to_owned(), c, n, w))
        .collect();
    assert_eq!(tasks, expected);
    assert_eq!(definition.error_names(), ["Busy", "States.ALL", "States.Timeout"]);
    let bounds: Vec<_> = (0..4).map(|count| definition.retry_bound_seconds("Make", "Busy", count)).collect();
    assert_eq!(bounds, [Some(2.0), Some(6.0), Some(10.0), None]);
    assert_eq!(definition.retry_bound_seconds("Make", "Other", 0), None);
    assert_eq!(definition.retry_bound_seconds("Make", "States.Timeout", 0), None);
    assert_eq!(definition.retry_bound_seconds("Nowhere", "Busy", 0), None);
}
