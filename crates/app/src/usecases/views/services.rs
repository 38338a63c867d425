//! Services and subscriptions.

use serde::Serialize;
use serde_json::Value;
use tenantry_core::model::{Delivery, DeliveryOutcome, Service, Subscription, Target};
use tenantry_core::{EventId, ServiceId, SubscriptionId, TenantId, Timestamp};
use utoipa::ToSchema;

/// A product service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Service)]
pub struct ServiceView {
    /// The id.
    #[schema(value_type = String, example = "svc_01h455vb4pex5vsknk084sn02q")]
    pub service_id: ServiceId,
    /// The name; unique.
    pub name: String,
    /// Where its requests go.
    pub url: String,
    /// Whether a tenant needs it to become active.
    pub required: bool,
    /// How long it may take to confirm, in seconds.
    pub timeout_seconds: u64,
    /// How often it must give a sign of life, in seconds.
    pub heartbeat_seconds: Option<u64>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&Service> for ServiceView {
    fn from(service: &Service) -> Self {
        Self {
            service_id: service.service_id.clone(),
            name: service.name.clone(),
            url: service.url.clone(),
            required: service.required,
            timeout_seconds: service.timeout_seconds,
            heartbeat_seconds: service.heartbeat_seconds,
            created_at: service.created_at,
            updated_at: service.updated_at,
        }
    }
}

/// Where a subscription's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetView {
    /// `webhook`.
    #[serde(rename = "type")]
    #[schema(example = "webhook")]
    pub target_type: &'static str,
    /// Where to.
    pub url: String,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Subscription)]
pub struct SubscriptionView {
    /// The id.
    #[schema(value_type = String, example = "sub_01h455vb4pex5vsknk084sn02q")]
    pub subscription_id: SubscriptionId,
    /// For people.
    pub name: String,
    /// An EventBridge pattern.
    #[schema(value_type = Object)]
    pub pattern: Value,
    /// Where the events go.
    pub target: TargetView,
    /// When it was made; events from then on are delivered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Subscription> for SubscriptionView {
    fn from(subscription: &Subscription) -> Self {
        let Target::Webhook { url } = &subscription.target;
        Self {
            subscription_id: subscription.subscription_id.clone(),
            name: subscription.name.clone(),
            pattern: subscription.pattern.clone(),
            target: TargetView { target_type: "webhook", url: url.clone() },
            created_at: subscription.created_at,
        }
    }
}

/// One try to deliver one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// The tenant.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// The event; also the `webhook-id`.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its number within the tenant.
    pub sequence: u64,
    /// The try, from 1.
    #[serde(rename = "try")]
    pub try_number: u64,
    /// How it ended: `delivered`, `failed` (there will be another try) or `dead_letter`.
    #[schema(value_type = String, example = "delivered")]
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
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the next try is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_retry_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            tenant_id: delivery.tenant_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            sequence: delivery.sequence,
            try_number: delivery.try_number,
            outcome: delivery.outcome,
            status_code: delivery.status_code,
            error: delivery.error,
            latency_ms: delivery.latency_ms,
            replay: delivery.replay,
            at: delivery.at,
            next_retry_at: delivery.next_retry_at,
        }
    }
}
