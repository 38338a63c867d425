//! The catalogue: every type of event, what it says, its schema and an example of it.
//!
//! To add a type: one line in [`event_types!`](self), one struct, one schema and one example; the tests of this
//! crate name what is missing.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_core::model::{Isolation, RecordedError};
use tenantry_core::{EventId, OperationId, SubscriptionId};

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident: $summary:literal;)*) => {
        /// The types of event, past tense, in the order of a tenant's life.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $($(#[$doc])* $name,)* }

        impl EventType {
            /// All types.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];

            /// The name, as in `type` and `detail-type`.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$name => stringify!($name),)* }
            }

            /// What it tells, in one sentence.
            pub fn summary(self) -> &'static str {
                match self { $(EventType::$name => $summary,)* }
            }

            /// The JSON Schema (draft 2020-12) of the whole event, as text.
            pub fn schema(self) -> &'static str {
                match self {
                    $(EventType::$name =>
                        include_str!(concat!("../schemas/", stringify!($name), ".schema.json")),)*
                }
            }

            /// An example of the whole event, as JSON text.
            pub fn example(self) -> &'static str {
                match self {
                    $(EventType::$name => include_str!(concat!("../examples/", stringify!($name), ".json")),)*
                }
            }
        }

        /// What an event says, in its type's shape.
        #[derive(Debug, Clone, PartialEq)]
        pub enum EventData { $($(#[$doc])* $name($name),)* }

        $(impl From<$name> for EventData {
            fn from(data: $name) -> Self {
                EventData::$name(data)
            }
        })*

        impl EventData {
            /// The type.
            pub fn event_type(&self) -> EventType {
                match self { $(EventData::$name(_) => EventType::$name,)* }
            }

            /// The data of an event of that type; fields that a later version may add are left aside.
            pub fn read(event_type: EventType, data: Value) -> Result<Self, serde_json::Error> {
                match event_type {
                    $(EventType::$name => serde_json::from_value(data).map(EventData::$name),)*
                }
            }

            /// The data as JSON, always an object.
            pub fn to_json(&self) -> Result<Value, serde_json::Error> {
                match self { $(EventData::$name(data) => serde_json::to_value(data),)* }
            }
        }
    };
}

event_types! {
    /// A tenant was accepted.
    TenantRegistered: "A tenant was accepted and its slug is taken; nothing is made for it yet.";
    /// An attempt to provision began.
    TenantProvisioningStarted: "An attempt to make everything that the tenant needs has begun.";
    /// The tenant is active.
    TenantProvisioned: "Everything that the tenant needs is there, every required service has confirmed, and the tenant is active.";
    /// The attempt failed and was undone.
    TenantProvisioningFailed: "The attempt failed and everything it made was undone; the slug is kept and the operation can be retried.";
    /// A subscription missed an event.
    DeliveryFailed: "An event could not be delivered to a subscription and lies with the dead letters: that subscription now has a gap.";
}

impl EventType {
    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name)
    }
}

/// The envelope's JSON Schema (draft 2020-12), as text; each type's schema builds on it.
pub const ENVELOPE_SCHEMA: &str = include_str!("../schemas/Envelope.schema.json");

/// Data of [`EventType::TenantRegistered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRegistered {
    /// The operation that will provision it.
    pub operation_id: OperationId,
    /// The display name.
    pub name: String,
    /// The name in addresses.
    pub slug: String,
    /// What was bought.
    pub plan: String,
    /// How far it is kept apart.
    pub isolation: Isolation,
    /// Where its data lives.
    pub region: String,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// Data of [`EventType::TenantProvisioningStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantProvisioningStarted {
    /// The operation.
    pub operation_id: OperationId,
    /// Its attempt, from 1.
    pub attempt: u64,
    /// The tenant's generation of this attempt.
    pub generation: u64,
    /// What was bought.
    pub plan: String,
}

/// Data of [`EventType::TenantProvisioned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantProvisioned {
    /// The operation.
    pub operation_id: OperationId,
    /// Its attempt, from 1.
    pub attempt: u64,
    /// The tenant's generation of this attempt.
    pub generation: u64,
    /// The display name.
    pub name: String,
    /// The name in addresses.
    pub slug: String,
    /// What was bought.
    pub plan: String,
    /// How far it is kept apart.
    pub isolation: Isolation,
    /// Where its data lives.
    pub region: String,
    /// The cell that serves it.
    pub cell: String,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// Data of [`EventType::TenantProvisioningFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantProvisioningFailed {
    /// The operation.
    pub operation_id: OperationId,
    /// Its attempt, from 1.
    pub attempt: u64,
    /// The tenant's generation of this attempt.
    pub generation: u64,
    /// Its name and step. Its message says where to read why: every subscriber reads this, and what a service said is
    /// for the operator alone.
    pub error: RecordedError,
}

/// Data of [`EventType::DeliveryFailed`].
///
/// Its emitter must not tell of a lost `DeliveryFailed`: a subscription whose receiver is gone for good and that
/// matches this type would otherwise feed itself for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryFailed {
    /// The subscription that now has a gap.
    pub subscription_id: SubscriptionId,
    /// The event that it misses.
    pub event_id: EventId,
    /// That event's type.
    pub event_type: String,
    /// That event's number within the tenant.
    pub missing_sequence: u64,
    /// How often delivery was tried.
    pub tries: u64,
    /// The receiver's last status, where it answered.
    pub status_code: Option<u16>,
    /// What went wrong last, without the receiver's own words.
    pub reason: String,
}
