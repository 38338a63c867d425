//! The dead letters' contract.

use crate::messaging::{MINUTE, Messaging, is_refused};
use crate::{Made, ManualClock};
use futures::future::join_all;
use std::future::Future;
use std::time::Duration;
use tenantry_core::limits::MESSAGE_BYTES_MAX;
use tenantry_core::ports::{DeadLetter, DeadLetters, DeadReason, Queue};
use tenantry_core::{MessageId, Timestamp};

const QUEUE: &str = "webhooks";

/// Holds every sentence of [`DeadLetters`]' documentation against the adapter that `make` makes.
pub async fn dead_letters_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<Messaging>>,
{
    let fresh = || make(ManualClock::new());
    let made = fresh().await;
    what_is_buried_is_kept_once(&*made.port.dead_letters).await;
    let made = fresh().await;
    pages_go_by_the_time_of_death(&*made.port.dead_letters).await;
    let made = fresh().await;
    a_redriven_message_starts_anew(&made.port).await;
    let made = fresh().await;
    one_of_many_redrives_wins(&made.port).await;
    let made = fresh().await;
    an_edited_message_is_a_new_one(&made.port).await;
    let made = fresh().await;
    a_purged_letter_is_gone(&made.port).await;
    let made = fresh().await;
    a_message_that_died_can_die_again(&made.port).await;
}

fn id(number: u128) -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(number))
}

fn letter(number: u128, died_at: i64) -> DeadLetter {
    DeadLetter {
        queue: QUEUE.to_owned(),
        id: id(number),
        body: format!("body \u{0} {number} 🔑"),
        group: format!("group {number}"),
        receive_count: 7,
        reason: DeadReason { code: "delivery_exhausted".to_owned(), message: "It answered 503.".to_owned() },
        sent_at: Timestamp::from_millis(died_at - 5),
        died_at: Timestamp::from_millis(died_at),
    }
}

async fn list_all(letters: &dyn DeadLetters, limit: usize) -> Vec<MessageId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = letters.list(QUEUE, after, limit).await.expect("a page");
        assert!(page.items.len() <= limit);
        all.extend(page.items.into_iter().map(|letter| letter.id));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn what_is_buried_is_kept_once(letters: &dyn DeadLetters) {
    let first = letter(1, 1_000);
    assert_eq!(letters.get(QUEUE, &first.id).await.unwrap(), None);
    assert_eq!(letters.list(QUEUE, None, 10).await.unwrap(), Default::default());
    letters.bury(first.clone()).await.unwrap();
    let repeated = DeadLetter { body: "other".to_owned(), receive_count: 9, ..letter(1, 2_000) };
    letters.bury(repeated).await.unwrap();
    let elsewhere = DeadLetter { queue: "operations".to_owned(), ..letter(2, 500) };
    letters.bury(elsewhere.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(letters.get(QUEUE, &first.id).await.unwrap().as_ref(), Some(&first));
        let page = letters.list(QUEUE, None, 10).await.unwrap();
        assert_eq!((page.items, page.next), (vec![first.clone()], None), "looking consumes nothing");
    }
    assert_eq!(letters.get(QUEUE, &elsewhere.id).await.unwrap(), None, "another queue's");
    assert_eq!(letters.get("operations", &elsewhere.id).await.unwrap(), Some(elsewhere));
}

async fn pages_go_by_the_time_of_death(letters: &dyn DeadLetters) {
    for (number, died_at) in [(9, 10), (3, 30), (1, 20), (2, 20), (8, 15), (5, 40), (4, 1)] {
        letters.bury(letter(number, died_at)).await.unwrap();
    }
    let expected: Vec<_> = [4, 9, 8, 1, 2, 3, 5].map(id).into();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(list_all(letters, limit).await, expected, "pages of {limit}");
    }
    let next = letters.list(QUEUE, None, 2).await.unwrap().next.expect("more pages");
    assert!(is_refused(&letters.list("operations", Some(next.clone()), 2).await), "another queue's cursor");
    assert!(is_refused(&letters.list(QUEUE, Some("nonsense".to_owned()), 2).await));
    letters.purge(QUEUE, &id(9)).await.unwrap();
    let page = letters.list(QUEUE, Some(next), 2).await.unwrap();
    let found: Vec<_> = page.items.iter().map(|letter| letter.id.clone()).collect();
    assert_eq!(found, [8, 1].map(id), "a cursor outlives its letter");
}

async fn a_redriven_message_starts_anew(messaging: &Messaging) {
    let (letters, queue) = (&*messaging.dead_letters, &*messaging.queues.webhooks);
    let dead = DeadLetter { body: "{\"x\": \"🔑\"}".to_owned(), ..letter(1, 1_000) };
    assert!(!letters.redrive(QUEUE, &dead.id).await.unwrap());
    letters.bury(dead.clone()).await.unwrap();
    assert!(!letters.redrive("operations", &dead.id).await.unwrap(), "it is another queue's");
    messaging.time.pass(Duration::from_secs(1)).await;
    assert!(letters.redrive(QUEUE, &dead.id).await.unwrap());
    assert_eq!(letters.get(QUEUE, &dead.id).await.unwrap(), None);
    assert!(!letters.redrive(QUEUE, &dead.id).await.unwrap());
    let received = messaging.drain(queue).await;
    assert_eq!(received.len(), 1);
    let message = &received[0];
    assert_eq!((&message.id, &message.body, &message.group), (&dead.id, &dead.body, &dead.group));
    messaging.assert_count(message.receive_count, 1);
    queue.delete(&message.receipt).await.unwrap();

    let odd = letter(2, 1_000);
    letters.bury(odd.clone()).await.unwrap();
    if messaging.is_exact() {
        assert!(letters.redrive(QUEUE, &odd.id).await.unwrap());
        assert_eq!(messaging.gather(queue, 1, MINUTE).await[0].body, odd.body);
    } else {
        assert!(is_refused(&letters.redrive(QUEUE, &odd.id).await), "the queue does not carry its text");
        assert_eq!(letters.get(QUEUE, &odd.id).await.unwrap(), Some(odd), "and it is still there");
    }
}

async fn one_of_many_redrives_wins(messaging: &Messaging) {
    let dead = DeadLetter { body: "{}".to_owned(), ..letter(1, 1_000) };
    messaging.dead_letters.bury(dead.clone()).await.unwrap();
    let redrives = (0..16).map(|_| messaging.dead_letters.redrive(QUEUE, &dead.id));
    let won = join_all(redrives).await.into_iter().filter(|won| *won.as_ref().expect("a redrive")).count();
    assert_eq!((won, messaging.drain(&*messaging.queues.webhooks).await.len()), (1, 1));
}

async fn an_edited_message_is_a_new_one(messaging: &Messaging) {
    let (letters, queue) = (&*messaging.dead_letters, &*messaging.queues.webhooks);
    let dead = letter(1, 1_000);
    assert_eq!(letters.edit(QUEUE, &dead.id, "mended".to_owned()).await.unwrap(), None);
    letters.bury(dead.clone()).await.unwrap();
    let too_large = "x".repeat(MESSAGE_BYTES_MAX + 1);
    assert!(is_refused(&letters.edit(QUEUE, &dead.id, too_large).await));
    assert_eq!(
        letters.get(QUEUE, &dead.id).await.unwrap().as_ref(),
        Some(&dead),
        "a refusal changes nothing"
    );
    let new = letters.edit(QUEUE, &dead.id, "mended".to_owned()).await.unwrap().expect("a new message");
    assert_ne!(new, dead.id);
    assert_eq!(letters.get(QUEUE, &dead.id).await.unwrap(), None);
    assert_eq!(letters.edit(QUEUE, &dead.id, "again".to_owned()).await.unwrap(), None);
    let received = messaging.drain(queue).await;
    assert_eq!(received.len(), 1);
    let message = &received[0];
    assert_eq!((&message.id, message.body.as_str(), &message.group), (&new, "mended", &dead.group));
    messaging.assert_count(message.receive_count, 1);
    messaging.assert_time(message.sent_at, messaging.time.now());
}

async fn a_purged_letter_is_gone(messaging: &Messaging) {
    let letters = &*messaging.dead_letters;
    letters.bury(letter(1, 1_000)).await.unwrap();
    letters.bury(letter(2, 2_000)).await.unwrap();
    assert!(!letters.purge("operations", &id(1)).await.unwrap());
    assert!(letters.purge(QUEUE, &id(1)).await.unwrap());
    assert!(!letters.purge(QUEUE, &id(1)).await.unwrap());
    assert_eq!(list_all(letters, 10).await, [id(2)]);
    assert!(messaging.drain(&*messaging.queues.webhooks).await.is_empty());
}

/// A worker buries and then deletes; redriven, the same message can be buried again.
async fn a_message_that_died_can_die_again(messaging: &Messaging) {
    let (letters, queue): (&dyn DeadLetters, &dyn Queue) =
        (&*messaging.dead_letters, &*messaging.queues.webhooks);
    queue.send(vec![crate::messaging::message("a", "x")]).await.unwrap();
    for death in 1..=3 {
        let received = messaging.gather(queue, 1, MINUTE).await.remove(0);
        let dead = DeadLetter {
            queue: QUEUE.to_owned(),
            id: received.id.clone(),
            body: received.body,
            group: received.group,
            receive_count: received.receive_count,
            reason: DeadReason { code: "test".to_owned(), message: format!("death {death}") },
            sent_at: received.sent_at,
            died_at: messaging.time.now(),
        };
        letters.bury(dead.clone()).await.unwrap();
        queue.delete(&received.receipt).await.unwrap();
        assert_eq!(letters.get(QUEUE, &received.id).await.unwrap(), Some(dead));
        assert!(letters.redrive(QUEUE, &received.id).await.unwrap());
        messaging.time.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(messaging.drain(queue).await.len(), 1);
}
