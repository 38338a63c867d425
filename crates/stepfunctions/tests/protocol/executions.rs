use crate::support::{Home, fail, one_fault, pass, task, text, wait};
use serde_json::{Value, json};
use std::time::Duration;
use tenantry_engine::testing::{Reply, quiesce};

async fn stop(home: &Home, arn: &str) -> Value {
    home.ok("StopExecution", json!({"executionArn": arn, "error": "Why", "cause": "because"})).await
}

#[tokio::test]
async fn a_start_that_is_sent_again_starts_nothing() {
    let home = Home::new().await;
    let arn = home.machine("m", &wait(10)).await;
    let request = json!({"stateMachineArn": arn, "name": "run", "input": r#"{"a": 1, "b": 2}"#});
    let first = home.ok("StartExecution", request.clone()).await;
    assert_eq!(
        first,
        json!({
            "executionArn": "arn:aws:states:us-east-1:111111111111:execution:m:run",
            "startDate": 1_750_000_000.0,
        })
    );
    home.clock.advance(Duration::from_secs(1));
    quiesce().await;
    let reordered = json!({"stateMachineArn": arn, "name": "run", "input": r#"{"b":2,"a":1}"#});
    assert_eq!(home.ok("StartExecution", reordered).await, first);
    let exists =
        ("ExecutionAlreadyExists", format!("Execution Already Exists: '{}'", text(&first, "executionArn")));
    let other = json!({"stateMachineArn": arn, "name": "run", "input": "{}"});
    assert_eq!(home.refused("StartExecution", other).await, exists);
    home.clock.advance(Duration::from_secs(10));
    quiesce().await;
    assert_eq!(home.refused("StartExecution", request).await, exists, "a closed name is refused");
}

#[tokio::test]
async fn refusals_come_in_awss_order() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let long = "x".repeat(81);
    let missing = "arn:aws:states:us-east-1:111111111111:stateMachine:none";
    let start =
        |arn: &str, name: &str, input: &str| json!({"stateMachineArn": arn, "name": name, "input": input});
    let absent = ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{missing}'"));
    let length = one_fault(&format!(
        "Value '{long}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"
    ));
    for (request, expected) in [
        (start(missing, &long, "{"), ("ValidationException", length)),
        (start(missing, "a b", "{"), absent.clone()),
        (
            start(&format!("{arn}:1"), "a", "{}"),
            ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}:1'")),
        ),
        (
            start(&format!("{arn}:live"), "a", "{}"),
            ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}:live'")),
        ),
        (
            start("arn:aws:states:us-east-1:111111111111:activity:m", "a", "{}"),
            ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: activity'".to_owned()),
        ),
        (start(&arn, "a b", "{"), ("InvalidName", "Invalid Name: 'a b'".to_owned())),
    ] {
        assert_eq!(home.refused("StartExecution", request.clone()).await, expected, "{request}");
    }
    let elsewhere = missing.replace("us-east-1", "eu-west-1");
    assert_eq!(
        home.refused("StartExecution", start(&elsewhere, "a", "{}")).await.0,
        "StateMachineDoesNotExist"
    );
    let (code, message) = home.refused("StartExecution", start(&arn, "a", "{")).await;
    assert_eq!(code, "InvalidExecutionInput");
    assert!(message.starts_with("Invalid State Machine Execution Input: '"), "{message}");
}

#[tokio::test]
async fn inputs_end_at_the_limit() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    for (bytes, taken) in [(262_143, true), (262_144, true), (262_145, false)] {
        let input = format!("\"{}\"", "x".repeat(bytes - 2));
        let request = json!({"stateMachineArn": arn, "name": format!("n{bytes}"), "input": input});
        let answer = home.call("StartExecution", request).await;
        assert_eq!(answer.is_ok(), taken, "{bytes}");
        if let Err(error) = answer {
            assert_eq!(
                error.message,
                one_fault(
                    "Value at 'input' failed to satisfy constraint: Member must have size less than or equal to 262144 \
                     bytes in UTF-8 encoding"
                )
            );
        }
    }
}

#[tokio::test]
async fn each_end_is_described() {
    let home = Home::new().await;
    let failing = home.machine("failing", &fail()).await;
    let described = home.describe(&home.start(&failing, "run", "{}").await).await;
    assert_eq!(
        described,
        json!({
            "executionArn": "arn:aws:states:us-east-1:111111111111:execution:failing:run",
            "stateMachineArn": failing, "name": "run", "status": "FAILED",
            "startDate": 1_750_000_000.0, "stopDate": 1_750_000_000.0,
            "input": "{}", "error": "Broken", "cause": "as told", "inputDetails": {"included": true},
            "redriveCount": 0, "redriveStatus": "REDRIVABLE",
        })
    );
    let waiting = home.machine("waiting", &wait(60)).await;
    let arn = home.start(&waiting, "run", "{}").await;
    let running = home.describe(&arn).await;
    assert_eq!(running["redriveStatusReason"], "Execution is RUNNING and cannot be redriven");
    assert_eq!(running.get("stopDate"), None);
    home.clock.advance(Duration::from_secs(5));
    assert_eq!(stop(&home, &arn).await, json!({"stopDate": 1_750_000_005.0}));
    let stopped = home.describe(&arn).await;
    assert_eq!(
        (text(&stopped, "status"), text(&stopped, "error"), text(&stopped, "cause")),
        ("ABORTED".to_owned(), "Why".to_owned(), "because".to_owned())
    );
    home.clock.advance(Duration::from_secs(5));
    assert_eq!(stop(&home, &arn).await, json!({"stopDate": 1_750_000_005.0}), "it stays as it was");
    let metadata = json!({"executionArn": arn, "includedData": "METADATA_ONLY"});
    let metadata = home.ok("DescribeExecution", metadata).await;
    for hidden in ["input", "error", "cause"] {
        assert_eq!(metadata.get(hidden), None, "{hidden}");
    }
}

#[tokio::test]
async fn executions_that_are_not_there() {
    let home = Home::new().await;
    let arn = "arn:aws:states:us-east-1:111111111111:execution:m:run";
    for operation in [
        "DescribeExecution",
        "DescribeStateMachineForExecution",
        "GetExecutionHistory",
        "StopExecution",
        "RedriveExecution",
        "ListMapRuns",
    ] {
        let refused = |arn: &str| home.refused(operation, json!({"executionArn": arn}));
        assert_eq!(
            refused(arn).await,
            ("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'")),
            "{operation}"
        );
        assert_eq!(
            refused("run").await,
            ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: run'".to_owned()),
            "{operation}"
        );
        assert_eq!(
            refused(&arn.replace(":execution:m:run", ":express:m:run:u")).await,
            ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'".to_owned()),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn histories_are_paged_both_ways() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let execution = home.start(&arn, "run", r#"{"secret": 1}"#).await;
    for (reverse, expected) in [(false, [1, 2, 3, 4]), (true, [4, 3, 2, 1])] {
        let mut ids = Vec::new();
        let mut request = json!({"executionArn": execution, "maxResults": 3, "reverseOrder": reverse});
        loop {
            let page = home.ok("GetExecutionHistory", request.clone()).await;
            ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()));
            let Some(token) = page.get("nextToken") else { break };
            let mut other = request.clone();
            other["nextToken"] = token.clone();
            other["reverseOrder"] = json!(!reverse);
            assert_eq!(home.refused("GetExecutionHistory", other).await.0, "InvalidToken");
            request["nextToken"] = token.clone();
        }
        assert_eq!(ids, expected);
    }
    let whole = home.ok("GetExecutionHistory", json!({"executionArn": execution})).await;
    assert!(whole.to_string().contains("secret"));
    assert_eq!(whole["events"][0]["timestamp"], 1_750_000_000.0);
    let bare = json!({"executionArn": execution, "includeExecutionData": false});
    let bare = home.ok("GetExecutionHistory", bare).await;
    assert!(!bare.to_string().contains("secret"), "{bare}");
    assert_eq!(bare["events"][1]["stateEnteredEventDetails"], json!({"name": "A"}));
}

#[tokio::test]
async fn lists_have_filters_and_pages() {
    let home = Home::new().await;
    let arn = home.machine("m", &wait(60)).await;
    for run in 0..5 {
        home.clock.advance(Duration::from_millis(1));
        let execution = home.start(&arn, &format!("r{run}"), "{}").await;
        if run % 2 == 0 {
            stop(&home, &execution).await;
        }
    }
    let names = |answer: &Value| {
        answer["executions"].as_array().unwrap().iter().map(|item| text(item, "name")).collect::<Vec<_>>()
    };
    let list = |more: Value| {
        let mut request = json!({"stateMachineArn": arn});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        home.ok("ListExecutions", request)
    };
    assert_eq!(names(&list(json!({})).await), ["r4", "r3", "r2", "r1", "r0"]);
    assert_eq!(names(&list(json!({"statusFilter": "RUNNING"})).await), ["r3", "r1"]);
    assert_eq!(names(&list(json!({"statusFilter": "PENDING_REDRIVE"})).await), Vec::<String>::new());
    assert_eq!(names(&list(json!({"redriveFilter": "REDRIVEN"})).await), Vec::<String>::new());
    let page = list(json!({"maxResults": 2, "statusFilter": "ABORTED"})).await;
    assert_eq!(names(&page), ["r4", "r2"]);
    let token = page["nextToken"].clone();
    let rest = list(json!({"maxResults": 2, "statusFilter": "ABORTED", "nextToken": token})).await;
    assert_eq!((names(&rest), rest.get("nextToken")), (vec!["r0".to_owned()], None));
    let foreign = json!({"stateMachineArn": arn, "nextToken": token});
    assert_eq!(home.refused("ListExecutions", foreign).await.0, "InvalidToken");
    for request in [json!({}), json!({"stateMachineArn": arn, "mapRunArn": format!("{arn}")})] {
        assert_eq!(
            home.refused("ListExecutions", request).await,
            ("ValidationException", "Must specify exactly one of stateMachineArn or mapRunArn".to_owned())
        );
    }
}

#[tokio::test]
async fn a_failed_execution_is_redriven() {
    let answers = std::sync::atomic::AtomicU32::new(0);
    let home = Home::answering(move |_| match answers.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Reply::Failed(tenantry_engine::TaskFailure { error: "Down".to_owned(), cause: None }),
        _ => Reply::Done(json!({"done": true})),
    })
    .await;
    let arn = home.machine("m", &task()).await;
    let execution = home.start(&arn, "run", "{}").await;
    assert_eq!(text(&home.describe(&execution).await, "status"), "FAILED");
    home.clock.advance(Duration::from_secs(60));
    let request = json!({"executionArn": execution, "clientToken": "once"});
    let first = home.ok("RedriveExecution", request.clone()).await;
    assert_eq!(first, json!({"redriveDate": 1_750_000_060.0}));
    quiesce().await;
    assert_eq!(home.ok("RedriveExecution", request).await, first, "sent again with its token");
    let described = home.describe(&execution).await;
    assert_eq!(
        (text(&described, "status"), &described["redriveCount"], &described["redriveDate"]),
        ("SUCCEEDED".to_owned(), &json!(1), &json!(1_750_000_060.0))
    );
    assert_eq!(
        home.refused("RedriveExecution", json!({"executionArn": execution})).await,
        (
            "ExecutionNotRedrivable",
            "Execution Not Redrivable: 'Execution is SUCCEEDED and cannot be redriven'".to_owned()
        )
    );
    let listed =
        home.ok("ListExecutions", json!({"stateMachineArn": arn, "redriveFilter": "REDRIVEN"})).await;
    assert_eq!(listed["executions"][0]["redriveDate"], 1_750_000_060.0);
}

#[tokio::test]
async fn an_execution_stays_with_its_definition() {
    let home = Home::new().await;
    let arn = home.machine("m", &wait(60)).await;
    let before = home.start(&arn, "before", "{}").await;
    home.clock.advance(Duration::from_secs(1));
    let update =
        json!({"stateMachineArn": arn, "definition": pass("two"), "roleArn": "arn:aws:iam::1:role/x"});
    let revision = text(&home.ok("UpdateStateMachine", update).await, "revisionId");
    let after = home.start(&arn, "after", "{}").await;
    let of =
        |execution: &str| home.ok("DescribeStateMachineForExecution", json!({"executionArn": execution}));
    let old = of(&before).await;
    assert_eq!(
        (text(&old, "definition"), old.get("revisionId"), &old["updateDate"]),
        (wait(60), None, &json!(1_750_000_000.0))
    );
    let new = of(&after).await;
    assert_eq!(
        (text(&new, "definition"), text(&new, "revisionId"), text(&new, "roleArn")),
        (pass("two"), revision, "arn:aws:iam::1:role/x".to_owned())
    );
}

#[tokio::test]
async fn express_machines_answer_at_once() {
    let home = Home::new().await;
    let definition = pass("one");
    let arn = home.create(json!({"name": "x", "definition": definition, "type": "EXPRESS"})).await;
    let answer =
        home.ok("StartSyncExecution", json!({"stateMachineArn": arn, "name": "run", "input": "[1]"})).await;
    let execution = text(&answer, "executionArn");
    assert!(execution.starts_with("arn:aws:states:us-east-1:111111111111:express:x:run:"), "{execution}");
    assert_eq!(
        (text(&answer, "status"), text(&answer, "input"), text(&answer, "output"), text(&answer, "name")),
        ("SUCCEEDED".to_owned(), "[1]".to_owned(), r#"{"word":"one"}"#.to_owned(), "run".to_owned())
    );
    assert_eq!(
        answer["billingDetails"],
        json!({"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64})
    );
    // The name may come again.
    let again = home.ok("StartExecution", json!({"stateMachineArn": arn, "name": "run"})).await;
    assert_ne!(text(&again, "executionArn"), execution);
    let unsupported = (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine".to_owned(),
    );
    assert_eq!(home.refused("ListExecutions", json!({"stateMachineArn": arn})).await, unsupported);
    let standard = home.machine("m", &pass("one")).await;
    assert_eq!(home.refused("StartSyncExecution", json!({"stateMachineArn": standard})).await, unsupported);
    let failing = home.create(json!({"name": "f", "definition": fail(), "type": "EXPRESS"})).await;
    let failed = home.ok("StartSyncExecution", json!({"stateMachineArn": failing})).await;
    assert_eq!((text(&failed, "status"), text(&failed, "error")), ("FAILED".to_owned(), "Broken".to_owned()));
}

#[tokio::test]
async fn task_tokens_that_are_none() {
    let home = Home::new().await;
    for (operation, more) in [
        ("SendTaskSuccess", json!({"output": "{}"})),
        ("SendTaskFailure", json!({})),
        ("SendTaskHeartbeat", json!({})),
    ] {
        let mut request = more;
        request["taskToken"] = json!("NoSuchTaskToken");
        assert_eq!(
            home.refused(operation, request).await,
            ("InvalidToken", "Invalid Token: 'Invalid token'".to_owned()),
            "{operation}"
        );
    }
    let both = json!({"taskToken": "t", "output": "{"});
    assert_eq!(home.refused("SendTaskSuccess", both).await.0, "InvalidToken");
}
