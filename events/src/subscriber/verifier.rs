//! From a request's headers and bytes to something that can be trusted and has a type.

use super::REPLAY_HEADER;
use crate::envelope::{Envelope, EnvelopeError};
use crate::webhook::{
    ID_HEADER, InvalidSecret, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER, VerifyError, verify,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use tenantry_core::{OperationId, ServiceId, TenantId, Timestamp};

/// What a service is asked to do for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationAction {
    /// Make what the tenant needs from this service.
    Provision,
    /// Remove it, whether it was made in full, in part, or not at all.
    Undo,
}

impl IntegrationAction {
    /// The word, as in JSON and in the `webhook-id`.
    pub fn as_str(self) -> &'static str {
        match self {
            IntegrationAction::Provision => "provision",
            IntegrationAction::Undo => "undo",
        }
    }
}

/// A request to take part in a tenant's operation. Answer 2xx at once; answering `task_token` later is what confirms.
///
/// It may come several times, and late: what it asks for is the same each time, and `generation` tells an old one
/// from a new one. The token differs from attempt to attempt: answer the newest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationRequest {
    /// What to do.
    pub action: IntegrationAction,
    /// For whom.
    pub tenant_id: TenantId,
    /// The operation that asks.
    pub operation_id: OperationId,
    /// The tenant's generation of this attempt.
    pub generation: u64,
    /// What to answer; a secret.
    pub task_token: String,
    /// How often a sign of life is asked for while the work lasts; `None`: never.
    pub heartbeat_seconds: Option<u64>,
}

impl IntegrationRequest {
    /// The request's `webhook-id`: the same however often it is sent.
    pub fn webhook_id(&self, service: &ServiceId) -> String {
        format!("{}.{service}.{}", self.operation_id, self.action.as_str())
    }
}

impl fmt::Debug for IntegrationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntegrationRequest")
            .field("action", &self.action)
            .field("tenant_id", &self.tenant_id)
            .field("operation_id", &self.operation_id)
            .field("generation", &self.generation)
            .field("task_token", &"[task token]")
            .field("heartbeat_seconds", &self.heartbeat_seconds)
            .finish()
    }
}

/// An event that came to a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event.
    pub envelope: Envelope,
    /// Whether it is a replay: it was delivered before, or may have been.
    pub replay: bool,
}

/// What a verified request is.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// News, for a subscriber.
    Event(Event),
    /// Work, for a service that takes part.
    Request(IntegrationRequest),
}

/// Why a request is refused. Answer 401 to [`DeliveryError::Untrusted`] and 400 to the others: the sender tries
/// again either way.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Its signature, time or headers do not hold.
    #[error(transparent)]
    Untrusted(#[from] VerifyError),
    /// It is from the control plane, but not of a kind that this code knows.
    #[error("the body is neither an event nor a request: {0}")]
    Malformed(#[source] EnvelopeError),
    /// The header names another message than the body.
    #[error("the webhook-id {header:?} does not belong to the body, whose id is {body:?}")]
    WrongId {
        /// In the header, cut to 200 characters.
        header: String,
        /// In the body.
        body: String,
    },
}

/// Verifies requests by one or more secrets (two while one is rotated).
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Vec<SigningSecret>,
}

impl Verifier {
    /// A verifier by one secret, `whsec_…`.
    pub fn new(secret: &str) -> Result<Self, InvalidSecret> {
        Ok(Self { secrets: vec![SigningSecret::parse(secret)?] })
    }

    /// Also takes what is signed by another secret.
    pub fn also(mut self, secret: &str) -> Result<Self, InvalidSecret> {
        self.secrets.push(SigningSecret::parse(secret)?);
        Ok(self)
    }

    /// Verifies a request and reads its body. `header` finds a header's value by its lower-case name; `body` is the
    /// bytes as they came, not JSON that was parsed and written again.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&'static str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Delivery, DeliveryError> {
        let needed = |name| header(name).ok_or(VerifyError::Header(name));
        let id = needed(ID_HEADER)?;
        verify(&self.secrets, id, needed(TIMESTAMP_HEADER)?, needed(SIGNATURE_HEADER)?, body, now)?;
        let malformed = |error: serde_json::Error| DeliveryError::Malformed(error.into());
        let value: Value = serde_json::from_slice(body).map_err(malformed)?;
        // A request has an action and no type; an event has a type and no action.
        let (delivery, good, of_body) = if value.get("action").is_some() {
            let request: IntegrationRequest = serde_json::from_value(value).map_err(malformed)?;
            // The service's own id is in the middle; the kit need not know it to see that the rest agrees.
            let (start, end) =
                (format!("{}.", request.operation_id), format!(".{}", request.action.as_str()));
            let good = id.starts_with(&start) && id.ends_with(&end);
            (Delivery::Request(request), good, format!("{start}svc_…{end}"))
        } else {
            let envelope = Envelope::read(value).map_err(DeliveryError::Malformed)?;
            let replay = header(REPLAY_HEADER) == Some("true");
            let of_body = envelope.event_id.to_string();
            (Delivery::Event(Event { envelope, replay }), id == of_body, of_body)
        };
        if good {
            Ok(delivery)
        } else {
            Err(DeliveryError::WrongId { header: id.chars().take(200).collect(), body: of_body })
        }
    }
}
