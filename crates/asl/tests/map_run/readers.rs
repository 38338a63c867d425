//! Items that a reader reads.

use super::world::{World, definition, machine};
use serde_json::{Value, json};
use tenantry_asl::{MapRunStatus, TaskKind};

fn reader(config: Value) -> Value {
    json!({"ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": {"Bucket.$": "$.Bucket", "Key.$": "$.Key"}
    }})
}

fn world(bytes: &str) -> World<'static> {
    let mut world = World::passing();
    world.put("b", "k", bytes);
    world
}

fn input() -> Value {
    json!({"Bucket": "b", "Key": "k"})
}

#[test]
fn rows_are_items() {
    let mut world = world("a,b\n1,2\n3,4\n");
    let map = reader(json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}));
    let execution = world.run(&machine(map, None), input());
    assert_eq!(execution.output(), &json!([{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]));
    assert_eq!(
        execution.event("MapStateStarted").details["mapStateStartedEventDetails"],
        json!({"length": 0})
    );
    assert_eq!(execution.types()[3..6], ["MapRunStarted", "MapRunSucceeded", "MapStateSucceeded"]);
    assert_eq!(world.map_run().items.total, 2);
}

#[test]
fn given_headers_and_delimiters_reach_the_reader() {
    let mut world = world("1;2\n");
    let config = json!({
        "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["x", "y"], "CSVDelimiter": "SEMICOLON"
    });
    let output = world.run(&machine(reader(config), None), input()).output().clone();
    assert_eq!(output, json!([{"x": "1", "y": "2"}]));
}

#[test]
fn what_cannot_be_read_fails_the_map_run() {
    for (config, bytes, cause) in [
        (json!({"InputType": "JSON"}), "{\"a\": 1}", "Attempting to map over non-iterable node."),
        (
            json!({"InputType": "JSON"}),
            "oops",
            "The object is not valid JSON: expected value at line 1 column 1",
        ),
        (
            json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
            "a,a\n1,2",
            "CSV headers cannot contain duplicates.",
        ),
    ] {
        let mut world = world(bytes);
        let execution = world.run(&machine(reader(config), None), input());
        assert_eq!(execution.failure(), ("States.ItemReaderFailed", cause));
        assert_eq!(
            execution.types()[2..],
            ["MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
        );
        assert_eq!(world.map_run().status, MapRunStatus::Failed);
    }
}

#[test]
fn max_items_by_path() {
    let run = |most: Value| {
        let mut world = world("[1, 2, 3]");
        let map = reader(json!({"InputType": "JSON", "MaxItemsPath": "$.Most"}));
        world.run(&machine(map, None), json!({"Bucket": "b", "Key": "k", "Most": most}));
        world
    };
    for (most, expected) in [
        (json!(2), json!([1, 2])),
        (json!("1"), json!([1])),
        (json!(0), json!([1, 2, 3])),
        (json!(100_000_001), json!([1, 2, 3])),
    ] {
        assert_eq!(run(most).executions[0].output(), &expected);
    }
    let refused = run(json!(-1));
    assert_eq!(
        refused.executions[0].failure(),
        ("States.ItemReaderFailed", "field MaxItems must be positive")
    );
    assert_eq!(refused.executions[0].types()[4], "MapRunFailed");
    assert!(refused.dispatched.iter().all(|task| task.kind != TaskKind::ReadItems));
}

#[test]
fn items_path_is_of_no_effect_beside_a_reader() {
    let mut map = reader(json!({"InputType": "JSON"}));
    map["ItemsPath"] = json!("$.none.of.it");
    let mut world = world("[[1]]");
    assert_eq!(world.run(&machine(map, None), input()).output(), &json!([[1]]));
}

#[test]
fn expressions_and_pointers() {
    let machine = definition(&json!({
        "QueryLanguage": "JSONata", "StartAt": "All",
        "States": {"All": {
            "Type": "Map", "End": true,
            "ItemSelector": {
                "v": "{% $states.context.Map.Item.Value %}", "from": "{% $states.context.Map.Item.Source %}"
            },
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% 1 + 1 %}", "ItemsPointer": "/a/b"},
                "Arguments": {"Bucket": "{% $states.input.Bucket %}", "Key": "{% 'k' %}"}
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}}
            }
        }}
    }));
    let mut world = world(r#"{"a": {"b": [1, 2, 3]}}"#);
    let output = world.run(&machine, json!({"Bucket": "b"})).output();
    assert_eq!(output, &json!([{"v": 1, "from": "S3://b/k"}, {"v": 2, "from": "S3://b/k"}]));
}

#[test]
fn listings_are_items() {
    let map = json!({"ItemReader": {
        "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix": "in/"}
    }});
    let mut world = World::passing();
    for key in ["in/1", "in/2", "out/3"] {
        world.put("b", key, "abc");
    }
    let output = world.run(&machine(map, None), json!({})).output();
    let keys: Vec<&Value> = output.as_array().into_iter().flatten().map(|item| &item["Key"]).collect();
    assert_eq!(keys, [&json!("in/1"), &json!("in/2")]);
}

#[test]
fn whatever_the_runtime_cannot_read_is_the_readers_failure() {
    let mut world = world("[]");
    world.read_failure = Some("the disk is away");
    let execution = world.run(&machine(reader(json!({"InputType": "JSON"})), None), input());
    assert_eq!(execution.failure(), ("States.ItemReaderFailed", "the disk is away"));
}
