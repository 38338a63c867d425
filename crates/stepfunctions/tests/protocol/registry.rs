use crate::support::{Home, pass, realm, text};
use serde_json::json;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::PortError;
use tenantry_engine::testing::{MemoryDocuments, SimClock};
use tenantry_engine::{Document, Documents, Machines as _};
use tenantry_stepfunctions::{Registry, RegistryError};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let update = json!({"stateMachineArn": arn, "definition": pass("two"), "publish": true, "versionDescription": "v"});
    home.ok("UpdateStateMachine", update).await;
    let routing = json!([{"stateMachineVersionArn": format!("{arn}:1"), "weight": 100}]);
    home.ok("CreateStateMachineAlias", json!({"name": "a", "routingConfiguration": routing})).await;
    let requests = [
        ("DescribeStateMachine", json!({"stateMachineArn": arn})),
        ("DescribeStateMachine", json!({"stateMachineArn": format!("{arn}:1")})),
        ("DescribeStateMachineAlias", json!({"stateMachineAliasArn": format!("{arn}:a")})),
        ("ListStateMachineVersions", json!({"stateMachineArn": arn})),
    ];
    let mut before = Vec::new();
    for (operation, request) in &requests {
        before.push(home.ok(operation, request.clone()).await);
    }
    let home = home.restarted().await;
    for ((operation, request), before) in requests.iter().zip(before) {
        assert_eq!(home.ok(operation, request.clone()).await, before, "{operation} {request}");
    }
}

#[tokio::test]
async fn a_document_that_is_none_of_ours_is_named() {
    for (key, body) in [("machine/m", "{}"), ("version/m/1", "{}"), ("alias/m/a", "[]"), ("other/x", "{}")] {
        let documents = MemoryDocuments::default();
        documents.commit(vec![(key.to_owned(), Some(body.to_owned()))]).await.unwrap();
        let home = Home::new().await;
        let opened =
            Registry::open(Arc::new(documents), realm(), Arc::new(SimClock::default()), home.ids).await;
        let Err(RegistryError::Damaged(error)) = opened else { panic!("{key} was read") };
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// Takes nothing.
struct Full;

impl Documents for Full {
    fn all(&self) -> BoxFuture<'_, Result<Vec<Document>, PortError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn commit(&self, _: Vec<(String, Option<String>)>) -> BoxFuture<'static, Result<(), PortError>> {
        let error = PortError::Unavailable { port: "documents", message: "the disk is full".to_owned() };
        Box::pin(async { Err(error) })
    }
}

#[tokio::test]
async fn what_was_not_kept_is_not_seen() {
    let home = Home::new().await;
    let registry = Registry::open(Arc::new(Full), realm(), Arc::new(home.clock.clone()), home.ids.clone())
        .await
        .unwrap();
    let engine = tenantry_engine::Engine::open(tenantry_engine::EngineConfig::new(
        Arc::new(tenantry_engine::testing::MemoryJournal::default()),
        Arc::new(home.world.clone()),
        Arc::new(home.clock.clone()),
        home.ids.clone(),
        Vec::new(),
        [0; 32],
    ))
    .await
    .unwrap();
    let endpoint = tenantry_stepfunctions::Endpoint::new(engine, registry);
    let error = endpoint.call("CreateActivity", br#"{"name": "a"}"#).await.unwrap_err();
    assert_eq!((error.code, error.status), ("ServiceUnavailable", 503));
    assert!(!error.message.contains("disk"), "what the store says is for the log: {}", error.message);
    let listed = endpoint.call("ListActivities", b"").await.unwrap();
    assert_eq!(listed, json!({"activities": []}));
}

#[tokio::test]
async fn the_engine_finds_what_arns_name() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    home.ok("CreateActivity", json!({"name": "a"})).await;
    let registry = home.endpoint.registry();
    let target = registry.resolve(&arn).await.unwrap();
    assert_eq!(
        (target.machine.as_str(), target.definition.text(), target.express),
        ("m", pass("one").as_str(), false)
    );
    let missing = format!("{arn}x");
    let failure = registry.resolve(&missing).await.unwrap_err();
    assert_eq!(failure.error, "StepFunctions.StateMachineDoesNotExistException");
    let cause = failure.cause.unwrap();
    assert!(
        cause.starts_with(&format!(
            "State Machine Does Not Exist: '{missing}' (Service: AWSStepFunctions; Status Code: 400; Error Code: \
             StateMachineDoesNotExist; Request ID: "
        )) && cause.ends_with("; Proxy: null)"),
        "{cause}"
    );
    let activity = text(&home.ok("ListActivities", json!({})).await["activities"][0], "activityArn");
    assert!(registry.has_activity(&activity).await);
    assert!(!registry.has_activity(&format!("{activity}x")).await);
}

#[tokio::test]
async fn changes_at_once_are_made_one_after_the_other() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let calls = (0..20).map(|n| {
        home.ok("TagResource", json!({"resourceArn": arn, "tags": [{"key": format!("k{n}"), "value": ""}]}))
    });
    futures::future::join_all(calls).await;
    let tags = home.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags["tags"].as_array().unwrap().len(), 20);
}
