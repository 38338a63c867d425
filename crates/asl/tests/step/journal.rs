//! What the journal holds is enough: recovery never evaluates, whatever the order of events.

use super::fan::{invoke, map};
use crate::support::{Simulation, definition, identity};
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_asl::{
    Definition, Env, EvaluationError, Evaluator, Event, ExecutionState, Expression, JsonataEvaluator, Scope,
    TaskId, TimerKey, Transition, step,
};

struct Panicking;

impl Evaluator for Panicking {
    fn evaluate(&self, expression: &Expression, _: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        panic!("recovery evaluates {}", expression.source())
    }
}

/// Two maps and a parallel, with retries, catches, waits, tokens and timeouts.
fn busy_machine() -> Definition {
    let mut retried = invoke("retried");
    retried["Retry"] = json!([{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "JitterStrategy": "FULL"}]);
    retried["TimeoutSeconds"] = json!(20);
    let token = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Arguments": {"MessageBody": "{% $states.context.Task.Token %}"}, "TimeoutSeconds": 30, "HeartbeatSeconds": 5, "Next": "Rest"});
    let mut machine = map(
        json!({"Items": "{% [1..4] %}", "MaxConcurrency": 2, "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}"}, "Next": "P",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "P", "Output": "{% $states.errorOutput %}"}]}),
        retried,
    );
    machine["TimeoutSeconds"] = json!(500);
    machine["States"]["M"].as_object_mut().map(|state| state.remove("End"));
    machine["States"]["P"] = json!({"Type": "Parallel", "End": true, "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}], "Branches": [
        {"StartAt": "Ask", "States": {"Ask": token, "Rest": {"Type": "Wait", "Seconds": "{% 3 %}", "End": true}}},
        {"StartAt": "M2", "States": {"M2": {"Type": "Map", "Items": [1, 2], "End": true, "ItemProcessor": {"StartAt": "T2", "States": {"T2": invoke("inner")}}}}}]});
    definition(&machine)
}

/// The same in JSONPath, with a function and an activity.
fn busy_paths() -> Definition {
    let function = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "TimeoutSeconds": 20,
        "Parameters": {"n.$": "$.n", "outer.$": "$outer"}, "ResultPath": "$.r", "Assign": {"mine.$": "$"}, "Next": "Act",
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "MaxDelaySeconds": 1, "JitterStrategy": "FULL"}]});
    let activity = json!({"Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:a", "TimeoutSeconds": 30, "HeartbeatSeconds": 5,
        "Catch": [{"ErrorEquals": ["A"], "Next": "Pick", "ResultPath": "$.e", "Assign": {"mine.$": "$.Error"}}], "Next": "Pick"});
    definition(&json!({"StartAt": "Set", "TimeoutSeconds": 500, "States": {
        "Set": {"Type": "Pass", "Assign": {"outer.$": "$.n"}, "Next": "M"},
        "M": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemSelector": {"n.$": "$$.Map.Item.Value"}, "ResultPath": "$.out", "Next": "P",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "P", "ResultPath": "$.e"}],
            "ItemProcessor": {"StartAt": "Call", "States": {"Call": function, "Act": activity,
                "Pick": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 3, "Next": "Rest"}], "Default": "Done"},
                "Rest": {"Type": "Wait", "SecondsPath": "$.n", "End": true}, "Done": {"Type": "Succeed"}}}},
        "P": {"Type": "Parallel", "End": true, "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}], "ResultSelector": {"all.$": "$[*]"}, "Branches": [
            {"StartAt": "Sync", "States": {"Sync": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "Parameters": {"StateMachineArn": "m", "Input.$": "$"}, "End": true}}},
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "End": true}}}]}}}))
}

#[derive(Debug, Clone)]
enum Move {
    Succeed(usize),
    Fail(usize, &'static str),
    Submit(usize),
    Beat(usize),
    Fire(usize),
    /// A worker takes an activity's task.
    Take(usize),
    /// An event about a task or timer that may never have been.
    Stray(u64, u8),
    Stop,
    Redrive,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let errors = prop_oneof![Just("A"), Just("States.Timeout"), Just("States.Runtime")];
    let any = prop_oneof![
        8 => any::<usize>().prop_map(Move::Succeed),
        4 => (any::<usize>(), errors).prop_map(|(at, error)| Move::Fail(at, error)),
        3 => any::<usize>().prop_map(Move::Submit),
        2 => any::<usize>().prop_map(Move::Beat),
        5 => any::<usize>().prop_map(Move::Fire),
        2 => any::<usize>().prop_map(Move::Take),
        2 => (0..40_u64, 0..6_u8).prop_map(|(id, kind)| Move::Stray(id, kind)),
        1 => Just(Move::Stop),
        3 => Just(Move::Redrive),
    ];
    proptest::collection::vec(any, 1..60)
}

fn event_of(simulation: &mut Simulation<'_>, a_move: &Move) -> Option<Event> {
    let tasks: Vec<TaskId> = simulation.state.pending_tasks().map(|task| task.id).collect();
    let started_at_ms = simulation.now_ms;
    let pick = |at: usize| (!tasks.is_empty()).then(|| tasks[at % tasks.len()]);
    Some(match a_move {
        Move::Succeed(at) => {
            Event::TaskSucceeded { task: pick(*at)?, started_at_ms, output: json!({"Payload": at % 7}) }
        }
        Move::Fail(at, error) => {
            Event::TaskFailed { task: pick(*at)?, started_at_ms, error: (*error).into(), cause: None }
        }
        Move::Submit(at) => Event::TaskSubmitted { task: pick(*at)?, started_at_ms, output: json!({}) },
        Move::Beat(at) => Event::TaskHeartbeat { task: pick(*at)? },
        Move::Fire(at) => {
            let timers = simulation.state.timers();
            let timer = (!timers.is_empty()).then(|| timers[at % timers.len()])?;
            simulation.now_ms = simulation.now_ms.max(timer.at_ms);
            Event::TimerFired { timer: timer.key }
        }
        Move::Stray(id, 0) => Event::TaskSucceeded { task: *id, started_at_ms, output: json!(null) },
        Move::Stray(id, 1) => Event::TimerFired { timer: TimerKey::Frame(*id) },
        Move::Stray(id, 2) => Event::TimerFired { timer: TimerKey::TaskTimeout(*id) },
        Move::Stray(id, 3) => Event::TimerFired { timer: TimerKey::TaskHeartbeat(*id) },
        Move::Stray(_, 4) => Event::Started { input: json!({}), identity: identity() },
        Move::Stray(id, _) => Event::TaskSubmitted { task: *id, started_at_ms, output: json!(1) },
        Move::Take(at) => Event::TaskStarted { task: pick(*at)?, worker_name: Some("w".into()) },
        Move::Stop => Event::Aborted { error: None, cause: Some("stop".into()) },
        Move::Redrive => Event::Redriven,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The simulation itself checks at every step that folding what was journaled gives the live state, that history
    /// has no holes, and that the runtime is told of every timer.
    #[test]
    fn any_order_of_events_is_survived_and_can_be_recovered(moves in moves(), paths in any::<bool>()) {
        let definition = if paths { busy_paths() } else { busy_machine() };
        let mut simulation = Simulation::start(&definition, json!({"n": 1, "items": [1, 2, 3, 4]}));
        for a_move in &moves {
            let Some(event) = event_of(&mut simulation, a_move) else { continue };
            let before = simulation.state.clone();
            let transition = simulation.send(&event).clone();
            if transition.is_empty() {
                prop_assert_eq!(&simulation.state, &before);
            }
            if simulation.state.closed().is_some() {
                prop_assert!(simulation.state.timers().is_empty());
                prop_assert_eq!(simulation.state.pending_tasks().count(), 0);
            } else {
                // It waits for something: no execution may stand still for ever.
                prop_assert!(simulation.state.pending_tasks().count() + simulation.state.timers().len() > 0);
            }
        }
        // Whatever happened, it can be brought to its end.
        if simulation.state.closed().is_some_and(|_| simulation.state.is_redrivable()) {
            simulation.send(&Event::Redriven);
        }
        for _ in 0..200 {
            let Some(task) = simulation.state.pending_tasks().next().map(|task| task.id) else {
                let Some(timer) = simulation.state.timers().into_iter().find(|timer| timer.key != TimerKey::Execution) else { break };
                simulation.now_ms = simulation.now_ms.max(timer.at_ms);
                simulation.send(&Event::TimerFired { timer: timer.key });
                continue;
            };
            simulation.send(&Event::TaskSucceeded { task, started_at_ms: 0, output: json!({"Payload": 1}) });
        }
        prop_assert!(simulation.state.closed().is_some());
    }
}

#[test]
fn replay_never_evaluates() {
    let definition = busy_machine();
    let mut simulation = Simulation::start(&definition, json!({"n": 1}));
    let mut failed = 0;
    simulation.run(|task| {
        failed += 1;
        if failed % 3 == 0 && !task.waits_for_token {
            crate::support::Answer::Failure("A", None)
        } else {
            crate::support::invoked(json!(failed))
        }
    });
    assert!(simulation.state.closed().is_some());
    // The journal as text: nothing but JSON outlives the process.
    let journal: Vec<String> =
        simulation.transitions.iter().map(|t| serde_json::to_string(t).expect("JSON")).collect();
    let mut recovered = ExecutionState::default();
    for row in &journal {
        let transition: Transition = serde_json::from_str(row).expect("a row reads back");
        recovered.apply(&transition.change);
    }
    assert_eq!(recovered, simulation.state);
}

#[test]
fn the_same_journal_in_the_middle_goes_on_the_same_way() {
    let definition = busy_machine();
    let mut simulation = Simulation::start(&definition, json!({"n": 1}));
    let task = simulation.dispatched[0].id;
    simulation.send(&Event::TaskSucceeded { task, started_at_ms: 0, output: json!({"Payload": 1}) });
    let text = serde_json::to_string(&simulation.state).expect("JSON");
    let recovered: ExecutionState = serde_json::from_str(&text).expect("it reads back");
    let event = Event::TaskFailed {
        task: simulation.dispatched[1].id,
        started_at_ms: 0,
        error: "A".into(),
        cause: None,
    };
    let env = Env { now_ms: simulation.now_ms, seed: 9, evaluator: &JsonataEvaluator };
    assert_eq!(
        step(&definition, &recovered, &event, &env),
        step(&definition, &simulation.state, &event, &env)
    );
    // And what needs no expression is never evaluated at all.
    let env = Env { now_ms: simulation.now_ms, seed: 9, evaluator: &Panicking };
    assert!(!step(&definition, &recovered, &event, &env).is_empty());
}

#[test]
fn a_definition_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Definition>();
    shared::<ExecutionState>();
    shared::<Transition>();
}
