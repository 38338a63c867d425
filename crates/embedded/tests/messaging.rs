//! The contract suites of the queues, the dead letters and the bus, and what goes beyond them: crashes.

use crate::support::{crashed, home};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tenantry_contract::{Delivery, Made, ManualClock, Messaging, Time};
use tenantry_core::ports::{
    Bus as _, BusEvent, Clock as _, DeadLetters as _, EventFilter, OutgoingMessage, PortError, Queue as _,
    Rule,
};
use tenantry_core::{EventId, SubscriptionId, TenantId, Timestamp};
use tenantry_embedded::{EmbeddedHome, HomeOptions, QueueName};

const MINUTE: Duration = Duration::from_secs(60);

async fn messaging(clock: ManualClock) -> Made<Messaging> {
    let (home, dir) = home(clock.clone());
    let messaging = Messaging {
        queues: home.queues.ports(),
        dead_letters: Arc::new(home.dead_letters.clone()),
        bus: Arc::new(home.bus.clone()),
        operations_max_receives: QueueName::Operations.max_receives(),
        time: Time::Manual(clock),
        delivery: Delivery::Exact,
    };
    Made::new(Arc::new(messaging), (home, dir))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue() {
    tenantry_contract::queue_suite(messaging).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters() {
    tenantry_contract::dead_letters_suite(messaging).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bus() {
    tenantry_contract::bus_suite(messaging).await;
}

fn message(group: &str, body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.to_owned(), group: group.to_owned(), delay: Duration::ZERO }
}

fn event(sequence: u64) -> BusEvent {
    BusEvent {
        source: "tenantry".to_owned(),
        detail_type: "TenantRegistered".to_owned(),
        detail: json!({"sequence": sequence}),
        event_id: EventId::from_uuid(uuid::Uuid::from_u128(u128::from(sequence))),
        tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
        sequence,
        occurred_at: Timestamp::from_millis(0),
    }
}

#[tokio::test]
async fn what_was_in_flight_comes_at_once_after_a_crash_and_its_count_stays() {
    let clock = ManualClock::new();
    let (home, dir) = home(clock.clone());
    let queue = home.queues.queue(QueueName::Operations);
    let delayed = OutgoingMessage { delay: MINUTE, ..message("b", "delayed") };
    queue.send(vec![message("a", "in flight"), message("a", "deleted"), delayed]).await.unwrap();
    let received = queue.receive(2, MINUTE * 10, Duration::ZERO).await.unwrap();
    assert_eq!(received.len(), 2);
    queue.delete(&received[1].receipt).await.unwrap();

    let copy = crashed(dir.path());
    let options = HomeOptions { clock: Some(Arc::new(clock.clone())), ..HomeOptions::default() };
    let revived = EmbeddedHome::open(copy.path(), options).unwrap().queues.queue(QueueName::Operations);
    // Its holder may have outlived the queue: until it is seen again, its receipt is good.
    revived.extend(&received[0].receipt, Duration::ZERO).await.unwrap();
    let again = revived.receive(10, MINUTE, Duration::ZERO).await.unwrap();
    assert_eq!(again.len(), 1, "the deleted one is gone, the delayed one is still delayed");
    assert_eq!((&again[0].id, again[0].receive_count), (&received[0].id, 2));
    clock.advance(MINUTE);
    let mut later = revived.receive(10, MINUTE, Duration::ZERO).await.unwrap();
    later.sort_by_key(|message| message.receive_count);
    let found: Vec<_> = later.iter().map(|message| (message.body.as_str(), message.receive_count)).collect();
    assert_eq!(found, [("delayed", 1), ("in flight", 3)]);
}

#[tokio::test]
async fn events_rules_and_messages_survive_together() {
    let clock = ManualClock::new();
    let (home, dir) = home(clock);
    let subscription_id = SubscriptionId::from_uuid(uuid::Uuid::from_u128(1));
    let rule = Rule { subscription_id, pattern: json!({"source": ["tenantry"]}) };
    home.bus.put_rule(rule.clone()).await.unwrap();
    let mut watch = home.bus.watch();
    watch.mark_unchanged();
    home.bus.publish(vec![event(1), event(2)]).await.unwrap();
    assert!(watch.has_changed().unwrap(), "who waits for news is woken");
    watch.mark_unchanged();
    home.bus.publish(vec![event(2)]).await.unwrap();
    assert!(!watch.has_changed().unwrap(), "a repeated event is no news");
    let before = home.bus.read(None, EventFilter::default(), 10).await.unwrap();

    let copy = crashed(dir.path());
    let revived = EmbeddedHome::open(copy.path(), HomeOptions::default()).unwrap();
    assert_eq!(revived.bus.list_rules().await.unwrap(), [rule]);
    assert_eq!(revived.bus.read(None, EventFilter::default(), 10).await.unwrap(), before);
    let webhooks = revived.queues.queue(QueueName::Webhooks);
    assert_eq!(webhooks.receive(10, MINUTE, Duration::ZERO).await.unwrap().len(), 2);
    revived.bus.publish(vec![event(2), event(3)]).await.unwrap();
    let news = revived.bus.read(before.read_up_to, EventFilter::default(), 10).await.unwrap();
    assert_eq!(news.items.iter().map(|archived| archived.event.sequence).collect::<Vec<_>>(), [3]);
    assert_eq!(webhooks.receive(10, MINUTE, Duration::ZERO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_redrive_and_a_death_survive_a_crash() {
    let (home, dir) = home(ManualClock::new());
    let queue = home.queues.queue(QueueName::Operations);
    let ids = queue.send(vec![message("a", "dies"), message("a", "lives")]).await.unwrap();
    for _ in 0..=QueueName::Operations.max_receives() {
        queue.receive(10, Duration::ZERO, Duration::ZERO).await.unwrap();
    }
    for id in &ids {
        assert!(home.dead_letters.get("operations", id).await.unwrap().is_some());
    }
    assert!(home.dead_letters.redrive("operations", &ids[1]).await.unwrap());

    let copy = crashed(dir.path());
    let revived = EmbeddedHome::open(copy.path(), HomeOptions::default()).unwrap();
    let letters = revived.dead_letters.list("operations", None, 10).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| &letter.id).collect::<Vec<_>>(), [&ids[0]]);
    let received =
        revived.queues.queue(QueueName::Operations).receive(10, MINUTE, Duration::ZERO).await.unwrap();
    assert_eq!((received.len(), &received[0].id, received[0].receive_count), (1, &ids[1], 1));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let clock = ManualClock::new();
    let (home, _dir) = home(clock.clone());
    home.bus.publish(vec![event(1)]).await.unwrap();
    let usurper = BusEvent { event_id: event(2).event_id, ..event(1) };
    let answer = home.bus.publish(vec![event(3), usurper]).await;
    assert!(matches!(&answer, Err(PortError::Refused { .. })), "another event is number 1: {answer:?}");
    let archive = home.bus.read(None, EventFilter::default(), 10).await.unwrap();
    assert_eq!(archive.items.len(), 1, "nothing of what was refused is in");

    let queue = home.queues.queue(QueueName::Operations);
    for receipt in ["", "nonsense", "1.AAAA"] {
        assert!(matches!(queue.delete(receipt).await, Err(PortError::Refused { .. })), "{receipt:?}");
    }
    let letter = tenantry_core::ports::DeadLetter {
        queue: "nowhere".to_owned(),
        id: tenantry_core::MessageId::from_uuid(uuid::Uuid::from_u128(1)),
        body: String::new(),
        group: String::new(),
        receive_count: 1,
        reason: tenantry_core::ports::DeadReason { code: String::new(), message: String::new() },
        sent_at: clock.now(),
        died_at: clock.now(),
    };
    assert!(matches!(home.dead_letters.bury(letter).await, Err(PortError::Refused { .. })));
}

#[tokio::test]
async fn a_receive_that_is_given_up_gives_back_at_once() {
    let (home, _dir) = home(ManualClock::new());
    let queue = home.queues.queue(QueueName::Operations);
    queue.send(vec![message("a", "x"); 3]).await.unwrap();
    let mut given_up = queue.receive(3, MINUTE, Duration::ZERO);
    assert!(futures::poll!(&mut given_up).is_pending());
    drop(given_up);
    // The clock stands, so nothing comes by itself; each receive's wait ends with a message.
    let mut received = Vec::new();
    while received.len() < 3 {
        received.extend(queue.receive(10, MINUTE, MINUTE).await.unwrap());
    }
    assert!(received.iter().all(|message| message.receive_count == 2), "{received:?}");
}
