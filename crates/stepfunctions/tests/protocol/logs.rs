use crate::support::{Home, fail, pass};
use serde_json::{Value, json};
use tenantry_core::ExecutionId;

async fn log(home: &Home, machine: &str) -> Vec<Value> {
    home.endpoint.execution_log(&ExecutionId::new(machine, "run").unwrap()).await.unwrap()
}

fn types(log: &[Value]) -> Vec<&str> {
    log.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

fn logging(level: &str, data: bool) -> Value {
    json!({"level": level, "includeExecutionData": data, "destinations": [
        {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:g:*"}},
    ]})
}

#[tokio::test]
async fn a_machine_says_what_is_logged_of_its_executions() {
    let home = Home::new().await;
    for (name, definition, logging) in [
        ("all", pass("one"), logging("ALL", true)),
        ("bare", pass("one"), logging("ALL", false)),
        ("error", fail(), logging("ERROR", true)),
        ("fatal", fail(), logging("FATAL", true)),
        ("off", fail(), json!({"level": "OFF"})),
    ] {
        let members = json!({"name": name, "definition": definition, "loggingConfiguration": logging});
        let arn = home.create(members).await;
        home.start(&arn, "run", r#"{"in": 1}"#).await;
    }
    let all = log(&home, "all").await;
    assert_eq!(
        types(&all),
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
    assert_eq!(
        all[1],
        json!({
            "id": "2", "type": "PassStateEntered", "previous_event_id": "0", "event_timestamp": "1750000000000",
            "execution_arn": "arn:aws:states:us-east-1:111111111111:execution:all:run", "redrive_count": "0",
            "details": {"name": "A", "input": "{\"in\":1}", "inputDetails": {"truncated": false}},
        })
    );
    let bare = log(&home, "bare").await;
    assert_eq!((&bare[1]["details"], &bare[3]["details"]), (&json!({"name": "A"}), &json!({})));
    assert_eq!(types(&log(&home, "error").await), ["FailStateEntered", "ExecutionFailed"]);
    assert_eq!(types(&log(&home, "fatal").await), ["ExecutionFailed"]);
    assert_eq!(log(&home, "off").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_execution_is_logged_as_it_began() {
    let home = Home::new().await;
    let members = json!({"name": "m", "definition": fail(), "loggingConfiguration": logging("ALL", true)});
    let arn = home.create(members).await;
    home.start(&arn, "run", "{}").await;
    home.clock.advance(std::time::Duration::from_secs(1));
    let off = json!({"stateMachineArn": arn, "loggingConfiguration": {"level": "OFF"}});
    home.ok("UpdateStateMachine", off).await;
    assert_eq!(log(&home, "m").await.len(), 3);
}
