//! Bodies of messages and dead letters on disk: sealed, for their own message alone.

use crate::support::{crashed, home};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tenantry_contract::ManualClock;
use tenantry_core::ports::{
    Bus as _, BusEvent, DeadLetter, DeadLetters as _, DeadReason, OutgoingMessage, Queue as _, Rule,
};
use tenantry_core::{EventId, MessageId, SubscriptionId, TenantId, Timestamp};
use tenantry_embedded::{EmbeddedHome, HomeOptions, OpenError, QueueName};

const MINUTE: Duration = Duration::from_secs(60);
const SECRET: &str = "task-token-tUxQ3v";

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.to_owned(), group: "group".to_owned(), delay: Duration::ZERO }
}

fn letter(home: &EmbeddedHome, id: u128, body: &str) -> DeadLetter {
    DeadLetter {
        queue: "integrations".to_owned(),
        id: MessageId::from_uuid(uuid::Uuid::from_u128(id)),
        body: body.to_owned(),
        group: "group".to_owned(),
        receive_count: 1,
        reason: DeadReason { code: "test".to_owned(), message: "given up".to_owned() },
        sent_at: home.clock.now(),
        died_at: home.clock.now(),
    }
}

/// The files of the folder that hold this text, or any other than those meant for it.
fn files_with(dir: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

fn execute(home: &EmbeddedHome, sql: &'static str) {
    let changed =
        home.store.write_now(move |tx| Ok::<_, tenantry_embedded::store::Abort<()>>(tx.execute(sql, [])?));
    assert!(changed.unwrap() > 0, "{sql}");
}

#[tokio::test]
async fn no_way_into_a_queue_leaves_a_body_to_be_read_on_disk() {
    let clock = ManualClock::new();
    let (home, dir) = home(clock.clone());
    let queue = home.queues.queue(QueueName::Integrations);
    let subscription_id = SubscriptionId::from_uuid(uuid::Uuid::from_u128(1));
    home.bus.put_rule(Rule { subscription_id, pattern: json!({"source": ["tenantry"]}) }).await.unwrap();
    let event = BusEvent {
        source: "tenantry".to_owned(),
        detail_type: "TenantRegistered".to_owned(),
        detail: json!({}),
        event_id: EventId::from_uuid(uuid::Uuid::from_u128(1)),
        tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
        sequence: 1,
        occurred_at: Timestamp::from_millis(0),
    };
    home.bus.publish(vec![event]).await.unwrap();
    queue.send(vec![message(SECRET), message(&SECRET.repeat(4_000))]).await.unwrap();
    for id in [1, 2, 3] {
        home.dead_letters.bury(letter(&home, id, SECRET)).await.unwrap();
    }
    let id = |n: u128| MessageId::from_uuid(uuid::Uuid::from_u128(n));
    assert!(home.dead_letters.redrive("integrations", &id(1)).await.unwrap());
    let edited = format!("{SECRET} edited");
    home.dead_letters.edit("integrations", &id(2), edited).await.unwrap().expect("it is there");
    let received = queue.receive(1, MINUTE, Duration::ZERO).await.unwrap();
    queue.delete(&received[0].receipt).await.unwrap();

    assert_eq!(files_with(dir.path(), SECRET), [""; 0]);
    assert_eq!(files_with(dir.path(), r#"{"subscriptionId""#), [""; 0], "what the bus sent");
    assert!(!files_with(dir.path(), "integrations").is_empty(), "the search finds what does lie there");

    let copy = crashed(dir.path());
    let revived = EmbeddedHome::open(copy.path(), HomeOptions::default()).unwrap();
    let again = revived.queues.queue(QueueName::Integrations);
    let bodies = again.receive(10, MINUTE, Duration::ZERO).await.unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|message| message.body.starts_with(SECRET)));
    let kept = revived.dead_letters.get("integrations", &id(3)).await.unwrap().expect("it is there");
    assert_eq!(kept, letter(&home, 3, SECRET));
    assert_eq!(files_with(copy.path(), SECRET), [""; 0]);
}

#[tokio::test]
async fn a_body_put_into_another_row_holds_up_nothing_and_dies() {
    let (home, _dir) = home(ManualClock::new());
    let queue = home.queues.queue(QueueName::Operations);
    let ids = queue.send(vec![message("one"), message("two"), message("three")]).await.unwrap();
    execute(
        &home,
        "UPDATE messages SET body = (SELECT body FROM messages AS other WHERE other.seq = 2) WHERE seq = 1",
    );
    let received = queue.receive(10, MINUTE, Duration::ZERO).await.unwrap();
    let bodies: Vec<_> = received.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["two", "three"], "the others come");
    for message in &received {
        queue.delete(&message.receipt).await.unwrap();
    }
    execute(&home, "UPDATE messages SET visible_at = 0, receive_count = 50");
    let queues = home.queues.reopen(home.clock.clone()).unwrap();
    assert!(
        queues.queue(QueueName::Operations).receive(10, MINUTE, Duration::ZERO).await.unwrap().is_empty()
    );

    let listed = home.dead_letters.list("operations", None, 10).await.unwrap().items;
    let [dead] = listed.as_slice() else { panic!("one dead letter: {listed:?}") };
    assert_eq!((&dead.id, dead.body.as_str(), dead.reason.code.as_str()), (&ids[0], "", "damaged"));
    assert!(dead.reason.message.contains("max_receives"), "{}", dead.reason.message);
    assert!(home.dead_letters.purge("operations", &ids[0]).await.unwrap());
}

#[tokio::test]
async fn the_key_of_the_bodies_is_the_master_keys_alone() {
    let (home, dir) = home(ManualClock::new());
    execute(&home, "UPDATE body_key SET wrapped = (SELECT sealed FROM master_key_check)");
    let copy = crashed(dir.path());
    let refused = EmbeddedHome::open(copy.path(), HomeOptions::default()).map(drop);
    let Err(OpenError::Schema { piece, message }) = refused else { panic!("{refused:?}") };
    assert!(piece == "queues" && message.contains("backup"), "{piece}: {message}");
}
