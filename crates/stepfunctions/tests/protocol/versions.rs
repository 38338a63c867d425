use crate::support::{Home, ROLE, pass, text};
use serde_json::{Value, json};

async fn publish(home: &Home, arn: &str, more: Value) -> Value {
    let mut request = json!({"stateMachineArn": arn});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    home.ok("PublishStateMachineVersion", request).await
}

async fn versions(home: &Home, arn: &str) -> Vec<String> {
    let listed = home.ok("ListStateMachineVersions", json!({"stateMachineArn": arn})).await;
    let listed = listed["stateMachineVersions"].as_array().unwrap();
    listed.iter().map(|version| text(version, "stateMachineVersionArn")).collect()
}

#[tokio::test]
async fn a_version_keeps_what_was_published() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let first = publish(&home, &arn, json!({"description": "the first"})).await;
    assert_eq!(text(&first, "stateMachineVersionArn"), format!("{arn}:1"));
    assert_eq!(publish(&home, &arn, json!({})).await, first, "the revision was published before");
    home.ok("UpdateStateMachine", json!({"stateMachineArn": arn, "definition": pass("two")})).await;
    let second = publish(&home, &arn, json!({})).await;
    assert_eq!(text(&second, "stateMachineVersionArn"), format!("{arn}:2"));
    assert_eq!(versions(&home, &arn).await, [format!("{arn}:2"), format!("{arn}:1")]);
    let shown = home.ok("DescribeStateMachine", json!({"stateMachineArn": format!("{arn}:1")})).await;
    assert_eq!(
        (text(&shown, "definition"), text(&shown, "description"), text(&shown, "stateMachineArn")),
        (pass("one"), "the first".to_owned(), format!("{arn}:1"))
    );
    let execution = home.start(&format!("{arn}:1"), "run", "{}").await;
    let described = home.describe(&execution).await;
    assert_eq!(text(&described, "output"), r#"{"word":"one"}"#);
    assert_eq!(text(&described, "stateMachineVersionArn"), format!("{arn}:1"));
    assert_eq!(described.get("stateMachineAliasArn"), None);
}

#[tokio::test]
async fn only_the_revision_that_was_meant_is_published() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    publish(&home, &arn, json!({"revisionId": "INITIAL"})).await;
    let updated = json!({"stateMachineArn": arn, "definition": pass("two")});
    let current = text(&home.ok("UpdateStateMachine", updated).await, "revisionId");
    let request = json!({"stateMachineArn": arn, "revisionId": "INITIAL"});
    assert_eq!(
        home.refused("PublishStateMachineVersion", request).await,
        (
            "ConflictException",
            format!(
                "Failed to publish the State Machine version for revision INITIAL. The current State Machine revision \
                 is {current}."
            )
        )
    );
    publish(&home, &arn, json!({"revisionId": current})).await;
    assert_eq!(versions(&home, &arn).await.len(), 2);
}

#[tokio::test]
async fn creation_and_update_may_publish() {
    let home = Home::new().await;
    let request = json!({
        "name": "m", "definition": pass("one"), "roleArn": ROLE, "publish": true, "versionDescription": "d",
    });
    let made = home.ok("CreateStateMachine", request.clone()).await;
    let arn = text(&made, "stateMachineArn");
    assert_eq!(text(&made, "stateMachineVersionArn"), format!("{arn}:1"));
    assert_eq!(home.ok("CreateStateMachine", request).await, made);
    let update = |word: &str| json!({"stateMachineArn": arn, "definition": pass(word), "publish": true});
    for (word, version) in [("one", 1), ("two", 2), ("two", 2), ("one", 3)] {
        let updated = home.ok("UpdateStateMachine", update(word)).await;
        assert_eq!(text(&updated, "stateMachineVersionArn"), format!("{arn}:{version}"), "{word}");
    }
    let of_version = json!({"stateMachineArn": format!("{arn}:2"), "definition": pass("x")});
    assert_eq!(
        home.refused("UpdateStateMachine", of_version).await,
        ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}:2'"))
    );
}

#[tokio::test]
async fn a_number_is_never_given_twice() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    publish(&home, &arn, json!({})).await;
    for _ in 0..2 {
        let version = json!({"stateMachineVersionArn": format!("{arn}:1")});
        assert_eq!(home.ok("DeleteStateMachineVersion", version).await, json!({}));
    }
    let home = home.restarted().await;
    let again = publish(&home, &arn, json!({})).await;
    assert_eq!(text(&again, "stateMachineVersionArn"), format!("{arn}:2"));
    let gone = json!({"stateMachineArn": format!("{arn}:1")});
    assert_eq!(home.refused("DescribeStateMachine", gone).await.0, "StateMachineDoesNotExist");
    assert_eq!(
        home.refused("DeleteStateMachineVersion", json!({"stateMachineVersionArn": arn})).await.0,
        "ValidationException"
    );
}
