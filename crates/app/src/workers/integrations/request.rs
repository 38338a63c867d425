//! A message of the `integrations` queue.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenantry_core::ports::{Message, OutgoingMessage};
use tenantry_core::{OperationId, ServiceId, TenantId, Timestamp};

fn first() -> u64 {
    1
}

/// What a service is to be asked. The state machine writes all but the last three fields, which this worker adds when
/// it sends the request again. No `Debug`: it holds a task token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    /// `provision` or `undo`.
    pub(super) action: String,
    pub(super) service_id: ServiceId,
    pub(super) tenant_id: TenantId,
    pub(super) operation_id: OperationId,
    pub(super) generation: u64,
    pub(super) attempt: u64,
    /// The name of the state that waits.
    pub(super) state: String,
    pub(super) task_token: String,
    pub(super) timeout_seconds: u64,
    pub(super) heartbeat_seconds: Option<u64>,
    /// The try to reach the service, from 1.
    #[serde(rename = "try", default = "first")]
    pub(super) try_number: u64,
    /// How often it was put aside because too many waited for the service.
    #[serde(default)]
    pub(super) put_aside: u32,
    /// When the state machine sent it.
    #[serde(default)]
    pub(super) first_sent_at: Timestamp,
}

impl Request {
    /// Reads a message; the text of an error holds nothing of the body.
    pub(super) fn read(message: &Message) -> Result<Self, String> {
        let mut request: Request = serde_json::from_str(&message.body).map_err(|error| {
            // Serde quotes wrong values, and one of them may be the token.
            format!(
                "the body is not a request to a service (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        if request.first_sent_at == Timestamp::default() {
            request.first_sent_at = message.sent_at;
        }
        Ok(request)
    }

    /// When the task's time has run out.
    pub(super) fn deadline(&self) -> Timestamp {
        self.first_sent_at.saturating_add(Duration::from_secs(self.timeout_seconds))
    }

    /// The same for every repetition and every token of the same wish.
    pub(super) fn webhook_id(&self) -> String {
        format!("{}.{}.{}", self.operation_id, self.service_id, self.action)
    }

    /// `text` without the token, which a service may have repeated in its answer.
    pub(super) fn without_token(&self, text: &str) -> String {
        text.replace(&self.task_token, "[task token]")
    }

    pub(super) fn next_try(mut self) -> Self {
        self.try_number += 1;
        self.put_aside = 0;
        self
    }

    pub(super) fn aside(mut self) -> Self {
        self.put_aside = self.put_aside.saturating_add(1);
        self
    }

    /// The message that carries it on.
    pub(super) fn message(&self, delay: Duration) -> OutgoingMessage {
        // Plain data: it always serialises.
        let body = serde_json::to_string(self).unwrap_or_default();
        OutgoingMessage { body, group: self.tenant_id.to_string(), delay }
    }
}
