//! JSONPath: the data flow from raw input to output and variables, and what goes wrong on the way.

use crate::support::{Answer, Simulation, definition, identity};
use serde_json::{Value, json};
use tenantry_asl::{Closed, Event};

const TASK: &str = "arn:aws:states:::sqs:sendMessage";

fn pass(fields: Value) -> Value {
    let mut state = json!({"Type": "Pass", "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    json!({"StartAt": "P", "States": {"P": state}})
}

fn output(machine: &Value, input: Value) -> Value {
    let definition = definition(machine);
    let simulation = Simulation::start(&definition, input);
    simulation.output().clone()
}

/// Error, cause without the words before it, event types, what each event points at.
fn failed(machine: &Value, input: Value) -> (String, String, Vec<String>, Vec<u64>) {
    let definition = definition(machine);
    let mut simulation = Simulation::start(&definition, input);
    simulation.run(|_| Answer::Success(json!({"a": 1})));
    let (error, cause) = simulation.failure();
    let cause = cause.unwrap_or_default();
    let (head, tail) = cause.split_once("). ").unwrap_or(("", cause));
    assert!(head.starts_with("An error occurred while executing the state '"), "{cause}");
    (
        error.unwrap_or_default().to_owned(),
        tail.to_owned(),
        simulation.types().iter().map(ToString::to_string).collect(),
        simulation.history.iter().map(|event| event.previous_id).collect(),
    )
}

#[test]
fn each_stage_sees_what_the_one_before_left() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": TASK,
        "InputPath": "$.in", "Parameters": {"p.$": "$.x", "c.$": "$$.State.Name", "lit": 1},
        "ResultSelector": {"s.$": "$.r", "lit": 2}, "ResultPath": "$.in.out", "OutputPath": "$.in", "End": true}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({"in": {"x": 5}, "other": 6}));
    simulation.run(|task| {
        assert_eq!(*task.arguments, json!({"p": 5, "c": "T", "lit": 1}));
        Answer::Success(json!({"r": 7, "rest": 8}))
    });
    assert_eq!(*simulation.output(), json!({"x": 5, "out": {"s": 7, "lit": 2}}));
}

#[test]
fn nothing_and_everything() {
    let input = json!({"a": {"b": 1}});
    for (fields, expected) in [
        (json!({}), json!({"a": {"b": 1}})),
        (json!({"InputPath": null}), json!({})),
        (json!({"OutputPath": null}), json!({})),
        (json!({"Result": [1], "ResultPath": null}), json!({"a": {"b": 1}})),
        (json!({"Result": [1]}), json!([1])),
        (json!({"Result": [1], "ResultPath": "$.a"}), json!({"a": [1]})),
        (json!({"Result": [1], "ResultPath": "$.c.d"}), json!({"a": {"b": 1}, "c": {"d": [1]}})),
        (json!({"InputPath": "$.a", "ResultPath": "$.c"}), json!({"a": {"b": 1}, "c": {"b": 1}})),
        (json!({"InputPath": "$.a.b", "OutputPath": "$"}), json!(1)),
        (json!({"OutputPath": "$$.Execution.Name"}), json!("run")),
        (json!({"InputPath": "$$.Execution.Input.a"}), json!({"b": 1})),
        (json!({"Parameters": {"n.$": "States.MathAdd($.a.b, 1)"}}), json!({"n": 2})),
        (json!({"Parameters": {"n.$": "$.a.b"}, "Result": {"wins": true}}), json!({"wins": true})),
    ] {
        assert_eq!(output(&pass(fields.clone()), input.clone()), expected, "{fields}");
    }
}

#[test]
fn a_path_that_names_nothing_ends_the_execution() {
    let input = json!({"a": 1});
    for (fields, error, cause) in [
        (
            json!({"InputPath": "$.no"}),
            "States.Runtime",
            "Invalid path '$.no' : No results for path: $['no']",
        ),
        (
            json!({"OutputPath": "$.no"}),
            "States.Runtime",
            "Invalid path '$.no' : No results for path: $['no']",
        ),
        (
            json!({"Parameters": {"x": {"v.$": "$.no"}}}),
            "States.Runtime",
            "The JSONPath '$.no' specified for the field 'v.$' could not be found in the input '{\"a\":1}'",
        ),
    ] {
        let (found, told, types, previous) = failed(&pass(fields.clone()), input.clone());
        assert_eq!((found.as_str(), told.as_str()), (error, cause), "{fields}");
        assert_eq!(types, ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]);
        assert_eq!(previous, [0, 0, 2]);
    }
}

#[test]
fn a_result_that_cannot_be_put_in_fails_the_state_and_can_be_caught() {
    let mut machine = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": TASK, "ResultPath": "$.x", "End": true}}});
    let (error, cause, types, _) = failed(&machine, json!("text"));
    assert!(error.starts_with("States.Re") && error != "States.Runtime", "{error}");
    assert!(cause.contains("$.x") && cause.contains("text"), "{cause}");
    assert_eq!(types.last().map(String::as_str), Some("ExecutionFailed"));
    machine["States"]["C"] = json!({"Type": "Pass", "End": true});
    machine["States"]["T"]["Catch"] =
        json!([{"ErrorEquals": ["States.ALL"], "Next": "C", "ResultPath": "$"}]);
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!("text"));
    simulation.run(|_| Answer::Success(json!(1)));
    assert_eq!(simulation.output()["Error"], error);
}

#[test]
fn a_runtime_error_is_never_caught_nor_told_by_the_states_around() {
    let inner = json!({"Type": "Pass", "Parameters": {"m.$": "$.nope"}, "End": true});
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "C"}]);
    let caught = json!({"Type": "Pass", "End": true});
    let branches = json!([{"StartAt": "Fast", "States": {"Fast": inner}}, {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "End": true}}}]);
    let parallel = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "Catch": catch, "End": true}, "C": caught}});
    let (error, cause, types, previous) = failed(&parallel, json!({"x": "a"}));
    assert_eq!(error, "States.Runtime");
    assert_eq!(
        cause,
        "The JSONPath '$.nope' specified for the field 'm.$' could not be found in the input '{\"x\":\"a\"}'"
    );
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "ParallelStateEntered",
            "ParallelStateStarted",
            "PassStateEntered",
            "ExecutionFailed"
        ]
    );
    assert_eq!(previous, [0, 0, 2, 3, 4]);
    let map = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "Catch": catch, "End": true,
        "ItemProcessor": {"StartAt": "Fast", "States": {"Fast": inner}}}, "C": caught}});
    let (_, _, types, previous) = failed(&map, json!({"items": [1, 2]}));
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapIterationStarted",
            "PassStateEntered",
            "ExecutionFailed"
        ]
    );
    assert_eq!(previous, [0, 0, 2, 3, 4, 5]);
}

#[test]
fn what_fails_after_the_branches_follows_their_success() {
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "ResultSelector": {"m.$": "$.nope"}, "End": true,
        "Branches": [{"StartAt": "Ok", "States": {"Ok": {"Type": "Pass", "End": true}}}]}}});
    let (error, _, types, previous) = failed(&machine, json!({}));
    assert_eq!(error, "States.Runtime");
    assert_eq!(types[5..], ["ParallelStateSucceeded", "ExecutionFailed"]);
    assert_eq!(previous, [0, 0, 2, 3, 4, 5, 6]);
}

#[test]
fn a_failed_execution_of_that_kind_can_be_redriven() {
    let definition = definition(&pass(json!({"Parameters": {"m.$": "$.nope"}})));
    let mut simulation = Simulation::start(&definition, json!({}));
    assert!(simulation.state.is_redrivable());
    simulation.send(&Event::Redriven);
    // The same definition and the same input fail the same way.
    assert_eq!(simulation.failure().0, Some("States.Runtime"));
    assert_eq!(simulation.state.redrive_count(), 1);
}

#[test]
fn items_must_be_a_list() {
    let map = |fields: Value| {
        let mut state = json!({"Type": "Map", "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}, "End": true});
        for (name, value) in fields.as_object().into_iter().flatten() {
            state[name] = value.clone();
        }
        json!({"StartAt": "M", "States": {"M": state}})
    };
    for (fields, input, told) in [
        (json!({}), json!({"a": 1}), "Reference path \"$\" must point to array."),
        (json!({"ItemsPath": "$.a"}), json!({"a": 1}), "Reference path \"$.a\" must point to array."),
        (
            json!({"ItemsPath": "$$.Execution.Input"}),
            json!({"a": 1}),
            "Reference path \"$.Execution.Input\" must point to array.",
        ),
    ] {
        let (error, cause, types, _) = failed(&map(fields), input);
        assert_eq!((error.as_str(), cause.as_str()), ("States.Runtime", told));
        assert_eq!(types, ["ExecutionStarted", "MapStateEntered", "ExecutionFailed"]);
    }
    let selected = map(json!({"InputPath": "$.in", "ItemsPath": "$.list", "ResultPath": "$.out",
        "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "whole.$": "$.tag"}}));
    assert_eq!(
        output(&selected, json!({"in": {"list": ["a", "b"], "tag": 1}})),
        json!({"in": {"list": ["a", "b"], "tag": 1}, "out": [{"i": 0, "v": "a", "whole": 1}, {"i": 1, "v": "b", "whole": 1}]})
    );
}

#[test]
fn variables_are_read_as_they_were_on_entry() {
    let machine = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Result": {"n": 1}, "Assign": {"x.$": "$.n", "y": "$.n"}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": 2, "old.$": "$x"}, "OutputPath": "$x", "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"in.$": "$", "x.$": "$x", "old.$": "$old", "y.$": "$y", "sum.$": "States.MathAdd($x, $old)"}, "End": true}}});
    assert_eq!(output(&machine, json!({})), json!({"in": 1, "x": 2, "old": 1, "y": "$.n", "sum": 3}));
}

#[test]
fn a_task_assigns_from_its_result_and_a_catch_from_its_error() {
    let machine = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": TASK, "Assign": {"r.$": "$.r"}, "ResultSelector": {"s.$": "$.r"}, "Next": "P",
            "Catch": [{"ErrorEquals": ["E"], "Assign": {"r.$": "$.Error"}, "ResultPath": "$.error", "Next": "P"}]},
        "P": {"Type": "Pass", "Parameters": {"in.$": "$", "r.$": "$r"}, "End": true}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({"i": 1}));
    simulation.run(|_| Answer::Success(json!({"r": 5})));
    assert_eq!(*simulation.output(), json!({"in": {"s": 5}, "r": 5}));
    let mut simulation = Simulation::start(&definition, json!({"i": 1}));
    simulation.run(|_| Answer::Failure("E", Some("why".to_owned())));
    assert_eq!(
        *simulation.output(),
        json!({"in": {"i": 1, "error": {"Error": "E", "Cause": "why"}}, "r": "E"})
    );
}

#[test]
fn languages_are_mixed_state_by_state() {
    let machine = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"n.$": "$.n"}, "Assign": {"v.$": "$.n"}, "Next": "B"},
        "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"n": "{% $states.input.n + $v %}"}, "Assign": {"w": "{% $v * 10 %}"}, "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"n.$": "$.n", "v.$": "$v", "w.$": "$w"}, "End": true}}});
    assert_eq!(output(&machine, json!({"n": 2, "m": 1})), json!({"n": 4, "v": 2, "w": 20}));
}

#[test]
fn fail_reads_its_paths() {
    let machine = |fields: Value| {
        let mut state = json!({"Type": "Fail"});
        for (name, value) in fields.as_object().into_iter().flatten() {
            state[name] = value.clone();
        }
        json!({"StartAt": "F", "States": {"F": state}})
    };
    let input = json!({"e": "E", "c": "C", "n": 5});
    for (fields, error, cause) in [
        (json!({"ErrorPath": "$.e", "CausePath": "$.c"}), Some("E"), Some("C")),
        (json!({"Error": "Fixed", "CausePath": "$$.State.Name"}), Some("Fixed"), Some("F")),
        (json!({"ErrorPath": "States.Format('{}-{}', $.e, $.n)"}), Some("E-5"), None),
    ] {
        let definition = definition(&machine(fields));
        assert_eq!(Simulation::start(&definition, input.clone()).failure(), (error, cause));
    }
    for (fields, told) in [
        (
            json!({"ErrorPath": "$.x"}),
            "The JSONPath '$.x' specified for the field 'ErrorPath' could not be found",
        ),
        (
            json!({"CausePath": "$.x"}),
            "The JSONPath '$.x' specified for the field 'CausePath' could not be found",
        ),
        (json!({"ErrorPath": "$.n"}), "The field 'ErrorPath' must refer to a string, but was: 5"),
    ] {
        let (error, cause, _, _) = failed(&machine(fields), input.clone());
        assert_eq!(error, "States.Runtime");
        assert!(cause.starts_with(told), "{cause}");
    }
}

#[test]
fn an_execution_without_frames_left_is_closed_once() {
    let definition = definition(&pass(json!({"InputPath": "$.no"})));
    let mut simulation = Simulation::start(&definition, json!({}));
    assert!(matches!(simulation.state.closed(), Some(Closed::Failed { .. })));
    let again = simulation.send(&Event::Started { input: json!({}), identity: identity() });
    assert!(again.is_empty());
}
