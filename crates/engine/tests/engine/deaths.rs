use crate::bench::{Bench, described, id};
use crate::machines::{self, Machine};
use serde_json::json;
use tenantry_core::ports::{ExecutionStatus, Workflows};
use tenantry_engine::testing::{Reply, World, quiesce};

fn retrying(error: &str) -> Machine {
    let mut task = machines::task("A", "");
    task["Retry"] = json!([{"ErrorEquals": [error], "IntervalSeconds": 1, "MaxAttempts": 2}]);
    machines::custom("retrying", json!({"n": 1}), "A", json!({"A": task}))
}

/// Lives that end while the task is being carried out.
fn die_in_flight(bench: &mut Bench, workflow: &str, lives: usize) {
    for life in 0..lives {
        bench.live(async {
            let engine = bench.open().await;
            if life == 0 {
                engine.start(&id(workflow, "x"), json!({"n": 1})).await.unwrap();
            }
            quiesce().await;
        });
        bench.die();
    }
}

#[test]
fn after_three_deaths_the_attempt_fails() {
    let mut bench = Bench::scripted(&[machines::one_task()], World::new(|_| Reply::Never));
    die_in_flight(&mut bench, "one_task", 3);
    assert_eq!(bench.world.seen().len(), 3, "the same attempt, dispatched once in each life");
    bench.live(async {
        let engine = bench.open().await;
        quiesce().await;
        let execution = described(&engine, &id("one_task", "x")).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Failed);
        assert_eq!(execution.error.as_deref(), Some("Tenantry.EngineCrashed"));
        assert!(execution.cause.unwrap().contains("3 times"));
    });
    assert_eq!(bench.world.seen().len(), 3);
    assert_eq!(bench.world.violations(), Vec::<String>::new());
}

#[test]
fn fewer_deaths_use_up_no_retry() {
    let world = World::new(|request| match request.arguments["Payload"]["retryCount"].as_u64() {
        Some(0) => Reply::Never,
        retry => Reply::Done(json!({"Payload": {"retry": retry}})),
    });
    let mut bench = Bench::scripted(&[retrying("Tenantry.EngineCrashed")], world);
    die_in_flight(&mut bench, "retrying", 3);
    // The third death fails the attempt; Retry matches it, and it is the first retry that is used.
    bench.live(async {
        let engine = bench.open().await;
        assert!(bench.run(&id("retrying", "x")).await);
        let execution = described(&engine, &id("retrying", "x")).await.unwrap();
        assert_eq!(execution.output, Some(json!({"retry": 1})));
    });
}

#[test]
fn an_orderly_end_is_no_death() {
    let mut bench = Bench::scripted(&[machines::one_task()], World::new(|_| Reply::Never));
    for life in 0..6 {
        bench.live(async {
            let engine = bench.open().await;
            if life == 0 {
                engine.start(&id("one_task", "x"), json!({"n": 1})).await.unwrap();
            }
            quiesce().await;
            engine.shutdown().await;
        });
        bench.die();
    }
    assert_eq!(bench.world.seen().len(), 6);
    bench.live(async {
        let engine = bench.open().await;
        quiesce().await;
        let execution = described(&engine, &id("one_task", "x")).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Running);
    });
}
