//! The envelope: what every event carries around its data.

use crate::catalogue::{EventData, EventType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tenantry_core::ports::BusEvent;
use tenantry_core::{EventId, OperationId, TenantId, Timestamp};

/// The version of the envelope. A new optional field does not change it; a field that changes its meaning does.
pub const SPEC_VERSION: &str = "1.0";

/// The `source` of every event of ours on the bus.
pub const SOURCE: &str = "tenantry";

/// One fact about one tenant: the `detail` on the bus, and the body of a webhook.
///
/// Consumers get each event at least once: they tell repeats by `event_id`, and order and find gaps by `sequence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// [`SPEC_VERSION`].
    pub spec_version: String,
    /// Stable over every delivery and replay.
    pub event_id: EventId,
    /// The type's name. A text, because a consumer may meet a type that is younger than itself;
    /// [`Envelope::known_type`] is its typed form.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the change that it tells of was committed.
    pub occurred_at: Timestamp,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its number within the tenant, from 1, without holes.
    pub sequence: u64,
    /// The operation that it belongs to.
    pub correlation_id: Option<OperationId>,
    /// What directly caused it: an event's or an execution's id.
    pub causation_id: Option<String>,
    /// Who did it: `admin`, `tenantry`, or a service's id.
    pub actor: String,
    /// What happened; its shape is the type's.
    pub data: Map<String, Value>,
}

/// Why a text is not an event.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is not JSON, or a field is missing or of the wrong type.
    #[error("the event is not an envelope of version {SPEC_VERSION}: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Its version is another one.
    #[error("the event's specVersion is {0:?}; this code reads 1.x. Update the events crate")]
    Version(String),
    /// Its type is not in this catalogue.
    #[error("this catalogue has no event type {0:?}. Update the events crate, or leave the event aside")]
    UnknownType(String),
}

impl Envelope {
    const FIELDS: [&'static str; 10] = [
        "specVersion",
        "eventId",
        "type",
        "occurredAt",
        "tenantId",
        "sequence",
        "correlationId",
        "causationId",
        "actor",
        "data",
    ];

    /// Reads an envelope as a consumer should: fields that a later 1.x may add are left aside, another major version
    /// is refused.
    pub fn read(mut value: Value) -> Result<Self, EnvelopeError> {
        if let Some(fields) = value.as_object_mut() {
            let version = fields.get("specVersion").and_then(Value::as_str).unwrap_or(SPEC_VERSION);
            if version.split('.').next() != Some("1") {
                return Err(EnvelopeError::Version(version.chars().take(32).collect()));
            }
            fields.retain(|name, _| Self::FIELDS.contains(&name.as_str()));
        }
        Ok(serde_json::from_value(value)?)
    }

    /// The type, where this catalogue has it.
    pub fn known_type(&self) -> Option<EventType> {
        EventType::parse(&self.event_type)
    }

    /// The data in its type's shape.
    pub fn typed(&self) -> Result<EventData, EnvelopeError> {
        let known = self.known_type().ok_or_else(|| EnvelopeError::UnknownType(self.event_type.clone()))?;
        Ok(EventData::read(known, Value::Object(self.data.clone()))?)
    }

    /// The event as it goes onto the bus.
    ///
    /// # Panics
    /// Never: an envelope always serialises.
    pub fn to_bus_event(&self) -> BusEvent {
        BusEvent {
            source: SOURCE.to_owned(),
            detail_type: self.event_type.clone(),
            detail: serde_json::to_value(self).expect("an envelope is plain JSON"),
            event_id: self.event_id.clone(),
            tenant_id: self.tenant_id.clone(),
            sequence: self.sequence,
            occurred_at: self.occurred_at,
        }
    }
}

/// The event as EventBridge shows it to a pattern: `version, id, detail-type, source, account, time, region,
/// resources, detail`. One machine has no account and no AWS region; `resources` names the tenant.
/// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
pub fn event_bridge_json(event: &BusEvent) -> Value {
    // EventBridge's `time` has whole seconds.
    let time: String = event.occurred_at.to_string().chars().take_while(|c| *c != '.').collect();
    json!({
        "version": "0",
        "id": event.event_id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": "000000000000",
        "time": format!("{time}Z"),
        "region": "local",
        "resources": [event.tenant_id],
        "detail": event.detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;

    #[test]
    fn the_bus_and_a_pattern_see_the_envelope() {
        let envelope: Envelope = serde_json::from_str(EventType::TenantProvisioned.example()).unwrap();
        let event = envelope.to_bus_event();
        assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("tenantry", "TenantProvisioned"));
        assert_eq!((&event.event_id, event.sequence), (&envelope.event_id, envelope.sequence));
        assert_eq!(serde_json::from_value::<Envelope>(event.detail.clone()).unwrap(), envelope);

        let seen = event_bridge_json(&event);
        assert_eq!(seen["time"], "2026-03-01T12:00:03Z");
        assert_eq!(seen["resources"], json!([envelope.tenant_id]));
        for (pattern, good) in [
            (json!({"source": ["tenantry"], "detail-type": [{"prefix": "TenantProv"}]}), true),
            (json!({"detail": {"data": {"plan": ["pro"]}, "sequence": [{"numeric": [">", 2]}]}}), true),
            (json!({"resources": [envelope.tenant_id]}), true),
            (json!({"detail": {"data": {"plan": ["free"]}}}), false),
        ] {
            assert_eq!(Pattern::parse(&pattern).unwrap().matches(&seen), good, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_envelope_says_why() {
        for (bad, word) in [
            (json!(1), "not an envelope"),
            (json!({}), "missing field"),
            (json!({"specVersion": "2.1"}), "specVersion is \"2.1\""),
            (json!({"specVersion": 1}), "not an envelope"),
        ] {
            let error = Envelope::read(bad).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
