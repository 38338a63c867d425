//! Why a worker could not handle an item now.

use crate::http::retry::Transient;
use tenantry_core::ports::{CommitError, PortError, TaskTokenError, WorkflowError};
use tenantry_events::LedgerError;

/// Why a worker could not handle an item now. Its message comes again; after the queue's limit of receives it is a
/// dead letter.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The state machines.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// The task tokens.
    #[error(transparent)]
    TaskToken(#[from] TaskTokenError),
    /// A change that the ledger refuses: a fault of ours.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What is stored contradicts itself; the text says what and where.
    #[error("{0}")]
    Inconsistent(String),
}

impl Transient for WorkerError {
    fn is_transient(&self) -> bool {
        match self {
            WorkerError::Port(error)
            | WorkerError::Commit(CommitError::Port(error))
            | WorkerError::Workflow(WorkflowError::Port(error))
            | WorkerError::TaskToken(TaskTokenError::Port(error)) => error.is_transient(),
            WorkerError::Commit(CommitError::Conflict) => true,
            _ => false,
        }
    }
}
