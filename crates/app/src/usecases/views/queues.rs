//! Queues and dead letters.

use serde::Serialize;
use serde_json::Value;
use tenantry_core::ports::DeadLetter;
use tenantry_core::{MessageId, Timestamp};
use utoipa::ToSchema;

/// What lies in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub struct QueueView {
    /// The name.
    #[schema(example = "operations")]
    pub name: &'static str,
    /// Messages that can be received now.
    pub visible: u64,
    /// Messages received and not yet deleted.
    pub in_flight: u64,
    /// Messages whose delay still runs.
    pub delayed: u64,
    /// Age of the oldest message that can be received, in milliseconds; null where the queue does not tell.
    pub oldest_age_ms: Option<u64>,
    /// Dead letters; counting stops at 1,000.
    pub dead_letters: u64,
}

/// A message that nobody could handle.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub struct DeadLetterView {
    /// The message's id.
    #[schema(value_type = String)]
    pub message_id: MessageId,
    /// The queue where it died.
    pub queue: String,
    /// What it said; task tokens are shown as `[task token]`.
    pub body: Value,
    /// Whose it is.
    pub group: String,
    /// How often it was received.
    pub receive_count: u32,
    /// Why it died.
    pub reason: DeadReasonView,
    /// When it was first sent.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// When it died.
    #[schema(value_type = String, format = DateTime)]
    pub died_at: Timestamp,
}

/// Why a message died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadReason)]
pub struct DeadReasonView {
    /// A short name, such as `max_receives`.
    pub code: String,
    /// What happened the last time.
    pub message: String,
}

/// Every task token in a message's body made unreadable.
fn without_tokens(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "taskToken" {
                    *value = "[task token]".into();
                } else {
                    without_tokens(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_tokens),
        _ => {}
    }
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        // A body that is not JSON is none of ours: nothing is known of what it may hold.
        let mut body = serde_json::from_str(&letter.body).unwrap_or_else(|_| "[not JSON]".into());
        without_tokens(&mut body);
        Self {
            message_id: letter.id,
            queue: letter.queue,
            body,
            group: letter.group,
            receive_count: letter.receive_count,
            reason: DeadReasonView { code: letter.reason.code, message: letter.reason.message },
            sent_at: letter.sent_at,
            died_at: letter.died_at,
        }
    }
}
