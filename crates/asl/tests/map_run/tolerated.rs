//! Failures that are tolerated, by count and by percentage.

use super::world::{Answer, World, calls, machine};
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_asl::{Event, MapRunStatus};

/// What children gave, and of those that failed, what they were given.
fn kept(world: &World<'_>) -> (Vec<Value>, Vec<Value>) {
    let results = world.executions[0].output().as_array().cloned().unwrap_or_default();
    let (failed, kept): (Vec<Value>, Vec<Value>) = results.into_iter().partition(|result| result.is_object());
    for outline in &failed {
        assert_eq!((&outline["Status"], &outline["Error"]), (&json!("FAILED"), &json!("Bad")));
        assert!(outline["ExecutionArn"].as_str().is_some_and(|arn| arn.contains(":execution:machine/")));
    }
    let inputs = failed.into_iter().map(|outline| {
        serde_json::from_str(outline["Input"].as_str().unwrap_or_default()).expect("its input is JSON")
    });
    (kept, inputs.collect())
}

const EXCEEDED: (&str, &str) =
    ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded");

/// Children fail for items below zero.
fn failing() -> World<'static> {
    World::new(|_, input| match input.as_i64() {
        Some(number) if number < 0 => Answer::Failure("Bad", "below zero"),
        _ => Answer::Success(json!({"Payload": input})),
    })
}

fn run(map: Value, items: Value) -> World<'static> {
    let mut world = failing();
    world.run(&machine(map, calls()), items);
    world
}

#[test]
fn nothing_is_tolerated_unless_it_is_said() {
    let world = run(json!({"MaxConcurrency": 1}), json!([1, -2, 3]));
    let execution = &world.executions[0];
    assert_eq!(execution.failure(), EXCEEDED);
    let types = execution.types();
    assert_eq!(types[3..], ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    let failed = &execution.event("MapRunFailed").details["mapRunFailedEventDetails"];
    assert_eq!(failed, &json!({"error": EXCEEDED.0, "cause": EXCEEDED.1}));
    let run = world.map_run();
    assert_eq!(run.status, MapRunStatus::Failed);
    assert_eq!((run.items.succeeded, run.items.failed, run.items.pending), (1, 1, 1));
    assert_eq!(world.children().len(), 2);
}

#[test]
fn as_many_as_are_tolerated_may_fail() {
    let items = json!([1, -2, 3, -4]);
    let world = run(json!({"ToleratedFailureCount": 2}), items.clone());
    let expected = (vec![json!(1), json!(3)], vec![json!(-2), json!(-4)]);
    assert_eq!(kept(&world), expected);
    assert_eq!((world.map_run().items.failed, world.map_run().tolerated_failure_count), (2, 2));
    assert_eq!(run(json!({"ToleratedFailureCount": 1}), items.clone()).executions[0].failure(), EXCEEDED);
    let half = run(json!({"ToleratedFailurePercentage": 50}), items.clone());
    assert_eq!(kept(&half), expected);
    let less = run(json!({"ToleratedFailurePercentage": 49.9}), items.clone());
    assert_eq!(less.executions[0].failure(), EXCEEDED);
    // Either may be exceeded.
    let both = run(json!({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1}), items);
    assert_eq!(both.executions[0].failure(), EXCEEDED);
    let all = run(json!({"ToleratedFailurePercentage": 100}), json!([-1, -2]));
    assert_eq!(kept(&all), (vec![], vec![json!(-1), json!(-2)]));
}

#[test]
fn paths_and_expressions_tell_what_is_tolerated() {
    let by_path = |input: Value| {
        let map = json!({
            "ItemsPath": "$.items", "ToleratedFailureCountPath": "$.count",
            "ToleratedFailurePercentagePath": "$.percentage"
        });
        let mut world = failing();
        world.run(&machine(map, calls()), input);
        world
    };
    let told = by_path(json!({"items": [-1, 2], "count": 1, "percentage": 50.5}));
    assert_eq!(kept(&told).0, [json!(2)]);
    assert_eq!(told.map_run().tolerated_failure_percentage, 50.5);
    let refused = by_path(json!({"items": [1], "count": "many", "percentage": 0}));
    let (error, cause) = refused.executions[0].failure();
    assert_eq!(error, "States.Runtime");
    assert_eq!(
        cause,
        "An error occurred while executing the state 'All' (entered at the event id #2). The ToleratedFailureCountPath field refers to value \"many\" which is not a valid integer: $.count"
    );
    let types = refused.executions[0].types();
    assert_eq!(types[2..], ["MapStateStarted", "ExecutionFailed"]);
    assert!(refused.executions[0].state.map_runs().is_empty());
    for (count, percentage, told) in [
        (json!(-1), json!(0), "ToleratedFailureCount cannot be negative."),
        (json!(1), json!(100.1), "ToleratedFailurePercentage must be between 0 and 100."),
        (json!(1), json!(-1), "ToleratedFailurePercentage must be between 0 and 100."),
    ] {
        let refused = by_path(json!({"items": [1], "count": count, "percentage": percentage}));
        assert!(refused.executions[0].failure().1.ends_with(told), "{told}");
    }
}

#[test]
fn batches_fail_with_all_their_items() {
    let map =
        json!({"ItemBatcher": {"MaxItemsPerBatch": 3}, "ToleratedFailureCount": 2, "MaxConcurrency": 1});
    let mut world = World::new(|_, input| match input["Items"][0].as_i64() {
        Some(1) => Answer::Failure("Bad", "the first batch"),
        _ => Answer::Success(json!({"Payload": input})),
    });
    let failure = world.run(&machine(map, calls()), json!([1, 2, 3, 4])).failure();
    assert_eq!(failure, EXCEEDED);
    assert_eq!((world.map_run().items.failed, world.map_run().executions.failed), (3, 1));
}

#[test]
fn other_limits_hold_from_when_they_are_given() {
    let mut world = World::new(|_, input| match input.as_i64() {
        Some(0) => Answer::Never,
        Some(number) if number < 0 => Answer::Failure("Bad", "below zero"),
        _ => Answer::Success(json!({"Payload": input})),
    });
    let machine = machine(json!({"MaxConcurrency": 2, "ToleratedFailureCount": 5}), calls());
    world.run(&machine, json!([0, 0, 0, -1, -2, 3]));
    assert_eq!(world.map_run().executions.running, 2);
    let arn = world.map_run().arn;
    let update = |max_concurrency, count| Event::MapRunUpdated {
        map_run: arn.clone(),
        max_concurrency,
        tolerated_failure_count: count,
        tolerated_failure_percentage: None,
    };
    world.send(0, &update(Some(4), None));
    world.go_on();
    let run = world.map_run();
    assert_eq!((run.max_concurrency, run.executions.running, run.items.failed), (4, 3, 2));
    assert_eq!((run.items.succeeded, run.items.pending), (1, 0));
    world.send(0, &update(None, Some(1)));
    world.go_on();
    assert_eq!(world.executions[0].failure(), EXCEEDED);
    assert_eq!(world.map_run().items.aborted, 3);
    world.send(0, &update(Some(1), None));
    assert_eq!(world.map_run().max_concurrency, 4, "it has ended");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_fails_exactly_where_more_fail_than_may(
        items in prop::collection::vec(-3i64..4, 1..9),
        count in prop::option::of(0u64..5),
        percentage in prop::option::of(0u32..101),
        max_concurrency in 0u64..4,
    ) {
        let mut map = json!({"MaxConcurrency": max_concurrency});
        if let Some(count) = count {
            map["ToleratedFailureCount"] = json!(count);
        }
        if let Some(percentage) = percentage {
            map["ToleratedFailurePercentage"] = json!(percentage);
        }
        let world = run(map, json!(items));
        let failed = items.iter().filter(|item| **item < 0).count() as u64;
        let over_count = failed > count.unwrap_or(if percentage.is_some() { u64::MAX } else { 0 });
        let over_percentage =
            percentage.is_some_and(|most| failed * 100 > u64::from(most) * items.len() as u64);
        let status = if over_count || over_percentage { MapRunStatus::Failed } else { MapRunStatus::Succeeded };
        prop_assert_eq!(world.map_run().status, status);
        if status == MapRunStatus::Succeeded {
            let (good, bad): (Vec<i64>, Vec<i64>) = items.into_iter().partition(|item| *item >= 0);
            let (results, inputs) = kept(&world);
            prop_assert_eq!(json!([results, inputs]), json!([good, bad]));
        }
    }
}
