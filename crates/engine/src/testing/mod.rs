//! For tests: a journal that loses what was not synced, a clock that only moves when told, ids that repeat, and a world
//! that watches what reaches it.

mod blobs;
mod clock;
mod documents;
mod ids;
mod journal;
mod world;

pub use blobs::MemoryBlobs;
#[cfg(test)]
pub(crate) use blobs::is_blob_key;
pub use clock::SimClock;
pub use documents::{MemoryDocuments, documents_contract};
pub use ids::SeqIds;
pub use journal::{Crash, CrashPoint, MemoryJournal};
pub use world::{Reply, Seen, World};

use crate::journal::{ExecutionKey, Journal, JournalError};
use tenantry_asl::{ExecutionState, TaskId};

/// An execution's state as its durable rows tell it.
///
/// # Errors
/// The journal's; or [`JournalError::Damaged`] where the rows cannot be folded.
pub async fn durable_state(journal: &dyn Journal, key: ExecutionKey) -> Result<ExecutionState, JournalError> {
    let rows = journal.rows(key, true).await?;
    crate::record::fold(&rows)
        .map(|folded| folded.state)
        .map_err(|error| JournalError::Damaged(error.to_string()))
}

/// Whether the durable rows hold the answer that came for a task's token.
///
/// # Errors
/// As [`durable_state`].
pub async fn durable_answer(
    journal: &dyn Journal,
    key: ExecutionKey,
    task: TaskId,
) -> Result<bool, JournalError> {
    let rows = journal.rows(key, false).await?;
    crate::record::holds_answer(&rows, task).map_err(|error| JournalError::Damaged(error.to_string()))
}

/// Lets every task of a current-thread runtime run until nothing more happens without the clock.
pub async fn quiesce() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
