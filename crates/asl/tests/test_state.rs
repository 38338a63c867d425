//! One state, tested alone: what it comes to, what is observed on the way, which requests are refused.

use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_asl::test_state::{Realm, Refusal, Request, TaskAnswer, Tested, identity, test_state};
use tenantry_asl::{Env, JsonataEvaluator};

fn asked(request: &Value, answer: Option<&TaskAnswer>) -> Result<Tested, Refusal> {
    let mut request = request.clone();
    for field in ["definition", "input", "context", "variables"] {
        if request.get(field).is_some_and(|value| !value.is_string()) {
            request[field] = Value::from(request[field].to_string());
        }
    }
    let request: Request = serde_json::from_value(request).expect("a request");
    let realm = Realm { partition: "aws", region: "us-east-1", account: "111111111111" };
    let who = identity(realm, request.role_arn.as_deref(), 7);
    let env = Env { now_ms: 1_767_225_600_000, seed: 1, evaluator: &JsonataEvaluator };
    test_state(&request, &who, answer, &env)
}

/// The report as the API gives it, with JSON texts read.
fn report(request: &Value) -> Value {
    let ended = match asked(request, None) {
        Ok(Tested::Ended(report)) => serde_json::to_value(*report).expect("a report is JSON"),
        other => panic!("{request}: {other:?}"),
    };
    fn read(value: Value) -> Value {
        match value {
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Value::Object(members) => members.into_iter().map(|(name, value)| (name, read(value))).collect(),
            other => other,
        }
    }
    read(ended)
}

fn refused(request: &Value) -> String {
    match asked(request, None) {
        Err(refusal) => refusal.to_string(),
        other => panic!("{request}: {other:?}"),
    }
}

fn with(mut state: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    state
}

const SEND: &str = "arn:aws:states:::sqs:sendMessage";

#[test]
fn every_stage_of_a_task_is_seen() {
    let state = json!({"Type": "Task", "Resource": SEND, "InputPath": "$.in", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$.b"},
        "ResultSelector": {"id.$": "$.MessageId"}, "ResultPath": "$.sent", "OutputPath": "$.sent", "Assign": {"v.$": "$.MessageId"}, "Next": "Nowhere"});
    let request = json!({"definition": state, "input": {"in": {"b": 1}}, "variables": {"w": 2}, "inspectionLevel": "DEBUG",
        "mock": {"result": "{\"MessageId\": \"m\"}"}});
    assert_eq!(
        report(&request),
        json!({"status": "SUCCEEDED", "output": {"id": "m"}, "nextState": "Nowhere", "inspectionData": {
            "input": {"in": {"b": 1}}, "afterInputPath": {"b": 1}, "afterParameters": {"QueueUrl": "q", "MessageBody": 1},
            "result": {"MessageId": "m"}, "afterResultSelector": {"id": "m"}, "afterResultPath": {"in": {"b": 1}, "sent": {"id": "m"}},
            "variables": {"v": "m", "w": 2}}})
    );
    assert_eq!(
        report(&with(request, json!({"inspectionLevel": "INFO"}))),
        json!({"status": "SUCCEEDED", "output": {"id": "m"}, "nextState": "Nowhere"})
    );
}

#[test]
fn a_task_that_is_not_mocked_is_asked_for() {
    let state = json!({"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input.n + 1 %}"}, "Output": "{% $states.result.Payload %}",
        "Catch": [{"ErrorEquals": ["E"], "Next": "C", "Output": "{% $states.errorOutput.Cause %}"}], "End": true});
    let request = json!({"definition": state, "input": {"n": 1}});
    let Ok(Tested::Needs(task)) = asked(&request, None) else { panic!("it needs its task") };
    assert_eq!((task.state.as_str(), &task.arguments["Payload"]), ("StateName", &json!(2)));
    let succeeded = TaskAnswer::Succeeded(json!({"Payload": "done"}));
    let Ok(Tested::Ended(ended)) = asked(&request, Some(&succeeded)) else { panic!("it ended") };
    assert_eq!(ended.output.as_deref(), Some("\"done\""));
    let failed = TaskAnswer::Failed { error: "E".to_owned(), cause: Some("why".to_owned()) };
    let Ok(Tested::Ended(ended)) = asked(&request, Some(&failed)) else { panic!("it ended") };
    assert_eq!(
        serde_json::to_value(*ended).expect("JSON"),
        json!({"status": "CAUGHT_ERROR", "output": "\"why\"", "error": "E", "cause": "why", "nextState": "C"})
    );
}

#[test]
fn rules_take_errors_as_they_stand() {
    let state = json!({"Type": "Task", "Resource": SEND, "Retry": [
        {"ErrorEquals": ["A"], "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2, "MaxDelaySeconds": 5, "JitterStrategy": "FULL"},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["B"], "Next": "C1"}, {"ErrorEquals": ["States.ALL"], "Next": "C2", "ResultPath": "$.e"}], "End": true});
    for (error, used, expected) in [
        (
            "A",
            0,
            json!({"status": "RETRIABLE", "details": {"retryIndex": 0, "retryBackoffIntervalSeconds": 3}}),
        ),
        (
            "A",
            1,
            json!({"status": "RETRIABLE", "details": {"retryIndex": 0, "retryBackoffIntervalSeconds": 5}}),
        ),
        ("A", 2, json!({"status": "CAUGHT_ERROR", "details": {"catchIndex": 1}, "next": "C2"})),
        (
            "B",
            0,
            json!({"status": "RETRIABLE", "details": {"retryIndex": 1, "retryBackoffIntervalSeconds": 1}}),
        ),
        ("B", 1, json!({"status": "CAUGHT_ERROR", "details": {"catchIndex": 0}, "next": "C1"})),
        ("States.Runtime", 0, json!({"status": "FAILED"})),
    ] {
        let request = json!({"definition": state, "input": {"i": 1}, "inspectionLevel": "TRACE",
            "mock": {"errorOutput": {"error": error, "cause": "why"}}, "stateConfiguration": {"retrierRetryCount": used}});
        let report = report(&request);
        assert_eq!(
            (&report["status"], &report["error"]),
            (&expected["status"], &json!(error)),
            "{error} {used}"
        );
        assert_eq!(report["inspectionData"].get("errorDetails"), expected.get("details"), "{error} {used}");
        assert_eq!(report.get("nextState"), expected.get("next"));
    }
    let alone = json!({"Type": "Task", "Resource": SEND, "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}], "End": true});
    let request = json!({"definition": alone, "inspectionLevel": "DEBUG", "mock": {"errorOutput": {"error": "A"}}, "stateConfiguration": {"retrierRetryCount": 1}});
    let report = report(&request);
    assert_eq!(
        (&report["status"], &report["inspectionData"]["errorDetails"]),
        (&json!("FAILED"), &json!({"retryIndex": 0}))
    );
}

#[test]
fn states_without_tasks_run_as_they_are() {
    for (state, input, expected) in [
        (
            json!({"Type": "Wait", "Seconds": 1000, "Next": "N"}),
            json!(1),
            json!({"status": "SUCCEEDED", "output": 1, "nextState": "N"}),
        ),
        (
            json!({"Type": "Succeed", "OutputPath": "$.a"}),
            json!({"a": 2}),
            json!({"status": "SUCCEEDED", "output": 2}),
        ),
        (
            json!({"Type": "Fail", "ErrorPath": "$.e"}),
            json!({"e": "E"}),
            json!({"status": "FAILED", "error": "E"}),
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "One"}], "Default": "Other"}),
            json!({"a": 1}),
            json!({"status": "SUCCEEDED", "output": {"a": 1}, "nextState": "One"}),
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "One"}]}),
            json!({"a": 2}),
            json!({"status": "FAILED", "error": "States.Runtime", "cause": "Failed to transition out of the state. The state does not point to a next state."}),
        ),
        (
            json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $nothing %}", "End": true}),
            json!({}),
            json!({"status": "FAILED", "error": "States.QueryEvaluationError",
                "cause": "The JSONata expression '$nothing' specified for the field 'Output' returned nothing (undefined)."}),
        ),
    ] {
        assert_eq!(report(&json!({"definition": state, "input": input})), expected, "{state}");
    }
}

#[test]
fn a_state_of_a_machine_is_found_at_any_depth() {
    let pass = |n: u64| json!({"Type": "Pass", "Result": n, "End": true});
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Next": "M", "Branches": [
            {"StartAt": "A", "States": {"A": pass(1)}}]},
        "M": {"Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "I", "States": {
            "I": {"Type": "Map", "Next": "J", "ItemProcessor": {"StartAt": "K", "States": {"K": pass(3)}}}, "J": pass(2)}}}}});
    for (name, output) in [("A", 1), ("J", 2), ("K", 3)] {
        assert_eq!(
            report(&json!({"definition": machine, "stateName": name})),
            json!({"status": "SUCCEEDED", "output": output})
        );
    }
    assert_eq!(
        refused(&json!({"definition": machine, "stateName": "None"})),
        "State not found in definition"
    );
    assert_eq!(
        refused(&json!({"definition": machine})),
        "StateName is required when the definition is a state machine."
    );
}

#[test]
fn the_context_object_is_a_lone_express_execution_s_or_the_given_one() {
    let state =
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.context %}", "End": true});
    let told = report(
        &json!({"definition": state, "input": {"a": 1}, "roleArn": "arn:aws:iam::111111111111:role/r"}),
    );
    let context = &told["output"];
    let id = context["Execution"]["Id"].as_str().expect("a text");
    assert!(id.starts_with("arn:aws:states:us-east-1:111111111111:express:"), "{id}");
    assert!(id.ends_with(context["Execution"]["Name"].as_str().expect("a text")));
    assert_eq!(context["Execution"]["Input"], json!({"a": 1}));
    assert_eq!(context["Execution"].get("RedriveCount"), None);
    assert_eq!(context["State"], json!({"Name": "StateName", "EnteredTime": "2026-01-01T00:00:00.000Z"}));
    let given = json!({"Execution": {"Id": "mine"}, "State": {"RetryCount": 3}});
    assert_eq!(report(&json!({"definition": state, "context": given}))["output"], given);
    for (context, why) in [
        (json!({"Map": {}}), "'Map' field is not supported when mocking a Context object"),
        (json!({"Else": {}}), "Field 'Else' is not allowed"),
        (json!({"State": {"Else": 1}}), "Field 'Else' is not allowed"),
        (json!({"State": {"Name": 1}}), "State.Name must be a string"),
        (json!({"State": {"RetryCount": "1"}}), "State.RetryCount must be a number"),
        (json!({"StateMachine": []}), "StateMachine must be an object"),
        (json!([]), "Context object must be a valid JSON object"),
        (
            json!({"Task": {"Token": "t"}}),
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern",
        ),
    ] {
        let request = json!({"definition": state, "context": context});
        assert_eq!(refused(&request), format!("Invalid Context object provided: {why}"));
    }
}

#[test]
fn maps_and_parallels_take_mocks_alone() {
    let map = |fields: Value| {
        with(
            json!({"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "I",
        "States": {"I": {"Type": "Pass", "End": true}}}, "End": true}),
            fields,
        )
    };
    let request = json!({"definition": map(json!({"ItemsPath": "$.l", "ItemSelector": {"v.$": "$$.Map.Item.Value"}, "MaxConcurrency": 3,
            "ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailurePercentage": 40})),
        "input": {"l": [1, 2, 3]}, "inspectionLevel": "DEBUG", "mock": {"result": "[7]"}, "stateConfiguration": {"mapIterationFailureCount": 1}});
    let told = report(&request);
    assert_eq!(told["status"], "SUCCEEDED");
    let data = &told["inspectionData"];
    assert_eq!(data["afterItemsPath"], json!([1, 2, 3]));
    assert_eq!(data["afterItemSelector"], json!([{"v": 1}, {"v": 2}, {"v": 3}]));
    assert_eq!(data["afterItemBatcher"], json!([{"Items": [{"v": 1}, {"v": 2}]}, {"Items": [{"v": 3}]}]));
    assert_eq!((&data["maxConcurrency"], &data["toleratedFailurePercentage"]), (&json!(3), &json!(40.0)));
    let told = report(&with(request, json!({"stateConfiguration": {"mapIterationFailureCount": 2}})));
    assert_eq!(
        (&told["error"], &told["cause"]),
        (
            &json!("States.ExceedToleratedFailureThreshold"),
            &json!("The specified tolerated failure threshold was exceeded")
        )
    );
    let reader = map(
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a/b"},
        "Parameters": {"Bucket": "b", "Key": "k"}}, "ItemSelector": {"v.$": "$$.Map.Item.Value"}}),
    );
    let told = report(&json!({"definition": reader, "inspectionLevel": "DEBUG", "mock": {"result": "[]"},
        "stateConfiguration": {"mapItemReaderData": "{\"a\": {\"b\": [4]}}"}}));
    assert_eq!(told["inspectionData"]["afterItemsPointer"], json!([4]));
    assert_eq!(told["inspectionData"]["afterItemSelector"], json!([{"v": 4}]));
    for (request, why) in [
        (
            json!({"definition": map(json!({}))}),
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
        ),
        (json!({"definition": map(json!({})), "mock": {"result": "{}"}}), "Mocked result must be an array."),
        (
            json!({"definition": map(json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}})), "mock": {"result": "[]"}}),
            "Mocked result must be a JSON object.",
        ),
        (
            json!({"definition": map(json!({})), "stateConfiguration": {"mapIterationFailureCount": 1}}),
            "TestState does not support MapIterationFailureCount when a mock is not specified.",
        ),
    ] {
        assert_eq!(refused(&request), why);
    }
}

#[test]
fn mocks_are_held_against_what_the_service_answers() {
    let task = |resource: &str| json!({"Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": {"MessageBody": "$$.Task.Token"}, "End": true});
    for (resource, result, mode, why) in [
        ("states:startExecution", json!({}), "STRICT", Some("Required field 'ExecutionArn' is missing")),
        ("states:startExecution", json!({}), "PRESENT", None),
        (
            "states:startExecution",
            json!({"StartDate": 5}),
            "PRESENT",
            Some("Field 'StartDate' must be a string"),
        ),
        ("states:startExecution", json!({"StartDate": 5}), "NONE", None),
        (
            "events:putEvents",
            json!({"Entries": [{"EventId": "e"}, {"EventId": []}]}),
            "STRICT",
            Some("Field 'EventId' must be a string"),
        ),
        ("events:putEvents", json!({"Entries": {}}), "STRICT", Some("Field 'Entries' must be an array")),
        (
            "lambda:invoke",
            json!({"StatusCode": "200"}),
            "STRICT",
            Some("Field 'StatusCode' must be a number"),
        ),
        ("lambda:invoke", json!({"Payload": [null]}), "STRICT", None),
        (
            "aws-sdk:s3:getObject",
            json!({"StorageClass": "Papyrus"}),
            "STRICT",
            Some("Field 'StorageClass' is not an expected value"),
        ),
        (
            "aws-sdk:kms:encrypt",
            json!({"CiphertextBlob": ""}),
            "STRICT",
            Some("Field 'CiphertextBlob' is smaller than the minimum length"),
        ),
        (
            "dynamodb:putItem",
            json!({"Attributes": 1}),
            "PRESENT",
            Some("Field 'Attributes' must be an object"),
        ),
        ("sqs:sendMessage", json!({"unknown": true}), "STRICT", None),
        ("sqs:sendMessage.waitForTaskToken", json!({"MessageId": 1}), "STRICT", None),
        ("aws-sdk:iot:listThings", json!({"anything": 1}), "STRICT", None),
    ] {
        let request = json!({"definition": task(resource), "mock": {"result": result.to_string(), "fieldValidationMode": mode}});
        match why {
            None => assert_eq!(report(&request)["output"], result, "{resource}"),
            Some(why) => assert_eq!(refused(&request), format!("Mock result schema validation error: {why}")),
        }
    }
    let asks = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}}});
    let told = report(
        &json!({"definition": asks.to_string(), "mock": {"result": "{}"}, "inspectionLevel": "DEBUG"}),
    );
    assert_eq!(
        told["inspectionData"]["afterParameters"],
        json!({"QueueUrl": "q", "MessageBody": {"t": "[task token]"}}),
        "no token is made in a test"
    );
    let request = json!({"definition": task("sqs:sendMessage")});
    for (more, why) in [
        (json!({"mock": {"result": "no JSON"}}), "Mocked result must be valid JSON"),
        (
            json!({"mock": {"result": "1", "errorOutput": {"error": "E"}}}),
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (
            json!({"mock": {"result": "{}"}, "revealSecrets": true}),
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (
            json!({"definition": {"Type": "Pass", "End": true}, "mock": {"result": "{}"}}),
            "State type 'Pass' is not supported when a mock is specified",
        ),
        (
            json!({"stateConfiguration": {"retrierRetryCount": 1}}),
            "TestState does not support RetrierRetryCount when a mock is not specified.",
        ),
    ] {
        assert_eq!(refused(&with(request.clone(), more)), why);
    }
}

#[test]
fn wrong_definitions_and_inputs_are_told_apart() {
    let request = json!({"definition": {"Type": "Nothing"}});
    assert!(
        matches!(asked(&request, None), Err(Refusal::Definition(findings)) if findings[0].location == "/States/StateName/Type")
    );
    let request = json!({"definition": {"Type": "Pass", "End": true}, "input": "{no"});
    assert!(matches!(asked(&request, None), Err(Refusal::Input(_))));
    let request = json!({"definition": "no JSON"});
    assert!(matches!(asked(&request, None), Err(Refusal::Definition(_))));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop_oneof![
            Just("$.a"),
            Just("$$"),
            Just("{% $states.input %}"),
            Just("Pass"),
            Just("Task"),
            Just("$v"),
            Just("States.UUID()"),
            Just("")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            Just("Type"),
            Just("Result"),
            Just("ResultPath"),
            Just("Parameters"),
            Just("InputPath"),
            Just("OutputPath"),
            Just("Assign"),
            Just("Choices"),
            Just("Variable"),
            Just("Seconds"),
            Just("SecondsPath"),
            Just("a"),
            Just("a.$"),
            Just("QueryLanguage"),
            Just("Output")
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..5)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is asked, there is a report or a refusal.
    #[test]
    fn any_request_is_answered(fields in any_json(), kind in 0..6_usize, input in any_json(), context in any_json(), mock in any_json()) {
        let kind = ["Pass", "Task", "Wait", "Choice", "Map", "Succeed"][kind];
        let mut state = json!({"Type": kind, "Resource": SEND, "End": true, "Seconds": 1,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}});
        let own: &[&str] = match kind {
            "Task" => &["Resource", "End"],
            "Wait" => &["Seconds", "End"],
            "Map" => &["ItemProcessor", "End"],
            "Pass" => &["End"],
            _ => &[],
        };
        if let Some(state) = state.as_object_mut() {
            state.retain(|name, _| name == "Type" || own.contains(&name.as_str()));
        }
        let state = with(state, fields);
        for request in [
            json!({"definition": state, "input": input, "inspectionLevel": "TRACE"}),
            json!({"definition": state, "input": input, "context": context, "inspectionLevel": "DEBUG", "mock": {"result": mock.to_string()}}),
            json!({"definition": state, "input": input, "mock": {"errorOutput": {"error": "E"}}}),
        ] {
            if let Ok(Tested::Ended(report)) = asked(&request, None) {
                prop_assert!(report.output.is_some() || report.error.is_some() || report.cause.is_some() || kind == "Map");
            }
        }
    }
}
