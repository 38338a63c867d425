//! The reconciler.

use super::super::execution_status::ExecutionStatusWorker;
use super::super::reconciler::{Reconciler, ReconcilerRun, ReconcilerSettings};
use super::super::start::Starter;
use super::*;
use tenantry_core::ports::ExecutionStatus;

const QUIET: Duration = Duration::from_secs(300);

fn reconciler(home: &Home, tenants_max: usize) -> Reconciler {
    Reconciler::new(home.ports.clone(), ReconcilerSettings { quiet_for: QUIET, tenants_max })
}

/// So many tenants whose operation runs.
async fn running(home: &Home, count: usize) -> Vec<Operation> {
    let mut operations = Vec::new();
    for _ in 0..count {
        operations.push(home.sign_up().await);
    }
    while home.relay().await.more {}
    home.pump("operations", &home.memory.operations, &Starter::new(home.ports.clone())).await;
    let mut running = Vec::new();
    for (tenant, operation) in &operations {
        running.push(home.operation(tenant, operation).await);
    }
    assert!(running.iter().all(|operation| operation.phase == OperationPhase::Running));
    running
}

fn end(home: &Home, operation: &Operation, status: ExecutionStatus) {
    home.memory.workflows.end(&operation.execution_id(), status, Some("Tenant.NoCapacity"), Some("full"));
}

async fn run(home: &Home, reconciler: &Reconciler) -> ReconcilerRun {
    reconciler.run_once(home.now().saturating_add(Duration::from_secs(60))).await.unwrap()
}

#[tokio::test]
async fn an_end_that_nobody_told_of_reaches_the_operation() {
    let home = Home::new();
    let operations = running(&home, 3).await;
    end(&home, &operations[1], ExecutionStatus::Failed);
    let reconciler = reconciler(&home, 100);
    let early = run(&home, &reconciler).await;
    assert_eq!((early.looked_at, early.asked, early.told), (3, 0, 0), "nothing is quiet for long yet");

    home.memory.clock.advance(QUIET);
    let late = run(&home, &reconciler).await;
    let expected = ReconcilerRun { looked_at: 3, asked: 3, told: 1, failed: 0, finished: true };
    assert_eq!(late, expected);
    let worker = ExecutionStatusWorker::new(home.ports.clone());
    let (count, errors) = home.pump("execution-status", &home.memory.execution_status, &worker).await;
    assert_eq!((count, errors.len()), (1, 0));
    let ended = home.operation(&operations[1].tenant_id, &operations[1].operation_id).await;
    assert_eq!(ended.attempt_end.unwrap().error.code, "Tenant.NoCapacity");

    // What is told waits for an operator: nobody is asked about it again.
    home.memory.clock.advance(QUIET);
    assert_eq!(run(&home, &reconciler).await, ReconcilerRun { asked: 2, told: 0, ..expected });
}

#[tokio::test]
async fn what_gets_on_is_left_alone_and_what_contradicts_itself_is_counted() {
    let home = Home::new();
    let operations = running(&home, 2).await;
    home.memory.clock.advance(QUIET);
    home.change_operation(&operations[0], false, |_| {}).await;
    end(&home, &operations[1], ExecutionStatus::Succeeded);
    let seen = run(&home, &reconciler(&home, 100)).await;
    assert_eq!(seen, ReconcilerRun { looked_at: 2, asked: 1, told: 0, failed: 1, finished: true });
    assert!(home.memory.execution_status.bodies().is_empty());

    home.memory.workflows.set_unavailable(true);
    home.memory.clock.advance(QUIET);
    let seen = run(&home, &reconciler(&home, 100)).await;
    assert_eq!((seen.asked, seen.failed, seen.finished), (2, 2, true), "an outage stops no other");
}

#[tokio::test]
async fn runs_of_many_processes_come_to_every_tenant_in_turn() {
    let home = Home::new();
    home.memory.table.shorten_pages(3);
    let operations = running(&home, 23).await;
    operations.iter().for_each(|operation| end(&home, operation, ExecutionStatus::TimedOut));
    home.memory.clock.advance(QUIET);
    let mut looked_at = Vec::new();
    // Each run is another process's: only the row remembers.
    for _ in 0..5 {
        let seen = run(&home, &reconciler(&home, 5)).await;
        looked_at.push((seen.looked_at, seen.finished));
    }
    assert_eq!(looked_at, [(5, false), (5, false), (5, false), (5, false), (3, true)]);
    let told = home.memory.execution_status.bodies();
    let tenants: std::collections::BTreeSet<&str> =
        told.iter().map(|body| body["tenantId"].as_str().unwrap()).collect();
    assert_eq!((told.len(), tenants.len()), (23, 23), "each once");
    assert_eq!(run(&home, &reconciler(&home, 100)).await.looked_at, 23, "and then from the start");

    let out_of_time = reconciler(&home, 100).run_once(home.now()).await.unwrap();
    assert_eq!((out_of_time.looked_at, out_of_time.finished), (0, false));
}
