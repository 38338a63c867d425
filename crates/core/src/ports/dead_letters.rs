//! Dead letters: messages that nobody could handle, kept with the reason.

use super::PortError;
use crate::{BoxFuture, MessageId, Timestamp};

/// Why a message died.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadReason {
    /// A short name, such as `max_receives` or `delivery_exhausted`.
    pub code: String,
    /// What happened the last time, in words; no secret in it.
    pub message: String,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue where it died.
    pub queue: String,
    /// The message's id, kept.
    pub id: MessageId,
    /// The text.
    pub body: String,
    /// The group.
    pub group: String,
    /// How often it was received.
    pub receive_count: u32,
    /// Why it died.
    pub reason: DeadReason,
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// When it died.
    pub died_at: Timestamp,
}

/// A page, oldest death first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterPage {
    /// The letters.
    pub items: Vec<DeadLetter>,
    /// To go on after; `None` at the end.
    pub next: Option<String>,
}

/// The dead letters of all queues.
pub trait DeadLetters: Send + Sync {
    /// Writes down that a worker gives a message up (the worker then deletes it). Repeating it changes nothing. Once
    /// `Ok`, it survives a crash.
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), PortError>>;

    /// A page of a queue's dead letters. Looking consumes nothing.
    fn list<'a>(
        &'a self,
        queue: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<DeadLetterPage, PortError>>;

    /// One of them.
    fn get<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, PortError>>;

    /// Puts it back into its queue with a receive count of 0, and forgets it here, in one commit. `false` where it is
    /// not there (any more).
    fn redrive<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>>;

    /// Sends `body` as a new message of the same group, and forgets the dead letter, in one commit.
    fn edit<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
        body: String,
    ) -> BoxFuture<'a, Result<Option<MessageId>, PortError>>;

    /// Forgets it. `false` where it is not there (any more).
    fn purge<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>>;
}
