//! Subscriptions to events and the log of their deliveries.

use crate::{EventId, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a subscription's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// A signed POST (Standard Webhooks).
    Webhook {
        /// Where to.
        url: String,
    },
}

/// A subscription: the row `SUBSCRIPTION#<id>`. Its signing secret lies in the vault under `secret_ref`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// The id.
    pub subscription_id: SubscriptionId,
    /// For people.
    pub name: String,
    /// An EventBridge pattern.
    pub pattern: serde_json::Value,
    /// Where the events go.
    pub target: Target,
    /// Where the vault keeps the signing secret.
    pub secret_ref: String,
    /// When it was made. Events from then on are delivered.
    pub created_at: Timestamp,
}

/// How a try to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The receiver answered 2xx.
    Delivered,
    /// It did not; there will be another try.
    Failed,
    /// It did not, and there will be no other: the event is a dead letter.
    DeadLetter,
}

/// One try to deliver one event: a row of the subscription's delivery log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The event; also the `webhook-id`.
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its number within the tenant.
    pub sequence: u64,
    /// The try, from 1.
    #[serde(rename = "try")]
    pub try_number: u64,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// The receiver's status, where it answered.
    pub status_code: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// Whether it was asked for by a replay.
    pub replay: bool,
    /// When.
    pub at: Timestamp,
    /// When the next try is due.
    pub next_retry_at: Option<Timestamp>,
}
