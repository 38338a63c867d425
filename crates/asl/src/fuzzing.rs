//! What fuzzing feeds: each function takes any bytes and must come back, without a panic, in bounded time and memory.
//! Run by cargo-fuzz (`fuzz/`) and, with the same seeds and a fixed number of mutations, by the tests.
//!
//! A target that takes two texts takes them in one, parted by a line `---`.

use crate::jsonpath::{Budget, Intrinsic, Path, PayloadTemplate, ReferencePath, Scope};
use crate::state::Variables;
use crate::{
    Closed, ContextObject, Definition, Env, Event, ExecutionState, Identity, JsonataEvaluator, PendingTask,
    TaskKind, parse, step, validate,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most events that one execution is given.
const EVENTS_MAX: usize = 200;
/// 2026-01-01T00:00:00.000Z
const NOW_MS: i64 = 1_767_225_600_000;
/// What a single copy or text may take beyond the budget: it is counted, and refused, before it is made.
const SLACK_BYTES: usize = 64 * 1024 * 1024;

/// A definition: parsed and validated, with the same verdict.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(definition) = parse(text) {
        assert_eq!(definition.text(), text, "a definition keeps its text");
        let again = parse(definition.text()).expect("what was parsed is parsed again");
        assert_eq!(again.hash(), definition.hash());
    }
    for diagnostic in validate(text) {
        assert!(!diagnostic.to_string().is_empty());
    }
}

/// A definition and an input: run for a while, over tasks that echo, and recovered at the end from its own changes.
pub fn input(data: &[u8]) {
    let (definition, input) = two(data);
    if let Ok(definition) = parse(&definition) {
        run(&definition, json_or_text(&input));
    }
}

/// A JSONata expression and an input.
pub fn expression(data: &[u8]) {
    let (expression, input) = two(data);
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Only",
        "States": {"Only": {"Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true}},
    });
    if let Ok(definition) = parse(&definition.to_string()) {
        run(&definition, json_or_text(&input));
    }
}

/// A path, a reference path, or a call of an intrinsic function, and an input.
pub fn path(data: &[u8]) {
    let (text, input) = two(data);
    let input = json_or_text(&input);
    let variables = Variables::from([("v".to_owned(), Arc::new(json!({"a": [1, {"b": null}]})))]);
    let context = ContextObject::new(|| json!({"Execution": {"Input": {"a": 1}}}));
    let scope = Scope { input: &input, context: &context, variables: &[&variables], seed: 1 };
    if let Ok(path) = Path::parse(&text) {
        let budget = Budget::default();
        match path.get_within(&scope, &budget) {
            // A function makes one value of a list.
            Ok(value) => assert!(path.is_definite() || value.is_array() || text.contains('('), "{text}"),
            Err(error) => {
                assert!(!error.invalid_path().is_empty());
                assert!(!error.specified_for("f", &scope).is_empty());
            }
        }
        assert!(budget.bytes_used() < crate::jsonpath::BYTES_MAX + SLACK_BYTES, "{text}");
    }
    if let Ok(path) = ReferencePath::parse(&text) {
        let mut target = input.clone();
        match path.set(&mut target, json!("put")) {
            Ok(()) => {
                let scope = Scope { input: &target, ..scope };
                assert_eq!(path.as_path().get(&scope), Ok(json!("put")), "{text}");
            }
            Err(_) => assert_eq!(target, input, "{text}"),
        }
    }
    if let Ok(intrinsic) = Intrinsic::parse(&text)
        && let Err(failure) = intrinsic.evaluate(&scope)
    {
        assert!(!failure.cause.is_empty());
    }
    if let Ok(template) = PayloadTemplate::compile(&json!({"in": [{"m.$": text}]})) {
        let budget = Budget::default();
        let _ = template.evaluate_within(&scope, &budget);
        assert!(budget.bytes_used() < crate::jsonpath::BYTES_MAX + SLACK_BYTES, "{text}");
    }
}

fn two(data: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(data);
    match text.split_once("\n---\n") {
        Some((first, second)) => (first.to_owned(), second.to_owned()),
        None => (text.into_owned(), String::new()),
    }
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn run(definition: &Definition, input: Value) {
    let identity = Identity {
        execution_id: "arn:aws:states:us-east-1:000000000000:execution:fuzzed:run".to_owned(),
        execution_name: "run".to_owned(),
        state_machine_id: "arn:aws:states:us-east-1:000000000000:stateMachine:fuzzed".to_owned(),
        state_machine_name: "fuzzed".to_owned(),
        ..Identity::default()
    };
    let (mut state, mut recovered) = (ExecutionState::default(), ExecutionState::default());
    let mut event = Event::Started { input, identity };
    let mut now_ms = NOW_MS;
    for seed in 0..EVENTS_MAX as u64 {
        let env = Env { now_ms, seed, evaluator: &JsonataEvaluator };
        let transition = step(definition, &state, &event, &env);
        state.apply(&transition.change);
        let journaled = serde_json::to_string(&transition.change).expect("a change is JSON");
        recovered.apply(&serde_json::from_str(&journaled).expect("a change reads back"));
        if state.closed().is_some() {
            break;
        }
        match next(&state, &mut now_ms) {
            Some(happens) => event = happens,
            None => break,
        }
    }
    assert_eq!(recovered, state, "folding what was journaled gives the live state");
}

/// The first task that can answer does; or else the next timer fires.
fn next(state: &ExecutionState, now_ms: &mut i64) -> Option<Event> {
    if let Some(task) = state.pending_tasks().find(|task| !task.submitted) {
        return Some(answer(task, *now_ms));
    }
    let timer = state.timers().into_iter().min_by_key(|timer| timer.at_ms)?;
    *now_ms = (*now_ms).max(timer.at_ms);
    Some(Event::TimerFired { timer: timer.key })
}

fn answer(task: &PendingTask, now_ms: i64) -> Event {
    let (id, output) = (task.id, (*task.arguments).clone());
    match task.kind {
        TaskKind::MapChild => Event::ChildClosed { task: id, closed: Closed::Succeeded { output } },
        TaskKind::Activity => Event::TaskStarted { task: id, worker_name: None },
        _ if id % 3 == 2 => Event::TaskFailed {
            task: id,
            started_at_ms: now_ms,
            error: "Fuzzed".to_owned(),
            cause: Some(output.to_string()),
        },
        _ if task.waits_for_token => Event::TaskSubmitted { task: id, started_at_ms: now_ms, output },
        _ => Event::TaskSucceeded { task: id, started_at_ms: now_ms, output },
    }
}
