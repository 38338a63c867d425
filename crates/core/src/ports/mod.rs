//! Ports: everything that the use cases, the steps and the workers ask of the world. Each has two adapters (one
//! machine, AWS) and one contract suite that both pass (`tests/contract`).
//!
//! A port has at most six methods; each method's doc says what survives a crash once it returns `Ok`.

mod blobs;
mod bus;
mod clock;
mod data_keys;
mod dead_letters;
mod queue;
mod table;
mod task_tokens;
mod vault;
mod workflows;

pub use blobs::{Blob, BlobPage, Blobs};
pub use bus::{ArchivedEvent, Bus, BusEvent, BusPage, EventFilter, Replay, Rule};
pub use clock::{Clock, Ids};
pub use data_keys::{DataKeys, KeyPurpose};
pub use dead_letters::{DeadLetter, DeadLetterPage, DeadLetters, DeadReason};
pub use queue::{Message, OutgoingMessage, Queue, QueueDepth, Queues};
pub use table::{
    Action, Commit, CommitError, Condition, Index, IndexKey, Item, Page, Query, QueryRange, Table,
};
pub use task_tokens::{TaskTokenError, TaskTokens};
pub use vault::{Secret, Vault};
pub use workflows::{
    Execution, ExecutionFilter, ExecutionPage, ExecutionStatus, ExecutionSummary, HistoryEvent, HistoryPage,
    StartOutcome, WorkflowError, Workflows,
};

/// Why a port could not do what it was asked, where no more is known than that it may be tried again or not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PortError {
    /// It may succeed later: throttled, disk full, connection lost. The outcome may be unknown: read again.
    #[error("{port} cannot answer now: {message}")]
    Unavailable {
        /// The port's name.
        port: &'static str,
        /// What the adapter was told; for the log.
        message: String,
    },
    /// It can never succeed as asked: over a limit, malformed.
    #[error("{port} refuses: {message}")]
    Refused {
        /// The port's name.
        port: &'static str,
        /// Why.
        message: String,
    },
    /// What was asked for is not there.
    #[error("{port} has no {what}")]
    NotFound {
        /// The port's name.
        port: &'static str,
        /// What.
        what: String,
    },
    /// What is stored is not what was written.
    #[error("{port} holds damaged data: {message}")]
    Damaged {
        /// The port's name.
        port: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl From<PortError> for crate::Error {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable { .. } => crate::Error::new(
                crate::ErrorCode::Unavailable,
                "The store cannot answer now. Nothing is lost; send the request again, with the same Idempotency-Key \
                 where it changes something.",
            )
            .with_source(error),
            PortError::Refused { .. } | PortError::NotFound { .. } | PortError::Damaged { .. } => {
                crate::Error::internal(error)
            }
        }
    }
}
