use crate::bench::{Bench, id};
use crate::machines;
use serde_json::json;
use tenantry_core::TenantId;
use tenantry_core::ports::{ExecutionFilter, PortError, StartOutcome, WorkflowError, Workflows};
use tenantry_engine::testing::quiesce;

#[test]
fn sixty_four_concurrent_starts_make_one_execution() {
    let bench = Bench::new(&[machines::one_waiting()]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("one_waiting", "x");
        let starts = (0..64).map(|_| {
            let (engine, id) = (engine.clone(), id.clone());
            tokio::spawn(async move { engine.start(&id, json!({"n": 1})).await.unwrap() })
        });
        let mut outcomes = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            outcomes.push(start.await.unwrap());
        }
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        assert_eq!((count(StartOutcome::Started), count(StartOutcome::AlreadyRunning)), (1, 63));
        quiesce().await;
        assert_eq!(bench.world.seen().len(), 1);
        assert_eq!((bench.journal.executions(), engine.stats().open_executions), (1, 1));
    });
}

#[test]
fn a_name_is_used_once() {
    let mut bench = Bench::new(&[machines::one_task(), machines::one_waiting()]);
    let (open, closed) = (id("one_waiting", "x"), id("one_task", "x"));
    bench.live(async {
        let engine = bench.open().await;
        assert_eq!(engine.start(&open, json!({"n": 1, "m": 2})).await.unwrap(), StartOutcome::Started);
        assert_eq!(engine.start(&closed, json!({"n": 1})).await.unwrap(), StartOutcome::Started);
        quiesce().await;
    });
    // The same before and after a restart.
    for _ in 0..2 {
        bench.live(async {
            let engine = bench.open().await;
            let outcome = async |id, input| engine.start(id, input).await.unwrap();
            assert_eq!(outcome(&open, json!({"m": 2, "n": 1})).await, StartOutcome::AlreadyRunning);
            assert_eq!(outcome(&open, json!({"n": 1, "m": 3})).await, StartOutcome::NameTaken);
            assert_eq!(outcome(&closed, json!({"n": 1})).await, StartOutcome::NameTaken);
        });
        bench.die();
    }
}

#[test]
fn what_cannot_start_is_refused() {
    let bench = Bench::new(&[machines::one_task()]);
    bench.live(async {
        let engine = bench.open().await;
        let error = engine.start(&id("nothing", "x"), json!({})).await.unwrap_err();
        assert!(matches!(error, WorkflowError::UnknownWorkflow(name) if name == "nothing"));
        // Quotes count: a text of n characters has n + 2 bytes.
        let start = async |length| {
            engine.start(&id("one_task", &format!("n{length}")), json!("x".repeat(length))).await
        };
        assert!(matches!(start(262_143).await, Err(WorkflowError::InputTooLarge)));
        assert_eq!(start(262_142).await.unwrap(), StartOutcome::Started);
        let deep = (0..101).fold(json!(1), |inner, _| json!([inner]));
        let error = engine.start(&id("one_task", "deep"), deep).await.unwrap_err();
        assert!(error.to_string().contains("nested"), "{error}");
        engine.shutdown().await;
        let error = engine.start(&id("one_task", "late"), json!({})).await.unwrap_err();
        assert!(matches!(error, WorkflowError::Port(PortError::Unavailable { .. })), "{error}");
    });
}

#[test]
fn an_execution_belongs_to_the_tenant_that_its_input_names() {
    let bench = Bench::new(&[machines::one_task()]);
    bench.live(async {
        let engine = bench.open().await;
        let tenant: TenantId = "tnt_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        for (name, input) in [
            ("a", json!({"n": 1, "tenantId": tenant.as_str()})),
            ("b", json!({"n": 1, "tenantId": "someone"})),
            ("c", json!({"n": 1})),
        ] {
            engine.start(&id("one_task", name), input).await.unwrap();
        }
        let filter = ExecutionFilter { tenant_id: Some(tenant), ..ExecutionFilter::default() };
        let page = engine.list(filter, None, 10).await.unwrap();
        assert_eq!(page.items.iter().map(|item| item.id.name()).collect::<Vec<_>>(), ["a"]);
    });
}
