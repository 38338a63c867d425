//! Workers that wait, and clients that go away or never come to the point.

use super::aws::{Aws, activity_arn};
use crate::support::server::Server;
use crate::support::{PATIENCE, text};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn asks(activity: &str) -> Value {
    json!({
        "StartAt": "Ask",
        "States": {"Ask": {"Type": "Task", "Resource": activity_arn(activity), "End": true}},
    })
}

/// A request on a connection of its own, but for so many bytes of its end.
async fn open(aws: &Aws, operation: &str, body: &Value, held_back_bytes: usize) -> TcpStream {
    let body = body.to_string();
    let signing = aws.signing(operation, body.as_bytes());
    let mut head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in &signing.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("authorization: {}\r\n\r\n", signing.authorization()));
    let whole = [head.as_bytes(), body.as_bytes()].concat();
    let mut stream = TcpStream::connect(aws.host()).await.expect("a connection");
    stream.write_all(&whole[..whole.len() - held_back_bytes]).await.expect("sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_to_a_worker_that_is_still_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    aws.call("CreateActivity", &json!({"name": "work"})).await;
    aws.create("asks", &asks("work")).await;
    let poll = json!({"activityArn": activity_arn("work")});
    // Older than the worker that stays: each would be asked first.
    let mut gone = Vec::new();
    for _ in 0..20 {
        gone.push(open(&aws, "GetActivityTask", &poll, 0).await);
    }
    // One that is answered tells that those before it wait: they were read in turn.
    aws.call("ListActivities", &json!({})).await;
    drop(gone);
    // Their ends have come to the server once later connections were served.
    for _ in 0..50 {
        aws.call("ListActivities", &json!({})).await;
    }
    for round in 0..3 {
        let run = aws.start("asks", &format!("run-{round}"), &json!({"round": round})).await;
        let task = aws.call("GetActivityTask", &poll).await;
        assert_eq!(task["input"], json!({"round": round}).to_string(), "{task:#}");
        aws.call("SendTaskSuccess", &json!({"taskToken": task["taskToken"], "output": "1"})).await;
        assert_eq!(aws.ended(&run).await["status"], "SUCCEEDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_workers_wait_and_each_gets_one() {
    const WORKERS: usize = 300;
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    aws.call("CreateActivity", &json!({"name": "work"})).await;
    aws.create("asks", &asks("work")).await;
    let poll = json!({"activityArn": activity_arn("work")});
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (aws, poll) = (aws.clone(), poll.clone());
            tokio::spawn(async move { aws.call("GetActivityTask", &poll).await })
        })
        .collect();
    let starts = (0..WORKERS).map(|n| {
        let aws = aws.clone();
        async move { aws.start("asks", &format!("n{n}"), &json!(n)).await }
    });
    let runs = join_all(starts).await;
    let mut inputs = BTreeSet::new();
    for worker in workers {
        let task = worker.await.expect("an answer");
        assert!(inputs.insert(text(&task, "/input").to_owned()), "a task went to two workers: {task:#}");
        let answer = json!({"taskToken": task["taskToken"], "output": task["input"]});
        aws.call("SendTaskSuccess", &answer).await;
    }
    assert_eq!(inputs.len(), WORKERS);
    for (n, run) in runs.iter().enumerate() {
        assert_eq!(aws.ended(run).await["output"], n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_ends_a_request_holds_up_nobody_and_not_for_ever() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    let body = json!({"name": "x".repeat(70)});
    let mut slow = Vec::new();
    for n in 0..200 {
        // Some within the headers, some within the body.
        let held_back = if n % 2 == 0 { body.to_string().len() + 10 } else { 10 };
        slow.push(open(&aws, "CreateActivity", &body, held_back).await);
    }
    aws.call("CreateActivity", &json!({"name": "meanwhile"})).await;
    let closed = async |mut stream: TcpStream| {
        let mut rest = Vec::new();
        // A connection that is reset is closed, too.
        let _ = stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    };
    let ends = tokio::time::timeout(PATIENCE, join_all(slow.into_iter().map(closed))).await;
    let ends = ends.expect("the server lets go of each");
    assert!(ends.iter().all(|end| end.is_empty() || end.starts_with("HTTP/1.1 408")), "{ends:#?}");
    let known = aws.call("ListActivities", &json!({})).await;
    assert_eq!(known["activities"].as_array().map(Vec::len), Some(1), "{known:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_megabyte_hears_that_he_is_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let mut stranger = Aws::of(&server);
    stranger.key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
    for _ in 0..20 {
        let (code, _) = stranger.refused("CreateActivity", &json!({"name": "x".repeat(1_000_000)})).await;
        assert_eq!(code, "UnrecognizedClientException");
    }
}
