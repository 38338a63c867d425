//! The start worker.

use super::super::start::{Starter, execution_input};
use super::*;
use serde_json::json;
use tenantry_core::ports::{
    CommitError, DeadLetters as _, ExecutionStatus, OutgoingMessage, PortError, Workflows as _,
};

async fn queued() -> (Home, Starter, Operation) {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    home.relay().await;
    let starter = Starter::new(home.ports.clone());
    let operation = home.operation(&tenant, &operation).await;
    (home, starter, operation)
}

async fn pump(home: &Home, starter: &Starter) -> Vec<WorkerError> {
    home.pump("operations", &home.memory.operations, starter).await.1
}

async fn phase(home: &Home, operation: &Operation) -> OperationPhase {
    home.operation(&operation.tenant_id, &operation.operation_id).await.phase
}

fn is_due(home: &Home) -> bool {
    home.memory
        .table
        .dump()
        .iter()
        .any(|item| item.indexes.values().any(|place| place.pk.starts_with("DUE#")))
}

#[tokio::test]
async fn a_message_starts_the_execution_of_its_attempt() {
    let (home, starter, operation) = queued().await;
    assert!(is_due(&home), "until it is started, the sweeper would send it again");
    assert!(pump(&home, &starter).await.is_empty());
    let execution = home.memory.workflows.describe(&operation.execution_id()).await.unwrap();
    let (tenant, id) = (&operation.tenant_id, &operation.operation_id);
    assert_eq!(
        execution.input,
        json!({"tenantId": tenant, "operationId": id, "generation": 1, "attempt": 1})
    );
    let after = home.operation(tenant, id).await;
    assert_eq!((after.phase, after.revision), (OperationPhase::Running, 2));
    assert!(home.memory.operations.bodies().is_empty());
    assert!(!is_due(&home));
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let (home, starter, operation) = queued().await;
    let body = home.memory.operations.bodies()[0].to_string();
    assert!(pump(&home, &starter).await.is_empty());
    let again = OutgoingMessage { body, group: "g".to_owned(), delay: Duration::ZERO };
    home.memory.operations.send(vec![again]).await.unwrap();
    assert!(pump(&home, &starter).await.is_empty());
    assert_eq!(home.operation(&operation.tenant_id, &operation.operation_id).await.revision, 2);
}

#[tokio::test]
async fn a_crash_after_the_start_counts_as_started() {
    for ended in [false, true] {
        let (home, starter, operation) = queued().await;
        let error = PortError::Unavailable { port: "table", message: String::new() };
        home.memory.table.fail_next_commit(CommitError::Port(error));
        assert_eq!(pump(&home, &starter).await.len(), 1);
        assert_eq!(phase(&home, &operation).await, OperationPhase::Queued);
        if ended {
            home.memory.workflows.end(&operation.execution_id(), ExecutionStatus::Failed, None, None);
        }
        home.memory.clock.advance(Duration::from_secs(30));
        assert!(pump(&home, &starter).await.is_empty());
        assert_eq!(phase(&home, &operation).await, OperationPhase::Running);
    }
}

#[tokio::test]
async fn an_operation_that_has_moved_on_is_left_alone() {
    let (home, starter, operation) = queued().await;
    home.change_operation(&operation, false, |operation| operation.phase = OperationPhase::Succeeded).await;
    assert!(pump(&home, &starter).await.is_empty());
    assert!(home.memory.workflows.describe(&operation.execution_id()).await.is_err());
    assert_eq!(phase(&home, &operation).await, OperationPhase::Succeeded);
}

#[tokio::test]
async fn a_later_attempt_has_an_execution_of_its_own() {
    let (home, starter, operation) = queued().await;
    home.change_operation(&operation, true, |operation| {
        operation.attempt = 2;
        operation.generation = 2;
    })
    .await;
    assert!(pump(&home, &starter).await.is_empty());
    let after = home.operation(&operation.tenant_id, &operation.operation_id).await;
    assert!(after.execution_id().name().ends_with("-2"));
    let execution = home.memory.workflows.describe(&after.execution_id()).await.unwrap();
    assert_eq!(execution.input, execution_input(&after));
    assert_eq!(execution.input["generation"], 2);
}

#[tokio::test]
async fn what_nobody_can_handle_becomes_a_dead_letter() {
    let home = Home::new();
    let starter = Starter::new(home.ports.clone());
    let (tenant, operation) =
        (TenantId::from_uuid(home.ports.ids.next()), OperationId::from_uuid(home.ports.ids.next()));
    let unknown = json!({"tenantId": tenant, "operationId": operation}).to_string();
    for body in ["{".to_owned(), json!({"tenantId": 7}).to_string(), unknown] {
        let message = OutgoingMessage { body, group: "g".to_owned(), delay: Duration::ZERO };
        home.memory.operations.send(vec![message]).await.unwrap();
    }
    assert!(pump(&home, &starter).await.is_empty());
    let letters = home.memory.dead_letters.list("operations", None, 10).await.unwrap().items;
    let mut codes: Vec<_> = letters.iter().map(|letter| letter.reason.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["malformed", "malformed", "operation_not_found"]);
    assert!(home.memory.operations.bodies().is_empty());
}

#[tokio::test]
async fn an_outage_leaves_no_dead_letter_and_the_operation_is_due() {
    let (home, starter, operation) = queued().await;
    home.memory.workflows.set_unavailable(true);
    let mut failures = 0;
    for _ in 0..10 {
        failures += pump(&home, &starter).await.len();
        home.memory.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(failures, 3);
    assert!(home.memory.operations.bodies().is_empty());
    assert!(home.memory.dead_letters.list("operations", None, 10).await.unwrap().items.is_empty());
    assert!(is_due(&home));
    home.memory.workflows.set_unavailable(false);
    let sweeper = super::super::sweeper::Sweeper::new(home.ports.clone(), RESEND_AFTER, RESEND_AFTER);
    assert_eq!(sweeper.run_once().await.unwrap().operations, 1);
    assert!(pump(&home, &starter).await.is_empty());
    assert_eq!(phase(&home, &operation).await, OperationPhase::Running);
}
