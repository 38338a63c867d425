//! The queues' contract.
//!
//! Each case asks an exact queue ([`Delivery::Exact`]) word for word. Of an approximate one it asks what that promises:
//! what must come comes in the end, what is hidden stays hidden, and nothing is lost.

use crate::messaging::{Delivery, MINUTE, Messaging, is_refused, message};
use crate::{Made, ManualClock};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::limits::{
    DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX, RECEIVE_MESSAGES_MAX, VISIBILITY_SECONDS_MAX,
};
use tenantry_core::ports::{OutgoingMessage, QueueDepth};

const SECOND: Duration = Duration::from_secs(1);

/// Holds every sentence of [`Queue`]'s documentation against the adapter that `make` makes.
pub async fn queue_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<Messaging>>,
{
    macro_rules! cases {
        ($($case:ident),* $(,)?) => {
            $(
                let made = make(ManualClock::new()).await;
                eprintln!("queue: {}", stringify!($case));
                $case(&made.port).await;
                drop(made);
            )*
        };
    }
    cases![
        what_is_sent_comes,
        what_is_over_a_limit_is_refused,
        what_the_queue_does_not_carry_is_refused,
        a_received_message_is_hidden_and_comes_again,
        a_deleted_message_never_comes_again,
        stale_receipts_change_nothing,
        hiding_is_prolonged_and_ended,
        delays_hold_messages_back,
        a_receive_waits_for_the_first_message,
        what_is_received_too_often_dies,
        a_flood_of_one_group_delays_only_that_group,
        queues_are_apart,
        many_receivers_share_what_there_is,
        a_receive_that_is_given_up_loses_nothing,
        the_depth_tells_what_lies_there,
    ];
}

fn delayed(delay: Duration, body: &str) -> OutgoingMessage {
    OutgoingMessage { delay, ..message("a", body) }
}

async fn what_is_sent_comes(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    assert_eq!(queue.send(Vec::new()).await.unwrap(), []);
    assert_eq!(messaging.receive(queue, 10, MINUTE).await, []);
    let odd = if messaging.is_exact() { "\u{0}" } else { "" };
    let bodies = ["{}".to_owned(), format!("ünïcode 🔑 {odd} \"\\\n"), "x".repeat(MESSAGE_BYTES_MAX)];
    let sent_at = messaging.time.now();
    let ids = queue
        .send(bodies.iter().map(|body| message("group #1 ü", body)).collect())
        .await
        .expect("they are sent");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "each has an id of its own");
    messaging.time.pass(SECOND).await;
    let received = messaging.drain(queue).await;
    assert_eq!(received.len(), 3);
    for message in received {
        let place = ids.iter().position(|id| *id == message.id).expect("an id that send answered");
        assert_eq!(message.body, bodies[place]);
        assert_eq!((message.group.as_str(), message.receive_count), ("group #1 ü", 1));
        messaging.assert_time(message.sent_at, sent_at);
    }
}

async fn what_is_over_a_limit_is_refused(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let most = Duration::from_secs(DELAY_SECONDS_MAX);
    let longest = Duration::from_secs(VISIBILITY_SECONDS_MAX);
    assert!(is_refused(&queue.send(vec![message("a", &"x".repeat(MESSAGE_BYTES_MAX + 1))]).await));
    // Two bytes each: the limit is one of bytes, not of characters.
    assert!(is_refused(&queue.send(vec![message("a", &"ü".repeat(MESSAGE_BYTES_MAX / 2 + 1))]).await));
    assert!(is_refused(&queue.send(vec![delayed(most + Duration::from_millis(1), "x")]).await));
    let with_a_good_one = vec![message("a", "x"), delayed(most + SECOND, "x")];
    assert!(is_refused(&queue.send(with_a_good_one).await));
    assert!(is_refused(&queue.receive(0, MINUTE, Duration::ZERO).await));
    assert!(is_refused(&queue.receive(RECEIVE_MESSAGES_MAX + 1, MINUTE, Duration::ZERO).await));
    assert!(is_refused(&queue.receive(1, longest + SECOND, Duration::ZERO).await));
    if messaging.is_exact() {
        messaging.time.pass(most + SECOND).await;
    }
    assert_eq!(messaging.receive(queue, 10, longest).await, [], "nothing of what was refused is in");

    queue.send(vec![delayed(most, "x")]).await.unwrap();
    if messaging.is_exact() {
        messaging.time.pass(most).await;
    } else {
        // Nobody waits a quarter of an hour for a test.
        assert_eq!(messaging.receive(queue, 1, longest).await, []);
        queue.send(vec![message("a", "x")]).await.unwrap();
    }
    let received = messaging.gather(queue, 1, longest).await;
    assert!(is_refused(&queue.extend(&received[0].receipt, longest + SECOND).await));
    if messaging.is_exact() {
        // SQS holds the whole time since the receipt to the limit.
        queue.extend(&received[0].receipt, longest).await.unwrap();
        messaging.time.pass(longest).await;
        assert_eq!(messaging.receive(queue, 1, MINUTE).await.len(), 1);
    }
}

async fn what_the_queue_does_not_carry_is_refused(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    if messaging.delivery == Delivery::Exact {
        queue.send(vec![message("a", ""), message("a", "\u{0}\u{ffff}")]).await.unwrap();
        assert_eq!(messaging.drain(queue).await.len(), 2, "it carries any text");
        return;
    }
    for odd in ["", "\u{0}", "a\u{1f}", "\u{fffe}"] {
        assert!(is_refused(&queue.send(vec![message("a", "x"), message("a", odd)]).await), "{odd:?}");
    }
    assert_eq!(messaging.receive(queue, 10, MINUTE).await, [], "nothing of what was refused is in");
}

async fn a_received_message_is_hidden_and_comes_again(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let hidden = if messaging.is_exact() { MINUTE } else { SECOND * 8 };
    let sends = (0..12).map(|n| message(&format!("group {}", n % 5), &n.to_string()));
    queue.send(sends.collect()).await.unwrap();
    let first = messaging.receive(queue, 3, hidden).await;
    if messaging.is_exact() {
        assert_eq!(first.len(), 3, "as many as were asked for");
    }
    assert!(first.len() <= 3);
    let rest = messaging.drain_for(queue, hidden).await;
    let ids: BTreeSet<_> = first.iter().chain(&rest).map(|message| &message.id).collect();
    assert_eq!((ids.len(), first.len() + rest.len()), (12, 12), "all others, and none twice");
    if messaging.is_exact() {
        messaging.time.pass(hidden - Duration::from_millis(1)).await;
        assert_eq!(messaging.receive(queue, 10, MINUTE).await, []);
        messaging.time.pass(Duration::from_millis(1)).await;
    }
    let again = messaging.gather(queue, 10, MINUTE).await;
    let again = [again, messaging.gather(queue, 2, MINUTE).await].concat();
    for message in first.iter().chain(&rest) {
        let second = again.iter().find(|second| second.id == message.id).expect("it came again");
        assert_eq!(
            (&second.body, &second.group, second.sent_at),
            (&message.body, &message.group, message.sent_at)
        );
        messaging.assert_count(second.receive_count, 2);
        assert_ne!(second.receipt, message.receipt);
    }
}

async fn a_deleted_message_never_comes_again(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let hidden = if messaging.is_exact() { SECOND } else { SECOND * 4 };
    queue.send((0..3).map(|n| message("a", &n.to_string())).collect()).await.unwrap();
    let received = messaging.gather(queue, 3, hidden).await;
    queue.delete(&received[0].receipt).await.unwrap();
    messaging.time.pass(hidden).await;
    // Its time has run out, but it was not seen again: the receipt is still good.
    queue.delete(&received[1].receipt).await.unwrap();
    let again = messaging.gather(queue, 1, hidden).await;
    assert_eq!(again[0].id, received[2].id);
    assert_eq!(messaging.receive(queue, 10, MINUTE).await, []);
    queue.delete(&again[0].receipt).await.unwrap();
    let long = if messaging.is_exact() { Duration::from_secs(VISIBILITY_SECONDS_MAX) } else { hidden };
    messaging.time.pass(long).await;
    assert_eq!(messaging.receive(queue, 10, MINUTE).await, []);
}

async fn stale_receipts_change_nothing(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let hidden = if messaging.is_exact() { MINUTE } else { SECOND * 10 };
    queue.send(vec![message("a", "x")]).await.unwrap();
    let first = messaging.gather(queue, 1, SECOND).await.remove(0);
    messaging.time.pass(SECOND).await;
    let second = messaging.gather(queue, 1, hidden).await.remove(0);
    queue.extend(&first.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(messaging.receive(queue, 1, hidden).await, [], "a stale receipt does not give back");
    queue.extend(&first.receipt, hidden * 2).await.unwrap();
    queue.delete(&first.receipt).await.unwrap();
    messaging.time.pass(hidden).await;
    let third = messaging.receive(queue, 1, MINUTE).await.remove(0);
    assert_eq!(third.id, second.id, "a stale receipt does not delete or hide");
    messaging.assert_count(third.receive_count, 3);
    queue.delete(&third.receipt).await.unwrap();
    queue.delete(&third.receipt).await.unwrap();
    queue.extend(&third.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(messaging.receive(queue, 1, MINUTE).await, []);
}

async fn hiding_is_prolonged_and_ended(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let (short, long) = if messaging.is_exact() { (SECOND, MINUTE) } else { (SECOND * 3, SECOND * 12) };
    queue.send(vec![message("a", "x")]).await.unwrap();
    let first = messaging.gather(queue, 1, short).await.remove(0);
    messaging.time.pass(SECOND / 2).await;
    queue.extend(&first.receipt, long).await.unwrap();
    if messaging.is_exact() {
        messaging.time.pass(long - SECOND / 2).await;
        assert_eq!(messaging.receive(queue, 1, MINUTE).await, [], "from now, not from the receipt");
        messaging.time.pass(SECOND / 2).await;
    } else {
        messaging.time.pass(short).await;
        assert_eq!(messaging.receive(queue, 1, MINUTE).await, [], "longer than the receipt said");
    }
    let second = messaging.gather(queue, 1, MINUTE).await.remove(0);
    messaging.assert_count(second.receive_count, 2);
    queue.extend(&second.receipt, SECOND).await.unwrap();
    messaging.time.pass(SECOND).await;
    let third = messaging.gather(queue, 1, MINUTE).await.remove(0);
    queue.extend(&third.receipt, Duration::ZERO).await.unwrap();
    let fourth = messaging.gather(queue, 1, Duration::ZERO).await.remove(0);
    assert_eq!(fourth.id, first.id, "given back at once");
    messaging.assert_count(fourth.receive_count, 4);
    assert_eq!(messaging.gather(queue, 1, MINUTE).await.len(), 1, "hidden for no time");
}

async fn delays_hold_messages_back(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    if messaging.is_exact() {
        let sends = [30, 0, 10].map(|n: u64| delayed(Duration::from_secs(n), &n.to_string()));
        queue.send(sends.into()).await.unwrap();
        let mut order = Vec::new();
        for _ in 0..4 {
            order.extend(messaging.drain(queue).await.into_iter().map(|message| message.body));
            order.push("10 s later".to_owned());
            messaging.time.pass(SECOND * 10).await;
        }
        assert_eq!(order, ["0", "10 s later", "10", "10 s later", "10 s later", "30", "10 s later"]);
        return;
    }
    let start = messaging.time.now();
    // A part of a second counts as a whole one: never earlier than asked for.
    let sends = [0, 2_500, 6_000].map(|n: u64| delayed(Duration::from_millis(n), &n.to_string()));
    queue.send(sends.into()).await.unwrap();
    for _ in 0..3 {
        let received = messaging.gather(queue, 1, MINUTE).await.remove(0);
        let waited = messaging.time.now().saturating_since(start);
        let delay = Duration::from_millis(received.body.parse().expect("its delay"));
        assert!(waited >= delay, "{waited:?} instead of {delay:?}");
        queue.delete(&received.receipt).await.unwrap();
    }
}

async fn a_receive_waits_for_the_first_message(messaging: &Messaging) {
    let queue = &messaging.queues.operations;
    let receive_within = |wait| {
        let queue = Arc::clone(queue);
        tokio::spawn(async move { queue.receive(10, MINUTE, wait).await.expect("a receive") })
    };
    let waiting = receive_within(MINUTE);
    tokio::task::yield_now().await;
    queue.send(vec![message("a", "sent while it waits")]).await.unwrap();
    assert_eq!(waiting.await.unwrap().len(), 1);

    let waiting = receive_within(MINUTE);
    tokio::task::yield_now().await;
    queue.send(vec![delayed(SECOND, "due while it waits")]).await.unwrap();
    messaging.time.pass(SECOND).await;
    let received = waiting.await.unwrap();
    assert_eq!(received.len(), 1);

    let waiting = receive_within(MINUTE);
    tokio::task::yield_now().await;
    queue.extend(&received[0].receipt, Duration::ZERO).await.unwrap();
    let again = waiting.await.unwrap();
    assert_eq!(again.len(), 1, "given back while it waits");
    queue.delete(&again[0].receipt).await.unwrap();
    if messaging.is_exact() {
        messaging.time.pass(MINUTE).await;
        for message in messaging.drain(&**queue).await {
            queue.delete(&message.receipt).await.unwrap();
        }
    }

    assert_eq!(queue.receive(10, MINUTE, Duration::ZERO).await.unwrap(), [], "no wait, no message");
    let waiting: Vec<_> = (0..8).map(|_| receive_within(SECOND * 2)).collect();
    for waiting in waiting {
        // Whenever it begins to wait, its wait ends as the time goes on. What was received stays hidden meanwhile.
        while !waiting.is_finished() {
            messaging.time.pass(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.await.unwrap(), []);
    }
}

async fn what_is_received_too_often_dies(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let max = messaging.operations_max_receives;
    let sent_at = messaging.time.now();
    let id = queue.send(vec![message("a", "poison")]).await.unwrap().remove(0);
    for count in 1..=max {
        let received = messaging.gather(queue, 1, SECOND).await;
        messaging.assert_count(received[0].receive_count, count);
        messaging.time.pass(SECOND).await;
    }
    if messaging.is_exact() {
        assert_eq!(messaging.dead_letters.get("operations", &id).await.unwrap(), None);
    }
    queue.send(vec![message("a", "sound")]).await.unwrap();
    let received = messaging.gather(queue, 1, MINUTE).await;
    let others = messaging.drain(queue).await;
    let bodies: Vec<_> = received.iter().chain(&others).map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["sound"], "a dead letter takes nobody's place");
    let letter = async || messaging.dead_letters.get("operations", &id).await.unwrap();
    let letter = match messaging.delivery {
        Delivery::Exact => letter().await,
        Delivery::Approximate => crate::made::eventually("it dies", letter, Option::is_some).await,
    };
    let letter = letter.expect("a dead letter");
    assert_eq!(
        (letter.queue.as_str(), &letter.id, letter.body.as_str(), letter.group.as_str()),
        ("operations", &id, "poison", "a")
    );
    messaging.assert_count(letter.receive_count, max);
    messaging.assert_time(letter.sent_at, sent_at);
    messaging.assert_time(letter.died_at, messaging.time.now());
    assert_eq!(letter.reason.code, "max_receives");
    if messaging.is_exact() {
        messaging.time.pass(MINUTE * 2).await;
        assert_eq!(messaging.drain(queue).await.len(), 1, "only the sound one comes again");
    }
}

async fn a_flood_of_one_group_delays_only_that_group(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let flood = if messaging.is_exact() { 10_000 } else { 200 };
    for first in (0..flood).step_by(100) {
        let batch = (first..first + 100).map(|n| message("flood", &n.to_string()));
        queue.send(batch.collect()).await.unwrap();
    }
    messaging.receive(queue, 10, MINUTE).await;
    queue.send(vec![message("single", "x")]).await.unwrap();
    if !messaging.is_exact() {
        // SQS promises no more than that a group's messages keep it, and none is lost.
        let rest = messaging.drain(queue).await;
        assert_eq!(rest.iter().filter(|message| message.group == "single").count(), 1);
        assert!(rest.iter().filter(|message| message.group == "flood").count() >= flood - 10);
        return;
    }
    let next = messaging.receive(queue, 10, MINUTE).await;
    assert_eq!(
        next.iter().filter(|message| message.group == "single").count(),
        1,
        "in the very next receive"
    );
    queue.send((0..5).map(|n| message(&format!("single {n}"), "x")).collect()).await.unwrap();
    let next = messaging.receive(queue, 10, MINUTE).await;
    assert_eq!(next.iter().filter(|message| message.group.starts_with("single")).count(), 5);
    assert!(next.iter().any(|message| message.group == "flood"), "nor does the flood starve");
}

async fn queues_are_apart(messaging: &Messaging) {
    let (one, other) = (&*messaging.queues.operations, &*messaging.queues.integrations);
    one.send(vec![message("a", "x")]).await.unwrap();
    other.send(vec![message("a", "y")]).await.unwrap();
    let (mine, theirs) = (
        messaging.gather(one, 1, MINUTE).await.remove(0),
        messaging.gather(other, 1, MINUTE).await.remove(0),
    );
    assert_eq!((mine.body.as_str(), theirs.body.as_str()), ("x", "y"));
    let _ = one.extend(&theirs.receipt, Duration::ZERO).await;
    let _ = one.delete(&theirs.receipt).await;
    assert_eq!(messaging.receive(other, 1, MINUTE).await, []);
    other.extend(&theirs.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(messaging.gather(other, 1, MINUTE).await.len(), 1);
}

/// 64 receivers, while messages are still sent: none is received twice while it is hidden, none is left.
async fn many_receivers_share_what_there_is(messaging: &Messaging) {
    const MESSAGES: usize = 640;
    let queue = &messaging.queues.operations;
    let hidden = Duration::from_secs(VISIBILITY_SECONDS_MAX);
    let wait = if messaging.is_exact() { MINUTE } else { SECOND };
    let total = Arc::new(AtomicUsize::new(0));
    let receivers = (0..64).map(|n| {
        let (queue, total) = (Arc::clone(queue), Arc::clone(&total));
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while total.load(Ordering::SeqCst) < MESSAGES {
                let some = queue.receive(1 + n % 3, hidden, wait).await.expect("a receive");
                total.fetch_add(some.len(), Ordering::SeqCst);
                mine.extend(some.into_iter().map(|message| (message.id, message.receive_count)));
            }
            mine
        })
    });
    let receivers: Vec<_> = receivers.collect();
    join_all((0..8).map(async |sender| {
        for n in 0..MESSAGES / 80 {
            let group = format!("group {}", (sender + n) % 7);
            queue.send(vec![message(&group, "x"); 10]).await.expect("a send");
        }
    }))
    .await;
    crate::made::eventually("all are received", async || total.load(Ordering::SeqCst), |n| *n >= MESSAGES)
        .await;
    // What was received stays hidden, but whoever waits still stops.
    messaging.time.pass(wait).await;
    let received: Vec<_> =
        join_all(receivers).await.into_iter().flat_map(|mine| mine.expect("a receiver")).collect();
    assert!(received.iter().all(|(_, count)| *count == 1));
    let ids: BTreeSet<_> = received.iter().map(|(id, _)| id).collect();
    assert_eq!((received.len(), ids.len()), (MESSAGES, MESSAGES));
    assert_eq!(messaging.receive(&**queue, 10, MINUTE).await, []);
}

async fn a_receive_that_is_given_up_loses_nothing(messaging: &Messaging) {
    const MESSAGES: usize = 50;
    let queue = &messaging.queues.operations;
    queue.send(vec![message("a", "x"); MESSAGES]).await.unwrap();
    for round in 0..if messaging.is_exact() { 100 } else { 20 } {
        let mut given_up = queue.receive(3, SECOND, Duration::ZERO);
        if messaging.is_exact() {
            // Dropped after one poll: before, during or after its write.
            let _ = futures::poll!(&mut given_up);
        } else {
            // Dropped while it is on its way, or while its answer is.
            let _ = tokio::time::timeout(Duration::from_millis(round), given_up).await;
        }
    }
    let kept = Mutex::new(BTreeSet::new());
    let ask = async || {
        let some = messaging.drain(&**queue).await;
        let count = {
            let mut kept = kept.lock().expect("no panic while it was held");
            kept.extend(some.into_iter().map(|message| message.id));
            kept.len()
        };
        // At the latest once it is seen again.
        messaging.time.pass(SECOND).await;
        count
    };
    crate::made::eventually("all of them come", ask, |kept| *kept == MESSAGES).await;
}

async fn the_depth_tells_what_lies_there(messaging: &Messaging) {
    let queue = &*messaging.queues.operations;
    let depth = async |what: &str, expected: QueueDepth| {
        // SQS does not tell the age.
        let oldest_age_ms = expected.oldest_age_ms.filter(|_| messaging.is_exact());
        let expected = QueueDepth { oldest_age_ms, ..expected };
        crate::made::eventually(
            what,
            async || queue.depth().await.expect("a depth"),
            |depth: &QueueDepth| *depth == expected,
        )
        .await;
    };
    depth("an empty queue", QueueDepth { oldest_age_ms: Some(0), ..QueueDepth::default() }).await;
    queue.send(vec![message("a", "x"), message("b", "x"), delayed(MINUTE * 2, "x")]).await.unwrap();
    messaging.time.pass(SECOND).await;
    queue.send(vec![message("c", "x")]).await.unwrap();
    messaging.time.pass(SECOND).await;
    let all = QueueDepth { visible: 3, in_flight: 0, delayed: 1, oldest_age_ms: Some(2_000) };
    depth("what was sent", all).await;
    let received = messaging.gather(queue, 1, MINUTE * 2).await;
    depth("one in flight", QueueDepth { visible: 2, in_flight: 1, ..all }).await;
    queue.extend(&received[0].receipt, Duration::ZERO).await.unwrap();
    depth("given back", all).await;
    let received = messaging.gather(queue, 1, MINUTE * 2).await;
    queue.delete(&received[0].receipt).await.unwrap();
    depth("deleted", QueueDepth { visible: 2, ..all }).await;
    if messaging.is_exact() {
        messaging.time.pass(MINUTE * 2).await;
        let due = QueueDepth { visible: 3, in_flight: 0, delayed: 0, oldest_age_ms: Some(122_000) };
        depth("the delay has run out", due).await;
    }
}
