use crate::bench::{Bench, described, id};
use crate::machines;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_asl::{EvaluationError, Evaluator, Expression, JsonataEvaluator, Scope};
use tenantry_core::ports::{
    ExecutionStatus, PortError, TaskTokenError, TaskTokens, WorkflowError, Workflows,
};
use tenantry_engine::Engine;
use tenantry_engine::testing::{Reply, World, quiesce};

#[test]
fn a_start_that_the_journal_refuses_leaves_nothing() {
    let bench = Bench::new(&[machines::sequence()]);
    bench.live(async {
        let engine = bench.open().await;
        bench.journal.refuse_syncs(1);
        let id = id("sequence", "x");
        let error = engine.start(&id, json!({"n": 1})).await.unwrap_err();
        assert!(matches!(error, WorkflowError::Port(PortError::Unavailable { .. })), "{error}");
        let stats = engine.stats();
        assert_eq!((stats.open_executions, stats.timers_armed, stats.dispatched), (0, 0, 0));
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
    });
}

#[test]
fn after_a_refused_entry_the_execution_is_read_again_and_goes_on() {
    for machine in machines::all() {
        for refused_after in 1..5 {
            let bench = Bench::new(std::slice::from_ref(&machine));
            let expected = Bench::new(std::slice::from_ref(&machine)).one_life(&machine, None).unwrap();
            bench.live(async {
                let engine = bench.open().await;
                let id = id(machine.name, "x");
                engine.start(&id, machine.input.clone()).await.unwrap();
                while bench.journal.syncs() < refused_after {
                    bench.settle().await;
                    if bench.journal.syncs() < refused_after && !bench.clock.advance_to_next() {
                        break;
                    }
                }
                bench.journal.refuse_syncs(3);
                assert!(bench.run(&id).await, "{}", machine.name);
                let execution = described(&engine, &id).await.unwrap();
                assert_eq!(
                    (execution.output, execution.error),
                    (expected.output, expected.error),
                    "{}",
                    machine.name
                );
                assert_eq!(bench.world.violations(), Vec::<String>::new(), "{}", machine.name);
                quiesce().await;
                assert_eq!(engine.stats().open_executions, 0, "{}", machine.name);
            });
        }
    }
}

#[test]
fn an_answer_that_the_journal_refuses_is_not_taken() {
    let world = World::new(|_| Reply::Done(json!({})));
    let bench = Bench::scripted(&[machines::one_waiting()], world);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("one_waiting", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        quiesce().await;
        let token = bench.world.seen()[0].token.clone().unwrap();
        bench.journal.refuse_syncs(1);
        for _ in 0..2 {
            // Refused by the journal first, then while the execution is being read again.
            let error = engine.succeed(&token, json!({"n": 9})).await.unwrap_err();
            assert!(matches!(error, TaskTokenError::Port(PortError::Unavailable { .. })), "{error}");
        }
        assert!(bench.clock.advance_to_next());
        quiesce().await;
        engine.succeed(&token, json!({"n": 9})).await.unwrap();
        assert_eq!(described(&engine, &id).await.unwrap().output, Some(json!({"n": 9})));
    });
}

/// Panics where an expression reads an input that asks for it.
struct Trapped(AtomicBool);

impl Evaluator for Trapped {
    fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        assert!(!(self.0.load(Ordering::Relaxed) && scope.input["n"] == json!(666)), "the trap");
        JsonataEvaluator.evaluate(expression, scope)
    }
}

#[test]
fn a_panic_of_a_step_stops_one_execution_and_no_other() {
    let mut bench = Bench::new(&[machines::waits()]);
    let (trapped, sound) = (id("waits", "trapped"), id("waits", "sound"));
    bench.live(async {
        let trap = Arc::new(Trapped(AtomicBool::new(true)));
        let engine = Engine::open(bench.config().with_evaluator(trap)).await.unwrap();
        engine.start(&trapped, json!({"n": 666})).await.unwrap();
        engine.start(&sound, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&sound).await);
        assert_eq!((engine.stats().faulted, engine.stats().open_executions), (1, 1));
        assert_eq!(described(&engine, &trapped).await.unwrap().summary.status, ExecutionStatus::Running);
        let error = engine.stop(&trapped, None, None).await.unwrap_err();
        assert!(error.to_string().contains("stands still"), "{error}");
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        assert!(bench.run(&trapped).await);
        assert_eq!(described(&engine, &trapped).await.unwrap().output, Some(json!({"n": 668})));
    });
}

#[test]
fn a_panic_of_a_task_fails_the_attempt() {
    let states = json!({"Panics": machines::task("Panics", "")});
    let bench = Bench::new(&[machines::custom("panics", json!({}), "Panics", states)]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("panics", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.error.as_deref(), Some("Lambda.Unknown"));
        assert_eq!(execution.summary.status, ExecutionStatus::Failed);
    });
}
