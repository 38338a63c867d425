//! Order, repeats, leases, replays.

use super::*;
use tenantry_core::ports::{Action, CommitError, Item, PortError};

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
        let test = Subscribed::to_everything().await;
        let (tenant, _) = test.home.sign_up().await;
        test.home.emit(&tenant).await;
        test.home.relay().await;
        // The lease is written, what follows the call is not (or nobody learns of it).
        let lost = || CommitError::Port(PortError::Unavailable { port: "table", message: String::new() });
        let (receiver, home) = (&test.receiver, &test.home);
        let meddle = async {
            while receiver.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            match answer_is_lost {
                false => home.memory.table.fail_next_commit(lost()),
                true => home.memory.table.lose_next_answer(lost()),
            }
        };
        let gate = async { home.pump("webhooks", &home.memory.webhooks, &test.sender).await };
        let ((_, errors), ()) = futures::join!(gate, meddle);
        // The fault may meet any commit after the first call; whichever it was, the rest follows.
        assert!(errors.len() <= 1, "{errors:?}");
        home.memory.clock.advance(Duration::from_secs(60));
        test.drain().await;
        let mut seen = test.sequences();
        let requests = test.receiver.requests();
        for (request, sequence) in requests.iter().zip(&seen) {
            let first = requests.iter().find(|other| other.json()["sequence"] == *sequence).unwrap();
            assert_eq!(request.header("webhook-id"), first.header("webhook-id"));
        }
        assert!(seen.is_sorted(), "{seen:?}");
        seen.dedup();
        assert_eq!(seen, [1, 2]);
        assert_eq!(test.cursor(&tenant).await.delivered_sequence, 2);
    }
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
    let test = Subscribed::to_everything().await;
    let (tenant, _) = test.home.sign_up().await;
    test.home.emit(&tenant).await;
    test.home.relay().await;
    let (home, receiver) = (&test.home, &test.receiver);
    let steal = async {
        while receiver.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let mut cursor = test.cursor(&tenant).await;
        let read = cursor.revision;
        cursor.revision += 1;
        cursor.lease_owner = Some("another process".to_owned());
        let unchanged = crate::workers::rows::equals("revision", read);
        let action = Action::put_if(Item::of(cursor.key(), &cursor), vec![unchanged]);
        crate::workers::rows::commit_if(&home.ports, vec![action]).await.unwrap()
    };
    let run = async { home.pump("webhooks", &home.memory.webhooks, &test.sender).await };
    let ((_, errors), stolen) = futures::join!(run, steal);
    assert!(errors.is_empty(), "{errors:?}");
    if stolen {
        assert!(test.cursor(&tenant).await.delivered_sequence < 2);
    }
    home.memory.clock.advance(Duration::from_secs(60));
    test.drain().await;
    let mut seen = test.sequences();
    assert!(seen.is_sorted(), "{seen:?}");
    seen.dedup();
    assert_eq!(seen, [1, 2]);
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
