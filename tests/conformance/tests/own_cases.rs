//! The runner itself, over cases written here: what is right passes, what is wrong is found and told, and what cannot be
//! run says why.

use serde_json::{Value, json};
use std::io::Write as _;
use tenantry_conformance::outcome::{Aspect, CaseOutcome, Verdict};
use tenantry_conformance::{CaseFile, Options};

const MACHINE: &str = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:111111111111:execution:m:exec-uid0002";
const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/111111111111/q";

fn run(cases: &[Value]) -> Vec<CaseOutcome> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    for case in cases {
        writeln!(file, "{case}").expect("a line");
    }
    let file = CaseFile::read(file.path()).expect("a file of cases");
    tenantry_conformance::run(&file, &Options::default()).outcomes
}

fn one(case: Value) -> CaseOutcome {
    run(&[case]).remove(0)
}

fn execution(states: Value, input: Value, expected: Value) -> Value {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": states}).to_string();
    json!({
        "name": "own", "kind": "execution", "category": "own", "definition": definition, "machine_type": "STANDARD",
        "input": input.to_string(), "lambdas": {"f": "IDENTITY"}, "state_machine_arn": MACHINE,
        "execution_arn": EXECUTION, "expected": expected, "in_scope": true, "last_validated": "2025-01-01",
    })
}

fn with(mut case: Value, name: &str, value: Value) -> Value {
    case[name] = value;
    case
}

fn pass() -> Value {
    json!({"S": {"Type": "Pass", "End": true}})
}

fn passes(outcome: &CaseOutcome) {
    let difference = outcome.failure().map(|(aspect, difference)| format!("{}: {difference}", aspect.name()));
    assert!(matches!(outcome.verdict, Verdict::Run(_)) && difference.is_none(), "{difference:?}");
}

fn fails_in(outcome: &CaseOutcome, aspect: Aspect) -> String {
    match outcome.failure() {
        Some((first, difference)) if first == aspect => difference.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_execution_is_compared_in_status_output_and_history() {
    let input = json!({"a": 1});
    let entered = json!({"name": "S", "input": input, "inputDetails": {"truncated": false}});
    let exited = json!({"name": "S", "output": input, "outputDetails": {"truncated": false}});
    let role = "arn:aws:iam::111111111111:role/sfn-role";
    let events = json!([
        {"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": "timestamp",
         "executionStartedEventDetails": {"input": input, "inputDetails": {"truncated": false}, "roleArn": role}},
        {"id": 2, "previousEventId": 0, "type": "PassStateEntered", "stateEnteredEventDetails": entered},
        {"id": 3, "previousEventId": 2, "type": "PassStateExited", "stateExitedEventDetails": exited},
        {"id": 4, "previousEventId": 3, "type": "ExecutionSucceeded",
         "executionSucceededEventDetails": {"output": input, "outputDetails": {"truncated": false}}},
    ]);
    let expected = json!({"status": "SUCCEEDED", "output_json": {"a": 1}, "events": events});
    let case = |expected: &Value| one(execution(pass(), input.clone(), expected.clone()));
    passes(&case(&expected));

    let mut wrong = expected.clone();
    wrong["status"] = json!("FAILED");
    assert!(fails_in(&case(&wrong), Aspect::Result).contains("SUCCEEDED"));
    let mut wrong = expected.clone();
    wrong["output_json"]["a"] = json!(2);
    assert_eq!(fails_in(&case(&wrong), Aspect::Result), "output /a: expected 2, found 1");
    let mut wrong = expected.clone();
    wrong["events"][1]["type"] = json!("WaitStateEntered");
    assert!(fails_in(&case(&wrong), Aspect::Types).contains("event types at #2"));
    let mut wrong = expected.clone();
    wrong["events"][2]["stateExitedEventDetails"]["name"] = json!("T");
    assert!(fails_in(&case(&wrong), Aspect::Details).contains("#3 PassStateExited"));
    let mut wrong = expected;
    wrong["events"][3]["previousEventId"] = json!(2);
    assert!(fails_in(&case(&wrong), Aspect::Details).contains("previousEventId"));
}

#[test]
fn functions_answer_and_those_that_nobody_described_do_not() {
    let task = |function: &str| {
        let resource = format!("arn:aws:lambda:us-east-1:111111111111:function:{function}");
        json!({"S": {"Type": "Task", "Resource": resource, "End": true}})
    };
    let expected = json!({"status": "SUCCEEDED", "output_json": {"a": 1}});
    passes(&one(execution(task("f"), json!({"a": 1}), expected.clone())));
    let told = fails_in(&one(execution(task("g"), json!({"a": 1}), expected)), Aspect::Result);
    assert!(told.contains("RUNNING") && told.contains("the function g"), "{told}");
}

#[test]
fn tokens_are_answered_by_the_consumers_of_the_case() {
    let waiting = json!({"S": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "HeartbeatSeconds": 7,
        "Arguments": {"QueueUrl": QUEUE, "MessageBody": {
            "Message": "words", "TaskToken": "{% $states.context.Task.Token %}"}},
    }});
    let case = |driver: &str, expected: Value| {
        let case = execution(waiting.clone(), json!({}), expected);
        let case = with(case, "other_calls", json!([{"op": "create_queue", "kwargs": {"QueueName": "q"}}]));
        one(with(case, "drivers", json!([{"driver": driver, "args": [QUEUE], "kwargs": {}}])))
    };
    passes(&case("sqs_send_task_success", json!({"status": "SUCCEEDED", "output_json": "words"})));
    let failed = json!({"status": "FAILED", "error": "Failure error", "cause": "Failure cause"});
    passes(&case("sqs_send_task_failure", failed));
    let beats = json!({"status": "SUCCEEDED", "output_json": "words"});
    passes(&case("sqs_send_heartbeat_and_task_success", beats));
    let told = fails_in(&case("somebody_else", json!({"status": "SUCCEEDED"})), Aspect::Result);
    assert!(told.contains("the driver somebody_else"), "{told}");
}

#[test]
fn an_execution_is_stopped_where_the_test_stopped_it() {
    let wait = json!({"S": {"Type": "Wait", "Seconds": 100, "End": true}});
    let case = execution(wait, json!({}), json!({"status": "ABORTED"}));
    passes(&one(with(case, "control", json!(["stop_execution"]))));
}

#[test]
fn calls_are_made_after_those_before_them() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": pass()}).to_string();
    let create = json!({"op": "create_state_machine", "kwargs": {
        "target": "<<Clients>>", "name": "m", "definition": definition, "publish": true,
        "roleArn": "arn:aws:iam::111111111111:role/sfn-role"}});
    let call = |op: &str, args: Value, expected: Value| {
        one(json!({
            "name": "own", "kind": format!("api:{op}"), "category": "own", "op": op, "args": args,
            "prior_calls": [create], "expected": expected, "in_scope": true, "last_validated": "2025-01-01",
        }))
    };
    let started = json!({"executionArn": EXECUTION, "startDate": "datetime", "ResponseMetadata": {}});
    passes(&call("start_execution", json!({"stateMachineArn": MACHINE, "name": "exec-uid0002"}), started));
    let version = json!({"stateMachineArn": "<<stateMachineVersionArn>>", "name": "exec-uid0002"});
    passes(&call("start_execution", version, json!({"executionArn": EXECUTION, "startDate": "datetime"})));

    let refusal =
        |code: &str, words: &str| json!({"Error": {"Code": code, "Message": words}, "message": words});
    let words = "State Machine Does Not Exist: 'arn:aws:states:us-east-1:111111111111:stateMachine:other'";
    let other = json!({"stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:other"});
    passes(&call("describe_state_machine", other.clone(), refusal("StateMachineDoesNotExist", words)));
    let outcome =
        call("describe_state_machine", other.clone(), refusal("StateMachineDoesNotExist", "other words"));
    let Verdict::Run(checks) = &outcome.verdict else { panic!("it is run") };
    assert!(checks[&Aspect::Code].is_ok() && checks[&Aspect::Words].is_err());
    let outcome = call("describe_state_machine", other, refusal("OtherCode", words));
    let Verdict::Run(checks) = &outcome.verdict else { panic!("it is run") };
    assert!(checks[&Aspect::Code].is_err() && checks[&Aspect::Words].is_ok());
}

#[test]
fn what_is_not_run_says_why() {
    let case = |name: &str, value: Value| {
        let case = with(execution(pass(), json!({}), json!({"status": "SUCCEEDED"})), name, value);
        let outcome = one(case);
        match outcome.verdict {
            Verdict::Skipped(reason) => reason,
            Verdict::Run(checks) => panic!("it was run: {checks:?}"),
        }
    };
    assert!(case("volatile", json!(true)).starts_with("excluded: volatile"));
    assert!(case("input_check", json!("differs")).starts_with("excluded: input_check differs"));
    let refused = json!({"exception_typename": "ParamValidationError", "exception_value": "Parameter validation failed"});
    assert!(case("expected", refused).contains("botocore"));
    let outside = with(
        with(execution(pass(), json!({}), json!({"status": "SUCCEEDED"})), "in_scope", json!(false)),
        "requires",
        json!(["lambda", "dynamodb"]),
    );
    let outcome = one(outside);
    assert!(!outcome.counts);
    assert!(matches!(outcome.verdict, Verdict::Skipped(reason) if reason == "out of scope: needs dynamodb"));
}

#[test]
fn what_is_out_of_scope_and_needs_nothing_is_run_and_not_counted() {
    let case = with(execution(pass(), json!({}), json!({"status": "SUCCEEDED"})), "in_scope", json!(false));
    let outcome = one(case);
    passes(&outcome);
    assert!(!outcome.counts);
}
