use crate::bench::{Bench, described, id};
use crate::machines::{self, Machine};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_asl::{EvaluationError, Evaluator, Expression, Scope};
use tenantry_core::ports::{ExecutionStatus, Workflows};
use tenantry_engine::testing::{Reply, World, quiesce};
use tenantry_engine::{Engine, OpenError};

struct Panicking;

impl Evaluator for Panicking {
    fn evaluate(&self, _: &Expression, _: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        panic!("recovery evaluated an expression");
    }
}

/// Loops through `rounds` tasks.
fn looping(rounds: u64) -> Machine {
    let done = format!("{{% $states.input.n > {rounds} %}}");
    let states = json!({
        "A": machines::task("A", "C"),
        "C": {"Type": "Choice", "Choices": [{"Condition": done, "Next": "W"}, {"Condition": "{% $states.input.n < 0 %}", "Next": "Z"}], "Default": "A"},
        "Z": {"Type": "Succeed"},
        "W": machines::waiting("W", "A"),
    });
    machines::custom("looping", json!({"n": 0}), "A", states)
}

#[test]
fn recovery_never_evaluates() {
    for machine in machines::all() {
        // Dies before each append in turn, so that every kind of row is folded.
        for append in 1..4 {
            let mut bench = Bench::new(std::slice::from_ref(&machine));
            let crash = tenantry_engine::testing::Crash {
                append,
                point: tenantry_engine::testing::CrashPoint::BeforeAppend,
            };
            assert!(bench.one_life(&machine, Some(crash)).is_none());
            bench.die();
            let calls = bench.world.seen().len();
            bench.live(async {
                let engine = Engine::open(bench.config().with_evaluator(Arc::new(Panicking))).await.unwrap();
                // Its own, and those of its children. What a child's end leads to is no recovery any more.
                let (open, faulted) = (engine.stats().open_executions, engine.stats().faulted);
                assert_eq!((open, faulted), (bench.journal.executions() as u64, 0), "{}", machine.name);
                if open > 1 {
                    return;
                }
                let execution = described(&engine, &id(machine.name, "x")).await.unwrap();
                assert_eq!(execution.input, machine.input);
                engine.history(&id(machine.name, "x"), None, false, 100).await.unwrap();
                assert_eq!(engine.stats().faulted, 0, "{}", machine.name);
                quiesce().await;
            });
            assert!(bench.world.seen().len() >= calls);
        }
    }
}

#[test]
fn an_execution_keeps_the_definition_that_it_began_with() {
    let mut bench = Bench::new(&[machines::waits()]);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("waits", "old"), json!({"n": 1})).await.unwrap();
    });
    bench.die();
    let changed = machines::custom("waits", json!({}), "N", json!({"N": machines::task("N", "")}));
    bench.definitions = vec![("waits".to_owned(), changed.text)];
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("waits", "new"), json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id("waits", "old")).await);
        let states: Vec<_> = bench.world.seen().into_iter().map(|seen| seen.request.state).collect();
        assert_eq!(states, ["N", "A", "B"]);
        let old = described(&engine, &id("waits", "old")).await.unwrap();
        let new = described(&engine, &id("waits", "new")).await.unwrap();
        assert_ne!(old.definition_hash, new.definition_hash);
        assert_eq!((old.output, new.output), (Some(json!({"n": 3})), Some(json!({"n": 2}))));
    });
}

#[test]
fn a_long_execution_that_parks_is_taken_up_from_its_checkpoint() {
    let world = World::new(|request| match request.state.as_str() {
        "W" => Reply::Done(json!({})),
        _ => machines::script(request),
    });
    let mut bench = Bench::scripted(&[looping(120)], world);
    let id = id("looping", "x");
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id, json!({"n": 0})).await.unwrap();
        while bench.world.seen_of("W").is_empty() {
            quiesce().await;
        }
        quiesce().await;
    });
    let rows = bench.journal.durable_rows(&id);
    assert!(rows.len() > 120, "{}", rows.len());
    assert!(rows.last().unwrap().checkpoint, "it parked without a checkpoint");
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        let token = bench.world.seen_of("W")[0].token.clone().unwrap();
        tenantry_core::ports::TaskTokens::succeed(&engine, &token, json!({"n": 7})).await.unwrap();
        quiesce().await;
        let seen = bench.world.seen();
        let waited = seen.iter().position(|seen| seen.request.state == "W").unwrap();
        let next = &seen[waited + 1].request;
        assert_eq!((next.state.as_str(), &next.arguments["Payload"]["n"]), ("A", &json!(7)));
        // The whole history is still there.
        let history = engine.history(&id, None, false, 10_000).await.unwrap();
        assert!(history.events.iter().zip(1..).all(|(event, number)| event.id == number));
        assert!(history.events.len() > 600);
    });
    assert_eq!(bench.world.violations(), Vec::<String>::new());
}

#[test]
fn many_open_executions_are_all_taken_up() {
    let world = World::new(|_| Reply::Done(json!({})));
    let mut bench = Bench::scripted(&[machines::one_waiting()], world);
    bench.live(async {
        let engine = bench.open().await;
        for number in 0..1_500 {
            engine.start(&id("one_waiting", &format!("n{number}")), json!({"n": number})).await.unwrap();
        }
        quiesce().await;
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        let stats = engine.stats();
        assert_eq!((stats.open_executions, stats.timers_armed, stats.redispatched), (1_500, 3_000, 0));
        assert_eq!(bench.journal.appends(), 0, "nothing was in flight, so nothing is written");
    });
}

#[test]
fn a_definition_that_cannot_run_is_named() {
    let mut bench = Bench::new(&[machines::sequence()]);
    bench.definitions.push(("broken".to_owned(), r#"{"StartAt": "Nowhere", "States": {}}"#.to_owned()));
    let error = bench.live(Engine::open(bench.config())).unwrap_err();
    assert!(matches!(&error, OpenError::Definition { workflow, .. } if workflow == "broken"), "{error}");
    bench.definitions[1] = bench.definitions[0].clone();
    let error = bench.live(Engine::open(bench.config())).unwrap_err();
    assert!(matches!(&error, OpenError::DuplicateWorkflow(name) if name == "sequence"), "{error}");
}

#[test]
fn damaged_rows_stop_one_execution_and_no_other() {
    let mut bench = Bench::new(&[machines::waits()]);
    let (damaged, sound) = (id("waits", "damaged"), id("waits", "sound"));
    bench.live(async {
        let engine = bench.open().await;
        for id in [&damaged, &sound] {
            engine.start(id, json!({"n": 1})).await.unwrap();
        }
    });
    bench.die();
    bench.journal.damage(&damaged);
    bench.live(async {
        let engine = bench.open().await;
        assert_eq!((engine.stats().open_executions, engine.stats().faulted), (1, 1));
        assert!(bench.run(&sound).await);
        let page = engine.list(Default::default(), None, 10).await.unwrap();
        let status = |id| page.items.iter().find(|item| item.id == id).unwrap().status;
        assert_eq!(status(damaged.clone()), ExecutionStatus::Running);
        assert_eq!(status(sound), ExecutionStatus::Succeeded);
        let error = engine.stop(&damaged, None, None).await.unwrap_err();
        assert!(error.to_string().contains("stands still"), "{error}");
    });
}
