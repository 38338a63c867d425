//! Parallel and Map.

use crate::support::{Answer, Simulation, definition, function, invoked};
use serde_json::{Value, json};
use tenantry_asl::Event;

pub(crate) fn invoke(name: &str) -> Value {
    json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": name, "Payload": "{% $states.input %}"}, "Output": "{% $states.result.Payload %}", "End": true})
}

pub(crate) fn map(fields: Value, inner: Value) -> Value {
    let mut state = json!({"Type": "Map", "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": inner}}, "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    json!({"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": state}})
}

#[test]
fn branches_run_side_by_side_and_keep_their_order() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: invoke(name)}});
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Parallel", "Arguments": {"n": "{% $states.input.n * 2 %}"},
        "Branches": [branch("A"), branch("B"), {"StartAt": "C", "States": {"C": {"Type": "Pass", "Output": "c", "End": true}}}], "Output": {"all": "{% $states.result %}"}, "End": true}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({"n": 1}));
    assert_eq!(simulation.dispatched.len(), 2);
    simulation.run(|task| {
        let answer = invoked(json!([function(task), task.arguments["Payload"]["n"]]));
        if function(task) == "A" { Answer::Later(5_000, Box::new(answer)) } else { answer }
    });
    assert_eq!(*simulation.output(), json!({"all": [["A", 2], ["B", 2], "c"]}));
}

#[test]
fn a_map_keeps_to_its_concurrency() {
    for (limit, expected) in [(json!(1), 1), (json!(3), 3), (json!("{% 2 %}"), 2), (json!(0), 40)] {
        let machine = map(json!({"Items": "{% [1..50] %}", "MaxConcurrency": limit}), invoke("f"));
        let definition = definition(&machine);
        let mut simulation = Simulation::start(&definition, json!({}));
        assert_eq!(simulation.state.pending_tasks().count(), expected, "{limit}");
        simulation.run(|task| invoked(json!(task.arguments["Payload"].as_i64().map(|n| n * n))));
        let squares: Vec<i64> = (1..=50).map(|n| n * n).collect();
        assert_eq!(*simulation.output(), json!(squares));
    }
}

#[test]
fn an_item_selector_sees_item_and_input() {
    let machine = map(
        json!({"Items": "{% $states.input.list %}", "ItemSelector": {"i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value %}", "all": "{% $count($states.input.list) %}"}}),
        json!({"Type": "Pass", "Assign": {"own": "{% $states.input.i %}"}, "Output": {"in": "{% $states.input %}", "index": "{% $states.context.Map.Item.Index %}"}, "End": true}),
    );
    let definition = definition(&machine);
    let simulation = Simulation::start(&definition, json!({"list": ["a", "b"]}));
    assert_eq!(
        *simulation.output(),
        json!([{"in": {"i": 0, "v": "a", "all": 2}, "index": 0}, {"in": {"i": 1, "v": "b", "all": 2}, "index": 1}])
    );
}

#[test]
fn inner_scopes_read_outer_variables_and_keep_their_own() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": "outer", "y": "seen"}, "Next": "M"},
        "M": {"Type": "Map", "Items": [1, 2], "Next": "Z", "ItemProcessor": {"StartAt": "I", "States": {
            "I": {"Type": "Pass", "Assign": {"x": "{% $y & $states.input %}"}, "Next": "J"}, "J": {"Type": "Pass", "Output": "{% $x %}", "End": true}}}},
        "Z": {"Type": "Pass", "Output": {"in": "{% $states.input %}", "x": "{% $x %}"}, "End": true}}});
    let definition = definition(&machine);
    let simulation = Simulation::start(&definition, json!({}));
    assert_eq!(*simulation.output(), json!({"in": ["seen1", "seen2"], "x": "outer"}));
}

#[test]
fn one_failed_iteration_cuts_off_the_others() {
    let definition = definition(&map(json!({"Items": [0, 1, 2, 3], "MaxConcurrency": 3}), invoke("f")));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|task| match task.arguments["Payload"].as_i64() {
        Some(1) => Answer::Later(1_000, Box::new(Answer::Failure("E", Some("one".into())))),
        _ => Answer::Never,
    });
    assert_eq!(simulation.failure(), (Some("E"), Some("one")));
    assert_eq!(simulation.abandoned, [0, 2], "the tasks of the other two");
    assert_eq!(
        simulation.types()[12..],
        [
            "TaskStarted",
            "TaskFailed",
            "MapIterationFailed",
            "TaskStateAborted",
            "TaskStarted",
            "MapIterationAborted",
            "TaskStateAborted",
            "TaskStarted",
            "MapIterationAborted",
            "TaskStateAborted",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
    assert!(simulation.state.pending_tasks().next().is_none());
}

#[test]
fn a_map_is_retried_as_a_whole_and_then_caught() {
    let mut machine = map(
        json!({"Items": [0, 1], "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1, "IntervalSeconds": 5}], "Catch": [{"ErrorEquals": ["E"], "Next": "C"}]}),
        invoke("f"),
    );
    machine["States"]["C"] = json!({"Type": "Pass", "Output": "caught", "End": true});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Failure("E", None));
    assert_eq!(*simulation.output(), json!("caught"));
    let types = simulation.types();
    let count = |kind: &str| types.iter().filter(|found| **found == kind).count();
    assert_eq!(
        (
            count("MapStateEntered"),
            count("MapStateStarted"),
            count("MapIterationFailed"),
            count("MapStateFailed"),
            count("MapStateExited")
        ),
        (1, 2, 2, 1, 1)
    );
}

#[test]
fn nested_fans_are_cut_off_to_the_bottom() {
    let inner = json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Deep", "States": {"Deep": {"Type": "Map", "Items": [1, 2], "End": true, "ItemProcessor": {"StartAt": "T", "States": {"T": invoke("slow")}}}}},
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": true}}}]});
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Bad", "States": {"Bad": invoke("bad")}}, {"StartAt": "In", "States": {"In": inner}}]}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    assert_eq!(simulation.state.pending_tasks().count(), 3);
    simulation.run(|task| if function(task) == "bad" { Answer::Failure("E", None) } else { Answer::Never });
    assert_eq!(simulation.failure().0, Some("E"));
    assert_eq!(simulation.abandoned.len(), 2);
    let types = simulation.types();
    for kind in [
        "WaitStateAborted",
        "MapStateAborted",
        "ParallelStateAborted",
        "MapIterationAborted",
        "ParallelStateFailed",
    ] {
        assert!(types.contains(&kind), "{kind} in {types:?}");
    }
}

#[test]
fn a_failed_item_selector_fails_the_map() {
    let definition = definition(&map(
        json!({"Items": [1, 2], "MaxConcurrency": 1, "ItemSelector": "{% $states.context.Map.Item.Value = 1 ? 1 : $nothing %}"}),
        invoke("f"),
    ));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| invoked(json!(1)));
    assert_eq!(simulation.failure().0, Some("States.QueryEvaluationError"));
}

#[test]
fn a_catch_whose_expression_fails_fails_the_state_a_second_time() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {
        "P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "Boom", "States": {"Boom": {"Type": "Fail", "Error": "E"}}}],
            "Catch": [{"ErrorEquals": ["Other"], "Next": "D"}, {"ErrorEquals": ["States.ALL"], "Output": {"v": "{% $states.input.missing %}"}, "Next": "D"}]},
        "D": {"Type": "Pass", "End": true}}});
    let definition = definition(&machine);
    let simulation = Simulation::start(&definition, json!({}));
    assert_eq!(
        simulation.types()[3..],
        [
            "FailStateEntered",
            "ParallelStateFailed",
            "EvaluationFailed",
            "ParallelStateFailed",
            "ExecutionFailed"
        ]
    );
    let previous: Vec<u64> = simulation.history.iter().map(|event| event.previous_id).collect();
    assert_eq!(previous, [0, 0, 2, 3, 4, 4, 6, 7]);
    assert_eq!(
        simulation.history[5].details["evaluationFailedEventDetails"]["location"],
        "Catch[1]/Output/v"
    );
}

/// A path's number is read as it is written: a text of digits will do, and a whole number has no fraction.
#[test]
fn numbers_of_a_map_by_paths() {
    let machine = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "End": true,
        "MaxConcurrencyPath": "$.limit", "ToleratedFailureCountPath": "$.count", "ToleratedFailurePercentagePath": "$.share",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let definition = definition(&machine);
    let no_integer = |field: &str, value: &str, path: &str| {
        format!("The {field}Path field refers to value \"{value}\" which is not a valid integer: {path}")
    };
    for (field, value, told) in [
        ("limit", json!("2"), String::new()),
        ("limit", json!(0), String::new()),
        ("limit", json!(2.0), no_integer("MaxConcurrency", "2.0", "$.limit")),
        ("limit", json!("x"), no_integer("MaxConcurrency", "x", "$.limit")),
        ("limit", json!(null), no_integer("MaxConcurrency", "null", "$.limit")),
        ("limit", json!(-1), "Expected non-negative integer for MaxConcurrency, got '-1' instead.".to_owned()),
        ("count", json!("2"), String::new()),
        ("count", json!(1.5), no_integer("ToleratedFailureCount", "1.5", "$.count")),
        ("count", json!("-2"), "ToleratedFailureCount cannot be negative.".to_owned()),
        ("share", json!("1.5"), String::new()),
        ("share", json!("100.5"), "ToleratedFailurePercentage must be between 0 and 100.".to_owned()),
        ("share", json!("NaN"), "ToleratedFailurePercentage must be between 0 and 100.".to_owned()),
        (
            "share",
            json!({}),
            "The ToleratedFailurePercentagePath field refers to value \"{}\" which is not a valid float: $.share"
                .to_owned(),
        ),
    ] {
        let mut input = json!({"items": [], "limit": 1, "count": 0, "share": 0});
        input[field] = value;
        let simulation = Simulation::start(&definition, input.clone());
        if told.is_empty() {
            assert_eq!(*simulation.output(), json!([]), "{input}");
            continue;
        }
        let cause =
            format!("An error occurred while executing the state 'M' (entered at the event id #2). {told}");
        assert_eq!(simulation.failure(), (Some("States.Runtime"), Some(cause.as_str())), "{input}");
        // What is tolerated is looked at once the state has started.
        let started = simulation.types().contains(&"MapStateStarted");
        assert_eq!(started, field != "limit", "{input}");
    }
}

/// A start is told of at once on AWS: what an end cuts off was started.
#[test]
fn what_an_end_cuts_off_was_started() {
    let mut machine = map(json!({"Items": [0, 1]}), invoke("f"));
    machine["TimeoutSeconds"] = json!(5);
    let definition = definition(&machine);
    for abort in [true, false] {
        let mut simulation = Simulation::start(&definition, json!({}));
        let told = simulation.types().len();
        if abort {
            simulation.send(&Event::Aborted { error: None, cause: None });
        } else {
            simulation.run(|_| Answer::Never);
        }
        let last = if abort { "ExecutionAborted" } else { "ExecutionTimedOut" };
        assert_eq!(simulation.types()[told..], ["TaskStarted", "TaskStarted", last]);
    }
}
