//! The relay: order, repeats, crashes, stale indexes, bad tenants.

use super::super::tests::Home;
use super::*;
use crate::testing::{MemoryBus, MemoryQueue};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::model::Operation;
use tenantry_core::ports::{
    Action, Bus, BusEvent, BusPage, Commit, CommitError, EventFilter, Item, Message, OutgoingMessage,
    PortError, Queue, QueueDepth, Replay, Rule, Table as _,
};
use tenantry_core::{BoxFuture, MessageId, SubscriptionId};
use tenantry_events::ledger;

fn lost() -> CommitError {
    CommitError::Port(PortError::Unavailable { port: "table", message: "switched off".to_owned() })
}

fn outbox_rows(home: &Home) -> usize {
    let in_outbox = |item: &&Item| item.indexes.values().any(|place| place.pk.starts_with("OUTBOX#"));
    home.memory.table.dump().iter().filter(in_outbox).count()
}

async fn mark(home: &Home, tenant: &TenantId) -> Option<Value> {
    let item = home.memory.table.get(&Key::relay(tenant)).await.unwrap();
    item.map(|item| Value::Object(item.attributes))
}

#[tokio::test]
async fn what_a_sign_up_left_is_published_sent_and_marked() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    home.emit(&tenant).await;
    let before = home.memory.table.commits();
    let run = home.relay().await;
    assert_eq!(run, RelayRun { published: 2, sent: 1, failed: 0, more: false });
    assert_eq!(home.memory.table.commits() - before, 1, "one commit marks all");
    assert_eq!(home.published(&tenant), [1, 2]);
    assert_eq!(home.memory.operations.bodies(), [json!({"tenantId": tenant, "operationId": operation})]);
    assert_eq!(mark(&home, &tenant).await, Some(json!({"publishedSequence": 2})));
    assert_eq!(outbox_rows(&home), 0);
    assert_eq!(home.relay().await, RelayRun::default());
}

#[tokio::test]
async fn many_tenants_share_few_commits() {
    let home = Home::new();
    for _ in 0..120 {
        home.sign_up().await;
    }
    let before = home.memory.table.commits();
    let run = home.relay().await;
    assert_eq!((run.published, run.sent), (120, 120));
    assert_eq!(home.memory.table.commits() - before, 4, "three actions per tenant, 33 tenants per commit");
}

#[tokio::test]
async fn a_crash_between_publishing_and_marking_repeats_and_loses_nothing() {
    for answer_is_lost in [false, true] {
        let home = Home::new();
        let (tenant, _) = home.sign_up().await;
        if answer_is_lost {
            home.memory.table.lose_next_answer(lost());
        } else {
            home.memory.table.fail_next_commit(lost());
        }
        assert_eq!(home.relay().await.failed, 1);
        assert_eq!(home.published(&tenant), [1], "it was published before it was marked");
        home.emit(&tenant).await;
        // An outage is no reason to leave a tenant out: no time need pass.
        assert_eq!(home.relay().await.failed, 0);
        assert_eq!(home.published(&tenant), [1, 2]);
        assert_eq!(mark(&home, &tenant).await, Some(json!({"publishedSequence": 2})));
        assert_eq!(outbox_rows(&home), 0);
    }
}

#[tokio::test]
async fn a_stale_index_makes_no_hole_and_no_repeat() {
    let home = Home::new();
    let (tenant, _) = home.sign_up().await;
    home.memory.table.delay_indexes();
    home.emit(&tenant).await;
    home.emit(&tenant).await;
    // The index shows the first event alone.
    assert_eq!(home.relay().await.published, 3);
    let commits = home.memory.table.commits();
    // Now it shows as pending what is marked.
    assert_eq!(home.relay().await, RelayRun::default());
    assert_eq!(home.memory.table.commits(), commits);
    assert_eq!(home.memory.operations.bodies().len(), 1);
    home.emit(&tenant).await;
    assert_eq!(home.relay().await.published, 1, "a hint of something old still makes it look");
    home.memory.table.show_indexes();
    assert_eq!(home.relay().await, RelayRun::default());
    assert_eq!(home.published(&tenant), [1, 2, 3, 4]);
}

#[tokio::test]
async fn nothing_after_a_hole_is_published() {
    let home = Home::new();
    let (tenant, _) = home.sign_up().await;
    let (other, _) = home.sign_up().await;
    home.emit(&tenant).await;
    home.emit(&tenant).await;
    let key = Key::event(&tenant, 2);
    let second = home.memory.table.get(&key).await.unwrap().unwrap();
    home.commit(vec![Action::Delete { key, conditions: vec![] }]).await;
    let run = home.relay().await;
    assert_eq!((run.published, run.failed), (2, 1));
    assert_eq!((home.published(&tenant), home.published(&other)), (vec![1], vec![1]));
    home.commit(vec![Action::put(second)]).await;
    home.memory.clock.advance(Duration::from_secs(2));
    assert_eq!(home.relay().await.published, 2);
    assert_eq!(home.published(&tenant), [1, 2, 3]);
}

#[tokio::test]
async fn a_bad_tenant_stops_no_other_and_is_tried_ever_more_rarely() {
    let home = Home::new();
    let (bad, _) = home.sign_up().await;
    let key = Key::event(&bad, 1);
    let mut item = home.memory.table.get(&key).await.unwrap().unwrap();
    item.attributes.insert("eventId".to_owned(), json!("nonsense"));
    home.commit(vec![Action::put(item)]).await;
    let mut tried = Vec::new();
    for second in 0..20 {
        let (good, _) = home.sign_up().await;
        let run = home.relay().await;
        assert_eq!((run.published, run.sent), (1, 1), "second {second}");
        assert_eq!(home.published(&good), [1]);
        if run.failed == 1 {
            tried.push(second);
        }
        home.memory.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(tried, [0, 1, 3, 7, 15]);
}

#[tokio::test]
async fn short_pages_and_long_backlogs_are_read_to_the_end() {
    let home = Home::new();
    home.memory.table.shorten_pages(3);
    let (tenant, _) = home.sign_up().await;
    for _ in 0..120 {
        home.emit(&tenant).await;
    }
    let (other, _) = home.sign_up().await;
    let run = home.relay().await;
    assert_eq!((run.published, run.more), (51, true));
    assert_eq!(home.published(&other), [1]);
    while home.relay().await.more {}
    assert_eq!(home.published(&tenant), (1..=121).collect::<Vec<_>>());
    assert_eq!(outbox_rows(&home), 0);
}

/// The `operations` queue, in front of which an operation is taken up again the moment it is sent.
struct Meddling {
    inner: Arc<MemoryQueue>,
    meddle: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Queue for Meddling {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        Box::pin(async move {
            (self.meddle)().await;
            self.inner.send(messages).await
        })
    }

    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        self.inner.receive(max, visibility, wait)
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.inner.delete(receipt)
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        self.inner.extend(receipt, visibility)
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        self.inner.depth()
    }
}

/// The bus, but for one tenant whose events it refuses.
struct Refusing {
    inner: Arc<MemoryBus>,
    tenant: TenantId,
}

impl Bus for Refusing {
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>> {
        if events.iter().any(|event| event.tenant_id == self.tenant) {
            let message = "too large".to_owned();
            return Box::pin(async { Err(PortError::Refused { port: "bus", message }) });
        }
        self.inner.publish(events)
    }

    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>> {
        self.inner.put_rule(rule)
    }

    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>> {
        self.inner.delete_rule(subscription)
    }

    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>> {
        self.inner.list_rules()
    }

    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<u64, PortError>> {
        self.inner.replay(replay)
    }

    fn read(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<BusPage, PortError>> {
        self.inner.read(after, filter, limit)
    }
}

#[tokio::test]
async fn a_tenant_that_the_bus_refuses_takes_no_other_of_its_batch_along() {
    let home = Home::new();
    let mut tenants = Vec::new();
    for _ in 0..5 {
        tenants.push(home.sign_up().await.0);
    }
    let bad = tenants.remove(2);
    let mut ports = home.ports.clone();
    ports.bus = Arc::new(Refusing { inner: home.memory.bus.clone(), tenant: bad.clone() });
    let relay = Relay::new(ports, Duration::from_secs(60));
    let run = relay.run_once().await.unwrap();
    assert_eq!((run.published, run.failed), (4, 1));
    assert!(tenants.iter().all(|tenant| home.published(tenant) == [1]));
    assert_eq!(mark(&home, &bad).await, None);
    assert_eq!(relay.run_once().await.unwrap(), RelayRun::default(), "it is left out for a while");
    assert_eq!(home.relay().await.published, 1, "once the bus takes it, nothing is lost");
}

#[tokio::test]
async fn an_operation_that_is_taken_up_again_meanwhile_stays_in_the_outbox() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    let before = home.operation(&tenant, &operation).await;
    let (_, again) = ledger::change_operation(&before, home.now(), true, |operation| operation.attempt = 2);
    let table = home.memory.table.clone();
    let mut ports = home.ports.clone();
    ports.queues.operations = Arc::new(Meddling {
        inner: home.memory.operations.clone(),
        meddle: Box::new(move || {
            let (table, again) = (table.clone(), again.clone());
            Box::pin(async move {
                let _ = table.commit(Commit::of(vec![again])).await;
            })
        }),
    });
    let run = Relay::new(ports, Duration::from_secs(60)).run_once().await.unwrap();
    assert_eq!((run.published, run.sent), (1, 0), "the event is marked, the operation is not");
    assert_eq!(outbox_rows(&home), 1);
    assert_eq!(home.relay().await.sent, 1);
    assert_eq!(outbox_rows(&home), 0);
    assert_eq!(home.operation(&tenant, &operation).await.attempt, 2);
}

#[tokio::test]
async fn an_operation_that_runs_already_only_leaves_the_outbox() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    let before: Operation = home.operation(&tenant, &operation).await;
    home.change_operation(&before, true, |operation| {
        operation.phase = tenantry_core::model::OperationPhase::Running;
    })
    .await;
    assert_eq!(home.relay().await.sent, 0);
    assert!(home.memory.operations.bodies().is_empty());
    assert_eq!(outbox_rows(&home), 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_nobody_up() {
    let home = Home::new();
    let (tenant, _) = home.sign_up().await;
    let stray = Item::new(Key::slug("stray"), Map::new());
    let stray = stray.with_index(Index::One, index::outbox(index::shard(&tenant)), "!".to_owned());
    home.commit(vec![Action::put(stray)]).await;
    assert_eq!(home.relay().await.published, 1);
}

#[derive(Debug, Clone)]
enum Step {
    Emit(usize),
    Relay,
    FailCommit,
    LoseAnswer,
    HideIndexes,
    ShowIndexes,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Emit),
        4 => Just(Step::Relay),
        1 => Just(Step::FailCommit),
        1 => Just(Step::LoseAnswer),
        1 => Just(Step::HideIndexes),
        1 => Just(Step::ShowIndexes),
        2 => Just(Step::Wait),
    ]
}

/// The fault is meant for the relay: where it had nothing to commit, no later step must meet it.
async fn relay_and_use_up_the_fault(home: &Home) {
    home.relay().await;
    let nothing = Action::put(Item::new(Key::slug("nothing"), Map::new()));
    let _ = home.memory.table.commit(Commit::of(vec![nothing])).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails and whenever: the bus sees each tenant's events once, ascending and without a hole.
    #[test]
    fn order_holds_under_faults(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let home = Home::new();
            let mut tenants = Vec::new();
            let mut emitted = [1_u64; 3];
            for _ in 0..3 {
                tenants.push(home.sign_up().await.0);
            }
            for step in steps {
                match step {
                    Step::Emit(place) => {
                        home.emit(&tenants[place]).await;
                        emitted[place] += 1;
                    }
                    Step::Relay => {
                        home.relay().await;
                    }
                    Step::FailCommit => {
                        home.memory.table.fail_next_commit(lost());
                        relay_and_use_up_the_fault(&home).await;
                    }
                    Step::LoseAnswer => {
                        home.memory.table.lose_next_answer(lost());
                        relay_and_use_up_the_fault(&home).await;
                    }
                    Step::HideIndexes => home.memory.table.delay_indexes(),
                    Step::ShowIndexes => home.memory.table.show_indexes(),
                    Step::Wait => home.memory.clock.advance(Duration::from_secs(5)),
                }
                for tenant in &tenants {
                    let seen = home.published(tenant);
                    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
                }
            }
            home.memory.table.show_indexes();
            for _ in 0..10 {
                home.memory.clock.advance(SKIP_MAX);
                home.relay().await;
            }
            for (place, tenant) in tenants.iter().enumerate() {
                assert_eq!(home.published(tenant), (1..=emitted[place]).collect::<Vec<_>>());
            }
            assert_eq!(outbox_rows(&home), 0);
        });
    }
}

/// The keys of all rows of the outbox, as a stream shows them.
fn outbox_keys(home: &Home) -> Vec<Key> {
    let in_outbox = |item: &Item| item.indexes.values().any(|place| place.pk.starts_with("OUTBOX#"));
    home.memory.table.dump().into_iter().filter(in_outbox).map(|item| item.key).collect()
}

fn later(home: &Home) -> tenantry_core::Timestamp {
    home.now().saturating_add(Duration::from_secs(60))
}

#[tokio::test]
async fn what_a_stream_shows_is_a_hint_and_the_rows_are_the_truth() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up().await;
    let (other, _) = home.sign_up().await;
    let relay = Relay::new(home.ports.clone(), Duration::from_secs(60));
    // One event is shown, and there are two; a row that is in no outbox is shown too.
    home.emit(&tenant).await;
    let shown =
        [Key::event(&tenant, 1), Key::operation(&tenant, &operation), Key::tenant(&tenant), Key::slug("a")];
    let (run, failed) = relay.run_for(&shown, later(&home)).await;
    assert_eq!((run.published, run.sent, failed.len()), (2, 1, 0));
    assert_eq!((home.published(&tenant), home.published(&other)), (vec![1, 2], vec![]));
    // The same records again change nothing.
    let (run, failed) = relay.run_for(&shown, later(&home)).await;
    assert_eq!((run.published, run.sent, failed.len()), (0, 0, 0));
    assert_eq!(home.memory.operations.bodies().len(), 1);
}

#[tokio::test]
async fn more_than_one_look_is_taken_and_no_more_than_there_is_time_for() {
    let home = Home::new();
    let (tenant, _) = home.sign_up().await;
    for _ in 0..130 {
        home.emit(&tenant).await;
    }
    let relay = Relay::new(home.ports.clone(), Duration::from_secs(60));
    let shown = [Key::event(&tenant, 7)];
    let (run, failed) = relay.run_for(&shown, home.now()).await;
    assert_eq!((run.published, failed.into_iter().collect::<Vec<_>>()), (0, shown.to_vec()));
    let (run, failed) = relay.run_for(&shown, later(&home)).await;
    assert_eq!((run.published, failed.len()), (131, 0));
    assert_eq!(home.published(&tenant), (1..=131).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_records_of_a_tenant_that_fails_are_told_and_no_others() {
    let home = Home::new();
    let (good, _) = home.sign_up().await;
    let (bad, _) = home.sign_up().await;
    let event = Action::Delete { key: Key::event(&bad, 1), conditions: Vec::new() };
    home.emit(&bad).await;
    home.commit(vec![event]).await;
    let relay = Relay::new(home.ports.clone(), Duration::from_secs(60));
    let keys = outbox_keys(&home);
    let of_bad: Vec<Key> = keys.iter().filter(|key| key.pk().ends_with(bad.as_str())).cloned().collect();
    assert!(keys.len() > of_bad.len() && of_bad.len() >= 2);
    let (run, failed) = relay.run_for(&keys, later(&home)).await;
    assert_eq!(failed.into_iter().collect::<Vec<_>>(), of_bad);
    assert_eq!((run.published, home.published(&good), home.published(&bad)), (1, vec![1], vec![]));
}

#[tokio::test]
async fn an_event_that_comes_while_others_are_marked_is_not_left_for_later() {
    let home = Home::new();
    let (tenant, _) = home.sign_up().await;
    let inner = home.memory.table.clone();
    let meddling =
        Arc::new(super::super::tests::MeddlingTable { inner, meddle: std::sync::Mutex::new(None) });
    let ports = crate::Ports { table: meddling.clone(), ..home.ports.clone() };
    let relay = Relay::new(ports, Duration::from_secs(60));
    // Another relay is faster, with one event less.
    let faster = Relay::new(home.ports.clone(), Duration::from_secs(60));
    let (run, _) = faster.run_for(&[Key::event(&tenant, 1)], later(&home)).await;
    assert_eq!(run.published, 1);
    home.emit(&tenant).await;
    let table = home.memory.table.clone();
    let mark = Action::put(Item::new(
        Key::relay(&tenant),
        Map::from_iter([("publishedSequence".to_owned(), json!(2))]),
    ));
    *meddling.meddle.lock().unwrap() = Some(Box::pin(async move {
        table.commit(Commit::of(vec![mark])).await.unwrap();
    }));
    let (_, failed) = relay.run_for(&[Key::event(&tenant, 2)], later(&home)).await;
    assert!(failed.is_empty(), "it looked again, and found that all is done");
    assert_eq!(outbox_keys(&home).iter().filter(|key| key.sk().starts_with("EVENT#")).count(), 0);
}
