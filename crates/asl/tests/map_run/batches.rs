//! Items in batches.

use super::world::{World, definition, machine};
use serde_json::{Value, json};

fn outputs(map: Value, input: Value) -> Value {
    World::passing().run(&machine(map, None), input).output().clone()
}

#[test]
fn batches_of_so_many_items() {
    let batches = outputs(json!({"ItemBatcher": {"MaxItemsPerBatch": 2}}), json!([1, 2, 3]));
    assert_eq!(batches, json!([{"Items": [1, 2]}, {"Items": [3]}]));
}

#[test]
fn batches_of_so_many_bytes() {
    let long = "x".repeat(40);
    let batches = outputs(json!({"ItemBatcher": {"MaxInputBytesPerBatch": 100}}), json!([long, long, long]));
    assert_eq!(batches, json!([{"Items": [long, long]}, {"Items": [long]}]));
}

#[test]
fn batches_carry_an_input_and_selected_items() {
    let map = json!({
        "ItemsPath": "$.items",
        "ItemSelector": {"value.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        "ItemBatcher": {
            "MaxItemsPerBatchPath": "$.most", "BatchInput": {"prefix.$": "$.prefix", "fixed": true}
        }
    });
    let batches = outputs(map, json!({"items": ["a", "b", "c"], "most": "2", "prefix": "p"}));
    let input = json!({"prefix": "p", "fixed": true});
    assert_eq!(
        batches,
        json!([
            {"BatchInput": input, "Items": [{"value": "a", "at": 0}, {"value": "b", "at": 1}]},
            {"BatchInput": input, "Items": [{"value": "c", "at": 2}]}
        ])
    );
}

#[test]
fn batches_in_the_other_language() {
    let machine = definition(&json!({
        "QueryLanguage": "JSONata", "StartAt": "All",
        "States": {"All": {
            "Type": "Map", "Items": "{% $states.input.items %}", "End": true,
            "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
            "ItemBatcher": {
                "MaxItemsPerBatch": "{% $states.input.most %}", "BatchInput": {"n": "{% $states.input.most + 1 %}"}
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}}
            }
        }}
    }));
    let mut world = World::passing();
    let output = world.run(&machine, json!({"items": [1, 2, 3], "most": 2})).output();
    assert_eq!(output[0], json!({"BatchInput": {"n": 3}, "Items": [{"v": 1}, {"v": 2}]}));
    assert_eq!(world.map_run().executions.total, 2);
}

#[test]
fn counts_tell_items_and_executions_apart() {
    let mut world = World::passing();
    world.run(&machine(json!({"ItemBatcher": {"MaxItemsPerBatch": 4}}), None), json!([1, 2, 3, 4, 5, 6]));
    let run = world.map_run();
    assert_eq!((run.items.total, run.items.succeeded), (6, 6));
    assert_eq!((run.executions.total, run.executions.succeeded), (2, 2));
}

#[test]
fn an_item_that_fits_into_no_batch_fails_the_map_run() {
    let map = json!({"ItemBatcher": {"MaxInputBytesPerBatch": 30}});
    let mut world = World::passing();
    let execution = world.run(&machine(map, None), json!(["a", "b".repeat(40)]));
    let (error, cause) = execution.failure();
    assert_eq!(error, "States.DataLimitExceeded");
    assert!(cause.contains("index 1"), "{cause}");
    assert_eq!(execution.types()[4..], ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let map = json!({"ItemsPath": "$.items", "ItemBatcher": {"MaxItemsPerBatchPath": "$.most"}});
    for (most, told) in [
        (json!(0), "MaxItemsPerBatch must be positive."),
        (
            json!("many"),
            "The MaxItemsPerBatchPath field refers to value \"many\" which is not a valid integer: $.most",
        ),
    ] {
        let mut world = World::passing();
        let execution = world.run(&machine(map.clone(), None), json!({"items": [1], "most": most}));
        let (error, cause) = execution.failure();
        assert_eq!(error, "States.Runtime");
        assert!(cause.ends_with(told), "{cause}");
    }
}
