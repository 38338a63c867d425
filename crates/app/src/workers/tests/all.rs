//! All workers together, as a home runs them.

use super::*;
use crate::http::receiver::{Answer, Receiver};
use crate::workers::{Wakes, WorkerHandles, WorkerSettings, spawn_all};
use serde_json::json;

fn settings() -> WorkerSettings {
    let http = HttpSettings { allow_private: true, ..HttpSettings::default() };
    WorkerSettings { http, sole_process: true, ..WorkerSettings::default() }
}

async fn stop(home: &Home, handles: WorkerHandles) -> bool {
    let clock = home.memory.clock.clone();
    let tick = async {
        loop {
            clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = handles.stop() => ended,
        () = tick => unreachable!("a loop without an end"),
    }
}

#[tokio::test]
async fn sign_ups_become_executions_and_deliveries() {
    let receiver = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    home.subscribe(receiver.url("/"), json!({"source": ["tenantry"]})).await;
    let wakes = Wakes::default();
    let handles = spawn_all(home.ports.clone(), settings(), wakes.clone()).unwrap();
    let names: Vec<_> = handles.snapshots().iter().map(|snapshot| snapshot.name).collect();
    assert_eq!(
        names,
        ["outbox-relay", "start", "execution-status", "integrations", "webhook-sender", "sweeper"]
    );
    let mut operations = Vec::new();
    for _ in 0..20 {
        operations.push(home.sign_up().await);
        wakes.outbox.notify_one();
    }
    eventually("every event is delivered", || receiver.requests().len() >= 20).await;
    for (tenant, operation) in &operations {
        let mut running = false;
        for _ in 0..10_000 {
            running = home.operation(tenant, operation).await.phase == OperationPhase::Running;
            if running {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(running, "{operation} was not started");
    }
    assert!(handles.all_running());
    let statuses = handles.statuses().to_vec();
    assert!(stop(&home, handles).await, "they end by themselves");
    let snapshots: Vec<_> = statuses.iter().map(|status| status.snapshot()).collect();
    let processed = |name| snapshots.iter().find(|snapshot| snapshot.name == name).unwrap().processed_count;
    assert_eq!((processed("outbox-relay"), processed("start")), (40, 20));
    assert_eq!(receiver.requests().len(), 20);
    assert!(
        snapshots.iter().all(|snapshot| snapshot.failed_count == 0 && snapshot.last_error.is_none()),
        "{snapshots:?}"
    );
    assert!(home.memory.operations.bodies().is_empty() && home.memory.webhooks.bodies().is_empty());
}

#[tokio::test]
async fn without_a_wake_up_the_next_look_finds_it() {
    let home = Home::new();
    let handles = spawn_all(home.ports.clone(), settings(), Wakes::default()).unwrap();
    let (tenant, _) = home.sign_up().await;
    let clock = home.memory.clock.clone();
    let published = || {
        clock.advance(Duration::from_millis(100));
        home.published(&tenant) == [1]
    };
    eventually("the event is published", published).await;
    assert!(stop(&home, handles).await);
}

#[tokio::test]
async fn a_failure_shows_in_the_status() {
    let home = Home::new();
    home.memory.workflows.set_unavailable(true);
    let wakes = Wakes::default();
    let handles = spawn_all(home.ports.clone(), settings(), wakes.clone()).unwrap();
    home.sign_up().await;
    wakes.outbox.notify_one();
    let start = handles.statuses()[1].clone();
    eventually("the start worker has failed", || start.snapshot().failed_count > 0).await;
    assert!(start.snapshot().last_error.unwrap().message.contains("switched off"));
    let shown = serde_json::to_value(start.snapshot()).unwrap();
    assert_eq!((&shown["name"], &shown["processedCount"]), (&json!("start"), &json!(0)));
    assert!(stop(&home, handles).await);
}

#[tokio::test]
async fn a_worker_that_ends_by_a_fault_is_noticed() {
    let handles = spawn_all(Home::new().ports, settings(), Wakes::default()).unwrap();
    assert!(handles.all_running());
    handles.abort_one();
    eventually("the ended worker shows", || !handles.all_running()).await;
}
