//! The journal: where executions live. Append-only rows; an execution's state is the fold of its rows.

use tenantry_core::ports::{ExecutionFilter, ExecutionPage, ExecutionStatus, ExecutionSummary};
use tenantry_core::{BoxFuture, ExecutionId, TenantId, Timestamp};

/// An execution's number within its journal: small, ascending in the order of starts.
pub type ExecutionKey = u64;

/// What the journal needs to know of an execution that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedExecution {
    /// Its id; unique for ever.
    pub id: ExecutionId,
    /// The tenant that its input names, where it names one: its rows are sealed with that tenant's key at rest.
    pub tenant_id: Option<TenantId>,
    /// SHA-256 of its definition, in hex; the definition was stored before.
    pub definition_hash: String,
    /// SHA-256 of its input's canonical text, in hex: tells a repeated start from another one.
    pub input_hash: String,
    /// When.
    pub at: Timestamp,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedExecution {
    /// The end.
    pub status: ExecutionStatus,
    /// When.
    pub at: Timestamp,
}

/// One entry to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose; chosen by the engine through [`Journal::next_key`].
    pub execution: ExecutionKey,
    /// With an execution's first entry: who it is. An id that exists already fails the entry with
    /// [`JournalError::NameTaken`], and nothing of it is kept.
    pub started: Option<StartedExecution>,
    /// The row, as the engine wrote it. Sealed at rest.
    pub payload: Vec<u8>,
    /// Whether `payload` holds the execution's whole state, so that recovery need not read earlier rows.
    pub checkpoint: bool,
    /// With an execution's last entry: how it ended. The journal also announces it on the `execution-status` queue, in
    /// the same commit.
    pub closed: Option<ClosedExecution>,
    /// With a redrive: the execution is open again.
    pub reopened: bool,
}

/// One row that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What the engine wrote.
    pub payload: Vec<u8>,
    /// As in [`Entry::checkpoint`].
    pub checkpoint: bool,
}

/// Some of an execution's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether there may be more in this direction.
    pub more: bool,
}

/// An execution that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExecution {
    /// Its number.
    pub key: ExecutionKey,
    /// What lists show.
    pub summary: ExecutionSummary,
    /// Its definition.
    pub definition_hash: String,
    /// Its input's hash.
    pub input_hash: String,
}

/// Why the journal did not take an entry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// An execution of this id exists.
    #[error("an execution of this name exists")]
    NameTaken,
    /// It cannot write now (disk full, shutting down): nothing of the entry was kept.
    #[error("the journal cannot write now: {0}")]
    Unavailable(String),
    /// It can never take it as asked: an entry of an execution that is not open, a malformed or foreign cursor.
    #[error("the journal refuses: {0}")]
    Refused(String),
    /// What was read is not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
}

/// Which closed executions to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// All.
    All,
    /// Express ones.
    Express,
    /// One machine's, and those of its Map Runs' children.
    Machine(String),
}

/// Definitions by their hash: an execution is pinned to the one that it began with.
pub trait Definitions: Send + Sync {
    /// Keeps a definition's rendered text under its hash; repeating it changes nothing. Once `Ok`, it survives a crash.
    fn put_definition<'a>(&'a self, hash: &'a str, text: &'a str) -> BoxFuture<'a, Result<(), JournalError>>;

    /// The text under a hash.
    fn get_definition<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Option<String>, JournalError>>;
}

/// The journal. One engine at a time writes it.
pub trait Journal: Definitions + 'static {
    /// The next unused number; never one that was ever used, also after a crash.
    fn next_key(&self) -> ExecutionKey;

    /// Takes an entry. **The call itself puts it in line** (entries become durable in the order of the calls); the
    /// future resolves once it is durable. After an error of an entry that is not the execution's first, the engine
    /// forgets what it holds of the execution and reads it again, by [`Journal::rows`] from its checkpoint; until then
    /// no entry of the execution is kept, so that its durable rows are always a prefix of what was appended.
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Open executions with a key greater than `after`, in the order of their keys, at most `limit`.
    fn open_executions(
        &self,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredExecution>, JournalError>>;

    /// An execution's durable rows, oldest first; with `from_checkpoint` only those from its last checkpoint on.
    fn rows(
        &self,
        execution: ExecutionKey,
        from_checkpoint: bool,
    ) -> BoxFuture<'_, Result<Vec<Row>, JournalError>>;

    /// Some of an execution's durable rows, for paging: those after the first `skip`, oldest first, or with
    /// `newest_first` those before the last `skip`, newest first. At most `limit` rows, unless the journal cannot page:
    /// then all that are left, as this default does.
    fn rows_page(
        &self,
        execution: ExecutionKey,
        skip: usize,
        limit: usize,
        newest_first: bool,
    ) -> BoxFuture<'_, Result<RowPage, JournalError>> {
        let _ = limit;
        Box::pin(async move {
            let mut rows = self.rows(execution, false).await?;
            if newest_first {
                rows.reverse();
            }
            rows.drain(..skip.min(rows.len()));
            Ok(RowPage { rows, more: false })
        })
    }

    /// The durable record of an execution.
    fn find<'a>(
        &'a self,
        id: &'a ExecutionId,
    ) -> BoxFuture<'a, Result<Option<StoredExecution>, JournalError>>;

    /// A page of executions, newest start first.
    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, JournalError>>;

    /// Forgets closed executions that ended before that time, with their rows, and answers how many: their names are
    /// free. Open ones stay. A crash in between leaves each of them whole or gone.
    fn forget(&self, which: Forget, ended_before: Timestamp) -> BoxFuture<'_, Result<u64, JournalError>>;
}
