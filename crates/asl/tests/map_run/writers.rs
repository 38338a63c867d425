//! Results that are written.

use super::world::{Answer, World, calls, machine};
use serde_json::{Value, json};
use tenantry_asl::MapRunStatus;

fn writer(more: Value) -> Value {
    let mut writer = json!({
        "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "jobs"}
    });
    for (name, value) in more.as_object().expect("an object") {
        writer[name] = value.clone();
    }
    json!({"ResultWriter": writer, "MaxConcurrency": 1})
}

fn failing() -> World<'static> {
    World::new(|_, input| match input.as_i64() {
        Some(number) if number < 0 => Answer::Failure("Bad", "below zero"),
        _ => Answer::Success(json!({"Payload": [input]})),
    })
}

#[test]
fn the_result_says_where_the_results_are() {
    let mut map = writer(json!({}));
    map["ToleratedFailureCount"] = json!(1);
    let mut world = failing();
    world.run(&machine(map, calls()), json!([1, -2, 3]));
    let run = world.map_run();
    let key = format!("jobs/{}/manifest.json", run.uuid);
    assert_eq!(
        world.executions[0].output(),
        &json!({"MapRunArn": run.arn, "ResultWriterDetails": {"Bucket": "out", "Key": key}})
    );
    let manifest = world.object("out", &key);
    assert_eq!(manifest["MapRunArn"], json!(run.arn));
    let listed = |status: &str| manifest["ResultFiles"][status].as_array().map(Vec::len);
    assert_eq!((listed("SUCCEEDED"), listed("FAILED"), listed("PENDING")), (Some(1), Some(1), Some(0)));
    let succeeded = world.object("out", &format!("jobs/{}/SUCCEEDED_0.json", run.uuid));
    assert_eq!(succeeded[1]["Input"], "3");
    assert_eq!(succeeded[1]["Output"], "[3]");
    assert_eq!(succeeded[1]["ExecutionArn"], json!(world.children()[2].identity.execution_id));
    let failed = world.object("out", &format!("jobs/{}/FAILED_0.json", run.uuid));
    assert_eq!(
        (&failed[0]["Error"], &failed[0]["Cause"], &failed[0]["Input"]),
        (&json!("Bad"), &json!("below zero"), &json!("-2"))
    );
    assert_eq!(run.items.results_written, 3);
}

#[test]
fn what_a_failed_map_run_came_to_is_written_too() {
    let mut world = failing();
    world.run(&machine(writer(json!({})), calls()), json!([1, -2, 3, 4]));
    assert_eq!(world.executions[0].failure().0, "States.ExceedToleratedFailureThreshold");
    let run = world.map_run();
    let list = |status: &str| world.object("out", &format!("jobs/{}/{status}_0.json", run.uuid));
    assert_eq!(list("SUCCEEDED").as_array().map(Vec::len), Some(1));
    assert_eq!(list("FAILED")[0]["Error"], "Bad");
    let pending = json!([
        {"Input": "3", "InputDetails": {"Included": true}, "Status": "PENDING"},
        {"Input": "4", "InputDetails": {"Included": true}, "Status": "PENDING"}
    ]);
    assert_eq!(list("PENDING"), pending);
}

#[test]
fn outputs_alone_or_joined() {
    for (transformation, expected) in [("COMPACT", json!([[1], [2]])), ("FLATTEN", json!([1, 2]))] {
        let config = json!({"WriterConfig": {"OutputType": "JSON", "Transformation": transformation}});
        let mut world = failing();
        world.run(&machine(writer(config.clone()), calls()), json!([1, 2]));
        let key = format!("jobs/{}/SUCCEEDED_0.json", world.map_run().uuid);
        assert_eq!(world.object("out", &key), expected);
        // Without a place to write to, the same is the result.
        let mut world = failing();
        let map = json!({"ResultWriter": config});
        assert_eq!(world.run(&machine(map, calls()), json!([1, 2])).output(), &expected);
    }
    let config = json!({"WriterConfig": {"OutputType": "JSON", "Transformation": "NONE"}});
    let mut world = failing();
    let output = world.run(&machine(json!({"ResultWriter": config}), calls()), json!([1])).output().clone();
    assert_eq!(
        (&output[0]["Output"], &output[0]["Input"], &output[0]["Status"]),
        (&json!("[1]"), &json!("1"), &json!("SUCCEEDED"))
    );
}

#[test]
fn what_cannot_be_written_fails_the_map_run() {
    let mut world = failing();
    world.write_failure = Some("the disk is full");
    let execution = world.run(&machine(writer(json!({})), calls()), json!([1]));
    assert_eq!(execution.failure(), ("States.ResultWriterFailed", "the disk is full"));
    assert_eq!(execution.types()[4..], ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    assert_eq!(world.map_run().status, MapRunStatus::Failed);
    // Where it failed before that, that is why.
    let mut world = failing();
    world.write_failure = Some("the disk is full");
    let execution = world.run(&machine(writer(json!({})), calls()), json!([-1]));
    assert_eq!(execution.failure().0, "States.ExceedToleratedFailureThreshold");
}
