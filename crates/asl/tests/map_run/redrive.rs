//! Redriving Map Runs.

use super::world::{Answer, World, calls, machine};
use serde_json::{Value, json};
use std::cell::Cell;
use tenantry_asl::{Event, MapRunStatus};

#[test]
fn children_that_failed_and_items_that_waited_go_on() {
    let mended = Cell::new(false);
    let mut world = World::new(|_, input| match input.as_i64() {
        Some(number) if number < 0 && !mended.get() => Answer::Failure("Bad", "below zero"),
        _ => Answer::Success(json!({"Payload": input})),
    });
    world.run(&machine(json!({"MaxConcurrency": 1}), calls()), json!([1, -2, 3]));
    assert_eq!(world.map_run().status, MapRunStatus::Failed);
    assert!(world.executions[0].state.is_redrivable());
    mended.set(true);
    world.send(0, &Event::Redriven);
    world.go_on();
    assert_eq!(world.executions[0].output(), &json!([1, -2, 3]));
    let run = world.map_run();
    assert_eq!((run.status, run.redrive_count), (MapRunStatus::Succeeded, 1));
    assert_eq!((run.items.succeeded, run.items.failed, run.items.pending_redrive), (3, 0, 0));
    assert_eq!(world.children().len(), 3, "no child was started twice");
    let redrives: Vec<u64> = world.children().iter().map(|child| child.state.redrive_count()).collect();
    assert_eq!(redrives, [0, 1, 0]);
    let parent = &world.executions[0];
    let types = parent.types();
    let redriven = types.iter().position(|event| *event == "ExecutionRedriven").expect("is told");
    assert_eq!(
        types[redriven..redriven + 4],
        ["ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded"]
    );
    let event = parent.event("MapRunRedriven");
    assert_eq!(event.previous_id, parent.event("MapStateStarted").id);
    let details = &event.details["mapRunRedrivenEventDetails"];
    assert_eq!(details, &json!({"mapRunArn": run.arn, "redriveCount": 1}));
}

#[test]
fn a_redrive_may_fail_again() {
    let mut world = World::new(|_, _| Answer::Failure("Bad", "always"));
    world.run(&machine(json!({"ToleratedFailureCount": 1}), calls()), json!([1, 2]));
    for count in 1..4 {
        world.send(0, &Event::Redriven);
        world.go_on();
        let run = world.map_run();
        assert_eq!((run.status, run.redrive_count, run.items.total), (MapRunStatus::Failed, count, 2));
    }
    assert_eq!(world.children().len(), 2);
}

#[test]
fn what_was_stopped_goes_on() {
    let silent = Cell::new(true);
    let mut world =
        World::new(
            |_, input| {
                if silent.get() { Answer::Never } else { Answer::Success(json!({"Payload": input})) }
            },
        );
    let batched = json!({"MaxConcurrency": 2, "ItemBatcher": {"MaxItemsPerBatch": 2}});
    world.run(&machine(batched, calls()), json!([1, 2, 3, 4, 5]));
    world.send(0, &Event::Aborted { error: None, cause: None });
    world.go_on();
    silent.set(false);
    world.send(0, &Event::Redriven);
    world.go_on();
    let expected: Value = json!([{"Items": [1, 2]}, {"Items": [3, 4]}, {"Items": [5]}]);
    assert_eq!(world.executions[0].output(), &expected);
    assert_eq!(world.map_run().items.succeeded, 5);
}

#[test]
fn express_children_start_anew() {
    let mended = Cell::new(false);
    let mut world = World::new(|_, input| {
        if mended.get() { Answer::Success(json!({"Payload": input})) } else { Answer::Failure("Bad", "once") }
    });
    let express = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Each", "States": calls()
    });
    world.run(&machine(json!({"ItemProcessor": express}), None), json!([7]));
    mended.set(true);
    world.send(0, &Event::Redriven);
    world.go_on();
    assert_eq!(world.executions[0].output(), &json!([7]));
    assert_eq!(world.children().len(), 2);
    assert_ne!(world.children()[0].identity.execution_id, world.children()[1].identity.execution_id);
}

#[test]
fn items_are_read_again_where_they_could_not_be() {
    let map = json!({"ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key": "k"}
    }});
    let mut world = World::passing();
    world.run(&machine(map, None), json!({}));
    assert_eq!(world.executions[0].failure().0, "States.ItemReaderFailed");
    world.put("b", "k", "[1, 2]");
    world.send(0, &Event::Redriven);
    world.go_on();
    assert_eq!(world.executions[0].output(), &json!([1, 2]));
}

#[test]
fn results_are_written_again_where_they_could_not_be() {
    let map = json!({"ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}
    }});
    let mut world = World::passing();
    world.write_failure = Some("full");
    world.run(&machine(map, None), json!([1]));
    assert_eq!(world.executions[0].failure().0, "States.ResultWriterFailed");
    world.write_failure = None;
    world.send(0, &Event::Redriven);
    world.go_on();
    let run = world.map_run();
    let key = format!("{}/Redrive-1/manifest.json", run.uuid);
    assert_eq!(world.executions[0].output()["ResultWriterDetails"]["Key"], json!(key));
    assert_eq!(world.object("out", &key)["ResultFiles"]["SUCCEEDED"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.children().len(), 1);
}
