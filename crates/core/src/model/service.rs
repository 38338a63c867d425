//! Product services that take part in the lifecycle.

use crate::{ServiceId, Timestamp};
use serde::{Deserialize, Serialize};

/// A product service: the row `SERVICE#<id>`. Its signing secret lies in the vault under `secret_ref`; its token is
/// kept as a SHA-256 hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// The id.
    pub service_id: ServiceId,
    /// The name; unique.
    pub name: String,
    /// Where its requests go.
    pub url: String,
    /// Whether a tenant needs it to become active.
    pub required: bool,
    /// How long it may take to confirm, from 1 to 86,400 seconds.
    pub timeout_seconds: u64,
    /// How often it must give a sign of life, from 1 to `timeout_seconds`.
    pub heartbeat_seconds: Option<u64>,
    /// Where the vault keeps the signing secret.
    pub secret_ref: String,
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    /// Registered no longer; kept so that what it made can still be undone.
    pub removed: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
