//! Redrive: on from where it stood.

use super::fan::{invoke, map};
use crate::support::{Answer, START_MS, Simulation, definition, function, invoked};
use serde_json::{Value, json};
use tenantry_asl::{Closed, Event, TimerKey};

fn chain(states: &[(&str, Value)]) -> Value {
    let mut machine = json!({"QueryLanguage": "JSONata", "StartAt": states[0].0, "States": {}});
    for (index, (name, state)) in states.iter().enumerate() {
        let mut state = state.clone();
        if let (Some((next, _)), Some(fields)) = (states.get(index + 1), state.as_object_mut()) {
            fields.remove("End");
            fields.insert("Next".to_owned(), json!(next));
        }
        machine["States"][*name] = state;
    }
    machine
}

/// Runs with one function broken, redrives with it mended; the names of the functions called after the redrive.
fn redriven<'d>(
    simulation: &mut Simulation<'d>,
    broken: impl Fn(&tenantry_asl::PendingTask) -> bool,
) -> Vec<String> {
    simulation.run(|task| {
        if broken(task) { Answer::Failure("E", None) } else { invoked(task.arguments["Payload"].clone()) }
    });
    assert!(
        matches!(simulation.state.closed(), Some(Closed::Failed { .. })),
        "{:?}",
        simulation.state.closed()
    );
    assert!(simulation.state.is_redrivable());
    simulation.now_ms += 60_000;
    simulation.send(&Event::Redriven);
    assert_eq!(simulation.state.closed(), None);
    let mut called = Vec::new();
    simulation.run(|task| {
        called.push(function(task).to_owned());
        invoked(task.arguments["Payload"].clone())
    });
    called
}

#[test]
fn it_goes_on_from_the_failed_state() {
    let definition = definition(&chain(&[("A", invoke("a")), ("B", invoke("b")), ("C", invoke("c"))]));
    let mut simulation = Simulation::start(&definition, json!({"x": 1}));
    let called = redriven(&mut simulation, |task| function(task) == "b");
    assert_eq!(called, ["b", "c"]);
    assert_eq!(*simulation.output(), json!({"x": 1}));
    let at = simulation.types().iter().position(|kind| *kind == "ExecutionRedriven").expect("it is told");
    assert_eq!(
        simulation.types()[at - 1..=at + 3],
        ["ExecutionFailed", "ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded"]
    );
    let event = &simulation.history[at];
    assert_eq!(event.details, json!({"executionRedrivenEventDetails": {"redriveCount": 1}}));
    assert_eq!(simulation.history[at + 1].previous_id, event.id);
    assert_eq!(simulation.state.redrive_count(), 1);
    assert!(!simulation.state.is_redrivable(), "it succeeded");
}

#[test]
fn retries_count_anew() {
    let mut task = invoke("a");
    task["Retry"] = json!([{"ErrorEquals": ["E"], "MaxAttempts": 2}]);
    let definition = definition(&chain(&[("A", task)]));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Failure("E", None));
    assert_eq!(simulation.dispatched.len(), 3);
    for round in 1..=3 {
        simulation.send(&Event::Redriven);
        let at = simulation.dispatched.len();
        assert_eq!(simulation.dispatched[at - 1].retry_count, 0);
        simulation.run(|_| Answer::Failure("E", None));
        assert_eq!(simulation.dispatched.len(), 3 + 3 * round);
        assert_eq!(simulation.state.redrive_count(), round as u64);
    }
}

#[test]
fn a_map_repeats_only_what_did_not_succeed() {
    let definition = definition(&map(json!({"Items": [0, 1, 2, 3, 4, 5], "MaxConcurrency": 2}), invoke("f")));
    let mut simulation = Simulation::start(&definition, json!({}));
    let mut first = Vec::new();
    simulation.run(|task| {
        let item = task.arguments["Payload"].as_i64().unwrap_or(-1);
        first.push(item);
        match item {
            2 => Answer::Later(10, Box::new(Answer::Failure("E", None))),
            3 => Answer::Never,
            item => invoked(json!(item * 10)),
        }
    });
    assert_eq!(first, [0, 1, 2, 3]);
    assert_eq!(simulation.failure().0, Some("E"));
    simulation.send(&Event::Redriven);
    assert_eq!(simulation.state.pending_tasks().count(), 2);
    let mut second = Vec::new();
    simulation.run(|task| {
        let item = task.arguments["Payload"].as_i64().unwrap_or(-1);
        second.push(item);
        invoked(json!(item * 10))
    });
    assert_eq!(second, [2, 3, 4, 5]);
    assert_eq!(*simulation.output(), json!([0, 10, 20, 30, 40, 50]));
}

#[test]
fn an_iteration_goes_on_in_its_middle() {
    let mut machine = map(
        json!({"Items": [1, 2], "Next": "After"}),
        json!({"Type": "Pass", "Assign": {"v": "{% $states.input * 2 %}"}, "Next": "Second"}),
    );
    machine["States"]["M"].as_object_mut().map(|state| state.remove("End"));
    machine["States"]["M"]["ItemProcessor"]["States"]["Second"] = invoke("second");
    machine["States"]["M"]["ItemProcessor"]["States"]["Second"]["Next"] = json!("Third");
    machine["States"]["M"]["ItemProcessor"]["States"]["Second"]
        .as_object_mut()
        .map(|state| state.remove("End"));
    let mut third = invoke("third");
    third["Arguments"]["Payload"] = json!("{% $v %}");
    machine["States"]["M"]["ItemProcessor"]["States"]["Third"] = third;
    machine["States"]["After"] = invoke("after");
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    let called =
        redriven(&mut simulation, |task| function(task) == "third" && task.arguments["Payload"] == 4);
    assert_eq!(called, ["third", "after"]);
    assert_eq!(*simulation.output(), json!([2, 4]));
}

#[test]
fn branches_repeat_only_what_did_not_succeed() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: invoke(name)}});
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch("A"), branch("B"), branch("C")], "End": true}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!(7));
    simulation.run(|task| match function(task) {
        "A" => invoked(json!("a")),
        "B" => Answer::Later(10, Box::new(Answer::Failure("E", None))),
        _ => Answer::Never,
    });
    simulation.send(&Event::Redriven);
    let mut called = Vec::new();
    simulation.run(|task| {
        called.push(function(task).to_owned());
        invoked(json!(function(task).to_lowercase()))
    });
    assert_eq!(called, ["B", "C"]);
    assert_eq!(*simulation.output(), json!(["a", "b", "c"]));
}

#[test]
fn a_map_within_a_branch_within_a_map() {
    let deep = json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "D", "States": {"D": {"Type": "Map", "Items": "{% [$states.input, $states.input + 1] %}", "End": true, "ItemProcessor": {"StartAt": "T", "States": {"T": invoke("t")}}}}},
        {"StartAt": "U", "States": {"U": invoke("u")}}]});
    let definition = definition(&map(json!({"Items": [10, 20], "MaxConcurrency": 1}), deep));
    let mut simulation = Simulation::start(&definition, json!({}));
    let called = redriven(&mut simulation, |task| function(task) == "t" && task.arguments["Payload"] == 11);
    assert_eq!(called, ["t", "u", "t", "t"], "11 again, then the second item");
    assert_eq!(*simulation.output(), json!([[[10, 11], 10], [[20, 21], 20]]));
}

#[test]
fn the_compensation_lane_goes_on_where_an_undo_failed() {
    let mut make = invoke("make");
    make["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": "Undo2", "Assign": {"why": "{% $states.errorOutput.Error %}"}}]);
    make["End"] = json!(true);
    let lane = |name: &str, next: &str| {
        let mut state = invoke(name);
        state["Arguments"]["Payload"] = json!("{% $why %}");
        state["Next"] = json!(next);
        state.as_object_mut().map(|fields| fields.remove("End"));
        state
    };
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "Make", "States": {
        "Make": make, "Undo2": lane("undo2", "Undo1"), "Undo1": lane("undo1", "Failed"), "Failed": {"Type": "Pass", "Output": "{% $why %}", "End": true}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    let called = redriven(&mut simulation, |task| function(task) == "make" || function(task) == "undo1");
    assert_eq!(
        called,
        ["undo1"],
        "what was undone is not undone again, and what failed first is not tried again"
    );
    assert_eq!(*simulation.output(), json!("E"));
}

#[test]
fn what_timed_out_or_was_stopped_goes_on_too() {
    let mut machine =
        chain(&[("W", json!({"Type": "Wait", "Seconds": 10, "End": true})), ("A", invoke("a"))]);
    machine["TimeoutSeconds"] = json!(100);
    let definition = definition(&machine);
    // In a task, by its timeout.
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.run(|_| Answer::Never);
    assert_eq!(simulation.state.closed(), Some(&Closed::TimedOut));
    simulation.send(&Event::Redriven);
    let timers = simulation.state.timers();
    assert_eq!(
        timers.iter().map(|timer| (timer.key, timer.at_ms)).collect::<Vec<_>>(),
        [(TimerKey::Execution, START_MS + 200_000)]
    );
    simulation.run(|task| invoked(task.arguments["Payload"].clone()));
    assert_eq!(*simulation.output(), json!(1));
    // In a Wait, by being stopped.
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.send(&Event::Aborted { error: None, cause: None });
    simulation.send(&Event::Redriven);
    simulation.run(|task| invoked(task.arguments["Payload"].clone()));
    assert_eq!(*simulation.output(), json!(1));
    assert_eq!(simulation.types().iter().filter(|kind| **kind == "WaitStateEntered").count(), 1);
}

#[test]
fn the_context_tells_of_the_redrive() {
    let mut task = invoke("a");
    task["Arguments"]["Payload"] =
        json!("{% [$states.context.Execution.RedriveCount, $states.context.Execution.RedriveTime] %}");
    let definition = definition(&chain(&[("A", task)]));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|task| {
        assert_eq!(task.arguments["Payload"], json!([0]));
        Answer::Failure("E", None)
    });
    simulation.now_ms += 1_000;
    simulation.send(&Event::Redriven);
    simulation.run(|task| invoked(task.arguments["Payload"].clone()));
    assert_eq!(*simulation.output(), json!([1, "2026-01-01T00:00:01.000Z"]));
}

#[test]
fn a_fail_state_fails_again() {
    let definition = definition(
        &json!({"QueryLanguage": "JSONata", "StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}),
    );
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.send(&Event::Redriven);
    assert_eq!(simulation.failure().0, Some("E"));
    assert_eq!(
        simulation.types(),
        ["ExecutionStarted", "FailStateEntered", "ExecutionFailed", "ExecutionRedriven", "ExecutionFailed"]
    );
}

#[test]
fn in_jsonpath_too_only_what_failed_is_repeated() {
    let call = |name: &str| {
        json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": name, "Payload.$": "$"},
        "ResultSelector": {"p.$": "$.Payload"}, "ResultPath": "$.r", "OutputPath": "$.r.p", "Assign": {"seen.$": "$.StatusCode"}, "End": true})
    };
    let inner = json!({"Type": "Map", "ItemsPath": "$.l", "ItemSelector": {"v.$": "$$.Map.Item.Value", "o.$": "$outer"}, "End": true,
        "ItemProcessor": {"StartAt": "C", "States": {"C": call("c")}}});
    let machine = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"outer": 7}, "Next": "P"},
        "P": {"Type": "Parallel", "ResultPath": "$.out", "End": true, "Branches": [
            {"StartAt": "B", "States": {"B": call("b")}}, {"StartAt": "M", "States": {"M": inner}}]}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({"l": [1, 2, 3]}));
    let called =
        redriven(&mut simulation, |task| function(task) == "c" && task.arguments["Payload"]["v"] == json!(3));
    assert_eq!(called, ["c"], "the branch and the iterations that succeeded are not repeated");
    assert_eq!(
        simulation.output()["out"],
        json!([{"l": [1, 2, 3]}, [{"v": 1, "o": 7}, {"v": 2, "o": 7}, {"v": 3, "o": 7}]])
    );
    let types = simulation.types();
    let at = types.iter().position(|kind| *kind == "ExecutionRedriven").expect("it is told");
    assert_eq!(types[at + 1], "TaskScheduled", "states are not entered anew");
    assert_eq!(types.iter().filter(|kind| **kind == "MapStateSucceeded").count(), 1);
}
