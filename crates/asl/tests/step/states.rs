//! Pass, Choice, Wait, Succeed, Fail; variables; the context object.

use crate::support::{START_MS, Simulation, definition, invoked};
use serde_json::{Value, json};
use tenantry_asl::{Closed, Event, TimerKey};

fn run(value: &Value, input: Value) -> (Value, Vec<String>) {
    let definition = definition(value);
    let mut simulation = Simulation::start(&definition, input);
    simulation.run(|task| invoked(task.arguments["Payload"].clone()));
    let types = simulation.types().into_iter().map(str::to_owned).collect();
    match simulation.state.closed() {
        Some(Closed::Succeeded { output }) => (output.clone(), types),
        Some(Closed::Failed { error, cause }) => (json!({"error": error, "cause": cause}), types),
        other => panic!("{other:?}"),
    }
}

#[test]
fn variables_and_output() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": "{% $states.input.n + 1 %}", "list": [1, "{% $states.input.n %}"]}, "Output": {"old": "{% $exists($x) %}"}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": "{% $x * 10 %}"}, "Output": {"before": "{% $x %}", "in": "{% $states.input %}"}, "Next": "C"},
        "C": {"Type": "Succeed", "Output": {"x": "{% $x %}", "list": "{% $list %}", "in": "{% $states.input %}"}}}});
    let (output, types) = run(&machine, json!({"n": 1}));
    assert_eq!(output, json!({"x": 20, "list": [1, 1], "in": {"before": 2, "in": {"old": false}}}));
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "PassStateEntered",
            "PassStateExited",
            "SucceedStateEntered",
            "SucceedStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn choice_takes_the_first_rule_that_holds() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Choice", "Default": "D", "Output": "by default", "Assign": {"v": "d"}, "Choices": [
            {"Condition": "{% $states.input.n > 10 %}", "Next": "B", "Output": "big", "Assign": {"v": "b"}},
            {"Condition": "{% $states.input.n > 5 %}", "Next": "B"}]},
        "B": {"Type": "Pass", "Output": ["B", "{% $states.input %}", "{% $exists($v) ? $v : null %}"], "End": true},
        "D": {"Type": "Pass", "Output": ["D", "{% $states.input %}", "{% $v %}"], "End": true}}});
    assert_eq!(run(&machine, json!({"n": 11})).0, json!(["B", "big", "b"]));
    assert_eq!(run(&machine, json!({"n": 6})).0, json!(["B", {"n": 6}, null]));
    assert_eq!(run(&machine, json!({"n": 1})).0, json!(["D", "by default", "d"]));
}

#[test]
fn choice_without_default_fails() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input %}", "Next": "B"}]}, "B": {"Type": "Succeed"}}});
    assert_eq!(run(&machine, json!(false)).0["error"], "States.Runtime");
    let (failed, types) = run(&machine, json!("yes"));
    assert_eq!(failed["error"], "States.QueryEvaluationError");
    assert_eq!(
        failed["cause"],
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input' specified for the field 'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'string' for value: \"yes\""
    );
    assert_eq!(types, ["ExecutionStarted", "ChoiceStateEntered", "EvaluationFailed", "ExecutionFailed"]);
}

#[test]
fn wait_waits_for_its_time() {
    let machine = |field: &str, value: Value| {
        definition(
            &json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Wait", field: value, "Output": "{% $millis() %}", "End": true}}}),
        )
    };
    let cases = [
        ("Seconds", json!(90), 90_000),
        ("Seconds", json!("{% $states.input.s %}"), 5_000),
        ("Seconds", json!(0), 0),
        ("Timestamp", json!("2026-01-01T00:01:00Z"), 60_000),
        ("Timestamp", json!("{% $fromMillis($millis() + 1500) %}"), 1_500),
        ("Timestamp", json!("2020-01-01T00:00:00Z"), 0),
    ];
    for (field, value, waited) in cases {
        let definition = machine(field, value.clone());
        let mut simulation = Simulation::start(&definition, json!({"s": 5}));
        assert_eq!(simulation.state.timers().len(), usize::from(waited > 0), "{value}");
        assert!(simulation.state.is_parked());
        simulation.run(|_| panic!("no tasks"));
        assert_eq!(*simulation.output(), json!(START_MS + waited), "{field} {value}");
    }
    for bad in [json!("{% -1 %}"), json!("{% 1.5 %}"), json!("{% 'x' %}"), json!("{% $nothing %}")] {
        let definition = machine("Seconds", bad.clone());
        let simulation = Simulation::start(&definition, json!({}));
        assert_eq!(simulation.failure().0, Some("States.QueryEvaluationError"), "{bad}");
    }
}

#[test]
fn a_timer_that_fires_early_or_twice_changes_nothing() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Wait", "Seconds": 10, "Next": "B"}, "B": {"Type": "Wait", "Seconds": 10, "End": true}}}));
    let mut simulation = Simulation::start(&definition, json!({}));
    let timer = simulation.state.timers()[0];
    simulation.now_ms += 9_999;
    let env =
        tenantry_asl::Env { now_ms: simulation.now_ms, seed: 1, evaluator: &tenantry_asl::JsonataEvaluator };
    let early =
        tenantry_asl::step(&definition, &simulation.state, &Event::TimerFired { timer: timer.key }, &env);
    assert!(early.is_empty());
    simulation.now_ms += 1;
    simulation.send(&Event::TimerFired { timer: timer.key });
    let second = simulation.state.timers()[0];
    assert_eq!((second.key, second.at_ms), (timer.key, START_MS + 20_000));
    let env =
        tenantry_asl::Env { now_ms: simulation.now_ms, seed: 1, evaluator: &tenantry_asl::JsonataEvaluator };
    assert!(
        tenantry_asl::step(&definition, &simulation.state, &Event::TimerFired { timer: timer.key }, &env)
            .is_empty()
    );
    assert!(
        tenantry_asl::step(
            &definition,
            &simulation.state,
            &Event::TimerFired { timer: TimerKey::Execution },
            &env
        )
        .is_empty()
    );
}

#[test]
fn fail_says_why() {
    let machine = |state: Value| json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}});
    let input = json!({"e": "Bad.Thing", "c": "because"});
    let computed = machine(
        json!({"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "{% 'it is ' & $states.input.c %}"}),
    );
    assert_eq!(run(&computed, input.clone()).0, json!({"error": "Bad.Thing", "cause": "it is because"}));
    assert_eq!(
        run(&machine(json!({"Type": "Fail"})), input.clone()).0,
        json!({"error": null, "cause": null})
    );
    let wrong = machine(json!({"Type": "Fail", "Error": "{% 5 %}"}));
    assert_eq!(run(&wrong, input).0["error"], "States.QueryEvaluationError");
}

#[test]
fn the_context_object() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% $states.context %}", "End": true}}});
    let (context, _) = run(&machine, json!({"a": 1}));
    assert_eq!(
        context,
        json!({
            "Execution": {"Id": "arn:aws:states:us-east-1:111111111111:execution:machine:run", "Input": {"a": 1}, "Name": "run",
                "RoleArn": "arn:aws:iam::111111111111:role/sfn-role", "StartTime": "2026-01-01T00:00:00.000Z", "RedriveCount": 0},
            "StateMachine": {"Id": "arn:aws:states:us-east-1:111111111111:stateMachine:machine", "Name": "machine"},
            "State": {"EnteredTime": "2026-01-01T00:00:00.000Z", "Name": "A"}
        })
    );
}

#[test]
fn a_failed_output_is_told_with_its_place() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": {"list": [1, {"x": "{% $nothing %}"}]}, "End": true}}});
    let (failed, _) = run(&machine, json!({}));
    assert_eq!(
        failed["cause"],
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$nothing' specified for the field 'Output/list[1]/x' returned nothing (undefined)."
    );
}
