//! Limits: payloads, history, loops without tasks.

use super::fan::{invoke, map};
use crate::support::{Answer, Simulation, definition, invoked};
use serde_json::json;
use tenantry_asl::{Event, limits::HISTORY_EVENTS_MAX, limits::PAYLOAD_BYTES_MAX, limits::PAYLOAD_DEPTH_MAX};

#[test]
fn a_result_may_be_262144_bytes_and_no_more() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "C"}], "End": true},
        "C": {"Type": "Pass", "End": true}}}));
    // Two bytes are the quotes.
    let fits = "x".repeat(PAYLOAD_BYTES_MAX - 2);
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Success(json!(fits)));
    assert_eq!(*simulation.output(), json!(fits));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Success(json!(format!("{fits}x"))));
    assert_eq!(
        *simulation.output(),
        json!({"Error": "States.DataLimitExceeded", "Cause": "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."})
    );
    assert!(simulation.types().contains(&"TaskFailed"));
}

#[test]
fn an_output_over_the_limit_fails_its_state() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Output": "{% $pad('x', 300000) %}", "End": true}}}));
    let simulation = Simulation::start(&definition, json!({}));
    assert_eq!(simulation.failure().0, Some("States.DataLimitExceeded"));
}

#[test]
fn nesting_is_bounded_so_that_the_journal_can_be_read_again() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Output": ["{% $states.input %}"], "Next": "B"}, "B": {"Type": "Choice", "Default": "A", "Choices": [{"Condition": "{% false %}", "Next": "C"}]}, "C": {"Type": "Succeed"}}}));
    let simulation = Simulation::start(&definition, json!({}));
    assert_eq!(simulation.failure().0, Some("States.DataLimitExceeded"));
    assert!(simulation.history.len() < 5 * PAYLOAD_DEPTH_MAX);
}

#[test]
fn an_input_over_the_limit_is_refused() {
    let definition = definition(
        &json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
    );
    let simulation = Simulation::start(&definition, json!("x".repeat(PAYLOAD_BYTES_MAX)));
    assert_eq!(simulation.failure().0, Some("States.DataLimitExceeded"));
    assert!(!simulation.state.is_redrivable());
}

#[test]
fn an_endless_loop_ends_with_the_history() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Default": "A", "Choices": [{"Condition": "{% false %}", "Next": "C"}]}, "C": {"Type": "Succeed"}}}));
    let mut simulation = Simulation::start(&definition, json!({}));
    assert_eq!(simulation.state.closed(), None, "a step ends, so that others get their turn");
    assert!(!simulation.state.is_parked());
    simulation.run(|_| panic!("no tasks"));
    assert_eq!(
        simulation.failure(),
        (Some("States.Runtime"), Some("The execution reached the maximum number of history events (25000)."))
    );
    assert_eq!(simulation.history.len() as u64, HISTORY_EVENTS_MAX);
    assert_eq!(simulation.types().last(), Some(&"ExecutionFailed"));
    assert!(!simulation.state.is_redrivable());
}

#[test]
fn a_large_map_of_passes_takes_several_steps() {
    let definition = definition(&map(
        json!({"Items": "{% [1..3000] %}", "MaxConcurrency": 0}),
        json!({"Type": "Pass", "End": true}),
    ));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| panic!("no tasks"));
    assert_eq!(simulation.output().as_array().map(Vec::len), Some(3000));
    assert!(simulation.transitions.len() > 3);
}

#[test]
fn a_step_touches_only_what_is_involved() {
    let definition = definition(&map(json!({"Items": "{% [1..200] %}", "MaxConcurrency": 40}), invoke("f")));
    let mut simulation = Simulation::start(&definition, json!({"ballast": "x".repeat(100_000)}));
    let task = simulation.dispatched[0].id;
    let transition =
        simulation.send(&Event::TaskSucceeded { task, started_at_ms: 0, output: json!({"Payload": 1}) });
    let size = serde_json::to_string(&transition.change).map(|text| text.len()).unwrap_or_default();
    assert!(size < 2_000, "{size} bytes: one frame ended, one began");
    simulation.run(|_| invoked(json!(1)));
}

/// A JSON text of exactly that many bytes.
fn text_of(bytes: usize) -> serde_json::Value {
    json!("x".repeat(bytes - 2))
}

#[test]
fn one_byte_decides_wherever_a_payload_passes() {
    let task = definition(
        &json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}),
    );
    let pass = definition(&json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}));
    let assign = definition(
        &json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "Assign": {"v": "{% $pad('', $states.input - 2, 'x') %}"}, "End": true}}}),
    );
    let output = definition(
        &json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $pad('', $states.input - 2, 'x') %}", "End": true}}}),
    );
    let arguments = definition(
        &json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": "{% $pad('', $states.input - 2, 'x') %}", "End": true}}}),
    );
    for (bytes, fits) in [(262_143, true), (262_144, true), (262_145, false)] {
        let failed = |simulation: &Simulation<'_>, what: &str| {
            let error = match simulation.state.closed() {
                Some(tenantry_asl::Closed::Failed { error, .. }) => error.as_deref(),
                _ => None,
            };
            assert_eq!(error, (!fits).then_some("States.DataLimitExceeded"), "{what}, {bytes} bytes");
        };
        failed(&Simulation::start(&pass, text_of(bytes)), "an execution's input");
        let mut simulation = Simulation::start(&task, json!({}));
        simulation.run(|_| Answer::Success(text_of(bytes)));
        failed(&simulation, "a task's result");
        failed(&Simulation::start(&assign, json!(bytes)), "a variable");
        failed(&Simulation::start(&output, json!(bytes)), "a state's output");
        let mut simulation = Simulation::start(&arguments, json!(bytes));
        simulation.run(|_| Answer::Success(json!(1)));
        failed(&simulation, "a task's arguments");
    }
}

#[test]
fn a_history_of_25000_events_is_whole_and_one_more_is_not() {
    // Start, end, two of the Map's entry, two of its end, and six for each iteration but for one.
    let machine = |extra: usize| {
        let mut states = serde_json::Map::new();
        for index in 0..extra {
            let next = if index + 1 < extra { format!("E{}", index + 1) } else { "M".to_owned() };
            states.insert(format!("E{index}"), json!({"Type": "Pass", "Next": next}));
        }
        states.insert(
            "M".to_owned(),
            json!({"Type": "Map", "Items": "{% [1..6248] %}", "ResultPath": null, "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}),
        );
        states["M"].as_object_mut().map(|state| state.remove("ResultPath"));
        json!({"QueryLanguage": "JSONata", "StartAt": if extra > 0 { "E0" } else { "M" }, "States": states})
    };
    for (extra, expected, succeeds) in [(0, 24_998, true), (1, 25_000, true), (2, 25_000, false)] {
        let definition = definition(&machine(extra));
        let mut simulation = Simulation::start(&definition, json!({}));
        simulation.run(|_| panic!("no tasks"));
        assert_eq!(simulation.history.len(), expected, "{extra}");
        let last = simulation.types().last().copied();
        assert_eq!(last == Some("ExecutionSucceeded"), succeeds, "{extra}: {last:?}");
    }
}

#[test]
fn variables_are_bounded_one_by_one_in_one_assign_and_in_all() {
    let assign = |fields: serde_json::Value| json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "Assign": fields, "End": true}}});
    let padded = |bytes: usize| json!(format!("{{% $pad('', {}, 'x') %}}", bytes - 2));
    for (sizes, fits) in
        [([262_142, 2], true), ([262_142, 3], false), ([131_072, 131_072], true), ([131_073, 131_072], false)]
    {
        let definition = definition(&assign(json!({"a": padded(sizes[0]), "b": padded(sizes[1])})));
        let simulation = Simulation::start(&definition, json!({}));
        let succeeded = matches!(simulation.state.closed(), Some(tenantry_asl::Closed::Succeeded { .. }));
        assert_eq!(succeeded, fits, "{sizes:?}");
    }
    // Forty states, each with a variable of a quarter of a mebibyte: ten mebibytes. The same name again is no more.
    for (states, names, fits) in [(40, 40, true), (41, 41, false), (60, 20, true)] {
        let mut machine =
            json!({"QueryLanguage": "JSONata", "StartAt": "P0", "States": {"E": {"Type": "Succeed"}}});
        for index in 0..states {
            let next = if index + 1 < states { format!("P{}", index + 1) } else { "E".to_owned() };
            let name = format!("v{}", index % names);
            machine["States"][format!("P{index}")] =
                json!({"Type": "Pass", "Assign": {name: padded(262_144)}, "Next": next});
        }
        let definition = definition(&machine);
        let mut simulation = Simulation::start(&definition, json!({}));
        simulation.run(|_| panic!("no tasks"));
        let succeeded = matches!(simulation.state.closed(), Some(tenantry_asl::Closed::Succeeded { .. }));
        assert_eq!(succeeded, fits, "{states} {names}");
    }
}

#[test]
fn the_outputs_of_all_iterations_are_one_payload() {
    // Four texts of that length, three commas and two brackets.
    for (bytes, fits) in [((262_144 - 5) / 4, true), ((262_144 - 5) / 4 + 1, false)] {
        for rest in [json!({}), json!({"Output": null})] {
            let machine = map(
                json!({"Items": "{% [1..4] %}", "Output": "{% $count($states.result) %}", "Catch": [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "C"}]}),
                json!({"Type": "Pass", "Assign": {"v": "{% $pad('', 100000, 'x') %}"}, "Output": format!("{{% $pad('', {}, 'x') %}}", bytes - 2), "End": true}),
            );
            let mut machine = machine;
            machine["States"]["C"] = json!({"Type": "Pass", "Output": "caught", "End": true});
            for (name, value) in rest.as_object().into_iter().flatten() {
                machine["States"]["M"][name] = value.clone();
            }
            let definition = definition(&machine);
            let mut simulation = Simulation::start(&definition, json!({}));
            simulation.run(|_| panic!("no tasks"));
            let whole = if rest == json!({}) { json!(4) } else { json!(null) };
            assert_eq!(*simulation.output(), if fits { whole } else { json!("caught") }, "{bytes}");
            let size = serde_json::to_string(&simulation.state).map_or(0, |text| text.len());
            assert!(size < 2_000, "nothing of it stays: {size} bytes");
        }
    }
}
