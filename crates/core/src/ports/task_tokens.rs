//! Task tokens: how the world answers a waiting task.

use super::PortError;
use crate::BoxFuture;
use serde_json::Value;

/// Why an answer was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TaskTokenError {
    /// Never issued (Step Functions: `InvalidToken`).
    #[error("the task token is not one of ours")]
    Invalid,
    /// Answered before, where the home can tell (Step Functions: `TaskTimedOut`).
    #[error("the task token was already answered")]
    Used,
    /// The task timed out, was stopped, or its execution has ended (Step Functions: `TaskTimedOut`, which is also that of
    /// a token that was answered before).
    #[error("the task no longer waits for this token: {0}")]
    Expired(String),
    /// The output is over [`crate::limits::PAYLOAD_BYTES_MAX`].
    #[error("the output is too large")]
    OutputTooLarge,
    /// The adapter.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Answers to waiting tasks. A token takes one answer.
pub trait TaskTokens: Send + Sync {
    /// The task succeeded. Once `Ok`, the answer survives a crash and no other is taken.
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>>;

    /// The task failed. Once `Ok`, the answer survives a crash and no other is taken.
    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>>;

    /// The task is still worked on: its heartbeat deadline moves. A crash may move it back by up to a third of the
    /// heartbeat's length, never further.
    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>>;
}
