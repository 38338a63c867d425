use crate::support::{Home, pass, text};
use serde_json::json;
use std::time::Duration;
use tenantry_engine::TaskFailure;
use tenantry_engine::testing::{Reply, quiesce};

fn task(resource: &str) -> String {
    json!({
        "Type": "Task", "QueryLanguage": "JSONata", "Resource": resource, "End": true,
        "Arguments": {"FunctionName": "f", "n": "{% $states.input.n %}"},
        "Output": "{% $states.result.n + 1 %}",
        "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 3}],
        "Catch": [{"ErrorEquals": ["Known"], "Next": "Else"}],
    })
    .to_string()
}

const LAMBDA: &str = "arn:aws:states:::lambda:invoke";

/// Answers `n` as it came, and fails by the names that there are.
async fn home() -> Home {
    Home::answering(|request| match request.arguments["n"].as_str() {
        None => Reply::Done(json!({"n": request.arguments["n"]})),
        Some("hang") => Reply::Never,
        Some(error) => {
            Reply::Failed(TaskFailure { error: error.to_owned(), cause: Some("as told".to_owned()) })
        }
    })
    .await
}

#[tokio::test]
async fn what_is_not_mocked_is_asked() {
    let home = home().await;
    let test = |input: &str| home.ok("TestState", json!({"definition": task(LAMBDA), "input": input}));
    assert_eq!(test(r#"{"n": 1}"#).await, json!({"status": "SUCCEEDED", "output": "2"}));
    let retried = test(r#"{"n": "Again"}"#).await;
    assert_eq!(
        (text(&retried, "status"), text(&retried, "error")),
        ("RETRIABLE".to_owned(), "Again".to_owned())
    );
    let caught = test(r#"{"n": "Known"}"#).await;
    assert_eq!(
        (text(&caught, "status"), text(&caught, "nextState")),
        ("CAUGHT_ERROR".to_owned(), "Else".to_owned())
    );
    let failed = test(r#"{"n": "Other"}"#).await;
    assert_eq!(
        (text(&failed, "status"), text(&failed, "cause")),
        ("FAILED".to_owned(), "as told".to_owned())
    );
    assert_eq!(home.ok("ListStateMachines", json!({})).await["stateMachines"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_mock_answers_instead() {
    let home = home().await;
    let mock = json!({"result": r#"{"n": 41}"#, "fieldValidationMode": "NONE"});
    let request = json!({
        "definition": task(LAMBDA), "input": r#"{"n": "hang"}"#, "mock": mock, "inspectionLevel": "DEBUG",
    });
    let tested = home.ok("TestState", request).await;
    assert_eq!((text(&tested, "status"), text(&tested, "output")), ("SUCCEEDED".to_owned(), "42".to_owned()));
    assert_eq!(text(&tested["inspectionData"], "afterArguments"), r#"{"FunctionName":"f","n":"hang"}"#);
    assert!(home.world.seen().is_empty());
}

#[tokio::test]
async fn a_service_has_five_minutes() {
    let home = home().await;
    let endpoint = home.endpoint.clone();
    let request = json!({"definition": task(LAMBDA), "input": r#"{"n": "hang"}"#}).to_string();
    let tested = tokio::spawn(async move { endpoint.call("TestState", request.as_bytes()).await });
    quiesce().await;
    home.clock.advance(Duration::from_secs(299));
    quiesce().await;
    assert!(!tested.is_finished());
    home.clock.advance(Duration::from_secs(1));
    let tested = tested.await.unwrap().unwrap();
    assert_eq!(
        (text(&tested, "status"), text(&tested, "error")),
        ("FAILED".to_owned(), "States.Timeout".to_owned())
    );
}

#[tokio::test]
async fn what_cannot_be_tested() {
    let home = home().await;
    let start = home
        .ok(
            "TestState",
            json!({"definition": task("arn:aws:states:::states:startExecution"), "input": r#"{"n": 1}"#}),
        )
        .await;
    assert_eq!(
        (text(&start, "status"), text(&start, "error")),
        ("FAILED".to_owned(), "States.Runtime".to_owned())
    );
    for (request, code) in [
        (json!({"definition": r#"{"Type": "Nap"}"#}), "InvalidDefinition"),
        (json!({"definition": task(LAMBDA), "input": "{"}), "InvalidExecutionInput"),
        (json!({"definition": pass("x"), "stateName": "none"}), "ValidationException"),
        (json!({"definition": task(LAMBDA), "mock": {"result": 1}}), "SerializationException"),
        (json!({}), "ValidationException"),
    ] {
        assert_eq!(home.refused("TestState", request.clone()).await.0, code, "{request}");
    }
}
