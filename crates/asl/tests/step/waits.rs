//! Wait in JSONPath.

use crate::support::{START_MS, Simulation, definition};
use serde_json::{Value, json};

fn machine(fields: &Value) -> Value {
    let mut state = json!({"Type": "Wait", "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    json!({"StartAt": "W", "States": {"W": state}})
}

#[test]
fn it_waits_as_long_as_its_path_says() {
    for (fields, input, waited_ms) in [
        (json!({"Seconds": 3}), json!({}), 3_000),
        (json!({"SecondsPath": "$.s"}), json!({"s": 7}), 7_000),
        (json!({"SecondsPath": "$.s"}), json!({"s": 0}), 0),
        // A path's number is read as it is written.
        (json!({"SecondsPath": "$.s"}), json!({"s": "8"}), 8_000),
        (json!({"InputPath": "$.in", "SecondsPath": "$.s"}), json!({"in": {"s": 2}}), 2_000),
        (json!({"SecondsPath": "$$.Execution.Input.s"}), json!({"s": 4}), 4_000),
        (json!({"Timestamp": "2026-01-01T00:00:05Z"}), json!({}), 5_000),
        (json!({"TimestampPath": "$.t"}), json!({"t": "2026-01-01T01:00:09.5+01:00"}), 9_500),
        (json!({"TimestampPath": "$.t"}), json!({"t": "2020-01-01T00:00:00Z"}), 0),
    ] {
        let definition = definition(&machine(&fields));
        let mut simulation = Simulation::start(&definition, input.clone());
        simulation.run(|_| panic!("no tasks"));
        assert_eq!(simulation.now_ms - START_MS, waited_ms, "{fields} {input}");
        let output = fields.get("InputPath").map_or(input.clone(), |_| input["in"].clone());
        assert_eq!(*simulation.output(), output);
    }
}

#[test]
fn what_is_no_time_ends_the_execution() {
    for (fields, input, told) in [
        (
            json!({"SecondsPath": "$.s"}),
            json!({}),
            "The SecondsPath parameter does not reference an input value: $.s",
        ),
        (
            json!({"SecondsPath": "$.s"}),
            json!({"s": -1}),
            "The SecondsPath parameter references a negative value: $.s == -1",
        ),
        (
            json!({"SecondsPath": "$.s"}),
            json!({"s": 1.5}),
            "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5",
        ),
        (
            json!({"SecondsPath": "$.s"}),
            json!({"s": "x"}),
            "The SecondsPath parameter cannot be parsed as a long value: $.s == x",
        ),
        (
            json!({"TimestampPath": "$.t"}),
            json!({}),
            "The TimestampPath parameter does not reference an input value: $.t",
        ),
        (
            json!({"TimestampPath": "$.t"}),
            json!({"t": "2026-01-01T00:00:00"}),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == 2026-01-01T00:00:00",
        ),
        (
            json!({"TimestampPath": "$.t"}),
            json!({"t": 5}),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == 5",
        ),
    ] {
        let definition = definition(&machine(&fields));
        let simulation = Simulation::start(&definition, input);
        let cause =
            format!("An error occurred while executing the state 'W' (entered at the event id #2). {told}");
        assert_eq!(simulation.failure(), (Some("States.Runtime"), Some(cause.as_str())));
        assert_eq!(simulation.types(), ["ExecutionStarted", "WaitStateEntered", "ExecutionFailed"]);
        assert_eq!(simulation.history[2].previous_id, 2);
    }
}
