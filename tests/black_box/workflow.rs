//! `tenantry workflow validate` and `test`: an author's tools, without a server.

use crate::support::server::binary;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workflow(arguments: &[&str]) -> Output {
    Command::new(binary()).arg("workflow").args(arguments).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(dir: &Path, name: &str, content: &Value) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, serde_json::to_string_pretty(content).expect("JSON")).expect("a file");
    path
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A call that is retried after five seconds and caught, a wait of a day, a Map over what came back.
fn machine() -> Value {
    json!({
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "ask", "Payload.$": "$"},
                "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 5, "MaxAttempts": 1}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Sorry"}],
                "ResultSelector": {"numbers.$": "$.Payload"}, "ResultPath": "$.answer", "Next": "Rest",
            },
            "Rest": {"Type": "Wait", "Seconds": 86_400, "Next": "Each"},
            "Each": {
                "Type": "Map", "ItemsPath": "$.answer.numbers", "End": true,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Add",
                    "States": {"Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($, 1)"}, "End": true}},
                },
            },
            "Sorry": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    })
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_aws_with_file_line_and_column() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut machine = machine();
    machine["States"]["Each"]["ItemPath"] = machine["States"]["Each"]["ItemsPath"].take();
    let bad = file(dir.path(), "bad.asl.json", &machine);
    let output = workflow(&["validate", path(&bad)]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let line = std::fs::read_to_string(&bad).expect("the file");
    let line = line.lines().position(|line| line.contains("ItemPath\"")).expect("the field") + 1;
    let shown = stdout(&output);
    assert!(shown.contains(&format!("{}:{line}:", path(&bad))), "{shown}");
    assert!(shown.contains("SCHEMA_VALIDATION_FAILED") && shown.contains("/States/Each"), "{shown}");

    // The same for programs.
    let output = workflow(&["-o", "json", "validate", path(&bad)]);
    let findings: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(findings.pointer("/0/severity"), Some(&json!("ERROR")), "{findings}");
    assert_eq!(findings.pointer("/0/line"), Some(&json!(line)), "{findings}");

    // A machine may be good for one type and not for the other.
    let mut waiting = machine;
    waiting["States"] = json!({"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"},
    }});
    let waiting = file(dir.path(), "waiting.asl.json", &waiting);
    assert_eq!(workflow(&["validate", path(&waiting)]).status.code(), Some(0));
    let output = workflow(&["validate", "--type", "express", path(&waiting)]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("does not support '.waitForTaskToken'"), "{}", stdout(&output));
}

#[test]
fn a_whole_machine_runs_with_mocks_and_time_passes_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let machine = file(dir.path(), "machine.asl.json", &machine());
    let good = json!({"Ask": {"0": {"Throw": {"Error": "Busy"}}, "1": {"Return": {"Payload": [1, 2, 3]}}}});
    let good = file(dir.path(), "good.json", &good);
    let output = workflow(&["-o", "json", "test", path(&machine), "--mocks", path(&good)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["status"], "succeeded");
    assert_eq!(report["output"], json!([{"n": 2}, {"n": 3}, {"n": 4}]));
    assert_eq!((&report["seconds"], &report["children"]), (&json!(86_405.0), &json!(3)));

    // The mock configuration of Step Functions Local, and a failure that is caught.
    let local = json!({
        "StateMachines": {"Machine": {"TestCases": {"Sad": {"Ask": "Broken"}, "Good": {"Ask": "Fine"}}}},
        "MockedResponses": {"Broken": {"0": {"Throw": {"Error": "E", "Cause": "C"}}}, "Fine": {"0": {"Return": {"Payload": []}}}},
    });
    let local = file(dir.path(), "local.json", &local);
    let output = workflow(&["-o", "json", "test", path(&machine), "--mocks", path(&local), "--case", "Sad"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["output"], json!({"error": "E", "cause": "C"}));

    // Without a mock it says which one is missing.
    let output = workflow(&["test", path(&machine)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the state 'Ask' calls arn:aws:states:::lambda:invoke"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn one_state_shows_its_data_flow_and_where_it_leads() {
    let dir = tempfile::tempdir().expect("a folder");
    let machine = file(dir.path(), "machine.asl.json", &machine());
    let mocks = file(
        dir.path(),
        "mocks.json",
        &json!({"Ask": {"0": {"Throw": {"Error": "Busy"}}, "1": {"Return": {"Payload": [1]}}}}),
    );
    let ask = |retries: &str| {
        let output = workflow(&[
            "-o",
            "json",
            "test",
            path(&machine),
            "--state",
            "Ask",
            "--mocks",
            path(&mocks),
            "--retries",
            retries,
        ]);
        serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
    };
    let first = ask("0");
    assert_eq!(first["status"], "RETRIABLE", "{first}");
    let second = ask("1");
    assert_eq!((&second["status"], &second["nextState"]), (&json!("SUCCEEDED"), &json!("Rest")), "{second}");
    assert_eq!(
        second.pointer("/inspectionData/afterResultSelector"),
        Some(&json!("{\"numbers\":[1]}")),
        "{second}"
    );

    // A file that holds one state alone.
    let lone = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a + $b %}", "Next": "Elsewhere"});
    let lone = file(dir.path(), "lone.json", &lone);
    let output =
        workflow(&["-o", "json", "test", path(&lone), "--input", "{\"a\": 1}", "--variables", "{\"b\": 2}"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["output"], &report["nextState"]), (&json!("3"), &json!("Elsewhere")), "{report}");
}
