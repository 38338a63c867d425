//! Executions of definitions that the engine was not opened with.

use crate::bench::{Bench, id};
use crate::machines;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenantry_asl::{Definition, Identity};
use tenantry_core::ports::{ExecutionStatus, PortError, StartOutcome, WorkflowError, Workflows};
use tenantry_core::{ExecutionId, Realm, Timestamp};
use tenantry_engine::Launch;
use tenantry_engine::testing::{Crash, CrashPoint, quiesce};

fn definition(states: Value) -> Arc<Definition> {
    let text = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states}).to_string();
    Arc::new(tenantry_asl::parse(&text).unwrap())
}

fn launch(id: &ExecutionId, definition: &Arc<Definition>, input: Value) -> Launch {
    let realm = Realm::default();
    let (execution_id, name) = match id.express() {
        Some((name, uuid)) => (realm.express(id.workflow(), name, uuid), name),
        None => (realm.execution(id.workflow(), id.name()), id.name()),
    };
    let identity = Identity {
        execution_id,
        execution_name: name.to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        state_machine_id: realm.state_machine(id.workflow()),
        state_machine_name: id.workflow().to_owned(),
        ..Identity::default()
    };
    let express = id.express().is_some();
    Launch { id: id.clone(), definition: Arc::clone(definition), input, identity, express }
}

#[test]
fn a_launched_execution_lives_like_any_other() {
    let definition = definition(json!({"A": machines::task("A", "B"), "B": machines::task("B", "")}));
    let one = id("mine", "one");
    for crash in (0..3).flat_map(|append| CrashPoint::ALL.map(|point| Crash { append, point })) {
        let mut bench = Bench::new(&[]);
        bench.live(async {
            bench.journal.crash_at(crash);
            let engine = bench.open().await;
            let launch = launch(&one, &definition, json!({"n": 1}));
            tokio::spawn(async move { engine.launch(launch).await });
            quiesce().await;
        });
        bench.die();
        bench.live(async {
            let engine = bench.open().await;
            let launched = engine.launch(launch(&one, &definition, json!({"n": 1}))).await.unwrap();
            engine.ended(&one).await.unwrap();
            let inspection = engine.inspect(&one).await.unwrap();
            assert_eq!(inspection.execution.summary.started_at, launched.started_at, "{crash:?}");
            assert_eq!(inspection.execution.output, Some(json!({"n": 3})), "{crash:?}");
            assert_eq!(inspection.definition.hash(), definition.hash());
            assert_eq!(inspection.identity.role_arn, "arn:aws:iam::000000000000:role/r");
            assert_eq!(inspection.not_redrivable, Some("Execution is SUCCEEDED and cannot be redriven"));
            let again = engine.launch(launch(&one, &definition, json!({"n": 1}))).await.unwrap();
            assert_eq!(again.outcome, StartOutcome::NameTaken);
        });
        assert_eq!(bench.world.violations(), Vec::<String>::new(), "{crash:?}");
    }
}

#[test]
fn who_waits_for_an_end_hears_of_it() {
    let definition = definition(json!({"A": machines::wait(10, "")}));
    let mut bench = Bench::new(&[]);
    bench.live(async {
        let engine = bench.open().await;
        assert!(matches!(engine.ended(&id("mine", "one")).await, Err(WorkflowError::UnknownExecution(_))));
        engine.launch(launch(&id("mine", "one"), &definition, json!({}))).await.unwrap();
        let waits: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.ended(&id("mine", "one")).await })
            })
            .collect();
        quiesce().await;
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        bench.clock.advance(Duration::from_secs(10));
        quiesce().await;
        for wait in waits {
            wait.await.unwrap().unwrap();
        }
    });
    bench.die();
    bench.live(async { bench.open().await.ended(&id("mine", "one")).await.unwrap() });
}

#[test]
fn an_express_execution_ends_after_five_minutes_also_over_a_death() {
    let definition = definition(json!({"A": machines::wait(9_999, "")}));
    let one = id("mine", "one:5f0c");
    let mut bench = Bench::new(&[]);
    bench.live(async {
        let engine = bench.open().await;
        engine.launch(launch(&one, &definition, json!({}))).await.unwrap();
        bench.clock.advance(Duration::from_secs(200));
        quiesce().await;
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        bench.clock.advance(Duration::from_secs(99));
        quiesce().await;
        assert_eq!(engine.inspect(&one).await.unwrap().execution.summary.status, ExecutionStatus::Running);
        bench.clock.advance(Duration::from_secs(1));
        quiesce().await;
        let inspection = engine.inspect(&one).await.unwrap();
        assert_eq!(inspection.execution.summary.status, ExecutionStatus::TimedOut);
        assert!(inspection.not_redrivable.is_some());
        assert!(matches!(engine.redrive(&one).await, Err(WorkflowError::WrongState(_))));
        assert!(bench.executions_now().await.is_empty());
        // Forgotten, once that is asked for.
        assert_eq!(engine.forget_express(inspection.execution.summary.started_at).await.unwrap(), 0);
        assert_eq!(engine.forget_express(Timestamp::MAX).await.unwrap(), 1);
        assert!(matches!(engine.inspect(&one).await, Err(WorkflowError::UnknownExecution(_))));
    });
}

#[test]
fn a_launch_that_contradicts_itself_is_refused() {
    let definition = definition(json!({"A": machines::wait(1, "")}));
    let bench = Bench::new(&[]);
    bench.live(async {
        let engine = bench.open().await;
        let express = Launch { express: true, ..launch(&id("mine", "one"), &definition, json!({})) };
        let refused = engine.launch(express).await;
        assert!(matches!(refused, Err(WorkflowError::Port(PortError::Refused { .. }))));
        let large = json!("x".repeat(262_143));
        let refused = engine.launch(launch(&id("mine", "one"), &definition, large)).await;
        assert!(matches!(refused, Err(WorkflowError::InputTooLarge)));
        let largest = json!("x".repeat(262_142));
        assert!(engine.launch(launch(&id("mine", "one"), &definition, largest)).await.is_ok());
        assert_eq!(bench.journal.executions(), 1);
    });
}

#[test]
fn a_forgotten_machine_leaves_its_names_free_and_its_open_executions_running() {
    let definition = definition(json!({"A": machines::wait(10, "")}));
    let bench = Bench::new(&[]);
    bench.live(async {
        let engine = bench.open().await;
        for (workflow, name) in [("mine", "old"), ("mine/label", "old"), ("mine2", "old")] {
            engine.launch(launch(&id(workflow, name), &definition, json!({}))).await.unwrap();
        }
        bench.clock.advance(Duration::from_secs(10));
        quiesce().await;
        engine.launch(launch(&id("mine", "new"), &definition, json!({}))).await.unwrap();
        engine.forget_machine("mine").await.unwrap();
        let left: Vec<_> = bench.executions_now().await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, [id("mine", "new"), id("mine2", "old")]);
        let again = engine.launch(launch(&id("mine", "old"), &definition, json!({}))).await.unwrap();
        assert_eq!(again.outcome, StartOutcome::Started);
    });
}

#[test]
fn a_redrive_is_refused_after_fourteen_days() {
    let failing = definition(json!({"A": {"Type": "Fail", "Error": "E"}}));
    let bench = Bench::new(&[]);
    bench.live(async {
        let engine = bench.open().await;
        let one = id("mine", "one");
        engine.launch(launch(&one, &failing, json!({}))).await.unwrap();
        engine.ended(&one).await.unwrap();
        const FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 3600);
        bench.clock.advance(FORTNIGHT);
        assert_eq!(engine.inspect(&one).await.unwrap().not_redrivable, None);
        engine.redrive(&one).await.unwrap();
        engine.ended(&one).await.unwrap();
        let inspection = engine.inspect(&one).await.unwrap();
        assert_eq!(inspection.execution.summary.redrive_count, 1);
        assert!(inspection.redriven_at.is_some());
        bench.clock.advance(FORTNIGHT + Duration::from_millis(1));
        let inspection = engine.inspect(&one).await.unwrap();
        assert_eq!(inspection.not_redrivable, Some("Execution redrivable period exceeded"));
        assert!(matches!(engine.redrive(&one).await, Err(WorkflowError::WrongState(_))));
    });
}
