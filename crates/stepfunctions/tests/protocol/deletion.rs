use crate::support::{Home, pass, text, wait};
use serde_json::json;
use tenantry_engine::testing::quiesce;

#[tokio::test]
async fn a_deleted_machine_takes_everything_along() {
    let home = Home::new().await;
    let arn = home.machine("m", &wait(600)).await;
    home.ok("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await;
    let routing = json!([{"stateMachineVersionArn": format!("{arn}:1"), "weight": 100}]);
    home.ok("CreateStateMachineAlias", json!({"name": "a", "routingConfiguration": routing})).await;
    let execution = home.start(&arn, "run", "{}").await;
    assert_eq!(home.ok("DeleteStateMachine", json!({"stateMachineArn": arn})).await, json!({}));
    quiesce().await;
    let gone = ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"));
    assert_eq!(home.refused("DescribeStateMachine", json!({"stateMachineArn": arn})).await, gone);
    assert_eq!(
        home.refused("DescribeExecution", json!({"executionArn": execution})).await.0,
        "ExecutionDoesNotExist"
    );
    assert_eq!(home.ok("DeleteStateMachine", json!({"stateMachineArn": arn})).await, json!({}));
    let home = home.restarted().await;
    assert_eq!(home.refused("DescribeStateMachine", json!({"stateMachineArn": arn})).await, gone);
    // The names are free.
    let arn = home.machine("m", &pass("again")).await;
    let execution = home.start(&arn, "run", "{}").await;
    assert_eq!(text(&home.describe(&execution).await, "output"), r#"{"word":"again"}"#);
    let versions = home.ok("ListStateMachineVersions", json!({"stateMachineArn": arn})).await;
    assert_eq!(versions, json!({"stateMachineVersions": []}));
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_goes_on() {
    let home = Home::new().await;
    let arn = home.machine("m", &wait(600)).await;
    home.start(&arn, "run", "{}").await;
    // The answer stands for the mark alone: nothing else has run yet.
    home.ok("DeleteStateMachine", json!({"stateMachineArn": arn})).await;
    let shown = home.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(text(&shown, "status"), "DELETING");
    let deleting = ("StateMachineDeleting", format!("State Machine is being deleted: '{arn}'"));
    for (operation, request) in [
        ("StartExecution", json!({"stateMachineArn": arn})),
        (
            "CreateStateMachine",
            json!({"name": "m", "definition": wait(600), "roleArn": crate::support::ROLE}),
        ),
        ("UpdateStateMachine", json!({"stateMachineArn": arn, "definition": pass("x")})),
        ("PublishStateMachineVersion", json!({"stateMachineArn": arn})),
    ] {
        assert_eq!(home.refused(operation, request).await, deleting, "{operation}");
    }
    home.journal.crash_now();
    let home = home.restarted().await;
    quiesce().await;
    assert_eq!(
        home.refused("DescribeStateMachine", json!({"stateMachineArn": arn})).await.0,
        "StateMachineDoesNotExist"
    );
}
