use crate::support::{Home, text};
use serde_json::json;
use std::time::Duration;
use tenantry_engine::testing::quiesce;

const ARN: &str = "arn:aws:states:us-east-1:111111111111:activity:a";

#[tokio::test]
async fn an_activity_comes_and_goes() {
    let home = Home::new().await;
    let made = home.ok("CreateActivity", json!({"name": "a", "tags": [{"key": "k", "value": "v"}]})).await;
    assert_eq!(made, json!({"activityArn": ARN, "creationDate": 1_750_000_000.0}));
    let home = home.restarted().await;
    assert_eq!(home.ok("CreateActivity", json!({"name": "a"})).await, made);
    assert_eq!(
        home.ok("DescribeActivity", json!({"activityArn": ARN})).await,
        json!({
            "activityArn": ARN, "name": "a", "creationDate": 1_750_000_000.0,
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        })
    );
    assert_eq!(home.ok("ListActivities", json!({})).await["activities"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        assert_eq!(home.ok("DeleteActivity", json!({"activityArn": ARN})).await, json!({}));
    }
    let gone = ("ActivityDoesNotExist", format!("Activity Does Not Exist: '{ARN}'"));
    for operation in ["DescribeActivity", "GetActivityTask"] {
        assert_eq!(home.refused(operation, json!({"activityArn": ARN})).await, gone);
    }
    assert_eq!(
        home.refused("CreateActivity", json!({"name": "a/b"})).await,
        ("InvalidName", "Invalid Name: 'a/b'".to_owned())
    );
}

#[tokio::test]
async fn a_worker_takes_a_task_and_answers_it() {
    let home = Home::new().await;
    home.ok("CreateActivity", json!({"name": "a"})).await;
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "T",
        "States": {"T": {"Type": "Task", "Resource": ARN, "End": true}},
    });
    let machine = home.machine("m", &definition.to_string()).await;
    let execution = home.start(&machine, "run", r#"{"n": 1}"#).await;
    let task = home.ok("GetActivityTask", json!({"activityArn": ARN, "workerName": "w"})).await;
    assert_eq!(text(&task, "input"), r#"{"n":1}"#);
    let bad = json!({"taskToken": text(&task, "taskToken"), "output": "{"});
    assert_eq!(home.refused("SendTaskSuccess", bad).await.0, "InvalidOutput");
    let answer = json!({"taskToken": text(&task, "taskToken"), "output": r#"{"n": 2}"#});
    assert_eq!(home.ok("SendTaskHeartbeat", json!({"taskToken": text(&task, "taskToken")})).await, json!({}));
    assert_eq!(home.ok("SendTaskSuccess", answer.clone()).await, json!({}));
    quiesce().await;
    assert_eq!(text(&home.describe(&execution).await, "output"), r#"{"n":2}"#);
    assert_eq!(
        home.refused("SendTaskSuccess", answer).await,
        ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'".to_owned())
    );
}

#[tokio::test]
async fn a_worker_waits_for_a_minute() {
    let home = Home::new().await;
    home.ok("CreateActivity", json!({"name": "a"})).await;
    let endpoint = home.endpoint.clone();
    let request = json!({"activityArn": ARN}).to_string();
    let poll = tokio::spawn(async move { endpoint.call("GetActivityTask", request.as_bytes()).await });
    quiesce().await;
    home.clock.advance(Duration::from_secs(59));
    quiesce().await;
    assert!(!poll.is_finished());
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(poll.await.unwrap(), Ok(json!({})));
}
