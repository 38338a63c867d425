//! Stopping, and going on after a failure.

use crate::bench::{Bench, described, id};
use crate::machines::{self, Machine};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_core::ports::{ExecutionStatus, WorkflowError, Workflows};
use tenantry_engine::TaskFailure;
use tenantry_engine::testing::{Reply, World, quiesce};

fn two_tasks() -> Machine {
    let states = json!({"A": machines::task("A", "B"), "B": machines::task("B", "")});
    machines::custom("two", json!({"n": 1}), "A", states)
}

/// A world whose second step fails until it is mended.
fn broken_world() -> (World, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&mended);
    let world = World::new(move |request| {
        if request.state == "B" && !seen.load(Ordering::Relaxed) {
            return Reply::Failed(TaskFailure {
                error: "Step.Broken".to_owned(),
                cause: Some("a fault".to_owned()),
            });
        }
        machines::script(request)
    });
    (world, mended)
}

#[test]
fn a_failed_execution_goes_on_from_where_it_failed() {
    let (world, mended) = broken_world();
    let mut bench = Bench::scripted(&[two_tasks()], world);
    let id = id("two", "x");
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Failed);
        assert_eq!(
            (execution.error.as_deref(), execution.cause.as_deref()),
            (Some("Step.Broken"), Some("a fault"))
        );
        // The fault stands: it fails again.
        engine.redrive(&id).await.unwrap();
        assert!(bench.run(&id).await);
        assert_eq!(bench.world.seen_of("B").len(), 2);
    });
    bench.die();
    mended.store(true, Ordering::Relaxed);
    bench.live(async {
        let engine = bench.open().await;
        assert_eq!(engine.stats().open_executions, 0);
        engine.redrive(&id).await.unwrap();
        quiesce().await;
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Succeeded);
        assert_eq!(execution.summary.redrive_count, 2);
        assert_eq!(execution.output, Some(json!({"n": 3})));
        assert_eq!((bench.world.seen_of("A").len(), bench.world.seen_of("B").len()), (1, 3));
        assert_eq!(bench.world.violations(), Vec::<String>::new());
        let error = engine.redrive(&id).await.unwrap_err();
        assert!(matches!(&error, WorkflowError::WrongState(text) if text.contains("succeeded")), "{error}");
    });
}

#[test]
fn of_many_redrives_at_once_one_is_taken() {
    let (world, mended) = broken_world();
    let bench = Bench::scripted(&[two_tasks()], world);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("two", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        mended.store(true, Ordering::Relaxed);
        let redrives: Vec<_> = (0..16)
            .map(|_| {
                let (engine, id) = (engine.clone(), id.clone());
                tokio::spawn(async move { engine.redrive(&id).await })
            })
            .collect();
        let mut taken = 0;
        for redrive in redrives {
            match redrive.await.unwrap() {
                Ok(()) => taken += 1,
                Err(error) => assert!(matches!(error, WorkflowError::WrongState(_)), "{error}"),
            }
        }
        assert_eq!(taken, 1);
        quiesce().await;
        assert_eq!(bench.world.seen_of("B").len(), 2);
        assert_eq!(described(&engine, &id).await.unwrap().summary.redrive_count, 1);
    });
}

#[test]
fn a_stopped_execution_is_aborted_and_dispatches_nothing_again() {
    let mut task = machines::task("Silent", "B");
    task["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]);
    let states = json!({"Silent": task, "B": machines::task("B", "")});
    let mut bench = Bench::new(&[machines::custom("silent", json!({"n": 1}), "Silent", states)]);
    let id = id("silent", "x");
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id, json!({"n": 1})).await.unwrap();
        quiesce().await;
        engine.stop(&id, Some("Operator".to_owned()), Some("enough".to_owned())).await.unwrap();
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Aborted);
        assert_eq!(
            (execution.error.as_deref(), execution.cause.as_deref()),
            (Some("Operator"), Some("enough"))
        );
        let error = engine.stop(&id, None, None).await.unwrap_err();
        assert!(matches!(&error, WorkflowError::WrongState(text) if text.contains("has ended")), "{error}");
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        quiesce().await;
        assert_eq!(engine.stats().open_executions, 0);
        let error = engine.stop(&id, None, None).await.unwrap_err();
        assert!(matches!(error, WorkflowError::WrongState(_)), "{error}");
    });
    assert_eq!(bench.world.seen().len(), 1);
}

#[test]
fn what_is_not_there_is_unknown() {
    let bench = Bench::new(&[two_tasks()]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("two", "nobody");
        let unknown =
            |error: WorkflowError| matches!(error, WorkflowError::UnknownExecution(which) if which == id);
        assert!(unknown(engine.stop(&id, None, None).await.unwrap_err()));
        assert!(unknown(engine.redrive(&id).await.unwrap_err()));
        assert!(unknown(engine.describe(&id).await.unwrap_err()));
        assert!(unknown(engine.history(&id, None, false, 10).await.unwrap_err()));
    });
}

#[test]
fn a_running_execution_cannot_be_redriven() {
    let bench = Bench::new(&[machines::waits()]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("waits", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        let error = engine.redrive(&id).await.unwrap_err();
        assert!(matches!(&error, WorkflowError::WrongState(text) if text.contains("is running")), "{error}");
    });
}
