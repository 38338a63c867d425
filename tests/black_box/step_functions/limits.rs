//! Each limit from both sides, over the wire.

use super::aws::{Aws, ROLE, activity_arn, machine_arn};
use crate::support::server::Server;
use crate::support::text;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Largest payload, in bytes. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const PAYLOAD: usize = 262_144;
/// Largest request, and largest definition. Same page.
const MEBIBYTE: usize = 1024 * 1024;
const EVENTS: u64 = 25_000;

/// A JSON text of so many bytes.
fn sized(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

fn passing(output: &str) -> Value {
    json!({
        "QueryLanguage": "JSONata", "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Output": output, "End": true}},
    })
}

fn status_and_error(found: &Value) -> (&str, &str) {
    (text(found, "/status"), found["error"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_have_262_144_bytes_and_none_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    aws.create("same", &passing("{% $states.input %}")).await;
    aws.create("grows", &passing("{% $states.input & 'x' %}")).await;
    aws.call("CreateActivity", &json!({"name": "work"})).await;
    let asks = json!({
        "StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": activity_arn("work"), "End": true}},
    });
    aws.create("asks", &asks).await;
    let start =
        |machine: &str, input: String| json!({"stateMachineArn": machine_arn(machine), "input": input});
    for bytes in [PAYLOAD - 1, PAYLOAD] {
        let run = aws.call("StartExecution", &start("same", sized(bytes))).await;
        let found = aws.ended(text(&run, "/executionArn")).await;
        assert_eq!(status_and_error(&found), ("SUCCEEDED", ""), "{bytes}");
        assert_eq!(text(&found, "/output"), sized(bytes));
    }
    let (code, message) = aws.refused("StartExecution", &start("same", sized(PAYLOAD + 1))).await;
    assert_eq!(code, "ValidationException", "{message}");
    assert!(!message.contains("xxx"), "an input is not repeated: {message:.300}");
    // Bytes, not characters: each of these has two.
    let (code, _) =
        aws.refused("StartExecution", &start("same", format!("\"{}\"", "ü".repeat(PAYLOAD / 2)))).await;
    assert_eq!(code, "ValidationException");

    for (bytes, expected) in
        [(PAYLOAD - 1, ("SUCCEEDED", "")), (PAYLOAD, ("FAILED", "States.DataLimitExceeded"))]
    {
        let run = aws.call("StartExecution", &start("grows", sized(bytes))).await;
        let found = aws.ended(text(&run, "/executionArn")).await;
        assert_eq!(status_and_error(&found), expected, "grown from {bytes}: {:.300}", found["cause"]);
    }

    for bytes in [PAYLOAD - 1, PAYLOAD, PAYLOAD + 1] {
        let run = aws.call("StartExecution", &start("asks", "1".to_owned())).await;
        let task = aws.call("GetActivityTask", &json!({"activityArn": activity_arn("work")})).await;
        let mut answer = json!({"taskToken": task["taskToken"], "output": sized(bytes)});
        if bytes > PAYLOAD {
            let (code, message) = aws.refused("SendTaskSuccess", &answer).await;
            assert_eq!(code, "ValidationException", "{message:.300}");
            // The token is as good as before.
            answer["output"] = json!("\"less\"");
        }
        aws.call("SendTaskSuccess", &answer).await;
        let found = aws.ended(text(&run, "/executionArn")).await;
        assert_eq!(status_and_error(&found), ("SUCCEEDED", ""));
        assert_eq!(found["output"], answer["output"]);
    }
    for (member, longest) in [("error", 256), ("cause", 32_768)] {
        for length in [longest, longest + 1] {
            let run = aws.call("StartExecution", &start("asks", "1".to_owned())).await;
            let task = aws.call("GetActivityTask", &json!({"activityArn": activity_arn("work")})).await;
            let failure = json!({"taskToken": task["taskToken"], member: "x".repeat(length)});
            if length > longest {
                assert_eq!(aws.refused("SendTaskFailure", &failure).await.0, "ValidationException");
                aws.call("SendTaskFailure", &json!({"taskToken": task["taskToken"]})).await;
            } else {
                aws.call("SendTaskFailure", &failure).await;
            }
            assert_eq!(aws.ended(text(&run, "/executionArn")).await["status"], "FAILED");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_definitions_and_names_have_their_lengths() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    let request = |bytes: usize| {
        let empty = json!({"name": "a", "tags": [], "ignored": ""}).to_string();
        json!({"name": "a", "tags": [], "ignored": "x".repeat(bytes - empty.len())}).to_string().into_bytes()
    };
    for (bytes, expected) in [(MEBIBYTE - 1, 200), (MEBIBYTE, 200), (MEBIBYTE + 1, 413), (3 * MEBIBYTE, 413)]
    {
        let body = request(bytes);
        assert_eq!(body.len(), bytes);
        match aws.send(aws.signing("CreateActivity", &body)).await {
            Ok((status, answer)) => assert_eq!(status, expected, "{bytes}: {answer:#}"),
            // The server does not read on, and closes.
            Err(error) => assert!(expected == 413, "{bytes}: {error:?}"),
        }
    }

    // The largest definition that fits into a request, and one that is too long by itself.
    let commented = |bytes: usize| {
        let definition = |comment: &str| {
            format!("{{'Comment':'{comment}','StartAt':'P','States':{{'P':{{'Type':'Succeed'}}}}}}")
                .replace('\'', "\"")
        };
        definition(&"x".repeat(bytes - definition("").len()))
    };
    let create =
        |name: &str, definition: String| json!({"name": name, "definition": definition, "roleArn": ROLE});
    aws.call("CreateStateMachine", &create("long", commented(MEBIBYTE - 1024))).await;
    let shown = aws.call("DescribeStateMachine", &json!({"stateMachineArn": machine_arn("long")})).await;
    assert_eq!(text(&shown, "/definition").len(), MEBIBYTE - 1024);
    let (status, answer) = aws
        .try_call("CreateStateMachine", &create("longer", commented(MEBIBYTE + 1)))
        .await
        .expect("an answer");
    assert_eq!(status, 413, "{answer:#}");

    let small = commented(200);
    for (name, code) in [
        ("n".repeat(80), None),
        ("n".repeat(81), Some("ValidationException")),
        (String::new(), Some("ValidationException")),
        ("a b".to_owned(), Some("InvalidName")),
        ("a\u{7f}".to_owned(), Some("InvalidName")),
        ("a*".to_owned(), Some("InvalidName")),
    ] {
        for (operation, body) in [
            ("CreateStateMachine", create(&name, small.clone())),
            ("CreateActivity", json!({"name": name})),
            ("StartExecution", json!({"stateMachineArn": machine_arn("long"), "name": name})),
        ] {
            let (status, answer) = aws.try_call(operation, &body).await.expect("an answer");
            assert_eq!(
                (status == 200, answer["__type"].as_str()),
                (code.is_none(), code),
                "{operation} {name:?}"
            );
        }
    }
    aws.call("CreateActivity", &json!({"name": "work"})).await;
    let asks = json!({
        "StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": activity_arn("work"), "End": true}},
    });
    aws.create("asks", &asks).await;
    let mut express = create("express", small.clone());
    express["type"] = json!("EXPRESS");
    aws.call("CreateStateMachine", &express).await;
    for depth in [100, 101, 127, 1_000, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = json!({"stateMachineArn": machine_arn("long"), "input": nested});
        let (status, answer) = aws.try_call("StartExecution", &body).await.expect("an answer");
        assert!(status == 200 || answer["__type"] == "InvalidExecutionInput", "{depth}: {answer:#}");
        assert_eq!(status == 200, depth <= 100, "{depth}");
        let (status, _) =
            aws.send(aws.signing("StartExecution", nested.as_bytes())).await.expect("an answer");
        assert_eq!(status, 400, "a body that deep");
        let (status, _) =
            aws.try_call("CreateStateMachine", &create("deep", nested)).await.expect("an answer");
        assert_eq!(status, 400, "a definition that deep");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_ends_at_25_000_events_and_starves_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    let choice = json!({"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "End"}], "Default": "Pass"});
    let endless = json!({
        "QueryLanguage": "JSONata", "StartAt": "Choose",
        "States": {"Choose": choice, "Pass": {"Type": "Pass", "Next": "Choose"}, "End": {"Type": "Succeed"}},
    });
    aws.create("endless", &endless).await;
    aws.create("short", &passing("{% 1 %}")).await;
    let mut loops = Vec::new();
    for n in 0..3 {
        loops.push(aws.start("endless", &format!("loop-{n}"), &json!({"n": n})).await);
    }
    let mut overtook = 0;
    let mut slowest = std::time::Duration::ZERO;
    for n in 0..20 {
        let began = std::time::Instant::now();
        let run = aws.start("short", &format!("short-{n}"), &json!({})).await;
        assert_eq!(aws.ended(&run).await["status"], "SUCCEEDED");
        slowest = slowest.max(began.elapsed());
        let running = json!({"stateMachineArn": machine_arn("endless"), "statusFilter": "RUNNING"});
        let running = aws.call("ListExecutions", &running).await;
        overtook += u32::from(running["executions"] != json!([]));
    }
    println!("{overtook} of 20 ended while loops ran; the slowest took {slowest:?}");
    assert!(overtook > 0, "no other execution ends while one loops");
    for one in &loops {
        let found = aws.ended(one).await;
        assert_eq!(status_and_error(&found), ("FAILED", "States.Runtime"), "{found:#}");
        assert!(text(&found, "/cause").contains("25000"), "{found:#}");
    }
    for (reverse, ids) in [(false, [1, 2, 1_000]), (true, [EVENTS, EVENTS - 1, EVENTS - 999])] {
        let page = json!({"executionArn": loops[0], "maxResults": 1000, "reverseOrder": reverse});
        let page = aws.call("GetExecutionHistory", &page).await;
        for (place, id) in [0, 1, 999].into_iter().zip(ids) {
            assert_eq!(page["events"][place]["id"], id);
        }
        let end = page["events"][0]["type"] == "ExecutionFailed";
        assert_eq!(end, reverse, "the last event is the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_executions_are_listed_page_by_page() {
    const EXECUTIONS: usize = 10_000;
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    aws.create("short", &passing("{% 1 %}")).await;
    let began = std::time::Instant::now();
    futures::stream::iter(0..EXECUTIONS)
        .for_each_concurrent(64, |n| {
            let aws = aws.clone();
            async move { drop(aws.start("short", &format!("n{n:05}"), &json!({})).await) }
        })
        .await;
    println!("{EXECUTIONS} starts took {:?}", began.elapsed());
    for page_size in [1000, 333] {
        let began = std::time::Instant::now();
        let body = json!({"stateMachineArn": machine_arn("short"), "maxResults": page_size});
        let all = aws.all("ListExecutions", "executions", &body).await;
        println!("pages of {page_size} took {:?}", began.elapsed());
        let names: BTreeSet<&str> = all.iter().map(|one| text(one, "/name")).collect();
        assert_eq!((all.len(), names.len()), (EXECUTIONS, EXECUTIONS));
        let newest_first =
            all.is_sorted_by(|one, other| one["startDate"].as_f64() >= other["startDate"].as_f64());
        assert!(newest_first, "newest first");
    }
    let asked = json!({"stateMachineArn": machine_arn("short"), "nextToken": "AAAA"});
    assert_eq!(aws.refused("ListExecutions", &asked).await.0, "InvalidToken");
}
