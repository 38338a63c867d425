//! Queues: at-least-once, with a visibility timeout, fair between message groups, and dead letters.

use super::PortError;
use crate::{BoxFuture, MessageId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Text, at most [`crate::limits::MESSAGE_BYTES_MAX`] bytes. JSON goes through every queue; one that cannot carry
    /// an empty text or some control characters refuses these.
    pub body: String,
    /// Whose it is: a flood of one group delays only that group. Order is not promised.
    pub group: String,
    /// When it is first seen, at most [`crate::limits::DELAY_SECONDS_MAX`].
    pub delay: Duration,
}

/// A message that was received and must be deleted, or it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id, the same at every receipt.
    pub id: MessageId,
    /// What [`Queue::delete`] and [`Queue::extend`] ask for; good until the message is seen again.
    pub receipt: String,
    /// The text.
    pub body: String,
    /// The group.
    pub group: String,
    /// How often it was received, this time counted.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// What lies in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Messages that can be received now.
    pub visible: u64,
    /// Messages received and not yet deleted.
    pub in_flight: u64,
    /// Messages whose delay still runs.
    pub delayed: u64,
    /// Age of the oldest message that can be received, in milliseconds; 0 where there is none. `None` where the queue
    /// does not tell: SQS has it only as a metric, minutes late.
    pub oldest_age_ms: Option<u64>,
}

/// One queue.
pub trait Queue: Send + Sync {
    /// Puts messages in. Once `Ok`, all of them survive a crash; after an error some may be in.
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>>;

    /// Takes up to `max` messages (at most [`crate::limits::RECEIVE_MESSAGES_MAX`]) and hides them for `visibility`;
    /// waits up to `wait` for the first one. A message whose receive count passed the queue's limit becomes a dead
    /// letter instead. Once `Ok`, the raised receive counts survive a crash.
    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>>;

    /// Deletes a received message. Once `Ok`, it never comes again. A stale receipt changes nothing and is no error.
    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>>;

    /// Hides a received message for `visibility` from now (zero: give it back at once). A stale receipt changes
    /// nothing and is no error.
    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>>;

    /// What lies in it, about now.
    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>>;
}

/// The queues of this deployment.
#[derive(Clone)]
pub struct Queues {
    /// Operations on their way to the state machines. Body: [`crate::OperationId`] and tenant as JSON.
    pub operations: Arc<dyn Queue>,
    /// Requests to product services, with task tokens.
    pub integrations: Arc<dyn Queue>,
    /// News for webhook subscriptions.
    pub webhooks: Arc<dyn Queue>,
    /// Executions that have ended.
    pub execution_status: Arc<dyn Queue>,
}

impl Queues {
    /// The names, in the order in which people read them.
    pub const NAMES: [&'static str; 4] = ["operations", "integrations", "webhooks", "execution-status"];

    /// The queue of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Queue>> {
        match name {
            "operations" => Some(&self.operations),
            "integrations" => Some(&self.integrations),
            "webhooks" => Some(&self.webhooks),
            "execution-status" => Some(&self.execution_status),
            _ => None,
        }
    }
}
