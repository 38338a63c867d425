//! Retry: which errors, how often, how long.

use crate::support::{Answer, START_MS, Simulation, definition, invoked};
use serde_json::{Value, json};

fn machine(retry: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f", "Payload": "{% $states.context.State.RetryCount %}"},
            "Retry": retry, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": true},
        "C": {"Type": "Pass", "Output": {"caught": "{% $states.input.Error %}"}, "End": true}}})
}

/// When each attempt was dispatched, in milliseconds from the start, and how it ended.
fn attempts(retry: Value, errors: &[&'static str], seed: u64) -> (Vec<i64>, Value) {
    let definition = definition(&machine(retry));
    let mut simulation = Simulation::new(&definition);
    simulation.seed = seed;
    simulation.send(&tenantry_asl::Event::Started { input: json!({}), identity: crate::support::identity() });
    let mut next = 0;
    simulation.run(|task| {
        assert_eq!(task.retry_count, next as u64);
        assert_eq!(task.arguments["Payload"], json!(next));
        next += 1;
        errors.get(next - 1).map_or_else(|| invoked(json!("fine")), |error| Answer::Failure(error, None))
    });
    let scheduled = simulation.history.iter().filter(|event| event.event_type == "TaskScheduled");
    (scheduled.map(|event| event.timestamp_ms - START_MS).collect(), simulation.output().clone())
}

#[test]
fn pauses_grow_up_to_their_bound() {
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 10}]);
    let (times, output) = attempts(retry.clone(), &["E", "E", "E", "E"], 1);
    assert_eq!(times, [0, 2_000, 8_000, 18_000, 28_000]);
    assert_eq!(output["Payload"], "fine");
    let (times, output) = attempts(retry, &["E"; 5], 1);
    assert_eq!(times.len(), 5);
    assert_eq!(output, json!({"caught": "E"}));
}

#[test]
fn defaults_are_three_attempts_doubling_from_one_second() {
    let (times, output) = attempts(json!([{"ErrorEquals": ["States.ALL"]}]), &["E"; 9], 1);
    assert_eq!(times, [0, 1_000, 3_000, 7_000]);
    assert_eq!(output, json!({"caught": "E"}));
}

#[test]
fn each_rule_counts_for_itself() {
    let retry = json!([
        {"ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 1},
        {"ErrorEquals": ["B", "C"], "IntervalSeconds": 5, "MaxAttempts": 2, "BackoffRate": 1},
        {"ErrorEquals": ["D"], "MaxAttempts": 0},
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 100}]);
    let (times, output) = attempts(retry.clone(), &["A", "B", "C", "A"], 1);
    assert_eq!(times, [0, 1_000, 6_000, 11_000]);
    assert_eq!(
        output,
        json!({"caught": "A"}),
        "the first rule that matches is used up: the later ones are not asked"
    );
    assert_eq!(attempts(retry.clone(), &["D"], 1), (vec![0], json!({"caught": "D"})));
    assert_eq!(attempts(retry, &["E"], 1).0, [0, 100_000]);
}

#[test]
fn jitter_shortens_a_pause_and_follows_from_the_seed() {
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 100, "BackoffRate": 1, "MaxAttempts": 20, "JitterStrategy": "FULL"}]);
    let (times, _) = attempts(retry.clone(), &["E"; 20], 1);
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| (0..=100_000).contains(pause)), "{pauses:?}");
    assert!(
        pauses.iter().any(|pause| *pause < 50_000) && pauses.iter().any(|pause| *pause > 50_000),
        "{pauses:?}"
    );
    assert_eq!(attempts(retry.clone(), &["E"; 20], 1).0, times);
    assert_ne!(attempts(retry, &["E"; 20], 2).0, times);
}

#[test]
fn a_retried_state_is_entered_once() {
    let definition = definition(&machine(json!([{"ErrorEquals": ["E"]}])));
    let mut simulation = Simulation::start(&definition, json!({}));
    let mut first = true;
    simulation
        .run(|_| if std::mem::take(&mut first) { Answer::Failure("E", None) } else { invoked(json!(1)) });
    assert_eq!(
        simulation.types(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskFailed",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let chain: Vec<u64> = simulation.history.iter().map(|event| event.previous_id).collect();
    assert_eq!(chain, [0, 0, 2, 3, 4, 5, 6, 7, 8, 9]);
}
