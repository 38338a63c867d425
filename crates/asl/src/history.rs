//! History events, in Step Functions' types, order and details.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event of an execution's history.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// From 1, without holes.
    pub id: u64,
    /// The event that led to this one; 0 for none.
    #[serde(rename = "previousEventId")]
    pub previous_id: u64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The type, such as `TaskStateEntered`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// An object with the one member that Step Functions names after the type, such as `stateEnteredEventDetails`;
    /// an empty object where the type has none.
    pub details: Value,
}
