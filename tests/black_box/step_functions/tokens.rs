//! No token and no key of the protocol lies open on disk or in a log, at level trace.

use super::aws::{Aws, activity_arn, machine_arn};
use crate::black_box::secrets::known::Known;
use crate::support::server::Server;
use crate::support::text;
use serde_json::{Value, json};

/// Files that are secrets themselves; and the log, which is looked through apart.
const OPEN_FILES: [&str; 4] = ["admin.token", "aws-credentials.json", "master.key", "server.log"];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_child_was_given_never_lies_open() {
    let dir = tempfile::tempdir().expect("a folder");
    let environment = vec![("TENANTRY_LOG".to_owned(), "trace".to_owned())];
    let mut server = Server::start_with(dir.path(), environment).await;
    let aws = Aws::of(&server);
    aws.call("CreateActivity", &json!({"name": "answer"})).await;
    let child = json!({
        "StartAt": "Keep",
        "States": {
            "Keep": {"Type": "Pass", "Assign": {"kept.$": "$.token"}, "Next": "Answer"},
            "Answer": {
                "Type": "Task", "Resource": activity_arn("answer"),
                "Parameters": {"theirs.$": "$kept", "own.$": "$$.Task.Token"}, "End": true,
            },
        },
    });
    aws.create("child", &child).await;
    let parent = json!({
        "StartAt": "Ask",
        "States": {"Ask": {
            "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
            "Parameters": {
                "StateMachineArn": machine_arn("child"), "Name": "the-child",
                "Input": {"token.$": "$$.Task.Token"},
            },
            "End": true,
        }},
    });
    aws.create("parent", &parent).await;
    let run = aws.start("parent", "one", &json!({})).await;
    let task = aws.call("GetActivityTask", &json!({"activityArn": activity_arn("answer")})).await;
    let given: Value = serde_json::from_str(text(&task, "/input")).expect("JSON");

    let mut known = Known::default();
    known.secret("the parent's token", text(&given, "/theirs"));
    known.secret("the activity's token", text(&task, "/taskToken"));
    known.secret("the secret access key", &aws.secret);
    assert_eq!(given["own"], task["taskToken"]);
    let mut found = known.in_files(dir.path(), &OPEN_FILES);
    server.kill_and_restart().await;
    found.extend(known.in_files(dir.path(), &OPEN_FILES));

    // What the child was given is for whoever may read its history.
    let child = "arn:aws:states:us-east-1:000000000000:execution:child:the-child";
    let shown = aws.describe(child).await;
    assert!(text(&shown, "/input").contains(text(&given, "/theirs")), "{shown:#}");
    let refused = json!({"taskToken": given["theirs"], "output": "not JSON"});
    aws.refused("SendTaskSuccess", &refused).await;
    aws.call("SendTaskHeartbeat", &json!({"taskToken": given["theirs"]})).await;
    aws.call("SendTaskSuccess", &json!({"taskToken": given["theirs"], "output": "7"})).await;
    aws.call("SendTaskFailure", &json!({"taskToken": task["taskToken"], "error": "E", "cause": "c"})).await;
    assert_eq!(aws.ended(&run).await["output"], "7");
    assert_eq!(aws.ended(child).await["status"], "FAILED");
    aws.refused("SendTaskSuccess", &json!({"taskToken": given["theirs"], "output": "8"})).await;

    found.extend(known.in_files(dir.path(), &OPEN_FILES));
    let log = std::fs::read(dir.path().join("server.log")).expect("the log");
    assert!(log.windows(5).any(|window| window == b"DEBUG"), "the log has everything");
    found.extend(known.within(&log).into_iter().map(|name| format!("the log: {name}")));
    assert!(found.is_empty(), "{found:#?}");
}
