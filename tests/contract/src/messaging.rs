//! What the suites of queues, dead letters and the bus ask of a factory, and what they share.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::ports::{Bus, DeadLetters, Message, OutgoingMessage, PortError, Queue, Queues};

/// One home's queues, and what sends to them.
pub struct Messaging {
    /// The queues.
    pub queues: Queues,
    /// Their dead letters.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The bus that sends to the `webhooks` queue.
    pub bus: Arc<dyn Bus>,
    /// How often a message of the `operations` queue may be received.
    pub operations_max_receives: u32,
}

/// Hides what is received for long enough that no suite sees it again by itself.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn message(group: &str, body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.to_owned(), group: group.to_owned(), delay: Duration::ZERO }
}

pub(crate) fn is_refused<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Refused { .. }))
}

/// Receives without waiting.
pub(crate) async fn receive(queue: &dyn Queue, max: usize, visibility: Duration) -> Vec<Message> {
    queue.receive(max, visibility, Duration::ZERO).await.expect("a receive")
}

/// Receives until nothing more comes. What was received stays hidden.
pub(crate) async fn drain(queue: &dyn Queue) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        let some = receive(queue, 10, MINUTE).await;
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

/// Receives and deletes until nothing more comes: the groups and JSON bodies, sorted.
pub(crate) async fn consume_json(queue: &dyn Queue) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for message in drain(queue).await {
        queue.delete(&message.receipt).await.expect("a deletion");
        all.push((message.group, serde_json::from_str(&message.body).expect("a JSON body")));
    }
    all.sort_by_key(|(group, body): &(String, Value)| (group.clone(), body.to_string()));
    all
}
