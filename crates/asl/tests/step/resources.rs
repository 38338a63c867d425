//! Functions, activities, executions that are started: each kind of resource with history events of its own.

use crate::support::{Answer, START_MS, Simulation, definition};
use serde_json::{Value, json};
use tenantry_asl::{Action, Event, TaskKind, TimerKey};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:a";

fn machine(resource: &str, fields: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": resource, "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    json!({"StartAt": "T", "States": {"T": state}})
}

fn details(simulation: &Simulation<'_>, kind: &str) -> Value {
    let event = simulation.history.iter().find(|event| event.event_type == kind);
    event.unwrap_or_else(|| panic!("no {kind} in {:?}", simulation.types())).details.clone()
}

#[test]
fn a_function_has_its_own_events() {
    let fields =
        json!({"TimeoutSeconds": 60, "Parameters": {"n.$": "$.n"}, "Credentials": {"RoleArn.$": "$.role"}});
    let definition = definition(&machine(FUNCTION, fields));
    let mut simulation =
        Simulation::start(&definition, json!({"n": 1, "role": "arn:aws:iam::222222222222:role/r"}));
    simulation.run(|task| {
        assert_eq!((task.kind, task.resource.as_str()), (TaskKind::Call, FUNCTION));
        Answer::Success(json!("done"))
    });
    assert_eq!(
        simulation.types(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(
        details(&simulation, "LambdaFunctionScheduled"),
        json!({"lambdaFunctionScheduledEventDetails": {"input": "{\"n\":1}", "inputDetails": {"truncated": false}, "resource": FUNCTION,
            "timeoutInSeconds": 60, "taskCredentials": {"roleArn": "arn:aws:iam::222222222222:role/r"}}})
    );
    assert_eq!(details(&simulation, "LambdaFunctionStarted"), json!({}));
    assert_eq!(
        details(&simulation, "LambdaFunctionSucceeded"),
        json!({"lambdaFunctionSucceededEventDetails": {"output": "\"done\"", "outputDetails": {"truncated": false}}})
    );
}

#[test]
fn a_function_fails_and_times_out_in_its_own_words() {
    let definition = definition(&machine(FUNCTION, json!({"TimeoutSeconds": 5})));
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Failure("E", Some("why".to_owned())));
    assert_eq!(
        details(&simulation, "LambdaFunctionFailed"),
        json!({"lambdaFunctionFailedEventDetails": {"error": "E", "cause": "why"}})
    );
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Never);
    assert_eq!(
        details(&simulation, "LambdaFunctionTimedOut"),
        json!({"lambdaFunctionTimedOutEventDetails": {"error": "States.Timeout"}})
    );
    let mut simulation = Simulation::start(&definition, json!({}));
    simulation.run(|_| Answer::Success(json!("x".repeat(262_143))));
    let told = format!(
        "The state/task '{FUNCTION}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    assert_eq!(simulation.failure(), (Some("States.DataLimitExceeded"), Some(told.as_str())));
}

#[test]
fn an_activity_waits_in_its_queue_then_for_its_worker() {
    let definition = definition(&machine(ACTIVITY, json!({"TimeoutSeconds": 60, "HeartbeatSeconds": 10})));
    let mut simulation = Simulation::start(&definition, json!({"n": 1}));
    let pending = simulation.dispatched[0].clone();
    let task = pending.id;
    assert_eq!(pending.kind, TaskKind::Activity);
    assert_eq!(
        simulation.types(),
        ["ExecutionStarted", "TaskStateEntered"],
        "nothing is told before it is queued"
    );
    assert!(!simulation.state.is_parked());
    assert_eq!(simulation.state.timers().len(), 1, "a heartbeat is due once a worker has it");
    let queued = Event::TaskSubmitted { task, started_at_ms: START_MS, output: Value::Null };
    simulation.send(&queued);
    assert!(simulation.send(&queued).is_empty(), "told once");
    assert!(simulation.state.is_parked());
    assert_eq!(
        details(&simulation, "ActivityScheduled"),
        json!({"activityScheduledEventDetails": {"input": "{\"n\":1}", "inputDetails": {"truncated": false}, "resource": ACTIVITY,
            "timeoutInSeconds": 60, "heartbeatInSeconds": 10}})
    );
    simulation.now_ms += 20_000;
    let taken = Event::TaskStarted { task, worker_name: Some("w".into()) };
    let started = simulation.send(&taken).clone();
    assert!(
        matches!(started.actions.as_slice(), [Action::SetTimer(timer)] if timer.key == TimerKey::TaskHeartbeat(task)
        && timer.at_ms == START_MS + 30_000)
    );
    assert!(simulation.send(&taken).is_empty(), "taken once");
    assert_eq!(
        details(&simulation, "ActivityStarted"),
        json!({"activityStartedEventDetails": {"workerName": "w"}})
    );
    simulation.send(&Event::TaskSucceeded { task, started_at_ms: START_MS, output: json!({"r": 2}) });
    assert_eq!(*simulation.output(), json!({"r": 2}));
    assert_eq!(
        simulation.types(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn an_activity_that_is_not_there_ends_the_execution() {
    let mut fields = json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]});
    fields["Retry"] = json!([{"ErrorEquals": ["States.ALL"]}]);
    let mut machine = machine(ACTIVITY, fields);
    machine["States"]["C"] = json!({"Type": "Pass", "End": true});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    let cause = format!("The activity {ACTIVITY} does not exist.");
    simulation.run(|_| Answer::Failure("States.Runtime", Some(cause.clone())));
    let told =
        format!("An error occurred while executing the state 'T' (entered at the event id #2). {cause}");
    assert_eq!(simulation.failure(), (Some("States.Runtime"), Some(told.as_str())));
    assert_eq!(simulation.types(), ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]);
    assert_eq!(simulation.history[2].previous_id, 2);
    // Once it is there, a redrive goes on.
    simulation.send(&Event::Redriven);
    assert_eq!(simulation.dispatched.len(), 2);
}

#[test]
fn an_activity_times_out_in_its_queue_and_misses_heartbeats_at_its_worker() {
    let definition = definition(&machine(ACTIVITY, json!({"TimeoutSeconds": 60, "HeartbeatSeconds": 10})));
    let mut simulation = Simulation::start(&definition, json!({}));
    let task = simulation.dispatched[0].id;
    simulation.fire_timer(TimerKey::TaskTimeout(task));
    assert_eq!(simulation.now_ms, START_MS + 60_000);
    assert_eq!(simulation.failure(), (Some("States.Timeout"), None));
    assert_eq!(simulation.types()[2..], ["ActivityScheduled", "ActivityTimedOut", "ExecutionFailed"]);
    assert_eq!(
        details(&simulation, "ActivityTimedOut"),
        json!({"activityTimedOutEventDetails": {"error": "States.Timeout"}})
    );

    let mut simulation = Simulation::start(&definition, json!({}));
    let task = simulation.dispatched[0].id;
    simulation.now_ms += 30_000;
    simulation.send(&Event::TaskStarted { task, worker_name: None });
    for _ in 0..2 {
        simulation.now_ms += 9_000;
        simulation.send(&Event::TaskHeartbeat { task });
    }
    simulation.fire_timer(TimerKey::TaskHeartbeat(task));
    assert_eq!(simulation.now_ms, START_MS + 58_000);
    assert_eq!(
        simulation.types()[2..],
        ["ActivityScheduled", "ActivityStarted", "ActivityTimedOut", "ExecutionFailed"]
    );
}

#[test]
fn an_execution_that_is_started_is_the_runtime_s_own_task() {
    for (suffix, waits) in [("", false), (".sync", false), (".sync:2", false), (".waitForTaskToken", true)] {
        let resource = format!("arn:aws:states:::states:startExecution{suffix}");
        let mut parameters =
            json!({"StateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:m"});
        if waits {
            parameters["Input"] = json!({"t.$": "$$.Task.Token"});
        }
        let definition = definition(&machine(&resource, json!({"Parameters": parameters})));
        let mut simulation = Simulation::start(&definition, json!({}));
        let pending = simulation.dispatched[0].clone();
        assert_eq!((pending.kind, pending.waits_for_token), (TaskKind::StartExecution, waits));
        let task = pending.id;
        if !suffix.is_empty() {
            simulation.send(&Event::TaskSubmitted {
                task,
                started_at_ms: START_MS,
                output: json!({"ExecutionArn": "x"}),
            });
        }
        simulation.send(&Event::TaskSucceeded { task, started_at_ms: START_MS, output: json!(1) });
        let api = format!("startExecution{suffix}");
        let scheduled = details(&simulation, "TaskScheduled")["taskScheduledEventDetails"].clone();
        assert_eq!((&scheduled["resource"], &scheduled["resourceType"]), (&json!(api), &json!("states")));
        assert_eq!(scheduled["region"], "us-east-1");
        let told = simulation.types().contains(&"TaskSubmitted");
        assert_eq!(told, !suffix.is_empty());
    }
}

#[test]
fn computed_times_come_from_paths_and_expressions() {
    let fields = json!({"TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$.h"});
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let mut paths = machine(resource, fields);
    paths["States"]["T"]["Parameters"] = json!({"MessageBody.$": "$$.Task.Token"});
    let mut jsonata = machine(
        resource,
        json!({"QueryLanguage": "JSONata", "TimeoutSeconds": "{% $states.input.t %}",
        "HeartbeatSeconds": "{% $states.input.h %}", "Arguments": {"MessageBody": "{% $states.context.Task.Token %}"}}),
    );
    jsonata["QueryLanguage"] = json!("JSONata");
    for machine in [paths.clone(), jsonata] {
        let definition = definition(&machine);
        let mut simulation = Simulation::start(&definition, json!({"t": 100, "h": 7}));
        let task = simulation.dispatched[0].id;
        assert_eq!(
            (simulation.dispatched[0].timeout_seconds, simulation.dispatched[0].heartbeat_seconds),
            (Some(100), Some(7))
        );
        simulation.send(&Event::TaskSubmitted { task, started_at_ms: START_MS, output: json!({}) });
        simulation.fire_timer(TimerKey::TaskHeartbeat(task));
        assert_eq!(simulation.now_ms, START_MS + 7_000);
        assert_eq!(simulation.failure(), (Some("States.Timeout"), None));
    }
    let definition = definition(&paths);
    for (input, told) in [
        (json!({"t": 5, "h": 5}), "HeartbeatSeconds (5) must be smaller than TimeoutSeconds (5)."),
        (
            json!({"t": "x", "h": 1}),
            "The TimeoutSecondsPath field refers to value \"x\" which is not a valid integer: $.t",
        ),
        (json!({"h": 1}), "Invalid path '$.t' : No results for path: $['t']"),
        (json!({"t": 0, "h": 1}), "TimeoutSeconds must be between 1 and 99999999."),
    ] {
        let simulation = Simulation::start(&definition, input);
        let cause =
            format!("An error occurred while executing the state 'T' (entered at the event id #2). {told}");
        assert_eq!(simulation.failure(), (Some("States.Runtime"), Some(cause.as_str())));
    }
}

#[test]
fn tasks_that_time_out_together_are_all_told_before_the_first_failure() {
    let machine = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5, "End": true}}}}}});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!([1, 2, 3]));
    simulation.run(|_| Answer::Never);
    assert_eq!(simulation.failure(), (Some("States.Timeout"), None));
    let types = simulation.types();
    let first_failure = types.iter().position(|kind| *kind == "MapIterationFailed").expect("it is told");
    let timed_out = types.iter().filter(|kind| **kind == "LambdaFunctionTimedOut").count();
    assert_eq!(timed_out, 3);
    assert!(types.iter().rposition(|kind| *kind == "LambdaFunctionTimedOut") < Some(first_failure));
    assert_eq!(
        types[first_failure..],
        [
            "MapIterationFailed",
            "TaskStateAborted",
            "MapIterationAborted",
            "TaskStateAborted",
            "MapIterationAborted",
            "TaskStateAborted",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
    assert_eq!(simulation.abandoned.len(), 3);
    // All of them are tried again by a redrive.
    simulation.send(&Event::Redriven);
    assert_eq!(simulation.state.pending_tasks().count(), 3);
}
