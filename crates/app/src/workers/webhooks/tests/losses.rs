//! Dead letters, the gap they leave, and `DeliveryFailed`.

use super::*;
use crate::workers::sweeper::Sweeper;
use tenantry_core::ports::DeadLetter;
use tenantry_events::Envelope;

async fn letters(test: &Subscribed) -> Vec<DeadLetter> {
    test.home.ports.dead_letters.list("webhooks", None, 100).await.unwrap().items
}

async fn events(test: &Subscribed, tenant: &TenantId) -> Vec<Envelope> {
    test.home.rows(Range::events(tenant)).await
}

#[tokio::test]
async fn after_the_last_try_there_is_a_dead_letter_a_gap_and_an_event() {
    let test = Subscribed::to_everything().await;
    test.refuse(2, 100);
    let (tenant, operation) = test.home.sign_up().await;
    for _ in 0..2 {
        test.home.emit(&tenant).await;
    }
    test.relay_and_drain().await;
    assert_eq!(test.sequences(), [1, 2, 2, 2, 2, 3], "four tries, then the next event");

    let letters = letters(&test).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason.code, "delivery_exhausted");
    assert!(letters[0].reason.message.ends_with("tried 4 times; the last time the receiver answered 500"));

    let log = test.log().await;
    let last = log.iter().rfind(|row| row.sequence == 2).unwrap();
    assert_eq!((last.outcome, last.try_number, last.next_retry_at), (DeliveryOutcome::DeadLetter, 4, None));

    let told = &events(&test, &tenant).await[3];
    assert_eq!((told.event_type.as_str(), told.sequence), ("DeliveryFailed", 4));
    assert_eq!(told.correlation_id.as_ref(), Some(&operation));
    let lost = events(&test, &tenant).await[1].event_id.clone();
    assert_eq!(told.causation_id.as_deref(), Some(lost.as_str()));
    assert_eq!(
        Value::Object(told.data.clone()),
        json!({
            "subscriptionId": test.subscription.subscription_id, "eventId": lost,
            "eventType": "TenantProvisioningStarted", "missingSequence": 2, "tries": 4, "statusCode": 500,
            "reason": "the receiver answered 500",
        })
    );
    test.relay_and_drain().await;
    assert_eq!(test.sequences().last(), Some(&4), "the news of the loss is delivered like any other");
    assert_eq!(test.cursor(&tenant).await.delivered_sequence, 4);
}

#[tokio::test]
async fn a_dead_letter_that_is_redriven_is_sent_alone_and_as_a_replay() {
    let test = Subscribed::to_everything().await;
    test.refuse(1, 4);
    let (tenant, _) = test.home.sign_up().await;
    test.home.emit(&tenant).await;
    test.relay_and_drain().await;
    test.relay_and_drain().await;
    assert_eq!(test.sequences(), [1, 1, 1, 1, 2, 3]);
    let letter = &letters(&test).await[0];
    let before = test.cursor(&tenant).await;
    assert!(test.home.ports.dead_letters.redrive("webhooks", &letter.id).await.unwrap());
    test.drain().await;
    assert_eq!(test.sequences(), [1, 1, 1, 1, 2, 3, 1]);
    let requests = test.receiver.requests();
    let again = requests.last().unwrap();
    check_signature(again, test.home.now());
    assert_eq!(again.header(REPLAY_HEADER), Some("true"));
    assert_eq!(again.header("webhook-id"), requests[0].header("webhook-id"));
    assert_eq!(test.cursor(&tenant).await, before);
    assert!(letters(&test).await.is_empty());
}

#[tokio::test]
async fn a_redrive_that_fails_again_is_the_same_dead_letter() {
    let test = Subscribed::to_everything().await;
    test.refuse(1, 8);
    let (tenant, _) = test.home.sign_up().await;
    test.relay_and_drain().await;
    let first = letters(&test).await.remove(0);
    let count = events(&test, &tenant).await.len();
    assert!(test.home.ports.dead_letters.redrive("webhooks", &first.id).await.unwrap());
    test.drain().await;
    let again = letters(&test).await.remove(0);
    assert_eq!((again.id, again.body, again.reason.code), (first.id, first.body, first.reason.code));
    assert_eq!(events(&test, &tenant).await.len(), count, "the gap was told of before");
}

#[tokio::test]
async fn a_lost_delivery_failed_feeds_nothing() {
    let test = Subscribed::new(json!({"detail-type": ["DeliveryFailed", "TenantRegistered"]})).await;
    for sequence in 1..=5 {
        test.refuse(sequence, 100);
    }
    let (tenant, _) = test.home.sign_up().await;
    for _ in 0..5 {
        test.relay_and_drain().await;
    }
    let types: Vec<_> = events(&test, &tenant).await.into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["TenantRegistered", "DeliveryFailed"]);
    assert_eq!(letters(&test).await.len(), 2);
    assert_eq!(test.cursor(&tenant).await.delivered_sequence, 2);
}

#[tokio::test]
async fn two_subscriptions_lose_the_same_event_each_for_itself() {
    let test = Subscribed::to_everything().await;
    test.refuse(1, 100);
    test.home.subscribe(test.receiver.url("/other"), json!({"source": ["tenantry"]})).await;
    let (tenant, _) = test.home.sign_up().await;
    test.relay_and_drain().await;
    assert_eq!(letters(&test).await.len(), 2);
    assert_eq!(events(&test, &tenant).await.len(), 3, "each loss is told of");
}

#[tokio::test]
async fn a_wait_that_no_message_can_bear_is_the_sweepers() {
    let mut test = Subscribed::to_everything().await;
    let settings = settings("this process", &[7_200]);
    test.sender = WebhookSender::new(test.home.ports.clone(), test.home.http(), settings);
    test.refuse(1, 1);
    let (tenant, _) = test.home.sign_up().await;
    test.home.relay().await;
    test.pump().await;
    assert!(test.home.memory.webhooks.bodies().is_empty(), "no message waits");
    let sweeper = Sweeper::new(test.home.ports.clone(), Duration::from_secs(60), Duration::from_secs(300));
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 0);
    test.home.memory.clock.advance(Duration::from_secs(7_200 * 2));
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 1);
    assert_eq!(sweeper.run_once().await.unwrap().deliveries, 0, "it was just woken");
    test.pump().await;
    assert_eq!(test.sequences(), [1, 1]);
    assert_eq!(test.cursor(&tenant).await.delivered_sequence, 1);
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_longer_wait() {
    let home = Home::new();
    let receiver = Receiver::start(|_| Answer::status(429).header("retry-after", "600")).await;
    let subscription = home.subscribe(receiver.url("/"), json!({"source": ["tenantry"]})).await;
    let sender = WebhookSender::new(home.ports.clone(), home.http(), settings("this process", &[5]));
    let (tenant, _) = home.sign_up().await;
    home.relay().await;
    home.pump("webhooks", &home.memory.webhooks, &sender).await;
    let key = Key::delivery_cursor(&subscription.subscription_id, &tenant);
    let cursor: Cursor = home.row(key).await.unwrap();
    assert_eq!(cursor.next_attempt_at, Some(home.now().saturating_add(Duration::from_secs(600))));
}
