use crate::support::{Home, one_fault, text};
use serde_json::{Value, json};
use tenantry_engine::testing::{Reply, quiesce};

/// A distributed Map named `each`, whose children call a service.
fn distributed() -> String {
    json!({
        "QueryLanguage": "JSONata", "StartAt": "M",
        "States": {"M": {
            "Type": "Map", "Label": "each", "Items": "{% $states.input %}", "MaxConcurrency": 2, "End": true,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "E",
                "States": {"E": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
                    "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
                    "Output": "{% $states.input %}",
                }},
            },
        }},
    })
    .to_string()
}

async fn settle() {
    for _ in 0..20 {
        quiesce().await;
    }
}

#[tokio::test]
async fn a_map_run_is_listed_described_and_limited() {
    let home = Home::answering(|request| match request.arguments["Payload"].as_u64() {
        Some(1) => Reply::Done(json!({})),
        _ => Reply::Never,
    })
    .await;
    let arn = home.machine("m", &distributed()).await;
    let execution = home.start(&arn, "run", "[1, 2, 3, 4]").await;
    settle().await;
    let listed = home.ok("ListMapRuns", json!({"executionArn": execution})).await;
    let runs = listed["mapRuns"].as_array().unwrap();
    let run = text(&runs[0], "mapRunArn");
    assert!(run.starts_with("arn:aws:states:us-east-1:111111111111:mapRun:m/each:"), "{run}");
    assert_eq!(
        runs,
        &[json!({
            "executionArn": execution, "mapRunArn": run, "stateMachineArn": format!("{arn}/each"),
            "startDate": 1_750_000_000.0,
        })]
    );
    let describe = || home.ok("DescribeMapRun", json!({"mapRunArn": run}));
    let shown = describe().await;
    assert_eq!(
        (text(&shown, "status"), text(&shown, "executionArn"), &shown["maxConcurrency"]),
        ("RUNNING".to_owned(), execution.clone(), &json!(2))
    );
    let counts = |shown: &Value| {
        ["pending", "running", "succeeded", "total"].map(|name| shown["itemCounts"][name].clone())
    };
    assert_eq!(counts(&shown), [json!(1), json!(2), json!(1), json!(4)]);
    let names = |answer: Value| answer["executions"].as_array().unwrap().len();
    assert_eq!(names(home.ok("ListExecutions", json!({"mapRunArn": run})).await), 3);
    let succeeded = json!({"mapRunArn": run, "statusFilter": "SUCCEEDED"});
    let child = home.ok("ListExecutions", succeeded).await["executions"][0].clone();
    assert_eq!(text(&child, "mapRunArn"), run);
    let child = home.describe(&text(&child, "executionArn")).await;
    assert_eq!(
        (text(&child, "mapRunArn"), text(&child, "stateMachineArn"), text(&child, "output")),
        (run.clone(), format!("{arn}/each"), "1".to_owned())
    );
    let runs = json!({"executionArn": text(&child, "executionArn")});
    let machine = home.ok("DescribeStateMachineForExecution", runs).await;
    assert_eq!((text(&machine, "label"), text(&machine, "mapRunArn")), ("each".to_owned(), run.clone()));
    let update = json!({"mapRunArn": run, "maxConcurrency": 9, "toleratedFailurePercentage": 12.5});
    assert_eq!(home.ok("UpdateMapRun", update).await, json!({}));
    settle().await;
    let shown = describe().await;
    assert_eq!((&shown["maxConcurrency"], &shown["toleratedFailurePercentage"]), (&json!(9), &json!(12.5)));
    assert_eq!(counts(&shown), [json!(0), json!(3), json!(1), json!(4)]);
}

#[tokio::test]
async fn map_runs_that_are_none() {
    let home = Home::new().await;
    let missing = "arn:aws:states:us-east-1:111111111111:mapRun:m/each:u";
    for (operation, more) in [
        ("DescribeMapRun", json!({})),
        ("UpdateMapRun", json!({"maxConcurrency": 1})),
        ("ListExecutions", json!({})),
    ] {
        let mut request = more;
        request["mapRunArn"] = json!(missing);
        assert_eq!(
            home.refused(operation, request.clone()).await,
            ("ResourceNotFound", format!("Resource not found: '{missing}'")),
            "{operation}"
        );
        request["mapRunArn"] = json!("arn:aws:states:us-east-1:111111111111:stateMachine:m");
        assert_eq!(
            home.refused(operation, request).await,
            ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: stateMachine'".to_owned()),
            "{operation}"
        );
    }
    let wild = json!({"mapRunArn": missing, "toleratedFailurePercentage": 100.5});
    assert_eq!(
        home.refused("UpdateMapRun", wild).await.1,
        one_fault(
            "Value '100.5' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must have value less \
             than or equal to 100"
        )
    );
    assert_eq!(home.refused("UpdateMapRun", json!({"mapRunArn": missing})).await.0, "ValidationException");
}
