//! Tasks: what is dispatched, answers, tokens, timeouts, heartbeats.

use crate::support::{Answer, START_MS, Simulation, definition, invoked};
use serde_json::{Value, json};
use tenantry_asl::{Action, Closed, Event, JsonataEvaluator, TASK_TOKEN_PLACEHOLDER, TimerKey, step};

fn one_task(fields: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"}, "End": true});
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": state, "Caught": {"Type": "Pass", "End": true}}})
}

/// With a Catch that leads to `Caught`, so that the state there is reachable.
fn caught(errors: &[&str], fields: Value) -> Value {
    let mut machine = one_task(fields);
    machine["States"]["T"]["Catch"] = json!([{"ErrorEquals": errors, "Next": "Caught"}]);
    machine
}

const TOKEN_TASK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

#[test]
fn a_task_is_dispatched_and_answered() {
    let machine = caught(
        &["X"],
        json!({"Output": {"got": "{% $states.result.Payload %}", "in": "{% $states.input %}"}, "TimeoutSeconds": "{% $states.input.t %}", "HeartbeatSeconds": 3}),
    );
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({"t": 9}));
    assert_eq!(simulation.dispatched.len(), 1);
    let task = simulation.dispatched[0].clone();
    assert_eq!(*task.arguments, json!({"FunctionName": "f", "Payload": {"t": 9}}));
    assert_eq!((task.state.as_str(), task.resource.as_str()), ("T", "arn:aws:states:::lambda:invoke"));
    assert_eq!((task.timeout_seconds, task.heartbeat_seconds, task.retry_count), (Some(9), Some(3), 0));
    assert!(!task.waits_for_token && !task.submitted && !simulation.state.is_parked());
    assert_eq!(simulation.state.pending_task(task.id), Some(&task));
    simulation.now_ms += 500;
    simulation.send(&Event::TaskSucceeded {
        task: task.id,
        started_at_ms: START_MS + 100,
        output: json!({"Payload": 5}),
    });
    assert_eq!(*simulation.output(), json!({"got": 5, "in": {"t": 9}}));
    assert!(simulation.state.pending_tasks().next().is_none() && simulation.state.timers().is_empty());
    let started =
        simulation.history.iter().find(|event| event.event_type == "TaskStarted").expect("it started");
    assert_eq!(started.timestamp_ms, START_MS + 100);
    let scheduled = &simulation.history[2].details["taskScheduledEventDetails"];
    assert_eq!(
        *scheduled,
        json!({"parameters": "{\"FunctionName\":\"f\",\"Payload\":{\"t\":9}}", "region": "us-east-1", "timeoutInSeconds": 9, "heartbeatInSeconds": 3, "resource": "invoke", "resourceType": "lambda"})
    );
}

#[test]
fn a_second_or_foreign_answer_changes_nothing() {
    let definition = definition(&json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 5, "End": true}}}));
    let mut simulation = Simulation::start(&definition, json!({}));
    let task = simulation.dispatched[0].id;
    let answer = Event::TaskSucceeded { task, started_at_ms: START_MS, output: json!(1) };
    simulation.send(&answer);
    let env = tenantry_asl::Env { now_ms: START_MS, seed: 1, evaluator: &JsonataEvaluator };
    let failed = Event::TaskFailed { task, started_at_ms: START_MS, error: "E".into(), cause: None };
    let started = Event::Started { input: json!({}), identity: crate::support::identity() };
    let submitted = Event::TaskSubmitted { task, started_at_ms: START_MS, output: json!(1) };
    for late in [
        answer,
        failed,
        started,
        submitted,
        Event::TaskHeartbeat { task },
        Event::TaskHeartbeat { task: 99 },
        Event::Redriven,
    ] {
        assert!(step(&definition, &simulation.state, &late, &env).is_empty(), "{late:?}");
    }
}

#[test]
fn a_token_is_placed_in_arguments_and_hidden_in_history() {
    let machine = one_task(
        json!({"Resource": TOKEN_TASK, "Arguments": {"QueueUrl": "q", "MessageBody": {"token": "{% $states.context.Task.Token %}", "all": "{% 'x' & $states.context.Task.Token %}"}},
        "TimeoutSeconds": 60, "Output": {"result": "{% $states.result %}", "token": "{% $exists($states.context.Task) %}"}, "Catch": [{"ErrorEquals": ["X"], "Next": "Caught"}]}),
    );
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!({}));
    let task = simulation.dispatched[0].clone();
    assert!(task.waits_for_token);
    assert_eq!(
        task.arguments["MessageBody"],
        json!({"token": TASK_TOKEN_PLACEHOLDER, "all": format!("x{TASK_TOKEN_PLACEHOLDER}")})
    );
    let parameters =
        simulation.history[2].details["taskScheduledEventDetails"]["parameters"].as_str().unwrap_or_default();
    assert_eq!(
        parameters,
        r#"{"QueueUrl":"q","MessageBody":{"token":"[task token]","all":"x[task token]"}}"#
    );
    simulation.send(&Event::TaskSubmitted {
        task: task.id,
        started_at_ms: START_MS,
        output: json!({"MessageId": "m"}),
    });
    assert!(simulation.state.is_parked());
    assert!(simulation.state.pending_task(task.id).is_some_and(|task| task.submitted));
    simulation.send(&Event::TaskSucceeded {
        task: task.id,
        started_at_ms: START_MS,
        output: json!({"ok": true}),
    });
    assert_eq!(*simulation.output(), json!({"result": {"ok": true}, "token": false}));
    assert_eq!(
        simulation.types(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn a_token_answered_before_the_dispatch_is_acknowledged() {
    let definition = definition(&caught(&["X"], json!({"Resource": TOKEN_TASK, "Arguments": {}})));
    let mut simulation = Simulation::start(&definition, json!({}));
    let task = simulation.dispatched[0].id;
    simulation.send(&Event::TaskSucceeded { task, started_at_ms: START_MS, output: json!(1) });
    assert_eq!(*simulation.output(), json!(1));
}

#[test]
fn a_timeout_is_caught_as_such() {
    for (errors, is_caught) in [
        (["States.Timeout"], true),
        (["States.ALL"], true),
        (["States.TaskFailed"], false),
        (["States.HeartbeatTimeout"], false),
        (["Other"], false),
    ] {
        let definition = definition(&caught(&errors, json!({"TimeoutSeconds": 5})));
        let mut simulation = Simulation::start(&definition, json!({}));
        simulation.run(|_| Answer::Never);
        assert_eq!(simulation.now_ms, START_MS + 5_000);
        assert_eq!(simulation.abandoned, [simulation.dispatched[0].id]);
        if is_caught {
            assert_eq!(*simulation.output(), json!({"Error": "States.Timeout", "Cause": ""}), "{errors:?}");
        } else {
            assert_eq!(simulation.failure(), (Some("States.Timeout"), None), "{errors:?}");
        }
        assert!(simulation.types().starts_with(&[
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskTimedOut"
        ]));
    }
}

#[test]
fn heartbeats_keep_a_task_alive() {
    for errors in ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"] {
        let definition = definition(&caught(
            &[errors],
            json!({"Resource": TOKEN_TASK, "Arguments": {}, "TimeoutSeconds": 100, "HeartbeatSeconds": 10}),
        ));
        let mut simulation = Simulation::start(&definition, json!({}));
        let task = simulation.dispatched[0].id;
        simulation.send(&Event::TaskSubmitted { task, started_at_ms: START_MS, output: json!({}) });
        for _ in 0..3 {
            simulation.now_ms += 9_000;
            let beat = simulation.send(&Event::TaskHeartbeat { task });
            assert!(
                matches!(beat.actions.as_slice(), [Action::SetTimer(timer)] if timer.key == TimerKey::TaskHeartbeat(task))
            );
            assert!(beat.history.is_empty());
        }
        simulation.fire_timer(TimerKey::TaskHeartbeat(task));
        assert_eq!(simulation.now_ms, START_MS + 37_000);
        assert_eq!(*simulation.output(), json!({"Error": "States.Timeout", "Cause": ""}));
    }
}

#[test]
fn a_failed_task_shows_its_error_to_the_catch() {
    let mut machine = caught(&["Known"], json!({}));
    machine["States"]["T"]["Catch"][0]["Output"] = json!({"e": "{% $states.errorOutput.Error %}", "c": "{% $states.errorOutput.Cause %}", "in": "{% $states.input %}"});
    machine["States"]["T"]["Catch"][0]["Assign"] = json!({"why": "{% $states.errorOutput %}"});
    machine["States"]["Caught"]["Output"] = json!({"was": "{% $states.input %}", "why": "{% $why.Error %}"});
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.run(|_| Answer::Failure("Known", Some("it broke".to_owned())));
    assert_eq!(
        *simulation.output(),
        json!({"was": {"e": "Known", "c": "it broke", "in": 1}, "why": "Known"})
    );
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.run(|_| Answer::Failure("Unknown", None));
    assert_eq!(simulation.failure(), (Some("Unknown"), None));
}

#[test]
fn an_error_in_a_catch_is_not_caught_again() {
    let mut machine = caught(&["States.ALL"], json!({}));
    machine["States"]["T"]["Catch"][0]["Output"] = json!("{% $nothing %}");
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.run(|_| Answer::Failure("E", None));
    assert_eq!(simulation.failure().0, Some("States.QueryEvaluationError"));
    let failed =
        simulation.history.iter().find(|event| event.event_type == "EvaluationFailed").expect("it is told");
    assert_eq!(failed.details["evaluationFailedEventDetails"]["location"], "Catch[0]/Output");
}

#[test]
fn an_error_in_arguments_can_be_caught() {
    let definition = definition(&caught(
        &["States.QueryEvaluationError"],
        json!({"Arguments": {"FunctionName": "{% $nothing %}"}}),
    ));
    let simulation = Simulation::start(&definition, json!(1));
    assert_eq!(simulation.output()["Error"], "States.QueryEvaluationError");
    assert_eq!(
        simulation.types(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "EvaluationFailed",
            "TaskStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn the_execution_times_out_or_is_stopped() {
    let mut machine = caught(&["States.ALL"], json!({}));
    machine["TimeoutSeconds"] = json!(30);
    let definition = definition(&machine);
    let mut simulation = Simulation::start(&definition, json!(1));
    simulation.run(|_| Answer::Never);
    assert_eq!(simulation.state.closed(), Some(&Closed::TimedOut));
    assert_eq!(simulation.now_ms, START_MS + 30_000);
    assert_eq!(simulation.types().last(), Some(&"ExecutionTimedOut"));
    assert_eq!(simulation.abandoned, [simulation.dispatched[0].id]);

    let mut simulation = Simulation::start(&definition, json!(1));
    let stop = Event::Aborted { error: Some("Stop".into()), cause: Some("asked to".into()) };
    simulation.send(&stop);
    assert_eq!(
        simulation.state.closed(),
        Some(&Closed::Aborted { error: Some("Stop".into()), cause: Some("asked to".into()) })
    );
    assert!(simulation.state.is_parked() && simulation.state.timers().is_empty());
    let last = simulation.history.last().expect("there is history");
    assert_eq!((last.event_type.as_str(), last.previous_id), ("ExecutionAborted", 0));
    assert_eq!(last.details, json!({"executionAbortedEventDetails": {"error": "Stop", "cause": "asked to"}}));
    simulation.run(|_| invoked(json!(1)));
    let env = tenantry_asl::Env { now_ms: START_MS, seed: 1, evaluator: &JsonataEvaluator };
    assert!(step(&definition, &simulation.state, &stop, &env).is_empty());
}
