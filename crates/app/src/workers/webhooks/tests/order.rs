//! Order, repeats, leases, replays.

use super::*;
use crate::workers::sweeper::Sweeper;
use crate::workers::tests::eventually;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_core::ports::{Action, CommitError, Item, PortError, Queue as _};
use tokio::sync::Notify;

#[tokio::test]
async fn an_event_is_delivered_signed_and_logged() {
    let test = Subscribed::to_everything().await;
    let (tenant, operation) = test.home.sign_up().await;
    test.home.relay().await;
    let commits = test.home.memory.table.commits();
    test.pump().await;
    assert_eq!(test.home.memory.table.commits() - commits, 2, "the lease, and its end with cursor and log");
    let requests = test.receiver.requests();
    assert_eq!(requests.len(), 1);
    check_signature(&requests[0], test.home.now());
    assert_eq!(requests[0].path, "/hook");
    assert_eq!(requests[0].header(REPLAY_HEADER), None);
    let body = requests[0].json();
    assert_eq!((&body["type"], &body["tenantId"]), (&json!("TenantRegistered"), &json!(tenant)));
    assert_eq!(body["correlationId"], json!(operation));
    let cursor = test.cursor(&tenant).await;
    assert_eq!((cursor.delivered_sequence, cursor.tries, cursor.due_at()), (1, 0, None));
    let log = test.log().await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].outcome, log[0].status_code, log[0].try_number),
        (DeliveryOutcome::Delivered, Some(200), 1)
    );
    assert!(test.home.memory.webhooks.bodies().is_empty());
}

#[tokio::test]
async fn the_next_event_waits_for_the_one_before() {
    let test = Subscribed::to_everything().await;
    test.refuse(2, 2);
    let (tenant, _) = test.home.sign_up().await;
    for _ in 0..2 {
        test.home.emit(&tenant).await;
    }
    test.home.relay().await;
    test.pump().await;
    assert_eq!(test.sequences(), [1, 2], "the third was tried before the second was acknowledged");
    let cursor = test.cursor(&tenant).await;
    assert_eq!((cursor.delivered_sequence, cursor.tries), (1, 1));
    assert!(cursor.next_attempt_at.is_some() && cursor.lease_until.is_none());
    // News of a fourth must not bring the next try forward.
    test.home.emit(&tenant).await;
    test.home.relay().await;
    test.pump().await;
    assert_eq!(test.sequences(), [1, 2]);
    test.drain().await;
    assert_eq!(test.sequences(), [1, 2, 2, 2, 3, 4]);
    let requests = test.receiver.requests();
    for request in &requests {
        check_signature(request, test.home.now());
    }
    assert!(
        requests[1..4].iter().all(|request| request.header("webhook-id") == requests[1].header("webhook-id"))
    );
    assert_eq!(test.cursor(&tenant).await.delivered_sequence, 4);
    let outcomes: Vec<_> =
        test.log().await.iter().map(|row| (row.sequence, row.try_number, row.outcome)).collect();
    use DeliveryOutcome::{Delivered, Failed};
    assert_eq!(
        outcomes,
        [
            (1, 1, Delivered),
            (2, 1, Failed),
            (2, 2, Failed),
            (2, 3, Delivered),
            (3, 1, Delivered),
            (4, 1, Delivered)
        ]
    );
    let log = test.log().await;
    let waited = log[2].at.saturating_since(log[1].at);
    assert!((4..=7).contains(&waited.as_secs()), "the first wait is about 5 s, not {waited:?}");
}

#[tokio::test]
async fn tenants_do_not_wait_for_each_other() {
    let test = Subscribed::to_everything().await;
    test.refuse(1, 1);
    let (first, _) = test.home.sign_up().await;
    let (second, _) = test.home.sign_up().await;
    test.home.relay().await;
    test.pump().await;
    let delivered =
        [test.cursor(&first).await.delivered_sequence, test.cursor(&second).await.delivered_sequence];
    assert_eq!(delivered.iter().sum::<u64>(), 1, "one was refused, the other went through");
    test.drain().await;
    assert_eq!(test.sequences(), [1, 1, 1]);
}

#[tokio::test]
async fn events_from_before_the_subscription_are_not_delivered() {
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    test.home.emit(&tenant).await;
    test.home.memory.clock.advance(Duration::from_secs(60));
    let late = test.home.subscribe(test.receiver.url("/late"), json!({"source": ["tenantry"]})).await;
    test.home.emit(&tenant).await;
    test.relay_and_drain().await;
    let seen = |path: &str| -> Vec<u64> {
        let requests = test.receiver.requests();
        let of_path = requests.iter().filter(|request| request.path == path);
        of_path.map(|request| request.json()["sequence"].as_u64().unwrap()).collect()
    };
    assert_eq!((seen("/hook"), seen("/late")), (vec![1, 2, 3], vec![3]));
    let cursor: Cursor = test.home.row(Key::delivery_cursor(&late.subscription_id, &tenant)).await.unwrap();
    assert_eq!(cursor.delivered_sequence, 3);
}

#[tokio::test]
async fn what_is_not_asked_for_is_passed_over() {
    let test = Subscribed::new(json!({"detail-type": ["TenantRegistered"]})).await;
    let (tenant, _) = test.home.sign_up().await;
    test.home.emit(&tenant).await;
    test.relay_and_drain().await;
    test.home.emit(&tenant).await;
    test.home.relay().await;
    assert!(test.home.memory.webhooks.bodies().is_empty(), "the rule does not match");
    // The sweeper's wake-up for a cursor that is behind.
    test.send(&test.subscription.subscription_id, &tenant, 3).await;
    test.pump().await;
    assert_eq!(test.sequences(), [1]);
    assert_eq!(test.cursor(&tenant).await.delivered_sequence, 3);
}

#[tokio::test]
async fn what_is_not_published_is_not_delivered() {
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    test.relay_and_drain().await;
    test.home.emit(&tenant).await;
    test.send(&test.subscription.subscription_id, &tenant, 2).await;
    test.pump().await;
    assert_eq!(test.sequences(), [1]);
    test.relay_and_drain().await;
    assert_eq!(test.sequences(), [1, 2]);
}

#[tokio::test]
async fn news_that_is_quicker_than_the_relays_mark_comes_again() {
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    test.relay_and_drain().await;
    test.home.emit(&tenant).await;
    test.send(&test.subscription.subscription_id, &tenant, 2).await;
    test.pump().await;
    let waiting = test.home.memory.webhooks.bodies();
    assert!(waiting.len() == 1 && waiting[0]["sequence"] == 2, "{waiting:?}");
    // The bus's own message was the one that came: what the relay sends now is none.
    test.home.relay().await;
    let webhooks = &test.home.memory.webhooks;
    let second = webhooks.receive(1, Duration::from_secs(20), Duration::ZERO).await.unwrap();
    webhooks.delete(&second[0].receipt).await.unwrap();
    assert_eq!(webhooks.bodies(), waiting);
    test.drain().await;
    assert_eq!(test.sequences(), [1, 2]);

    // What is never marked does not come for ever.
    test.send(&test.subscription.subscription_id, &tenant, 9).await;
    test.drain().await;
    assert!(test.home.memory.webhooks.bodies().is_empty());
}

#[tokio::test]
async fn long_backlogs_and_short_pages_are_delivered_to_the_end() {
    let test = Subscribed::to_everything().await;
    test.home.memory.table.shorten_pages(7);
    let (tenant, _) = test.home.sign_up().await;
    for _ in 0..130 {
        test.home.emit(&tenant).await;
    }
    while test.home.relay().await.more {}
    test.drain().await;
    assert_eq!(test.sequences(), (1..=131).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_crash_after_the_call_repeats_the_event_under_its_id() {
    for answer_is_lost in [false, true] {
        let home = Home::new();
        let (table, first) = (home.memory.table.clone(), AtomicBool::new(true));
        // The lease is written; what follows the first call is not, or nobody learns of it.
        let receiver = Receiver::start(move |_| {
            let lost = CommitError::Port(PortError::Unavailable { port: "table", message: String::new() });
            match (first.swap(false, Ordering::SeqCst), answer_is_lost) {
                (true, false) => table.fail_next_commit(lost),
                (true, true) => table.lose_next_answer(lost),
                (false, _) => {}
            }
            Answer::status(200)
        })
        .await;
        let subscription = home.subscribe(receiver.url("/"), json!({"source": ["tenantry"]})).await;
        let sender = WebhookSender::new(home.ports.clone(), home.http(), settings("this process", &[5]));
        let (tenant, _) = home.sign_up().await;
        home.emit(&tenant).await;
        home.relay().await;
        let (_, errors) = home.pump("webhooks", &home.memory.webhooks, &sender).await;
        assert_eq!(errors.len(), 1, "{errors:?}");
        home.memory.clock.advance(Duration::from_secs(60));
        home.drain("webhooks", &home.memory.webhooks, &sender, Duration::from_secs(1)).await;
        let requests = receiver.requests();
        let seen: Vec<_> =
            requests.iter().map(|request| request.json()["sequence"].as_u64().unwrap()).collect();
        // Where the commit was done and only its answer lost, the cursor knows of the delivery.
        assert_eq!(seen, if answer_is_lost { vec![1, 2] } else { vec![1, 1, 2] });
        assert!(answer_is_lost || requests[0].header("webhook-id") == requests[1].header("webhook-id"));
        let key = Key::delivery_cursor(&subscription.subscription_id, &tenant);
        assert_eq!(home.row::<Cursor>(key).await.unwrap().delivered_sequence, 2);
    }
}

/// A home whose receiver holds its first answer back until it is told, and the message of a first event.
async fn held() -> (Home, Receiver, Subscription, TenantId, Arc<Notify>) {
    let home = Home::new();
    let gate = Arc::new(Notify::new());
    let (held, first) = (gate.clone(), AtomicBool::new(true));
    let receiver = Receiver::start(move |_| match first.swap(false, Ordering::SeqCst) {
        true => Answer::status(200).hold(held.clone()),
        false => Answer::status(200),
    })
    .await;
    let subscription = home.subscribe(receiver.url("/"), json!({"source": ["tenantry"]})).await;
    let (tenant, _) = home.sign_up().await;
    home.emit(&tenant).await;
    home.relay().await;
    (home, receiver, subscription, tenant, gate)
}

fn sequences(receiver: &Receiver) -> Vec<u64> {
    receiver.requests().iter().map(|request| request.json()["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_process_that_dies_in_a_call_is_succeeded_when_its_lease_runs_out() {
    let (home, receiver, _, _, _) = held().await;
    let dying = WebhookSender::new(home.ports.clone(), home.http(), settings("a process that dies", &[5]));
    {
        let work = home.pump("webhooks", &home.memory.webhooks, &dying);
        let called = eventually("the receiver is called", || !receiver.requests().is_empty());
        tokio::select! {
            _ = work => panic!("the call came back"),
            () = called => {}
        }
    }
    // Its messages are lost too: only the lease tells that something was going on.
    home.memory.clock.advance(Duration::from_secs(20));
    while let Some(message) =
        home.memory.webhooks.receive(1, Duration::ZERO, Duration::ZERO).await.unwrap().pop()
    {
        home.memory.webhooks.delete(&message.receipt).await.unwrap();
    }
    let sweeper = Sweeper::new(home.ports.clone(), Duration::from_secs(60), Duration::from_secs(300));
    let next = WebhookSender::new(home.ports.clone(), home.http(), settings("the next process", &[5]));
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 0, "the lease still holds");
    home.memory.clock.advance(Duration::from_secs(11));
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 1);
    home.drain("webhooks", &home.memory.webhooks, &next, Duration::from_secs(1)).await;
    assert_eq!(sequences(&receiver), [1, 1, 2]);
}

#[tokio::test]
async fn a_lease_of_another_process_is_kept_until_it_runs_out() {
    for sole_process in [false, true] {
        let mut test = Subscribed::to_everything().await;
        let mut settings = settings("this process", &[5]);
        settings.sole_process = sole_process;
        test.sender = WebhookSender::new(test.home.ports.clone(), test.home.http(), settings);
        let (tenant, _) = test.home.sign_up().await;
        test.home.relay().await;
        let cursor = Cursor {
            subscription_id: test.subscription.subscription_id.clone(),
            tenant_id: tenant.clone(),
            delivered_sequence: 0,
            tries: 0,
            next_attempt_at: None,
            lease_owner: Some("another process".to_owned()),
            lease_until: Some(test.home.now().saturating_add(Duration::from_secs(30))),
            revision: 1,
            updated_at: test.home.now(),
        };
        test.home.commit(vec![Action::put(Item::of(cursor.key(), &cursor))]).await;
        test.pump().await;
        // Where this is the only process, the other one is dead.
        assert_eq!(test.sequences().len(), usize::from(sole_process));
        test.drain().await;
        assert_eq!(test.sequences(), [1]);
        let delivered = test.log().await[0].at;
        assert_eq!(delivered >= cursor.lease_until.unwrap(), !sole_process);
    }
}

#[tokio::test]
async fn a_lost_lease_ends_the_run_and_moves_nothing() {
    let (home, receiver, subscription, tenant, gate) = held().await;
    let slow = WebhookSender::new(home.ports.clone(), home.http(), settings("a slow process", &[5]));
    let key = Key::delivery_cursor(&subscription.subscription_id, &tenant);
    let steal = async {
        eventually("the receiver is called", || !receiver.requests().is_empty()).await;
        let mut cursor: Cursor = home.row(key.clone()).await.unwrap();
        cursor.revision += 1;
        cursor.lease_owner = Some("another process".to_owned());
        home.commit(vec![Action::put(Item::of(key.clone(), &cursor))]).await;
        gate.notify_one();
        cursor
    };
    let run = home.pump("webhooks", &home.memory.webhooks, &slow);
    let ((_, errors), stolen) = futures::join!(run, steal);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(home.row::<Cursor>(key.clone()).await.unwrap(), stolen, "the new owner's cursor was touched");
    assert_eq!(sequences(&receiver), [1], "it went on without its lease");
    home.drain("webhooks", &home.memory.webhooks, &slow, Duration::from_secs(1)).await;
    assert_eq!(sequences(&receiver), [1, 1, 2]);
}

#[tokio::test]
async fn a_replay_sends_exactly_its_events_and_moves_no_cursor() {
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    test.home.emit(&tenant).await;
    test.relay_and_drain().await;
    let before = test.cursor(&tenant).await;
    test.refuse(1, 1);
    let replay = tenantry_core::ports::Replay {
        subscription_id: test.subscription.subscription_id.clone(),
        from: None,
        to: None,
        filter: Default::default(),
    };
    assert_eq!(test.home.ports.bus.replay(replay).await.unwrap(), 2);
    test.drain().await;
    assert_eq!(test.cursor(&tenant).await, before);
    let requests = test.receiver.requests();
    let replays = &requests[2..];
    assert!(requests[..2].iter().all(|request| request.header(REPLAY_HEADER).is_none()));
    assert!(replays.iter().all(|request| request.header(REPLAY_HEADER) == Some("true")));
    assert_eq!(test.sequences(), [1, 2, 1, 2, 1], "a replay that fails is tried again, and keeps no order");
    assert_eq!(replays[0].header("webhook-id"), requests[0].header("webhook-id"));
    let log = test.log().await;
    let replayed: Vec<_> =
        log.iter().filter(|row| row.replay).map(|row| (row.sequence, row.try_number)).collect();
    assert_eq!(replayed.len(), 3);
    assert!(replayed.contains(&(1, 2)));
}

#[tokio::test]
async fn news_for_a_subscription_that_is_gone_is_dropped() {
    let test = Subscribed::to_everything().await;
    test.home.sign_up().await;
    test.home.relay().await;
    let key = Key::subscription(&test.subscription.subscription_id);
    test.home.commit(vec![Action::Delete { key, conditions: vec![] }]).await;
    test.pump().await;
    assert!(test.receiver.requests().is_empty());
    assert!(test.home.memory.webhooks.bodies().is_empty());
}

#[tokio::test]
async fn many_messages_at_once_deliver_once_and_in_order() {
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    for _ in 0..9 {
        test.home.emit(&tenant).await;
    }
    test.home.relay().await;
    let mut messages = Vec::new();
    while messages.len() < 10 {
        let wait = Duration::from_secs(20);
        messages.extend(test.home.ports.queues.webhooks.receive(10, wait, Duration::ZERO).await.unwrap());
    }
    let handled = messages.iter().map(|message| test.sender.handle(message));
    for result in futures::future::join_all(handled).await {
        assert_eq!(result.unwrap(), Disposition::Done);
    }
    assert_eq!(test.sequences(), (1..=10).collect::<Vec<_>>());
}
