use crate::support::{Home, ROLE, one_fault, pass, text};
use serde_json::{Value, json};

#[tokio::test]
async fn a_machine_is_described_as_it_was_created() {
    let home = Home::new().await;
    let definition = pass("one");
    let request = json!({
        "name": "m", "definition": definition, "roleArn": ROLE, "tracingConfiguration": {"enabled": true},
        "loggingConfiguration": {"level": "ERROR", "destinations": [
            {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:g:*"}},
        ]},
    });
    let made = home.ok("CreateStateMachine", request.clone()).await;
    let arn = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
    assert_eq!(made, json!({"stateMachineArn": arn, "creationDate": 1_750_000_000.0}));
    assert_eq!(home.ok("CreateStateMachine", request).await, made, "sent again it creates nothing");
    assert_eq!(
        home.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await,
        json!({
            "stateMachineArn": arn, "name": "m", "status": "ACTIVE", "type": "STANDARD", "roleArn": ROLE,
            "creationDate": 1_750_000_000.0, "definition": definition,
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
            "loggingConfiguration": {"level": "ERROR", "includeExecutionData": false, "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:g:*"}},
            ]},
            "tracingConfiguration": {"enabled": true},
        })
    );
    let metadata = json!({"stateMachineArn": arn, "includedData": "METADATA_ONLY"});
    assert_eq!(text(&home.ok("DescribeStateMachine", metadata).await, "definition"), "{}");
}

#[tokio::test]
async fn another_machine_of_the_name_is_refused() {
    let home = Home::new().await;
    let base = json!({"name": "m", "definition": pass("one"), "roleArn": ROLE});
    home.ok("CreateStateMachine", base.clone()).await;
    let with = |name: &str, value: Value| {
        let mut changed = base.clone();
        changed[name] = value;
        changed
    };
    // Role and tags are not what makes a machine another one.
    home.ok("CreateStateMachine", with("roleArn", json!("arn:aws:iam::111111111111:role/other"))).await;
    home.ok("CreateStateMachine", with("tags", json!([{"key": "a", "value": "b"}]))).await;
    for changed in [
        with("definition", json!(pass("two"))),
        with("definition", json!(format!(" {}", pass("one")))),
        with("type", json!("EXPRESS")),
        with("publish", json!(true)),
        with("tracingConfiguration", json!({"enabled": true})),
    ] {
        let (code, message) = home.refused("CreateStateMachine", changed.clone()).await;
        assert_eq!(code, "StateMachineAlreadyExists", "{changed}");
        assert_eq!(
            message,
            "State Machine Already Exists: 'arn:aws:states:us-east-1:111111111111:stateMachine:m'"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_created() {
    let home = Home::new().await;
    let with = |name: &str, value: Value| {
        let mut request = json!({"name": "m", "definition": pass("one"), "roleArn": ROLE});
        request[name] = value;
        request
    };
    let long = "x".repeat(81);
    for (request, code, message) in [
        (with("name", json!("a b")), "InvalidName", "Invalid Name: 'a b'".to_owned()),
        (
            with("name", json!(long)),
            "ValidationException",
            one_fault(&format!(
                "Value '{long}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"
            )),
        ),
        (
            with("type", json!("FAST")),
            "ValidationException",
            one_fault(
                "Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, \
                 EXPRESS]",
            ),
        ),
        (with("roleArn", json!("role")), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: role'".to_owned()),
        (
            with("versionDescription", json!("first")),
            "ValidationException",
            "Version description can only be set when publish is true".to_owned(),
        ),
        (
            with("loggingConfiguration", json!({"level": "ALL"})),
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.".to_owned(),
        ),
        (
            with("encryptionConfiguration", json!({"type": "CUSTOMER_MANAGED_KMS_KEY"})),
            "InvalidEncryptionConfiguration",
            "Invalid Encryption Configuration: 'kmsKeyId' is required with CUSTOMER_MANAGED_KMS_KEY"
                .to_owned(),
        ),
    ] {
        assert_eq!(home.refused("CreateStateMachine", request).await, (code, message));
    }
    let (code, message) = home.refused("CreateStateMachine", with("definition", json!("{}"))).await;
    assert_eq!(code, "InvalidDefinition");
    assert!(
        message.starts_with("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: "),
        "{message}"
    );
    let request = json!({"definition": 3});
    assert_eq!(
        home.refused("CreateStateMachine", request).await,
        ("SerializationException", "NUMBER_VALUE can not be converted to a String".to_owned())
    );
    let names: Vec<_> = home.ok("ListStateMachines", json!({})).await["stateMachines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|machine| text(machine, "name"))
        .collect();
    assert_eq!(names, ["built_in"], "a refusal left something");
}

#[tokio::test]
async fn an_update_makes_a_revision_where_it_changes_something() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let update = |more: Value| {
        let mut request = json!({"stateMachineArn": arn});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        home.ok("UpdateStateMachine", request)
    };
    let same = update(json!({"definition": pass("one")})).await;
    assert_eq!(same.get("revisionId"), None, "nothing changed: {same}");
    let first = text(&update(json!({"definition": pass("two")})).await, "revisionId");
    assert_eq!(text(&update(json!({"roleArn": ROLE})).await, "revisionId"), first);
    let second = text(&update(json!({"tracingConfiguration": {"enabled": true}})).await, "revisionId");
    assert_ne!(first, second);
    let shown = home.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!((text(&shown, "revisionId"), text(&shown, "definition")), (second, pass("two")));
    assert_eq!(
        home.refused("UpdateStateMachine", json!({"stateMachineArn": arn})).await,
        (
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
             specified"
                .to_owned()
        )
    );
    let missing = format!("{arn}x");
    assert_eq!(
        home.refused("UpdateStateMachine", json!({"stateMachineArn": missing, "roleArn": ROLE})).await,
        ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{missing}'"))
    );
}

#[tokio::test]
async fn built_in_workflows_are_shown_and_run_and_stay() {
    let home = Home::new().await;
    let arn = "arn:aws:states:us-east-1:111111111111:stateMachine:built_in";
    let shown = home.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(text(&shown, "definition"), pass("built in"));
    let execution = home.start(arn, "run", "{}").await;
    let described = home.describe(&execution).await;
    assert_eq!(
        (text(&described, "status"), text(&described, "output")),
        ("SUCCEEDED".to_owned(), r#"{"word":"built in"}"#.to_owned())
    );
    for (operation, request) in [
        ("UpdateStateMachine", json!({"stateMachineArn": arn, "roleArn": ROLE})),
        ("DeleteStateMachine", json!({"stateMachineArn": arn})),
        ("PublishStateMachineVersion", json!({"stateMachineArn": arn})),
        ("TagResource", json!({"resourceArn": arn, "tags": []})),
    ] {
        let (code, message) = home.refused(operation, request).await;
        assert_eq!(code, "ValidationException", "{operation}");
        assert!(message.contains("is built into this server"), "{message}");
    }
    let taken = json!({"name": "built_in", "definition": pass("built in"), "roleArn": ROLE});
    assert_eq!(home.refused("CreateStateMachine", taken).await.0, "StateMachineAlreadyExists");
}

#[tokio::test]
async fn lists_of_machines_are_paged() {
    let home = Home::new().await;
    for name in ["c", "a", "b"] {
        home.machine(name, &pass(name)).await;
    }
    let mut names = Vec::new();
    let mut request = json!({"maxResults": 1});
    loop {
        let page = home.ok("ListStateMachines", request.clone()).await;
        names.extend(page["stateMachines"].as_array().unwrap().iter().map(|item| text(item, "name")));
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "built_in", "c"]);
    assert_eq!(
        home.refused("ListStateMachines", json!({"nextToken": "x"})).await,
        ("InvalidToken", "Invalid Token: 'Invalid token'".to_owned())
    );
    assert_eq!(
        home.refused("ListStateMachines", json!({"maxResults": 1001})).await.1,
        one_fault(
            "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to \
             1000"
        )
    );
}

#[tokio::test]
async fn definitions_are_validated_without_being_kept() {
    let home = Home::new().await;
    let good = home.ok("ValidateStateMachineDefinition", json!({"definition": pass("one")})).await;
    assert_eq!(good, json!({"result": "OK", "diagnostics": [], "truncated": false}));
    let bad = json!({"definition": r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#});
    let found = home.ok("ValidateStateMachineDefinition", bad).await;
    assert_eq!(found["result"], "FAIL");
    let finding = &found["diagnostics"][0];
    assert_eq!(finding["severity"], "ERROR");
    for member in ["code", "message"] {
        assert!(!text(finding, member).is_empty());
    }
}
