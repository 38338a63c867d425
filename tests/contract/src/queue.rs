//! The queues' contract.

use crate::messaging::{MINUTE, Messaging, drain, is_refused, message, receive};
use crate::{Made, ManualClock};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenantry_core::limits::{
    DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX, RECEIVE_MESSAGES_MAX, VISIBILITY_SECONDS_MAX,
};
use tenantry_core::ports::{Clock as _, OutgoingMessage, Queue, QueueDepth};

const SECOND: Duration = Duration::from_secs(1);

/// Holds every sentence of [`Queue`]'s documentation against the adapter that `make` makes.
pub async fn queue_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<Messaging>>,
{
    let fresh = async || {
        let clock = ManualClock::new();
        (make(clock.clone()).await, clock)
    };
    let (made, clock) = fresh().await;
    what_is_sent_comes(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    what_is_over_a_limit_is_refused(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    a_received_message_is_hidden_and_comes_again(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    a_deleted_message_never_comes_again(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    stale_receipts_change_nothing(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    hiding_is_prolonged_and_ended(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    delays_hold_messages_back(&*made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    a_receive_waits_for_the_first_message(&made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    what_is_received_too_often_dies(&made.port, &clock).await;
    let (made, _) = fresh().await;
    a_flood_of_one_group_delays_only_that_group(&*made.port.queues.operations).await;
    let (made, _) = fresh().await;
    queues_are_apart(&made.port).await;
    let (made, clock) = fresh().await;
    many_receivers_share_what_there_is(&made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    a_receive_that_is_given_up_loses_nothing(&made.port.queues.operations, &clock).await;
    let (made, clock) = fresh().await;
    the_depth_tells_what_lies_there(&*made.port.queues.operations, &clock).await;
}

async fn what_is_sent_comes(queue: &dyn Queue, clock: &ManualClock) {
    assert_eq!(queue.send(Vec::new()).await.unwrap(), []);
    assert_eq!(receive(queue, 10, MINUTE).await, []);
    let bodies = ["{}".to_owned(), "ünïcode 🔑 \u{0} \"\\\n".to_owned(), "x".repeat(MESSAGE_BYTES_MAX)];
    let sent_at = clock.now();
    let ids = queue
        .send(bodies.iter().map(|body| message("group #1", body)).collect())
        .await
        .expect("they are sent");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "each has an id of its own");
    clock.advance(SECOND);
    let received = drain(queue).await;
    assert_eq!(received.len(), 3);
    for message in received {
        let place = ids.iter().position(|id| *id == message.id).expect("an id that send answered");
        assert_eq!(message.body, bodies[place]);
        assert_eq!((message.group.as_str(), message.receive_count), ("group #1", 1));
        assert_eq!(message.sent_at, sent_at);
    }
}

async fn what_is_over_a_limit_is_refused(queue: &dyn Queue, clock: &ManualClock) {
    let delayed = |seconds: u64, millis| OutgoingMessage {
        delay: Duration::from_secs(seconds) + Duration::from_millis(millis),
        ..message("a", "x")
    };
    assert!(is_refused(&queue.send(vec![message("a", &"x".repeat(MESSAGE_BYTES_MAX + 1))]).await));
    // Two bytes each: the limit is one of bytes, not of characters.
    assert!(is_refused(&queue.send(vec![message("a", &"ü".repeat(MESSAGE_BYTES_MAX / 2 + 1))]).await));
    assert!(is_refused(&queue.send(vec![delayed(DELAY_SECONDS_MAX, 1)]).await));
    assert!(is_refused(&queue.receive(0, MINUTE, Duration::ZERO).await));
    assert!(is_refused(&queue.receive(RECEIVE_MESSAGES_MAX + 1, MINUTE, Duration::ZERO).await));
    let longest = Duration::from_secs(VISIBILITY_SECONDS_MAX);
    assert!(is_refused(&queue.receive(1, longest + SECOND, Duration::ZERO).await));
    clock.advance(Duration::from_secs(DELAY_SECONDS_MAX + 1));
    assert_eq!(receive(queue, 10, longest).await, [], "nothing of what was refused is in");

    queue.send(vec![delayed(DELAY_SECONDS_MAX, 0)]).await.unwrap();
    clock.advance(Duration::from_secs(DELAY_SECONDS_MAX));
    let received = receive(queue, RECEIVE_MESSAGES_MAX, longest).await;
    assert!(is_refused(&queue.extend(&received[0].receipt, longest + SECOND).await));
    queue.extend(&received[0].receipt, longest).await.unwrap();
    clock.advance(longest);
    assert_eq!(receive(queue, 1, MINUTE).await.len(), 1);
}

async fn a_received_message_is_hidden_and_comes_again(queue: &dyn Queue, clock: &ManualClock) {
    queue
        .send((0..12).map(|n| message(&format!("group {}", n % 5), &n.to_string())).collect())
        .await
        .unwrap();
    let first = receive(queue, 3, MINUTE).await;
    assert_eq!(first.len(), 3, "as many as were asked for");
    let rest = drain(queue).await;
    assert_eq!(rest.len(), 9, "all others, and none twice");
    clock.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(receive(queue, 10, MINUTE).await, []);
    clock.advance(Duration::from_millis(1));
    let again = drain(queue).await;
    assert_eq!(again.len(), 12);
    for message in first.iter().chain(&rest) {
        let second = again.iter().find(|second| second.id == message.id).expect("it came again");
        assert_eq!(
            (&second.body, &second.group, second.sent_at, second.receive_count),
            (&message.body, &message.group, message.sent_at, 2)
        );
        assert_ne!(second.receipt, message.receipt);
    }
}

async fn a_deleted_message_never_comes_again(queue: &dyn Queue, clock: &ManualClock) {
    queue.send((0..3).map(|n| message("a", &n.to_string())).collect()).await.unwrap();
    let received = receive(queue, 3, SECOND).await;
    queue.delete(&received[0].receipt).await.unwrap();
    clock.advance(SECOND);
    // Its time has run out, but it was not seen again: the receipt is still good.
    queue.delete(&received[1].receipt).await.unwrap();
    let again = drain(queue).await;
    assert_eq!(again.iter().map(|message| &message.id).collect::<Vec<_>>(), [&received[2].id]);
    queue.delete(&again[0].receipt).await.unwrap();
    clock.advance(Duration::from_secs(VISIBILITY_SECONDS_MAX));
    assert_eq!(receive(queue, 10, MINUTE).await, []);
}

async fn stale_receipts_change_nothing(queue: &dyn Queue, clock: &ManualClock) {
    queue.send(vec![message("a", "x")]).await.unwrap();
    let first = receive(queue, 1, SECOND).await.remove(0);
    clock.advance(SECOND);
    let second = receive(queue, 1, MINUTE).await.remove(0);
    queue.extend(&first.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(receive(queue, 1, MINUTE).await, [], "a stale receipt does not give back");
    queue.extend(&first.receipt, MINUTE * 2).await.unwrap();
    queue.delete(&first.receipt).await.unwrap();
    clock.advance(MINUTE);
    let third = receive(queue, 1, MINUTE).await.remove(0);
    assert_eq!((third.id, third.receive_count), (second.id, 3), "a stale receipt does not delete or hide");
    queue.delete(&third.receipt).await.unwrap();
    queue.delete(&third.receipt).await.unwrap();
    queue.extend(&third.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(receive(queue, 1, MINUTE).await, []);
}

async fn hiding_is_prolonged_and_ended(queue: &dyn Queue, clock: &ManualClock) {
    queue.send(vec![message("a", "x")]).await.unwrap();
    let first = receive(queue, 1, SECOND).await.remove(0);
    clock.advance(SECOND / 2);
    queue.extend(&first.receipt, MINUTE).await.unwrap();
    clock.advance(MINUTE - SECOND / 2);
    assert_eq!(receive(queue, 1, MINUTE).await, [], "from now, not from the receipt");
    clock.advance(SECOND / 2);
    let second = receive(queue, 1, MINUTE).await.remove(0);
    assert_eq!(second.receive_count, 2);
    queue.extend(&second.receipt, SECOND).await.unwrap();
    clock.advance(SECOND);
    let third = receive(queue, 1, MINUTE).await.remove(0);
    queue.extend(&third.receipt, Duration::ZERO).await.unwrap();
    let fourth = receive(queue, 1, Duration::ZERO).await.remove(0);
    assert_eq!((&fourth.id, fourth.receive_count), (&first.id, 4), "given back at once");
    assert_eq!(receive(queue, 1, MINUTE).await.len(), 1, "hidden for no time");
}

async fn delays_hold_messages_back(queue: &dyn Queue, clock: &ManualClock) {
    let delayed = |seconds| OutgoingMessage {
        delay: Duration::from_secs(seconds),
        ..message("a", &seconds.to_string())
    };
    queue.send(vec![delayed(30), delayed(0), delayed(10)]).await.unwrap();
    let mut order = Vec::new();
    for _ in 0..4 {
        order.extend(drain(queue).await.into_iter().map(|message| message.body));
        order.push("10 s later".to_owned());
        clock.advance(SECOND * 10);
    }
    assert_eq!(order, ["0", "10 s later", "10", "10 s later", "10 s later", "30", "10 s later"]);
}

async fn a_receive_waits_for_the_first_message(queue: &Arc<dyn Queue>, clock: &ManualClock) {
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
    let delayed = OutgoingMessage { delay: SECOND, ..message("a", "due while it waits") };
    queue.send(vec![delayed]).await.unwrap();
    clock.advance(SECOND);
    let received = waiting.await.unwrap();
    assert_eq!(received.len(), 1);

    let waiting = receive_within(MINUTE);
    tokio::task::yield_now().await;
    queue.extend(&received[0].receipt, Duration::ZERO).await.unwrap();
    let again = waiting.await.unwrap();
    assert_eq!(again.len(), 1, "given back while it waits");
    queue.delete(&again[0].receipt).await.unwrap();
    clock.advance(MINUTE);
    for message in drain(&**queue).await {
        queue.delete(&message.receipt).await.unwrap();
    }

    assert_eq!(queue.receive(10, MINUTE, Duration::ZERO).await.unwrap(), [], "no wait, no message");
    let waiting: Vec<_> = (0..8).map(|_| receive_within(SECOND * 5)).collect();
    for waiting in waiting {
        // Whenever it begins to wait, its wait ends as the clock goes on. What was received stays hidden meanwhile.
        while !waiting.is_finished() {
            clock.advance(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.await.unwrap(), []);
    }
}

async fn what_is_received_too_often_dies(messaging: &Messaging, clock: &ManualClock) {
    let queue = &*messaging.queues.operations;
    let max = messaging.operations_max_receives;
    let sent_at = clock.now();
    let id = queue.send(vec![message("a", "poison")]).await.unwrap().remove(0);
    for count in 1..=max {
        let received = receive(queue, 10, SECOND).await;
        assert_eq!(received.iter().map(|message| message.receive_count).collect::<Vec<_>>(), [count]);
        clock.advance(SECOND);
    }
    assert_eq!(messaging.dead_letters.get("operations", &id).await.unwrap(), None);
    queue.send(vec![message("a", "sound")]).await.unwrap();
    let received = receive(queue, 1, MINUTE).await;
    let others = drain(queue).await;
    let bodies: Vec<_> = received.iter().chain(&others).map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["sound"], "a dead letter takes nobody's place");
    let letter = messaging.dead_letters.get("operations", &id).await.unwrap().expect("a dead letter");
    assert_eq!(
        (letter.queue.as_str(), &letter.id, letter.body.as_str(), letter.group.as_str()),
        ("operations", &id, "poison", "a")
    );
    assert_eq!((letter.receive_count, letter.sent_at, letter.died_at), (max, sent_at, clock.now()));
    assert_eq!(letter.reason.code, "max_receives");
    clock.advance(MINUTE * 2);
    assert_eq!(drain(queue).await.len(), 1, "only the sound one comes again");
}

async fn a_flood_of_one_group_delays_only_that_group(queue: &dyn Queue) {
    const FLOOD: usize = 10_000;
    for first in (0..FLOOD).step_by(1_000) {
        let batch = (first..first + 1_000).map(|n| message("flood", &n.to_string()));
        queue.send(batch.collect()).await.unwrap();
    }
    receive(queue, 10, MINUTE).await;
    queue.send(vec![message("single", "x")]).await.unwrap();
    let next = receive(queue, 10, MINUTE).await;
    assert_eq!(
        next.iter().filter(|message| message.group == "single").count(),
        1,
        "in the very next receive"
    );
    queue.send((0..5).map(|n| message(&format!("single {n}"), "x")).collect()).await.unwrap();
    let next = receive(queue, 10, MINUTE).await;
    assert_eq!(next.iter().filter(|message| message.group.starts_with("single")).count(), 5);
    assert!(next.iter().any(|message| message.group == "flood"), "nor does the flood starve");
}

async fn queues_are_apart(messaging: &Messaging) {
    let (one, other) = (&*messaging.queues.operations, &*messaging.queues.integrations);
    one.send(vec![message("a", "x")]).await.unwrap();
    other.send(vec![message("a", "y")]).await.unwrap();
    let (mine, theirs) = (drain(one).await.remove(0), drain(other).await.remove(0));
    assert_eq!((mine.body.as_str(), theirs.body.as_str()), ("x", "y"));
    let _ = one.extend(&theirs.receipt, Duration::ZERO).await;
    let _ = one.delete(&theirs.receipt).await;
    assert_eq!(receive(other, 1, MINUTE).await, []);
    other.extend(&theirs.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(receive(other, 1, MINUTE).await.len(), 1);
}

/// 64 receivers, while messages are still sent: none is received twice while it is hidden, none is left.
async fn many_receivers_share_what_there_is(queue: &Arc<dyn Queue>, clock: &ManualClock) {
    const MESSAGES: usize = 640;
    let hidden = Duration::from_secs(VISIBILITY_SECONDS_MAX);
    let total = Arc::new(AtomicUsize::new(0));
    let receivers = (0..64).map(|n| {
        let (queue, total) = (Arc::clone(queue), Arc::clone(&total));
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while total.load(Ordering::SeqCst) < MESSAGES {
                let some = queue.receive(1 + n % 3, hidden, MINUTE).await.expect("a receive");
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
    clock.advance(MINUTE);
    let received: Vec<_> =
        join_all(receivers).await.into_iter().flat_map(|mine| mine.expect("a receiver")).collect();
    assert!(received.iter().all(|(_, count)| *count == 1));
    let ids: BTreeSet<_> = received.iter().map(|(id, _)| id).collect();
    assert_eq!((received.len(), ids.len()), (MESSAGES, MESSAGES));
    assert_eq!(receive(&**queue, 10, MINUTE).await, []);
}

async fn a_receive_that_is_given_up_loses_nothing(queue: &Arc<dyn Queue>, clock: &ManualClock) {
    const MESSAGES: usize = 50;
    queue.send(vec![message("a", "x"); MESSAGES]).await.unwrap();
    for _ in 0..100 {
        // Dropped after one poll: before, during or after its write.
        let mut given_up = queue.receive(3, SECOND, Duration::ZERO);
        let _ = futures::poll!(&mut given_up);
    }
    let kept = std::cell::RefCell::new(BTreeSet::new());
    let ask = async || {
        let some = drain(&**queue).await;
        kept.borrow_mut().extend(some.into_iter().map(|message| message.id));
        // At the latest once it is seen again.
        clock.advance(SECOND);
        kept.borrow().len()
    };
    crate::made::eventually("all of them come", ask, |kept| *kept == MESSAGES).await;
}

async fn the_depth_tells_what_lies_there(queue: &dyn Queue, clock: &ManualClock) {
    let depth = async |what: &str, expected: QueueDepth| {
        crate::made::eventually(
            what,
            async || queue.depth().await.expect("a depth"),
            |depth: &QueueDepth| *depth == expected,
        )
        .await;
    };
    depth("an empty queue", QueueDepth { oldest_age_ms: Some(0), ..QueueDepth::default() }).await;
    let delayed = OutgoingMessage { delay: MINUTE, ..message("a", "x") };
    queue.send(vec![message("a", "x"), message("b", "x"), delayed]).await.unwrap();
    clock.advance(SECOND);
    queue.send(vec![message("c", "x")]).await.unwrap();
    clock.advance(SECOND);
    let all = QueueDepth { visible: 3, in_flight: 0, delayed: 1, oldest_age_ms: Some(2_000) };
    depth("what was sent", all).await;
    let received = receive(queue, 1, MINUTE).await;
    depth("one in flight", QueueDepth { visible: 2, in_flight: 1, ..all }).await;
    queue.extend(&received[0].receipt, Duration::ZERO).await.unwrap();
    depth("given back", all).await;
    let received = receive(queue, 1, MINUTE).await;
    queue.delete(&received[0].receipt).await.unwrap();
    depth("deleted", QueueDepth { visible: 2, ..all }).await;
    clock.advance(MINUTE);
    depth(
        "the delay has run out",
        QueueDepth { visible: 3, in_flight: 0, delayed: 0, oldest_age_ms: Some(62_000) },
    )
    .await;
}
