//! What the emulator lacks, as Step Functions documents it: redrive, heartbeats, throttling, its lists' order, tokens
//! that are no longer taken, and its errors' names.

use crate::canned::{Answer, Canned};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenantry_app::testing::{ManualClock, MemoryTable};
use tenantry_aws::task_tokens::AwsTaskTokens;
use tenantry_aws::workflows::AwsWorkflows;
use tenantry_core::ExecutionId;
use tenantry_core::ports::{
    ExecutionFilter, ExecutionStatus, PortError, StartOutcome, TaskTokenError, TaskTokens, WorkflowError,
    Workflows,
};

const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:prod-";
const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:prod-";

fn workflows(canned: &Canned) -> AwsWorkflows {
    let aws = canned.aws();
    let table = Arc::new(MemoryTable::new(Arc::new(ManualClock::new())));
    let names = ["move", "provision"].map(str::to_owned);
    AwsWorkflows::new(aws.clients, aws.calls, table, MACHINE, names).unwrap()
}

fn tokens(canned: &Canned) -> AwsTaskTokens {
    let aws = canned.aws();
    AwsTaskTokens::new(aws.clients, aws.calls)
}

fn id(name: &str) -> ExecutionId {
    ExecutionId::new("move", name).unwrap()
}

fn described(status: &str, input: &str) -> Answer {
    Answer::ok(json!({
        "executionArn": format!("{EXECUTION}move:a"), "stateMachineArn": format!("{MACHINE}move"), "name": "a",
        "status": status, "startDate": 1_700_000_000.007, "stopDate": 1_700_000_001.5, "input": input,
        "error": "E", "cause": "C", "redriveCount": 2,
    }))
}

/// Every call answers that.
async fn always(status: u16, code: &'static str) -> Canned {
    Canned::start(move |_, _| Answer::error(status, code, "said Step Functions")).await
}

#[tokio::test]
async fn an_execution_is_started_through_the_alias() {
    let canned = Canned::start(|_, _| {
        Answer::ok(json!({"executionArn": format!("{EXECUTION}move:a"), "startDate": 1_700_000_000}))
    })
    .await;
    let started = workflows(&canned).start(&id("a"), json!({"tenantId": "t"})).await.unwrap();
    assert_eq!(started, StartOutcome::Started);
    assert_eq!(
        canned.seen("AWSStepFunctions.StartExecution"),
        [
            json!({"stateMachineArn": format!("{MACHINE}move:live"), "name": "a", "input": r#"{"tenantId":"t"}"#})
        ]
    );
}

#[tokio::test]
async fn a_taken_name_is_told_from_a_repeated_start() {
    for (status, input, expected) in [
        ("RUNNING", "{ \"n\": 1 }", StartOutcome::AlreadyRunning),
        ("RUNNING", "{\"n\":2}", StartOutcome::NameTaken),
        ("SUCCEEDED", "{\"n\":1}", StartOutcome::NameTaken),
    ] {
        let canned = Canned::start(move |target, _| match target {
            "AWSStepFunctions.StartExecution" => Answer::error(400, "ExecutionAlreadyExists", "it exists"),
            _ => described(status, input),
        })
        .await;
        assert_eq!(
            workflows(&canned).start(&id("a"), json!({"n": 1})).await.unwrap(),
            expected,
            "{status} {input}"
        );
    }
}

#[tokio::test]
async fn a_description_has_all_that_the_api_gives() {
    let canned = Canned::start(|target, _| match target {
        "AWSStepFunctions.DescribeStateMachineForExecution" => Answer::ok(json!({
            "stateMachineArn": format!("{MACHINE}move"), "name": "prod-move", "definition": "{}", "roleArn": "r",
            "updateDate": 1_700_000_000,
        })),
        _ => described("TIMED_OUT", r#"{"tenantId":"tnt_00000000000000000000000001"}"#),
    })
    .await;
    let found = workflows(&canned).describe(&id("a")).await.unwrap();
    assert_eq!(found.summary.status, ExecutionStatus::TimedOut);
    assert_eq!(found.summary.redrive_count, 2);
    assert_eq!(found.summary.tenant_id.unwrap().as_str(), "tnt_00000000000000000000000001");
    assert_eq!(found.summary.started_at.as_millis(), 1_700_000_000_007);
    assert_eq!(found.summary.ended_at.unwrap().as_millis(), 1_700_000_001_500);
    assert_eq!((found.error.as_deref(), found.cause.as_deref()), (Some("E"), Some("C")));
    assert_eq!(
        found.definition_hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "SHA-256 of {{}}"
    );
}

#[tokio::test]
async fn a_redrive_is_asked_for_with_one_token_for_all_tries() {
    let tries = AtomicUsize::new(0);
    let canned = Canned::start(move |_, _| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::error(400, "ThrottlingException", "Rate exceeded"),
        1 => Answer::error(500, "InternalServerError", "oops"),
        _ => Answer::ok(json!({"redriveDate": 1_700_000_000})),
    })
    .await;
    workflows(&canned).redrive(&id("a")).await.unwrap();
    let seen = canned.seen("AWSStepFunctions.RedriveExecution");
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|body| body["executionArn"] == format!("{EXECUTION}move:a")));
    assert_eq!(
        seen.iter().map(|body| body["clientToken"].as_str().unwrap()).collect::<HashSet<_>>().len(),
        1
    );
}

#[tokio::test]
async fn refusals_are_told_in_the_ports_words() {
    let canned = always(400, "ExecutionNotRedrivable").await;
    match workflows(&canned).redrive(&id("a")).await {
        Err(WorkflowError::WrongState(words)) => assert!(words.contains("said Step Functions"), "{words}"),
        other => panic!("{other:?}"),
    }
    let canned = always(400, "ExecutionDoesNotExist").await;
    let machines = workflows(&canned);
    assert!(matches!(machines.describe(&id("a")).await, Err(WorkflowError::UnknownExecution(_))));
    assert!(matches!(machines.stop(&id("a"), None, None).await, Err(WorkflowError::UnknownExecution(_))));
    assert!(matches!(machines.redrive(&id("a")).await, Err(WorkflowError::UnknownExecution(_))));
    assert!(matches!(
        machines.history(&id("a"), None, false, 5).await,
        Err(WorkflowError::UnknownExecution(_))
    ));
    let canned = always(400, "StateMachineDoesNotExist").await;
    let machines = workflows(&canned);
    assert!(matches!(machines.start(&id("a"), json!({})).await, Err(WorkflowError::UnknownWorkflow(_))));
    let list = machines.list(ExecutionFilter::default(), None, 5).await;
    assert!(matches!(list, Err(WorkflowError::UnknownWorkflow(_))));
}

#[tokio::test]
async fn errors_name_operation_code_and_request() {
    for (status, code, may_pass) in [
        (400, "ThrottlingException", true),
        (503, "ServiceUnavailable", true),
        (400, "ExecutionLimitExceeded", true),
        (400, "AccessDeniedException", false),
        (400, "InvalidArn", false),
    ] {
        let canned = always(status, code).await;
        let Err(WorkflowError::Port(error)) = workflows(&canned).start(&id("a"), json!({})).await else {
            panic!("{code} is no error of the port");
        };
        assert_eq!(matches!(error, PortError::Unavailable { .. }), may_pass, "{error:?}");
        let text = error.to_string();
        for part in ["workflows", "StartExecution", code, "said Step Functions", "request-1"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[tokio::test]
async fn a_stop_that_lost_its_race_says_so() {
    let looks = AtomicUsize::new(0);
    let canned = Canned::start(move |target, _| match target {
        "AWSStepFunctions.StopExecution" => Answer::ok(json!({"stopDate": 1_700_000_000})),
        _ if looks.fetch_add(1, Ordering::SeqCst) == 0 => described("RUNNING", "{}"),
        _ => described("SUCCEEDED", "{}"),
    })
    .await;
    let stopped = workflows(&canned).stop(&id("a"), Some("e".repeat(300)), Some("c".repeat(40_000))).await;
    assert!(matches!(stopped, Err(WorkflowError::WrongState(_))), "{stopped:?}");
    let seen = canned.seen("AWSStepFunctions.StopExecution");
    assert_eq!(seen[0]["error"].as_str().unwrap().len(), 256);
    assert_eq!(seen[0]["cause"].as_str().unwrap().len(), 32_768);
}

/// A machine's list in that order, in pages of that many. `token` is the place of the next one.
fn list(items: &[(&str, f64, Option<f64>)], page: usize, body: &Value) -> Answer {
    let machine = body["stateMachineArn"].as_str().unwrap().strip_prefix(MACHINE).unwrap().to_owned();
    let from: usize = body["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let executions: Vec<Value> = items[from..]
        .iter()
        .take(page)
        .map(|(name, start, stop)| {
            json!({
                "executionArn": format!("{EXECUTION}{machine}:{name}"), "stateMachineArn": format!("{MACHINE}{machine}"),
                "name": name, "status": if stop.is_some() { "SUCCEEDED" } else { "RUNNING" },
                "startDate": start, "stopDate": stop,
            })
        })
        .collect();
    let next = (from + page < items.len()).then(|| (from + page).to_string());
    Answer::ok(json!({ "executions": executions, "nextToken": next }))
}

async fn all(machines: &AwsWorkflows, limit: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = machines.list(ExecutionFilter::default(), after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items.into_iter().map(|summary| summary.id.name().to_owned()));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_list_is_right_whether_step_functions_orders_by_start_or_by_end() {
    // One ran for long: by its end it leads its list, by its start it is the last but one.
    let by_end = [
        ("e", 50.0, None),
        ("long", 11.0, Some(45.0)),
        ("d", 40.0, Some(41.0)),
        ("c", 30.0, Some(31.0)),
        ("a", 10.0, Some(10.5)),
    ];
    let by_start = [by_end[0], by_end[2], by_end[3], by_end[1], by_end[4]];
    let other = [("o3", 45.0, Some(46.0)), ("o2", 30.0, Some(33.0)), ("o1", 5.0, Some(6.0))];
    let newest_first = ["e", "o3", "d", "c", "o2", "long", "a", "o1"];
    for order in [by_end, by_start] {
        for calls_items in [1, 2, 100] {
            let canned = Canned::start(move |_, body| {
                let ours = body["stateMachineArn"].as_str().unwrap().ends_with("move");
                if ours { list(&order, calls_items, body) } else { list(&other, calls_items, body) }
            })
            .await;
            let machines = workflows(&canned);
            for limit in [1, 2, 3, 50] {
                assert_eq!(
                    all(&machines, limit).await,
                    newest_first,
                    "{limit} at a time, {calls_items} a call"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_deep_page_does_not_read_what_stands_before_it_again() {
    let items: Vec<(String, f64)> = (0..100).map(|n| (format!("n{n:03}"), 1_000.0 - f64::from(n))).collect();
    let canned = Canned::start(move |_, body| {
        let ours = body["stateMachineArn"].as_str().unwrap().ends_with("move");
        let items: Vec<_> = items.iter().map(|(name, at)| (name.as_str(), *at, Some(*at))).collect();
        if ours { list(&items, 10, body) } else { list(&[], 10, body) }
    })
    .await;
    let machines = workflows(&canned);
    let found = all(&machines, 10).await;
    assert_eq!(found.len(), 100);
    let read = canned.seen("AWSStepFunctions.ListExecutions").len();
    // Ten pages of two machines, and of ours one call more each to see that something follows.
    assert!(read <= 42, "{read} calls");
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_forgotten() {
    let expired = Arc::new(AtomicUsize::new(0));
    let switch = expired.clone();
    let events = |from: u64, to: u64| -> Vec<Value> {
        let event = |n| json!({"id": n, "previousEventId": n - 1, "timestamp": 1_700_000_000.5, "type": "T"});
        (from..=to).map(event).collect()
    };
    let canned = Canned::start(move |_, body| match body["nextToken"].as_str() {
        Some(_) if switch.load(Ordering::SeqCst) == 1 => {
            switch.store(2, Ordering::SeqCst);
            Answer::error(400, "InvalidToken", "it has expired")
        }
        Some(_) => Answer::ok(json!({"events": events(6, 10)})),
        None => Answer::ok(json!({"events": events(1, 5), "nextToken": "t"})),
    })
    .await;
    let machines = workflows(&canned);
    let ids = |page: tenantry_core::ports::HistoryPage| {
        page.events.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(machines.history(&id("a"), Some(4), false, 3).await.unwrap()), [5, 6, 7]);
    let before = canned.seen("AWSStepFunctions.GetExecutionHistory").len();
    let page = machines.history(&id("a"), Some(7), false, 3).await.unwrap();
    assert_eq!((page.next, ids(page)), (None, vec![8, 9, 10]));
    let seen = canned.seen("AWSStepFunctions.GetExecutionHistory");
    assert_eq!(seen.len() - before, 1, "it went on where it had stopped");
    assert_eq!(seen.last().unwrap()["nextToken"], "t");
    expired.store(1, Ordering::SeqCst);
    assert_eq!(ids(machines.history(&id("a"), Some(7), false, 3).await.unwrap()), [8, 9, 10]);
}

/// Every type that the engine can write comes through with its details under the API's name.
#[tokio::test]
async fn each_kind_of_event_keeps_its_details() {
    let types = aws_sdk_sfn::types::HistoryEventType::values();
    let member = |name: &str| {
        let (first, rest) = name.split_at(1);
        format!("{}{rest}EventDetails", first.to_lowercase())
    };
    let events: Vec<Value> = types
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut event =
                json!({"id": n + 1, "previousEventId": n, "timestamp": 1_700_000_000, "type": name});
            event[member(name)] = json!({"name": name, "nested": {"flag": false, "count": 3}});
            event
        })
        .collect();
    let canned = Canned::start(move |_, _| Answer::ok(json!({ "events": events }))).await;
    let page = workflows(&canned).history(&id("a"), None, false, 500).await.unwrap();
    assert_eq!(page.events.len(), types.len());
    for (event, name) in page.events.iter().zip(types) {
        assert_eq!(event.event_type, *name);
        assert_eq!(
            event.details,
            json!({ member(name): {"name": name, "nested": {"flag": false, "count": 3}} })
        );
    }
}

#[tokio::test]
async fn answers_to_tasks_go_out_as_they_are_and_within_their_limits() {
    let canned = Canned::start(|_, _| Answer::ok(json!({}))).await;
    let tokens = tokens(&canned);
    tokens.succeed("t", json!({"a": "ä"})).await.unwrap();
    tokens.fail("t", Some("e".repeat(300)), Some("ü".repeat(40_000))).await.unwrap();
    tokens.fail("t", None, None).await.unwrap();
    tokens.heartbeat("t").await.unwrap();
    assert_eq!(
        canned.seen("AWSStepFunctions.SendTaskSuccess"),
        [json!({"taskToken": "t", "output": r#"{"a":"ä"}"#})]
    );
    let failures = canned.seen("AWSStepFunctions.SendTaskFailure");
    assert_eq!(failures[0]["error"], "e".repeat(256));
    assert_eq!(failures[0]["cause"], "ü".repeat(32_768));
    assert_eq!(failures[1], json!({"taskToken": "t"}));
    assert_eq!(canned.seen("AWSStepFunctions.SendTaskHeartbeat"), [json!({"taskToken": "t"})]);
}

#[tokio::test]
async fn refused_answers_are_told_apart() {
    type Told = fn(&TaskTokenError) -> bool;
    let cases: [(&str, Told); 5] = [
        ("InvalidToken", |error| matches!(error, TaskTokenError::Invalid)),
        ("TaskTimedOut", |error| matches!(error, TaskTokenError::Expired(_))),
        ("TaskDoesNotExist", |error| matches!(error, TaskTokenError::Expired(_))),
        ("InvalidOutput", |error| matches!(error, TaskTokenError::OutputTooLarge)),
        ("AccessDeniedException", |error| matches!(error, TaskTokenError::Port(PortError::Refused { .. }))),
    ];
    for (code, told) in cases {
        let canned = always(400, code).await;
        let tokens = tokens(&canned);
        for error in [
            tokens.succeed("t", json!(1)).await.unwrap_err(),
            tokens.fail("t", None, None).await.unwrap_err(),
            tokens.heartbeat("t").await.unwrap_err(),
        ] {
            assert!(told(&error), "{code}: {error:?}");
        }
    }
    let canned = Canned::start(|target, _| panic!("{target} was called")).await;
    for never in ["".to_owned(), "t".repeat(2_049)] {
        assert!(matches!(tokens(&canned).heartbeat(&never).await, Err(TaskTokenError::Invalid)));
    }
}

/// A second try would be told that the token is spent, as if another had answered.
#[tokio::test]
async fn an_answer_whose_outcome_is_unknown_is_not_sent_twice() {
    let canned = always(500, "InternalFailure").await;
    let sent = tokens(&canned).succeed("t", json!(1)).await;
    assert!(matches!(sent, Err(TaskTokenError::Port(PortError::Unavailable { .. }))), "{sent:?}");
    assert_eq!(canned.seen("AWSStepFunctions.SendTaskSuccess").len(), 1);
    // What was throttled was not done, and is sent again.
    let tries = AtomicUsize::new(0);
    let canned = Canned::start(move |_, _| match tries.fetch_add(1, Ordering::SeqCst) {
        0..3 => Answer::error(400, "ThrottlingException", "Rate exceeded"),
        _ => Answer::ok(json!({})),
    })
    .await;
    tokens(&canned).succeed("t", json!(1)).await.unwrap();
    assert_eq!(canned.seen("AWSStepFunctions.SendTaskSuccess").len(), 4);
}

/// Step Functions shows a task's parameters with its token, as JSON text in JSON text.
#[tokio::test]
async fn a_waiting_tasks_token_is_not_shown() {
    let token = format!("AQCEAAAAKgAAAAMAAAAAAAAAA{}==", "m7/Q+".repeat(100));
    let body = json!({"action": "provision", "taskToken": token}).to_string();
    let parameters = json!({"QueueUrl": "u", "MessageBody": body, "Own": {"name": token}}).to_string();
    let details = json!({
        "resourceType": "sqs", "resource": "sendMessage.waitForTaskToken", "region": "eu-west-1",
        "parameters": parameters, "timeoutInSeconds": 60,
    });
    let event = json!({
        "id": 5, "previousEventId": 4, "timestamp": 1_700_000_000, "type": "TaskScheduled",
        "taskScheduledEventDetails": details,
    });
    let canned = Canned::start(move |_, _| Answer::ok(json!({"events": [event]}))).await;
    let page = workflows(&canned).history(&id("a"), None, false, 5).await.unwrap();
    let shown = &page.events[0].details["taskScheduledEventDetails"];
    let body = json!({"action": "provision", "taskToken": "[task token]"}).to_string();
    let parameters =
        json!({"QueueUrl": "u", "MessageBody": body, "Own": {"name": "[task token]"}}).to_string();
    assert_eq!(shown["parameters"], parameters);
    assert_eq!((&shown["timeoutInSeconds"], &shown["region"]), (&json!(60), &json!("eu-west-1")));
}
