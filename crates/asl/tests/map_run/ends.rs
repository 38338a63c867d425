//! Map Runs that are cut off, tried again or caught.

use super::world::{Answer, World, calls, definition, machine};
use serde_json::json;
use tenantry_asl::{Closed, Event, MapRunStatus};

#[test]
fn a_stop_stops_the_children() {
    let mut world = World::new(|_, _| Answer::Never);
    let machine = machine(json!({"MaxConcurrency": 2}), calls());
    world.run(&machine, json!([1, 2, 3]));
    assert_eq!(world.map_run().executions.running, 2);
    world.send(0, &Event::Aborted { error: None, cause: Some("enough".to_owned()) });
    world.go_on();
    assert_eq!(world.executions[0].types()[4..], ["ExecutionAborted"]);
    let run = world.map_run();
    assert_eq!((run.status, run.items.aborted, run.items.pending), (MapRunStatus::Aborted, 2, 1));
    for child in world.children() {
        assert!(matches!(child.state.closed(), Some(Closed::Aborted { .. })));
    }
    assert_eq!(world.executions[0].state.pending_tasks().count(), 0);
}

#[test]
fn a_sibling_that_fails_cuts_the_map_run_off() {
    let branches = json!([
        {"StartAt": "All", "States": {"All": {
            "Type": "Map", "End": true, "ItemsPath": "$.items",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each", "States": calls()
            }
        }}},
        {"StartAt": "Wait", "States": {
            "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Fails"}, "Fails": {"Type": "Fail", "Error": "Other"}
        }}
    ]);
    let machine = definition(&json!({"StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": branches, "End": true}
    }}));
    let mut world = World::new(|_, _| Answer::Never);
    let execution = world.run(&machine, json!({"items": [1]}));
    assert_eq!(execution.failure().0, "Other");
    let types = execution.types();
    let aborted = types.iter().position(|event| *event == "MapStateAborted").expect("is told");
    assert_eq!(
        types[aborted..],
        ["MapStateAborted", "MapRunAborted", "ParallelStateFailed", "ExecutionFailed"]
    );
    assert_eq!(world.map_run().status, MapRunStatus::Aborted);
    assert!(matches!(world.children()[0].state.closed(), Some(Closed::Aborted { .. })));
}

#[test]
fn a_child_that_is_stopped_counts_as_failed() {
    let mut world = World::new(|_, _| Answer::Never);
    world.run(&machine(json!({}), calls()), json!([1]));
    world.send(1, &Event::Aborted { error: None, cause: None });
    world.go_on();
    assert_eq!(world.executions[0].failure().0, "States.ExceedToleratedFailureThreshold");
    assert_eq!(world.map_run().items.aborted, 1);
}

#[test]
fn a_child_that_takes_too_long_counts_as_failed() {
    let mut world = World::new(|_, _| Answer::Never);
    world.run(&machine(json!({"ToleratedFailureCount": 1}), calls()), json!([1]));
    let task = world.executions[0].state.pending_tasks().next().expect("a child runs").id;
    world.send(0, &Event::ChildClosed { task, closed: Closed::TimedOut });
    let output = world.executions[0].output();
    assert_eq!((&output[0]["Status"], &output[0]["Input"]), (&json!("TIMED_OUT"), &json!("1")));
    assert_eq!((world.map_run().items.timed_out, world.map_run().executions.timed_out), (1, 1));
}

#[test]
fn a_retry_is_another_map_run() {
    let mut calls_made = 0;
    let mut world = World::new(move |_, input| {
        calls_made += 1;
        if calls_made == 1 {
            Answer::Failure("Bad", "once")
        } else {
            Answer::Success(json!({"Payload": input}))
        }
    });
    let map =
        json!({"Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1}]});
    let execution = world.run(&machine(map, calls()), json!([1]));
    assert_eq!(execution.output(), &json!([1]));
    let statuses: Vec<MapRunStatus> = execution.state.map_runs().iter().map(|run| run.status).collect();
    assert_eq!(statuses, [MapRunStatus::Failed, MapRunStatus::Succeeded]);
    let started = execution.types().iter().filter(|event| **event == "MapRunStarted").count();
    assert_eq!(started, 2);
}

#[test]
fn a_catch_takes_what_failed() {
    let machine = definition(&json!({"StartAt": "All", "States": {
        "All": {
            "Type": "Map", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each", "States": calls()
            }
        },
        "Caught": {"Type": "Pass", "End": true}
    }}));
    let mut world = World::new(|_, _| Answer::Failure("Bad", "always"));
    let execution = world.run(&machine, json!([1]));
    assert_eq!(execution.output()["Error"], "States.ExceedToleratedFailureThreshold");
    assert_eq!(execution.types()[4..6], ["MapRunFailed", "MapStateFailed"]);
    // Nothing is kept for a redrive that cannot come.
    let kept = serde_json::to_value(&execution.state).expect("is JSON");
    assert!(
        kept["map_runs"][0][1].get("dataset").is_none() && kept["map_runs"][0][1].get("children").is_none()
    );
}

#[test]
fn a_selector_that_fails_fails_the_map_run() {
    let map = json!({"ItemSelector": {"x.$": "$$.Map.Item.Value.x"}, "MaxConcurrency": 1});
    let mut world = World::passing();
    let execution = world.run(&machine(map, None), json!([{"x": 1}, {"y": 2}]));
    let types = execution.types();
    assert_eq!(types[4..], ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    assert_eq!(execution.failure().0, "States.Runtime");
    assert_eq!(world.map_run().items.succeeded, 1);
}

#[test]
fn results_over_the_limit_fail_the_state() {
    let mut world = World::new(|_, _| Answer::Success(json!({"Payload": "x".repeat(1_000)})));
    let items: Vec<u32> = (0..300).collect();
    let execution = world.run(&machine(json!({}), calls()), json!(items));
    assert_eq!(execution.failure().0, "States.DataLimitExceeded");
}
