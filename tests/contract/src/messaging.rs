//! What the suites of queues, dead letters and the bus ask of a factory, and what they share.

use crate::Time;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::Timestamp;
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
    /// How time passes for the queues.
    pub time: Time,
    /// How exact the queues are.
    pub delivery: Delivery,
}

/// How exact queues are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A receive finds what can be received, at the moment from which on it can; counts and depths are right at once;
    /// any text is carried; groups take turns.
    Exact,
    /// As SQS's standard queues: a receive may miss what is there unless it waits, counts and depths are right in the
    /// end, times are whole seconds, empty texts and control characters are refused, and how soon a group's turn comes
    /// is not promised.
    Approximate,
}

/// Hides what is received for long enough that no suite sees it again by itself.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// How long an approximate queue is asked for what it may have: by waiting, SQS looks everywhere.
const LOOK: Duration = Duration::from_secs(1);

/// How long messages that must come are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far the clocks of a suite and of a service may differ.
const SKEW: Duration = Duration::from_secs(30);

pub(crate) fn message(group: &str, body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.to_owned(), group: group.to_owned(), delay: Duration::ZERO }
}

pub(crate) fn is_refused<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Refused { .. }))
}

impl Messaging {
    pub(crate) fn is_exact(&self) -> bool {
        self.delivery == Delivery::Exact
    }

    /// One receive, without waiting where that finds all there is.
    pub(crate) async fn receive(&self, queue: &dyn Queue, max: usize, visibility: Duration) -> Vec<Message> {
        let wait = if self.is_exact() { Duration::ZERO } else { LOOK };
        queue.receive(max, visibility, wait).await.expect("a receive")
    }

    /// Receives `count` messages that must come: at once from an exact queue, else in the end.
    pub(crate) async fn gather(&self, queue: &dyn Queue, count: usize, visibility: Duration) -> Vec<Message> {
        let mut all = self.receive(queue, count, visibility).await;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.is_exact() && all.len() < count && tokio::time::Instant::now() < deadline {
            all.extend(self.receive(queue, count - all.len(), visibility).await);
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Receives until nothing more comes. What was received stays hidden for `visibility`.
    pub(crate) async fn drain_for(&self, queue: &dyn Queue, visibility: Duration) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let some = self.receive(queue, 10, visibility).await;
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// Receives until nothing more comes. What was received stays hidden.
    pub(crate) async fn drain(&self, queue: &dyn Queue) -> Vec<Message> {
        self.drain_for(queue, MINUTE).await
    }

    /// Receives and deletes until nothing more comes: the groups and JSON bodies, sorted.
    pub(crate) async fn consume_json(&self, queue: &dyn Queue) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for message in self.drain(queue).await {
            queue.delete(&message.receipt).await.expect("a deletion");
            all.push((message.group, serde_json::from_str(&message.body).expect("a JSON body")));
        }
        all.sort_by_key(|(group, body): &(String, Value)| (group.clone(), body.to_string()));
        all
    }

    /// Whether a receive count is the one expected. Elsewhere than from an exact queue a message may have come twice.
    #[track_caller]
    pub(crate) fn assert_count(&self, found: u32, expected: u32) {
        let good = if self.is_exact() { found == expected } else { found >= expected };
        assert!(good, "received {found} times, not {expected}");
    }

    /// Whether a time that a service wrote is the one that the suite's clock showed.
    #[track_caller]
    pub(crate) fn assert_time(&self, found: Timestamp, expected: Timestamp) {
        let apart = found.saturating_since(expected).max(expected.saturating_since(found));
        let most = if self.is_exact() { Duration::ZERO } else { SKEW };
        assert!(apart <= most, "{found} is not {expected}");
    }
}
