use crate::{Severity, parse, validate};
use serde_json::{Value, json};

fn machine(states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
}

fn pass(states: Value) -> Value {
    let mut machine = machine(json!({"A": {"Type": "Pass", "End": true}}));
    for (name, value) in states.as_object().into_iter().flatten() {
        machine[name] = value.clone();
    }
    machine
}

fn task(fields: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}, "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    machine(json!({"A": state, "B": {"Type": "Pass", "End": true}}))
}

/// The findings as `CODE state field`, each in the order of the text.
fn findings(definition: &str) -> Vec<String> {
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let errors = validate(definition).into_iter().filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| format!("{} {} {}", finding.code, shown(&finding.state), shown(&finding.field)))
        .collect()
}

#[test]
fn what_cannot_run_is_told_with_state_and_field() {
    let fine = json!({"Type": "Pass", "End": true});
    let rule = |rule: Value| task(json!({"Retry": [rule]}));
    let catch = |rules: Value| {
        let mut machine = task(json!({"Catch": rules}));
        machine["States"]["A"]["Next"] = json!("B");
        machine["States"]["A"].as_object_mut().map(|state| state.remove("End"));
        machine
    };
    let schema = "SCHEMA_VALIDATION_FAILED";
    let cases: Vec<(Value, Vec<String>)> = vec![
        (json!([]), vec![format!("{schema} - -")]),
        (json!({"QueryLanguage": "JSONata"}), vec![format!("{schema} - -")]),
        (json!({"QueryLanguage": "JSONata", "States": {"A": fine}}), vec![format!("{schema} - -")]),
        (
            json!({"QueryLanguage": "JSONata", "StartAt": "X", "States": {"A": fine}}),
            vec!["MISSING_TRANSITION_TARGET - StartAt".into()],
        ),
        (
            json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {}}),
            vec![format!("{schema} - States")],
        ),
        (pass(json!({"Colour": "red"})), vec![format!("{schema} - Colour")]),
        (pass(json!({"TimeoutSeconds": 0})), vec![format!("{schema} - TimeoutSeconds")]),
        (pass(json!({"TimeoutSeconds": 1.5})), vec![format!("{schema} - TimeoutSeconds")]),
        (pass(json!({"Version": "2.0"})), vec![format!("{schema} - Version")]),
        (
            pass(json!({"QueryLanguage": "XPath"})),
            vec![format!("{schema} - QueryLanguage"), "UNSUPPORTED_QUERY_LANGUAGE A QueryLanguage".into()],
        ),
        (
            json!({"StartAt": "A", "States": {"A": fine}}),
            vec!["UNSUPPORTED_QUERY_LANGUAGE A QueryLanguage".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}})),
            vec![format!("{schema} A QueryLanguage")],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "Next": "X"}})),
            vec!["MISSING_TRANSITION_TARGET A Next".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass"}})),
            vec!["NO_TERMINAL_STATE - States".into(), "MISSING_TRANSITION A -".into()],
        ),
        (machine(json!({"A": {"Type": "Pass", "Next": "A"}})), vec!["NO_TERMINAL_STATE - States".into()]),
        (machine(json!({"A": fine, "B": fine})), vec!["UNREACHABLE_STATE B -".into()]),
        (
            machine(json!({"A": {"Type": "Pass", "Next": "B", "End": true}, "B": fine})),
            vec![format!("{schema} A Next")],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "InputPath": "$"}})),
            vec![format!("{schema} A InputPath")],
        ),
        (machine(json!({"A": {"Type": "Nap", "End": true}})), vec![format!("{schema} A Type")]),
        (machine(json!({"A": {"End": true}})), vec![format!("{schema} A -")]),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "Output": "{% 1 + %}"}})),
            vec!["INVALID_JSONATA_EXPRESSION A Output".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "Output": {"x": ["{% name %}"]}}})),
            vec!["JSONATA_TOP_LEVEL_REFERENCE A Output/x/0".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "Output": "{% 1"}})),
            vec!["INVALID_JSONATA_DELIMITERS A Output".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "Assign": {"1x": 1}}})),
            vec!["INVALID_VARIABLE_NAME A Assign/1x".into()],
        ),
        (
            machine(json!({"A": {"Type": "Pass", "End": true, "Assign": {"states": 1}}})),
            vec!["INVALID_VARIABLE_NAME A Assign/states".into()],
        ),
        (machine(json!({"A": {"Type": "Succeed", "Assign": {"x": 1}}})), vec![format!("{schema} A Assign")]),
        (
            task(json!({"Resource": "arn:aws:states:::dynamodb:putItem"})),
            vec!["UNREACHABLE_STATE B -".into(), "UNSUPPORTED_RESOURCE A Resource".into()],
        ),
        (
            catch(json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}, {"ErrorEquals": ["X"], "Next": "B"}])),
            vec!["STATES_ALL_NOT_LAST A Catch/0/ErrorEquals".into()],
        ),
        (
            catch(json!([{"ErrorEquals": ["X", "States.ALL"], "Next": "B"}])),
            vec!["STATES_ALL_NOT_ALONE A Catch/0/ErrorEquals".into()],
        ),
        (catch(json!([{"ErrorEquals": [], "Next": "B"}])), vec![format!("{schema} A Catch/0/ErrorEquals")]),
        (catch(json!([{"ErrorEquals": ["X"]}])), vec![format!("{schema} A Catch/0")]),
        (
            catch(json!([{"ErrorEquals": ["X"], "Next": "X"}])),
            vec!["MISSING_TRANSITION_TARGET A Catch/0/Next".into()],
        ),
        (
            catch(json!([{"ErrorEquals": ["X"], "Next": "B", "ResultPath": "$"}])),
            vec![format!("{schema} A Catch/0/ResultPath")],
        ),
        (
            machine(json!({"A": {"Type": "Choice", "Choices": []}})),
            vec!["NO_TERMINAL_STATE - States".into(), format!("{schema} A Choices")],
        ),
        (
            machine(json!({"A": {"Type": "Choice", "Choices": [{"Next": "B"}]}, "B": fine})),
            vec![format!("{schema} A Choices/0")],
        ),
        (
            machine(
                json!({"A": {"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "B"}]}, "B": fine}),
            ),
            vec![format!("{schema} A Choices/0/Condition")],
        ),
        (machine(json!({"A": {"Type": "Wait", "End": true}})), vec![format!("{schema} A -")]),
        (
            machine(
                json!({"A": {"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "End": true}}),
            ),
            vec![format!("{schema} A -")],
        ),
        (
            machine(json!({"A": {"Type": "Wait", "Timestamp": "tomorrow", "End": true}})),
            vec![format!("{schema} A Timestamp")],
        ),
        (
            machine(json!({"A": {"Type": "Wait", "Seconds": "5", "End": true}})),
            vec![format!("{schema} A Seconds")],
        ),
        (machine(json!({"A": {"Type": "Fail", "Error": 5}})), vec![format!("{schema} A Error")]),
        (
            machine(json!({"A": {"Type": "Parallel", "Branches": [], "End": true}})),
            vec![format!("{schema} A Branches")],
        ),
        (
            machine(
                json!({"A": {"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "A"}}}], "End": true}}),
            ),
            vec!["MISSING_TRANSITION_TARGET B Next".into()],
        ),
        (
            machine(
                json!({"A": {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": fine}}], "End": true}}),
            ),
            vec!["DUPLICATE_STATE_NAME A -".into()],
        ),
        (machine(json!({"A": {"Type": "Map", "End": true}})), vec![format!("{schema} A -")]),
        (
            machine(
                json!({"A": {"Type": "Map", "Items": 5, "ItemProcessor": {"StartAt": "B", "States": {"B": fine}}, "End": true}}),
            ),
            vec![format!("{schema} A Items")],
        ),
        (
            machine(
                json!({"A": {"Type": "Map", "ItemReader": {}, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "B", "States": {"B": fine}}, "End": true}}),
            ),
            vec![
                "UNSUPPORTED_FIELD A ItemReader".into(),
                "UNSUPPORTED_FIELD A ItemProcessor/ProcessorConfig/Mode".into(),
            ],
        ),
    ];
    for (definition, expected) in cases {
        let mut found = findings(&definition.to_string());
        let mut expected = expected;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{definition}");
        assert!(parse(&definition.to_string()).is_err());
    }
    let in_rule = [
        (json!({"ErrorEquals": ["X"], "IntervalSeconds": 0}), "Retry/0/IntervalSeconds"),
        (json!({"ErrorEquals": ["X"], "BackoffRate": 0.5}), "Retry/0/BackoffRate"),
        (json!({"ErrorEquals": ["X"], "MaxAttempts": -1}), "Retry/0/MaxAttempts"),
        (
            json!({"ErrorEquals": ["X"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}),
            "Retry/0/MaxDelaySeconds",
        ),
        (json!({"ErrorEquals": ["X"], "JitterStrategy": "SOME"}), "Retry/0/JitterStrategy"),
        (json!({"ErrorEquals": "X"}), "Retry/0/ErrorEquals"),
        (json!({"ErrorEquals": ["X"], "Next": "B"}), "Retry/0/Next"),
    ];
    for (definition, field) in in_rule {
        let found = findings(&rule(definition.clone()).to_string());
        assert!(found.contains(&format!("{schema} A {field}")), "{definition}: {found:?}");
    }
}

#[test]
fn a_heartbeat_must_be_shorter_than_the_timeout() {
    let definition = task(json!({"TimeoutSeconds": 10, "HeartbeatSeconds": 10}));
    assert!(
        findings(&definition.to_string())
            .contains(&"HEARTBEAT_NOT_BELOW_TIMEOUT A HeartbeatSeconds".to_owned())
    );
}

#[test]
fn the_place_in_the_text_is_told() {
    let text = "{\n  \"QueryLanguage\": \"JSONata\",\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"Nowhere\"}\n  }\n}";
    let diagnostics = parse(text).expect_err("Nowhere is nowhere");
    let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 5, column 35: state 'A', field 'Next': there is no state 'Nowhere' in this machine [MISSING_TRANSITION_TARGET]"
        ]
    );
    assert_eq!(diagnostics[0].location, "/States/A/Next");
}

#[test]
fn bad_json_is_told_with_line_and_column() {
    let cases = [
        ("", 1, 1),
        ("not a definition", 1, 1),
        ("{\n  \"StartAt\": \"A\",\n}", 3, 1),
        ("{\"a\" 1}", 1, 6),
        ("{\"a\": 01}", 1, 7),
        ("{\"a\": \"b}", 1, 7),
        ("{} {}", 1, 4),
        ("{\"ä\": nul}", 1, 7),
    ];
    for (text, line, column) in cases {
        let diagnostics = parse(text).expect_err(text);
        assert_eq!(diagnostics.len(), 1, "{text}");
        let found = &diagnostics[0];
        assert_eq!(
            (found.code, found.line, found.column),
            ("INVALID_JSON_DESCRIPTION", line, column),
            "{text}: {found}"
        );
    }
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&format!("{{\"Comment\": \"{}\"}}", "x".repeat(1_100_000))).is_err());
}

#[test]
fn names_that_stand_twice_are_told() {
    let text = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": {"x": 1, "x": 2}, "End": true}, "A": {"Type": "Succeed"}}}"#;
    let found = findings(text);
    assert!(found.contains(&"DUPLICATE_FIELD A Output/x".to_owned()), "{found:?}");
    assert!(found.iter().any(|finding| finding.starts_with("DUPLICATE_FIELD - States/A")), "{found:?}");
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

#[test]
fn warnings_do_not_stop_a_definition() {
    let definition = machine(json!({"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Arguments": {"x": " {% $y %} "}, "End": true}})).to_string();
    let codes: Vec<_> =
        validate(&definition).into_iter().map(|finding| (finding.severity, finding.code)).collect();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert!(
        codes.contains(&(Severity::Warning, "MISSING_TIMEOUT"))
            && codes.contains(&(Severity::Warning, "INVALID_JSONATA_DELIMITERS"))
    );
    assert!(parse(&definition).is_ok());
}
