//! The engine's journal on SQLite: append-only rows, each linked to its execution's row before.
//!
//! **Invariants.** The call of `append` puts an entry in line, and entries become durable in the order of the calls. An
//! execution's durable rows are always a prefix of what was appended. An end is announced on the `execution-status`
//! queue in the commit that closes the execution. Rows are sealed before they reach the database: with the tenant's key
//! where the execution has a tenant, and else with the journal's own.

mod append;
mod list;
mod own_key;
mod read;
mod retention;
mod schema;
mod sessions;

use crate::OpenError;
use crate::data_keys::EmbeddedDataKeys;
use crate::queue::EmbeddedQueues;
use crate::store::{Abort, ReadError, WriteError};
use own_key::OwnKey;
use rusqlite::{OptionalExtension as _, Transaction};
use schema::{COLUMNS, collect, stored};
use sessions::{Session, Sessions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tenantry_core::ports::{ExecutionFilter, ExecutionPage};
use tenantry_core::{BoxFuture, ExecutionId, TenantId, Timestamp};
use tenantry_engine::{
    Definitions, Entry, ExecutionKey, Forget, Journal, JournalError, Row, RowPage, StoredExecution,
};

/// The journal. Clones share it.
#[derive(Clone)]
pub struct EmbeddedJournal {
    queues: EmbeddedQueues,
    keys: EmbeddedDataKeys,
    own: OwnKey,
    sessions: Arc<Sessions>,
    last_key: Arc<AtomicU64>,
}

impl std::fmt::Debug for EmbeddedJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedJournal")
    }
}

impl EmbeddedJournal {
    /// The journal of the store that the queues are in; `keys` seals its rows and wraps its own key. Waits on this thread.
    ///
    /// # Errors
    /// As [`crate::Store::migrate`], and [`OpenError::Schema`] where its tables cannot be read.
    pub fn open(queues: EmbeddedQueues, keys: EmbeddedDataKeys) -> Result<Self, OpenError> {
        const PIECE: &str = "journal";
        let failed = |error: ReadError<JournalError>| OpenError::Schema {
            piece: PIECE.to_owned(),
            message: read::unread(error).to_string(),
        };
        let store = queues.store();
        store.migrate(PIECE, schema::SCHEMA)?;
        let tenants = keys.clone();
        let own = store.write_now(move |tx| OwnKey::open_in(tx, &tenants)).map_err(|error| {
            OpenError::Schema { piece: PIECE.to_owned(), message: unwritten(error).to_string() }
        })?;
        let (last_key, open) = store
            .read_now(|connection| {
                // SQLite's own note of the greatest key that was ever used.
                let last: Option<u64> = connection
                    .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'executions'", [], |row| {
                        row.get(0)
                    })
                    .optional()?;
                let open = connection
                    .prepare(
                        "SELECT o.key, e.tenant_id FROM open_executions o JOIN executions e ON e.key = o.key",
                    )?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<Vec<(ExecutionKey, Option<String>)>, _>>()?;
                Ok((last.unwrap_or(0), open))
            })
            .map_err(failed)?;
        let sessions = Sessions::default();
        for (key, tenant) in open {
            let tenant = tenant.map(|id| id.parse::<TenantId>()).transpose().map_err(|error| {
                failed(ReadError::Refused(JournalError::Damaged(format!("execution {key}: {error}"))))
            })?;
            sessions.begin(key, Session::of(tenant));
        }
        let last_key = Arc::new(AtomicU64::new(last_key));
        Ok(Self { queues, keys, own, sessions: Arc::new(sessions), last_key })
    }

    async fn write<T, F>(&self, work: F) -> Result<T, JournalError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Abort<JournalError>> + Send + 'static,
        T: Send + 'static,
    {
        self.queues.store().write(work).await.map_err(unwritten)
    }
}

fn unwritten(error: WriteError<JournalError>) -> JournalError {
    match error {
        WriteError::Refused(error) => error,
        error => JournalError::Unavailable(error.to_string()),
    }
}

impl Definitions for EmbeddedJournal {
    fn put_definition<'a>(&'a self, hash: &'a str, text: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        let (hash, text) = (hash.to_owned(), text.to_owned());
        Box::pin(self.write(move |tx| {
            tx.prepare_cached("INSERT INTO definitions (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute((hash, text))?;
            Ok(())
        }))
    }

    fn get_definition<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Option<String>, JournalError>> {
        let hash = hash.to_owned();
        Box::pin(self.read(move |connection| {
            let text = connection
                .prepare_cached("SELECT text FROM definitions WHERE hash = ?1")?
                .query_row([hash], |row| row.get(0))
                .optional()?;
            Ok(text)
        }))
    }
}

impl Journal for EmbeddedJournal {
    fn next_key(&self) -> ExecutionKey {
        self.last_key.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<(), JournalError>> {
        self.put_in_line(entry)
    }

    fn open_executions(
        &self,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredExecution>, JournalError>> {
        Box::pin(self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM open_executions o JOIN executions e ON e.key = o.key
                 WHERE o.key > ?1 ORDER BY o.key LIMIT ?2"
            ))?;
            collect(statement.query((after.unwrap_or(0), limit))?)
        }))
    }

    fn rows(
        &self,
        execution: ExecutionKey,
        from_checkpoint: bool,
    ) -> BoxFuture<'_, Result<Vec<Row>, JournalError>> {
        Box::pin(self.read_rows(execution, from_checkpoint))
    }

    fn rows_page(
        &self,
        execution: ExecutionKey,
        skip: usize,
        limit: usize,
        newest_first: bool,
    ) -> BoxFuture<'_, Result<RowPage, JournalError>> {
        Box::pin(self.read_page(execution, skip, limit, newest_first))
    }

    fn find<'a>(
        &'a self,
        id: &'a ExecutionId,
    ) -> BoxFuture<'a, Result<Option<StoredExecution>, JournalError>> {
        let id = id.clone();
        Box::pin(self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM executions e WHERE e.workflow = ?1 AND e.name = ?2"
            ))?;
            let mut rows = statement.query((id.workflow(), id.name()))?;
            rows.next()?.map(stored).transpose()
        }))
    }

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, JournalError>> {
        Box::pin(self.list_page(filter, after, limit))
    }

    fn forget(&self, which: Forget, ended_before: Timestamp) -> BoxFuture<'_, Result<u64, JournalError>> {
        Box::pin(self.forget_all(which, ended_before))
    }
}
