//! The sweeper.

use super::super::sweeper::{SweepRun, Sweeper};
use super::super::webhooks::cursor::Cursor;
use super::*;
use serde_json::json;

fn sweeper(home: &Home) -> Sweeper {
    Sweeper::new(home.ports.clone(), RESEND_AFTER, Duration::from_secs(300))
}

async fn lose_all(queue: &MemoryQueue) {
    while let Some(message) = queue.receive(1, Duration::from_secs(20), Duration::ZERO).await.unwrap().pop() {
        queue.delete(&message.receipt).await.unwrap();
    }
}

#[tokio::test]
async fn an_operation_whose_message_was_lost_is_sent_again_ever_more_rarely() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    home.relay().await;
    let sweeper = sweeper(&home);
    let mut sent = Vec::new();
    for minute in 0..20_u64 {
        lose_all(&home.memory.operations).await;
        if sweeper.run_once().await.unwrap().operations == 1 {
            sent.push(minute);
            assert_eq!(
                home.memory.operations.bodies(),
                [json!({"tenantId": tenant, "operationId": operation})]
            );
        }
        home.memory.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(sent, [1, 2, 4, 8, 16]);
}

#[tokio::test]
async fn a_row_that_is_due_for_nothing_any_more_is_taken_out() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    home.relay().await;
    // A writer that leaves the row's place in the index.
    let key = Key::operation(&tenant, &operation);
    let running = super::super::rows::set(super::super::rows::update(key, vec![]), "phase", "running");
    home.commit(vec![running]).await;
    home.memory.clock.advance(RESEND_AFTER);
    let sweeper = sweeper(&home);
    assert_eq!(sweeper.run_once().await.unwrap(), SweepRun { cleared: 1, ..SweepRun::default() });
    assert_eq!(sweeper.run_once().await.unwrap(), SweepRun::default());
}

#[tokio::test]
async fn a_stale_index_wakes_nobody_twice() {
    let home = Home::new();
    home.sign_up().await;
    home.relay().await;
    home.memory.clock.advance(RESEND_AFTER);
    home.memory.table.delay_indexes();
    let sweeper = sweeper(&home);
    assert_eq!(sweeper.run_once().await.unwrap().operations, 1);
    assert_eq!(sweeper.run_once().await.unwrap(), SweepRun::default());
}

#[tokio::test]
async fn news_that_was_lost_is_found_by_comparing() {
    let home = Home::new();
    home.memory.table.shorten_pages(3);
    let subscription =
        home.subscribe("http://127.0.0.1:9/".to_owned(), json!({"source": ["tenantry"]})).await;
    let mut tenants = Vec::new();
    for _ in 0..10 {
        let (tenant, _) = home.sign_up().await;
        let cursor = Cursor {
            subscription_id: subscription.subscription_id.clone(),
            tenant_id: tenant.clone(),
            delivered_sequence: 1,
            tries: 0,
            next_attempt_at: None,
            lease_owner: None,
            lease_until: None,
            revision: 1,
            updated_at: home.now(),
        };
        home.commit(vec![Action::put(Item::of(cursor.key(), &cursor))]).await;
        tenants.push(tenant);
    }
    home.emit(&tenants[3]).await;
    home.emit(&tenants[7]).await;
    while home.relay().await.more {}
    lose_all(&home.memory.webhooks).await;
    let sweeper = sweeper(&home);
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 2);
    let mut woken: Vec<_> = home
        .memory
        .webhooks
        .bodies()
        .iter()
        .map(|body| (body["tenantId"].clone(), body["sequence"].clone()))
        .collect();
    woken.sort_by_key(|(tenant, _)| tenant.to_string());
    assert_eq!(woken, [(json!(tenants[3]), json!(2)), (json!(tenants[7]), json!(2))]);
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 0, "only from time to time");
    home.memory.clock.advance(Duration::from_secs(300));
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 2);
}

#[tokio::test]
async fn a_comparison_goes_on_where_another_process_stopped() {
    let home = Home::new();
    let subscription =
        home.subscribe("http://127.0.0.1:9/".to_owned(), json!({"source": ["tenantry"]})).await;
    // More than one run compares.
    let count = 4_500;
    for _ in 0..count {
        let cursor = Cursor {
            subscription_id: subscription.subscription_id.clone(),
            tenant_id: TenantId::from_uuid(home.ports.ids.next()),
            delivered_sequence: 0,
            tries: 0,
            next_attempt_at: None,
            lease_owner: None,
            lease_until: None,
            revision: 1,
            updated_at: home.now(),
        };
        let mut mark = serde_json::Map::new();
        mark.insert("publishedSequence".to_owned(), json!(1));
        let mark = Item::new(Key::relay(&cursor.tenant_id), mark);
        home.commit(vec![Action::put(Item::of(cursor.key(), &cursor)), Action::put(mark)]).await;
    }
    let mut woken = Vec::new();
    for _ in 0..4 {
        woken.push(sweeper(&home).run_once().await.unwrap().deliveries);
    }
    assert_eq!(woken, [2_000, 2_000, 500, 0]);
    let tenants: std::collections::BTreeSet<String> =
        home.memory.webhooks.bodies().iter().map(|body| body["tenantId"].to_string()).collect();
    assert_eq!(tenants.len(), count, "each once");
}

#[tokio::test]
async fn of_two_sweepers_one_compares() {
    let home = Home::new();
    home.subscribe("http://127.0.0.1:9/".to_owned(), json!({"source": ["tenantry"]})).await;
    let meddling = Arc::new(MeddlingTable { inner: home.memory.table.clone(), meddle: Mutex::new(None) });
    let other = sweeper(&home);
    *meddling.meddle.lock().unwrap() = Some(Box::pin(async move {
        other.run_once().await.unwrap();
    }));
    let ports = Ports { table: meddling, ..home.ports.clone() };
    let late = Sweeper::new(ports, RESEND_AFTER, Duration::from_secs(300));
    assert_eq!(late.run_once().await.unwrap(), SweepRun::default());
    let row = home.memory.table.get(&Key::worker("cursor-comparison")).await.unwrap().unwrap();
    assert_eq!(row.attributes["revision"], 1, "it was claimed once");
}
