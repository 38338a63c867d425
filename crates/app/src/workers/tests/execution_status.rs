//! The execution-status worker.

use super::super::execution_status::ExecutionStatusWorker;
use super::super::start::{Starter, execution_input};
use super::*;
use serde_json::json;
use tenantry_core::ExecutionId;
use tenantry_core::model::{Progress, ProgressState, RecordedError};
use tenantry_core::ports::{DeadLetters as _, ExecutionStatus, OutgoingMessage, Workflows as _};
use tenantry_events::ledger::AuditEntry;
use tenantry_events::sealed_error::{self, Place};

async fn running() -> (Home, Operation) {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    home.relay().await;
    home.pump("operations", &home.memory.operations, &Starter::new(home.ports.clone())).await;
    let operation = home.operation(&tenant, &operation).await;
    (home, operation)
}

async fn tell(home: &Home, execution: &ExecutionId, tenant: Option<&TenantId>) -> Vec<WorkerError> {
    let body = json!({"executionId": execution, "status": "FAILED", "tenantId": tenant}).to_string();
    send(home, body).await
}

async fn send(home: &Home, body: String) -> Vec<WorkerError> {
    let message = OutgoingMessage { body, group: "g".to_owned(), delay: Duration::ZERO };
    home.memory.execution_status.send(vec![message]).await.unwrap();
    let worker = ExecutionStatusWorker::new(home.ports.clone());
    home.pump("execution-status", &home.memory.execution_status, &worker).await.1
}

async fn fail(home: &Home, operation: &Operation) {
    home.memory.clock.advance(Duration::from_secs(5));
    let cause = Some("no\nroom");
    home.memory.workflows.end(
        &operation.execution_id(),
        ExecutionStatus::Failed,
        Some("Tenant.NoCapacity"),
        cause,
    );
}

async fn audits(home: &Home, tenant: &TenantId) -> Vec<AuditEntry> {
    let rows: Vec<AuditEntry> = home.rows(Range::audit(tenant)).await;
    rows.into_iter().filter(|entry| entry.act == "operation.attempt_ended").collect()
}

async fn reload(home: &Home, operation: &Operation) -> Operation {
    home.operation(&operation.tenant_id, &operation.operation_id).await
}

async fn opened(home: &Home, operation: &Operation) -> RecordedError {
    let (keys, error) = (home.ports.data_keys.as_ref(), operation.attempt_end.clone().unwrap().error);
    let (tenant, id) = (&operation.tenant_id, &operation.operation_id);
    sealed_error::open(keys, tenant, id, Place::AttemptEnd, error).await.unwrap()
}

#[tokio::test]
async fn a_failed_execution_leaves_its_error_step_and_audit_once() {
    let (home, operation) = running().await;
    let progress = |step: &str, attempt: u64, seconds: u64| {
        let at = home.now().saturating_add(Duration::from_secs(seconds));
        let progress = Progress {
            operation_id: operation.operation_id.clone(),
            attempt,
            step: step.to_owned(),
            try_number: 1,
            state: ProgressState::Failed,
            started_at: at,
            updated_at: at,
            last_error: None,
            next_retry_at: None,
            deadline_at: None,
        };
        let key = Key::progress(&operation.tenant_id, &operation.operation_id, attempt, step, "");
        Action::put(Item::of(key, &progress))
    };
    home.commit(vec![progress("UndoKey", 1, 3), progress("Validate", 1, 1), progress("Later", 2, 9)]).await;
    fail(&home, &operation).await;
    let ended = home.now();
    home.memory.clock.advance(Duration::from_secs(60));
    for _ in 0..3 {
        assert!(tell(&home, &operation.execution_id(), Some(&operation.tenant_id)).await.is_empty());
    }
    let after = reload(&home, &operation).await;
    let end = after.attempt_end.clone().unwrap();
    assert_eq!((end.status.as_str(), end.at), ("FAILED", ended));
    assert!(!end.error.message.contains("no room"), "the row keeps it sealed");
    let opened = opened(&home, &after).await;
    assert_eq!(
        serde_json::to_value(&opened).unwrap(),
        json!({"code": "Tenant.NoCapacity", "message": "no room", "step": "UndoKey"})
    );
    assert_eq!(
        (after.revision, after.phase),
        (operation.revision + 1, OperationPhase::Running),
        "written once"
    );
    let audits = audits(&home, &operation.tenant_id).await;
    assert_eq!(audits.len(), 1);
    assert_eq!(audits[0].reason.as_deref(), Some("Tenant.NoCapacity"));
}

#[tokio::test]
async fn without_progress_the_history_names_the_step() {
    let (home, operation) = running().await;
    for name in ["Validate", "Place"] {
        let details = json!({"stateEnteredEventDetails": {"name": name}});
        home.memory.workflows.record(&operation.execution_id(), "TaskStateEntered", details);
    }
    fail(&home, &operation).await;
    // The tenant is found by the operation's pointer.
    assert!(tell(&home, &operation.execution_id(), None).await.is_empty());
    let end = reload(&home, &operation).await.attempt_end.unwrap();
    assert_eq!(end.error.step.as_deref(), Some("Place"));
}

#[tokio::test]
async fn a_stopped_execution_without_a_cause_is_explained() {
    let (home, operation) = running().await;
    home.memory.workflows.stop(&operation.execution_id(), None, None).await.unwrap();
    assert!(tell(&home, &operation.execution_id(), None).await.is_empty());
    let end = reload(&home, &operation).await.attempt_end.unwrap();
    assert_eq!((end.status.as_str(), end.error.code.as_str()), ("ABORTED", "Execution.Aborted"));
    assert!(opened(&home, &reload(&home, &operation).await).await.message.contains("ABORTED"));
}

#[tokio::test]
async fn a_late_message_after_a_redrive_changes_nothing() {
    let (home, operation) = running().await;
    fail(&home, &operation).await;
    home.memory.workflows.redrive(&operation.execution_id()).await.unwrap();
    assert!(tell(&home, &operation.execution_id(), None).await.is_empty());
    assert_eq!(reload(&home, &operation).await, operation);
}

#[tokio::test]
async fn an_operation_with_an_end_or_another_attempt_is_left_alone() {
    for later_attempt in [false, true] {
        let (home, operation) = running().await;
        fail(&home, &operation).await;
        home.change_operation(&operation, false, |operation| {
            if later_attempt {
                operation.attempt = 2;
            } else {
                operation.phase = OperationPhase::Failed;
            }
        })
        .await;
        assert!(tell(&home, &operation.execution_id(), None).await.is_empty());
        let after = reload(&home, &operation).await;
        assert_eq!(after.attempt_end, None);
        assert!(audits(&home, &operation.tenant_id).await.is_empty());
    }
}

#[tokio::test]
async fn a_redrive_between_the_look_and_the_write_wins() {
    for row_is_written_too in [false, true] {
        let (home, operation) = running().await;
        fail(&home, &operation).await;
        let (memory, before, now) = (home.memory.clone(), operation.clone(), home.now());
        let meddle = async move {
            memory.workflows.redrive(&before.execution_id()).await.unwrap();
            if row_is_written_too {
                let (_, action) =
                    ledger::change_operation(&before, now, false, |operation| operation.attempt_end = None);
                memory.table.commit(Commit::of(vec![action])).await.unwrap();
            }
        };
        let mut ports = home.ports.clone();
        ports.table = Arc::new(MeddlingTable {
            inner: home.memory.table.clone(),
            meddle: Mutex::new(Some(Box::pin(meddle))),
        });
        let worker = ExecutionStatusWorker::new(ports);
        let body = json!({"executionId": operation.execution_id(), "status": "FAILED", "tenantId": null})
            .to_string();
        let message = OutgoingMessage { body, group: "g".to_owned(), delay: Duration::ZERO };
        home.memory.execution_status.send(vec![message]).await.unwrap();
        let (count, errors) = home.pump("execution-status", &home.memory.execution_status, &worker).await;
        assert!(count == 1 && errors.is_empty(), "{errors:?}");
        assert_eq!(reload(&home, &operation).await.attempt_end, None);
    }
}

#[tokio::test]
async fn other_executions_are_ignored_and_nonsense_is_buried() {
    let home = Home::new();
    let own = ExecutionId::new("their_tenant", "their-run").unwrap();
    let (tenant, operation) = home.sign_up().await;
    home.memory
        .workflows
        .start(&own, execution_input(&home.operation(&tenant, &operation).await))
        .await
        .unwrap();
    assert!(tell(&home, &own, None).await.is_empty());
    assert!(send(&home, "[]".to_owned()).await.is_empty());
    let letters = home.memory.dead_letters.list("execution-status", None, 10).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason.code, "malformed");
}
