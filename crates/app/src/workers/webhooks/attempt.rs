//! One try to deliver one event, and its row in the delivery log.

use super::super::error::WorkerError;
use super::super::signing::signed_headers;
use super::{REPLAY_HEADER, Subscriber};
use crate::Ports;
use crate::http::{HttpClient, parse_retry_after, sanitize};
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::model::{Delivery, DeliveryOutcome, Target};
use tenantry_core::ports::{Action, Item, PortError};
use tenantry_events::Envelope;

/// How long the delivery log remembers a try.
const LOG_SECONDS: i64 = 30 * 24 * 3600;
/// Most bytes of a receiver's answer that the log keeps.
const EXCERPT_BYTES_MAX: usize = 512;
/// The longest that a `Retry-After` can put off the next try.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What a try came to.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) at: Timestamp,
    latency: Duration,
    pub(super) status_code: Option<u16>,
    /// Why it was not acknowledged.
    pub(super) error: Option<String>,
    retry_after: Option<Duration>,
}

impl Attempt {
    pub(super) fn acknowledged(&self) -> bool {
        self.error.is_none()
    }

    /// The wait that was planned, or the longer one that the receiver asked for.
    pub(super) fn wait(&self, planned: Duration) -> Duration {
        planned.max(self.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
    }

    /// The try's row in the delivery log.
    pub(super) fn log(
        &self,
        subscriber: &Subscriber,
        event: &Envelope,
        try_number: u64,
        outcome: DeliveryOutcome,
        replay: bool,
        next_retry_at: Option<Timestamp>,
    ) -> Action {
        let subscription = &subscriber.record.subscription_id;
        let delivery = Delivery {
            subscription_id: subscription.clone(),
            tenant_id: event.tenant_id.clone(),
            event_id: event.event_id.clone(),
            event_type: event.event_type.clone(),
            sequence: event.sequence,
            try_number,
            outcome,
            status_code: self.status_code,
            error: self.error.clone(),
            latency_ms: u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX),
            replay,
            at: self.at,
            next_retry_at,
        };
        let key = Key::delivery(subscription, self.at, &event.event_id, try_number);
        Action::put(Item::of(key, &delivery).expiring_at(self.at.as_seconds() + LOG_SECONDS))
    }
}

/// Sends the event, signed: `webhook-id` is the event's id, the same at every try.
pub(super) async fn send(
    ports: &Ports,
    http: &HttpClient,
    subscriber: &Subscriber,
    event: &Envelope,
    replay: bool,
) -> Result<Attempt, WorkerError> {
    let at = ports.clock.now();
    let ended = |status_code, error: Option<String>, retry_after| Attempt {
        at,
        latency: ports.clock.now().saturating_since(at),
        status_code,
        error,
        retry_after,
    };
    let secret = match ports.vault.resolve(&subscriber.record.secret_ref).await {
        Ok(secret) => secret,
        Err(PortError::NotFound { .. }) => {
            return Ok(ended(None, Some("the subscription's signing secret is gone".to_owned()), None));
        }
        Err(error) => return Err(error.into()),
    };
    // Plain data: it always serialises.
    let body = serde_json::to_vec(event).unwrap_or_default();
    let mut headers = match signed_headers(&secret, event.event_id.as_str(), at, &body) {
        Ok(headers) => headers,
        Err(error) => {
            let text = format!("the subscription's signing secret cannot be used: {error}");
            return Ok(ended(None, Some(text), None));
        }
    };
    if replay {
        headers.push((REPLAY_HEADER, "true".to_owned()));
    }
    let Target::Webhook { url } = &subscriber.record.target;
    Ok(match http.post_json(url, &headers, body).await {
        Ok(response) if response.is_success() => ended(Some(response.status), None, None),
        Ok(response) => {
            let retry_after = response.retry_after.as_deref().and_then(|value| parse_retry_after(value, at));
            let text = match response.excerpt(EXCERPT_BYTES_MAX) {
                text if text.is_empty() => format!("the receiver answered {}", response.status),
                text => format!("the receiver answered {}: {text}", response.status),
            };
            ended(Some(response.status), Some(text), retry_after)
        }
        Err(error) => ended(None, Some(sanitize(&error.to_string(), EXCERPT_BYTES_MAX)), None),
    })
}
