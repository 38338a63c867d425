//! The webhook sender against a real HTTP receiver.

mod losses;
mod order;

use super::super::tests::{Home, seconds, signing_secret};
use super::cursor::Cursor;
use super::*;
use crate::http::receiver::{Answer, Receiver, Request};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tenantry_core::keys::Range;
use tenantry_core::model::{Delivery, DeliveryOutcome};
use tenantry_core::{SubscriptionId, Timestamp};
use tenantry_events::webhook::verify;

/// A home with one subscription to everything, whose receiver answers what the test says.
struct Subscribed {
    home: Home,
    receiver: Receiver,
    subscription: Subscription,
    sender: WebhookSender,
    plan: Plan,
}

/// What to answer: by the event's number, how often to refuse it yet.
type Plan = Arc<Mutex<Vec<(u64, u32)>>>;

fn settings(owner: &str, waits: &[u64]) -> WebhookSettings {
    WebhookSettings {
        owner: owner.to_owned(),
        sole_process: false,
        lease: Duration::from_secs(30),
        retries: RetrySchedule { waits: seconds(waits), jitter: 0.2 },
        calls_per_subscription_max: 4,
    }
}

impl Subscribed {
    async fn new(pattern: Value) -> Self {
        let plan = Plan::default();
        let shared = plan.clone();
        let receiver = Receiver::start(move |request| {
            let sequence = request.json()["sequence"].as_u64().unwrap();
            let mut plan = shared.lock().unwrap();
            match plan.iter_mut().find(|(number, left)| *number == sequence && *left > 0) {
                Some((_, left)) => {
                    *left -= 1;
                    Answer::status(500).body("not now")
                }
                None => Answer::status(200),
            }
        })
        .await;
        let home = Home::new();
        let subscription = home.subscribe(receiver.url("/hook"), pattern).await;
        let sender =
            WebhookSender::new(home.ports.clone(), home.http(), settings("this process", &[5, 30, 120]));
        Self { home, receiver, subscription, sender, plan }
    }

    async fn to_everything() -> Self {
        Self::new(json!({"source": ["tenantry"]})).await
    }

    fn refuse(&self, sequence: u64, times: u32) {
        self.plan.lock().unwrap().push((sequence, times));
    }

    async fn pump(&self) {
        let (_, errors) = self.home.pump("webhooks", &self.home.memory.webhooks, &self.sender).await;
        assert!(errors.is_empty(), "{errors:?}");
    }

    async fn drain(&self) {
        self.home.drain("webhooks", &self.home.memory.webhooks, &self.sender, Duration::from_secs(1)).await;
    }

    /// Publishes what is in the outbox, and delivers until nothing is left to do.
    async fn relay_and_drain(&self) {
        self.home.relay().await;
        self.drain().await;
    }

    fn sequences(&self) -> Vec<u64> {
        self.receiver.requests().iter().map(|request| request.json()["sequence"].as_u64().unwrap()).collect()
    }

    async fn cursor(&self, tenant: &TenantId) -> Cursor {
        self.home.row(Key::delivery_cursor(&self.subscription.subscription_id, tenant)).await.unwrap()
    }

    async fn log(&self) -> Vec<Delivery> {
        self.home.rows(Range::deliveries(&self.subscription.subscription_id)).await
    }

    async fn send(&self, subscription: &SubscriptionId, tenant: &TenantId, sequence: u64) {
        self.home.ports.queues.webhooks.send(vec![news(subscription, tenant, sequence)]).await.unwrap();
    }
}

fn check_signature(request: &Request, now: Timestamp) {
    let header = |name| request.header(name).unwrap();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    verify(&[signing_secret()], id, timestamp, header("webhook-signature"), &request.body, now).unwrap();
    assert_eq!(request.json()["eventId"], id);
}
