//! What is to be seen of Map Runs, and to be changed.

use crate::bench::{Bench, described, id};
use crate::machines::{self, custom, distributed};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_asl::{MapRunStatus, MapRunView};
use tenantry_core::ports::{ExecutionStatus, WorkflowError, Workflows};
use tenantry_engine::testing::{Reply, World};
use tenantry_engine::{Engine, MapRunLimits, TaskFailure};

async fn map_run(engine: &Engine, workflow: &str) -> MapRunView {
    let inspection = engine.inspect(&id(workflow, "x")).await.unwrap();
    inspection.map_runs.into_iter().next().unwrap()
}

#[test]
fn children_are_listed_by_their_map_run() {
    let machine = machines::spread();
    let mut bench = Bench::new(std::slice::from_ref(&machine));
    bench.one_life(&machine, None).unwrap();
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        let run = map_run(&engine, "spread").await;
        assert_eq!(run.status, MapRunStatus::Succeeded);
        assert_eq!((run.items.succeeded, run.items.failed, run.items.total), (3, 1, 4));
        let found = engine.map_run(&run.arn).await.unwrap().unwrap();
        assert_eq!(found, (id("spread", "x"), run.clone()));
        let all = engine.map_children(&run.arn, None, None, 10).await.unwrap().items;
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|child| child.id.map_run_child() == Some(("spread", "each"))));
        let failed =
            engine.map_children(&run.arn, Some(ExecutionStatus::Failed), None, 10).await.unwrap().items;
        assert_eq!(failed.len(), 1);
        let child = engine.inspect(&failed[0].id).await.unwrap();
        assert_eq!(child.identity.map_run_arn.as_deref(), Some(run.arn.as_str()));
        assert_eq!(child.parent, Some(id("spread", "x")));
        // Only its Map Run redrives it.
        assert!(matches!(engine.redrive(&failed[0].id).await, Err(WorkflowError::WrongState(_))));
        let other = run.arn.replace(&run.uuid, "00000000-0000-8000-8000-000000000000");
        assert_eq!(engine.map_run(&other).await.unwrap(), None);
        assert_eq!(engine.map_children(&other, None, None, 10).await.unwrap().items, []);
        assert!(engine.map_children("nonsense", None, None, 10).await.is_err());
    });
}

#[test]
fn a_map_run_takes_new_limits() {
    let state = distributed("STANDARD", json!({"MaxConcurrency": 1}));
    let machine = custom("raw", json!({"items": [{"n": 1}, {"n": 2}, {"n": 3}]}), "M", json!({"M": state}));
    let bench = Bench::scripted(std::slice::from_ref(&machine), World::new(|_| Reply::Never));
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
        bench.settle().await;
        assert_eq!(bench.world.seen_of("E").len(), 1);
        let run = map_run(&engine, "raw").await;
        let limits = MapRunLimits { max_concurrency: Some(3), ..MapRunLimits::default() };
        assert!(engine.update_map_run(&run.arn, limits).await.unwrap());
        assert_eq!(map_run(&engine, "raw").await.max_concurrency, 3);
        bench.settle().await;
        assert_eq!(bench.world.seen_of("E").len(), 3);
        assert!(!engine.update_map_run(&format!("{}x", run.arn), limits).await.unwrap());
        engine.stop(&id("raw", "x"), None, None).await.unwrap();
        bench.settle().await;
        let statuses: Vec<_> = engine
            .map_children(&run.arn, None, None, 9)
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|it| it.status)
            .collect();
        assert_eq!(statuses, [ExecutionStatus::Aborted; 3]);
    });
}

#[test]
fn a_redrive_redrives_only_what_failed() {
    for execution_type in ["STANDARD", "EXPRESS"] {
        let state = distributed(execution_type, json!({}));
        let items = json!({"items": [{"n": 1}, {"n": 30}, {"n": 3}]});
        let machine = custom("raw", items, "M", json!({"M": state}));
        let mended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&mended);
        let world = World::new(move |request| match request.state.as_str() {
            "Broken" if seen.load(Ordering::Relaxed) => Reply::Done(json!({"Payload": {"n": 31}})),
            "Broken" => Reply::Failed(TaskFailure { error: "Step.Broken".to_owned(), cause: None }),
            _ => machines::script(request),
        });
        let mut bench = Bench::scripted(std::slice::from_ref(&machine), world);
        let failed = bench.one_life(&machine, None).unwrap();
        assert_eq!(
            failed.error.as_deref(),
            Some("States.ExceedToleratedFailureThreshold"),
            "{execution_type}"
        );
        bench.die();
        mended.store(true, Ordering::Relaxed);
        let before = bench.world.seen_of("E").len();
        bench.live(async {
            let engine = bench.open().await;
            engine.redrive(&id("raw", "x")).await.unwrap();
            assert!(bench.run(&id("raw", "x")).await);
            let execution = described(&engine, &id("raw", "x")).await.unwrap();
            assert_eq!(execution.summary.status, ExecutionStatus::Succeeded, "{execution:?}");
            assert_eq!(execution.output, Some(json!([{"n": 3}, {"n": 31}, {"n": 5}])), "{execution_type}");
            let run = map_run(&engine, "raw").await;
            assert_eq!((run.redrive_count, run.items.succeeded), (1, 3));
        });
        // A Standard child that was cut off goes on where it stood; an Express one starts anew.
        let most = if execution_type == "EXPRESS" { before + 2 } else { before + 1 };
        assert!(bench.world.seen_of("E").len() <= most, "{execution_type}");
    }
}
