//! What history and the context object tell.

use super::world::{World, calls, definition, machine};
use serde_json::json;
use tenantry_asl::{MapRunStatus, map_child_name_prefix};

const EMPTY: [&str; 7] = [
    "ExecutionStarted",
    "MapStateEntered",
    "MapStateStarted",
    "MapRunStarted",
    "MapRunSucceeded",
    "MapStateSucceeded",
    "MapStateExited",
];

#[test]
fn a_map_run_is_told_without_its_children() {
    let mut world = World::passing();
    let execution = world.run(&machine(json!({"Label": "each"}), None), json!([1, 2, 3]));
    assert_eq!(execution.output(), &json!([1, 2, 3]));
    assert_eq!(execution.types()[..7], EMPTY);
    assert_eq!(
        execution.event("MapStateStarted").details["mapStateStartedEventDetails"],
        json!({"length": 3})
    );
    let run = world.map_run();
    let arn = format!("arn:aws:states:us-east-1:111111111111:mapRun:machine/each:{}", run.uuid);
    assert_eq!(run.arn, arn);
    let started = &world.executions[0].event("MapRunStarted").details["mapRunStartedEventDetails"];
    assert_eq!(started, &json!({"mapRunArn": arn}));
    assert_eq!(run.state_machine_arn, "arn:aws:states:us-east-1:111111111111:stateMachine:machine/each");
    assert_eq!((run.status, run.state.as_str()), (MapRunStatus::Succeeded, "All"));
    assert_eq!((run.items.succeeded, run.items.total, run.items.results_written), (3, 3, 3));
    assert_eq!((run.executions.succeeded, run.executions.total), (3, 3));
}

#[test]
fn no_items_are_a_map_run_too() {
    let mut world = World::passing();
    let execution = world.run(&machine(json!({}), None), json!([]));
    assert_eq!(execution.output(), &json!([]));
    assert_eq!(execution.types()[..7], EMPTY);
    assert_eq!(world.executions.len(), 1);
    assert_eq!(world.map_run().status, MapRunStatus::Succeeded);
}

#[test]
fn null_is_an_item_and_a_result() {
    let map = json!({"ToleratedFailureCount": 1, "ResultWriter": {
        "WriterConfig": {"OutputType": "JSON", "Transformation": "COMPACT"}
    }});
    let mut world = World::passing();
    assert_eq!(world.run(&machine(map, None), json!([null, 1])).output(), &json!([null, 1]));
}

#[test]
fn children_are_executions_of_the_labelled_machine() {
    let mut world = World::passing();
    world.run(&machine(json!({"Label": "each"}), None), json!([1, 2]));
    let run = world.map_run();
    let mut names = Vec::new();
    for (child, input) in world.children().iter().zip(1..) {
        let identity = &child.identity;
        assert_eq!(child.state.input(), Some(&json!(input)));
        assert_eq!(identity.state_machine_name, "machine/each");
        assert_eq!(identity.map_run_arn.as_ref(), Some(&run.arn));
        assert!(identity.execution_name.starts_with(&map_child_name_prefix(&run.uuid)));
        let arn = format!(
            "arn:aws:states:us-east-1:111111111111:execution:machine/each:{}",
            identity.execution_name
        );
        assert_eq!(identity.execution_id, arn);
        assert_eq!(child.types().first(), Some(&"ExecutionStarted"));
        names.push(identity.execution_name.clone());
    }
    names.dedup();
    assert_eq!(names.len(), 2);
}

#[test]
fn a_label_that_is_not_given_follows_from_the_definition() {
    let without = machine(json!({}), None);
    let label = without.map_label("All").expect("is distributed");
    assert_eq!(label.len(), 36);
    assert_eq!(machine(json!({}), None).map_label("All"), Some(label.clone()));
    assert_ne!(machine(json!({"MaxConcurrency": 2}), None).map_label("All"), Some(label));
    assert_eq!(machine(json!({"Label": "mine"}), None).map_label("All").as_deref(), Some("mine"));
    assert_eq!(without.map_label("Each"), None);
}

#[test]
fn express_children_have_names_of_their_own_kind() {
    let mut world = World::passing();
    let express = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Each",
        "States": {"Each": {"Type": "Pass", "End": true}}
    });
    world.run(&machine(json!({"ItemProcessor": express, "Label": "l"}), None), json!([1]));
    let id = &world.children()[0].identity.execution_id;
    assert!(id.starts_with("arn:aws:states:us-east-1:111111111111:express:machine/l:"), "{id}");
    assert_eq!(id.split(':').count(), 9);
    assert!(world.map_run().express);
}

#[test]
fn the_selector_sees_item_input_and_source_and_children_see_none_of_it() {
    let selector = json!({
        "index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value", "source.$": "$$.Map.Item.Source",
        "all.$": "$.prefix"
    });
    let states =
        json!({"Each": {"Type": "Pass", "Parameters": {"in.$": "$", "context.$": "$$"}, "End": true}});
    let map = json!({"ItemsPath": "$.items", "ItemSelector": selector});
    let mut world = World::passing();
    let execution = world.run(&machine(map, Some(states)), json!({"items": ["a", "b"], "prefix": "p"}));
    let output = execution.output();
    assert_eq!(output[1]["in"], json!({"index": 1, "item": "b", "source": "STATE_DATA", "all": "p"}));
    assert!(output[1]["context"].get("Map").is_none());
    assert_eq!(output[1]["context"]["Execution"]["Input"], output[1]["in"]);
}

#[test]
fn members_of_an_object_are_items_with_keys() {
    let machine = definition(&json!({
        "QueryLanguage": "JSONata", "StartAt": "All",
        "States": {"All": {
            "Type": "Map", "Items": "{% $states.input %}", "End": true,
            "ItemSelector": {"key": "{% $states.context.Map.Item.Key %}", "value": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}}
            }
        }}
    }));
    let mut world = World::passing();
    let execution = world.run(&machine, json!({"x": 1, "y": [2]}));
    assert_eq!(execution.output(), &json!([{"key": "x", "value": 1}, {"key": "y", "value": [2]}]));
}

#[test]
fn a_map_within_a_map_is_a_run_of_the_child() {
    let inner = json!({
        "Each": {
            "Type": "Map", "End": true, "Label": "inner",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Deep", "States": {"Deep": {"Type": "Pass", "End": true}}
            }
        }
    });
    let mut world = World::passing();
    let execution = world.run(&machine(json!({"Label": "outer"}), Some(inner)), json!([[1, 2], [], [3]]));
    assert_eq!(execution.output(), &json!([[1, 2], [], [3]]));
    let machines: Vec<&str> =
        world.children().iter().map(|child| child.identity.state_machine_name.as_str()).collect();
    assert_eq!(machines.iter().filter(|name| **name == "machine/outer").count(), 3);
    assert_eq!(machines.iter().filter(|name| **name == "machine/inner").count(), 3);
}

#[test]
fn each_entry_is_a_run_of_its_own() {
    let machine = definition(&json!({"StartAt": "All", "States": {
        "All": {
            "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.items", "Next": "Again",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each",
                "States": {"Each": {"Type": "Pass", "Parameters": {"was.$": "$"}, "End": true}}
            }
        },
        "Again": {"Type": "Choice", "Choices": [
            {"Variable": "$.items[0].was.was", "IsPresent": true, "Next": "Done"}
        ], "Default": "All"},
        "Done": {"Type": "Succeed"}
    }}));
    let mut world = World::passing();
    let execution = world.run(&machine, json!({"items": [1]}));
    assert_eq!(execution.output(), &json!({"items": [{"was": {"was": 1}}]}));
    let runs = execution.state.map_runs();
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0].uuid, runs[1].uuid);
    assert_eq!(runs[0].label, runs[1].label);
    assert!(calls().is_some());
}
