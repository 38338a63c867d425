//! The journal's own key: it seals the rows of executions that have no tenant.
//!
//! Such a row may hold anything that a state machine was given, a task token among it: an execution that was started with
//! `states:startExecution.waitForTaskToken` holds its parent's. So no row lies open, whosever it is.

use super::append::seal_context;
use crate::data_keys::EmbeddedDataKeys;
use crate::seal::kept_key_in;
use crate::store::Abort;
use rusqlite::Transaction;
use std::sync::Arc;
use tenantry_core::ports::Ids;
use tenantry_engine::{ExecutionKey, JournalError};
use tenantry_seal::{SealingKey, Unopenable};

const KEY_PARTS: &[&str] = &["journal key"];
const ROW: &str = "row without a tenant";

/// The key, and the chance that its nonces come from.
#[derive(Clone)]
pub(super) struct OwnKey {
    key: SealingKey,
    ids: Arc<dyn Ids>,
}

impl OwnKey {
    /// The key of this database; made within this write where it is missing, and then what was written without it is
    /// sealed, too.
    pub(super) fn open_in(
        tx: &Transaction<'_>,
        keys: &EmbeddedDataKeys,
    ) -> Result<Self, Abort<JournalError>> {
        let ids = Arc::clone(keys.ids());
        let kept = kept_key_in(tx, "journal_key", KEY_PARTS, keys.master(), &*ids)?;
        let (key, fresh) = kept.map_err(|Unopenable| {
            Abort::Refused(JournalError::Damaged(
                "the key of the journal was altered: restore the data folder from a backup".to_owned(),
            ))
        })?;
        let own = Self { key, ids };
        if fresh {
            own.seal_all(tx)?;
        }
        Ok(own)
    }

    pub(super) fn seal(&self, execution: ExecutionKey, plain: &[u8]) -> Vec<u8> {
        self.key.seal(&*self.ids, &[ROW, &seal_context(execution)], plain)
    }

    /// # Errors
    /// [`JournalError::Damaged`] where the row was altered since it was written.
    pub(super) fn open(&self, execution: ExecutionKey, sealed: &[u8]) -> Result<Vec<u8>, JournalError> {
        self.key.open(&[ROW, &seal_context(execution)], sealed).map_err(|Unopenable| {
            JournalError::Damaged(format!("a row of execution {execution} was altered, or is another's"))
        })
    }

    /// Seals what lies open: rows from before there was this key. Those of forgotten executions are on their way out.
    fn seal_all(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut next = tx.prepare(
            "SELECT j.seq, j.execution, j.payload FROM journal j JOIN executions e ON e.key = j.execution
             WHERE j.seq > ?1 AND e.tenant_id IS NULL ORDER BY j.seq LIMIT 1",
        )?;
        let mut update = tx.prepare("UPDATE journal SET payload = ?2 WHERE seq = ?1")?;
        let mut after = 0_i64;
        loop {
            let mut rows = next.query([after])?;
            let Some(row) = rows.next()? else { return Ok(()) };
            after = row.get(0)?;
            let sealed = self.seal(row.get(1)?, row.get_ref(2)?.as_blob()?);
            drop(rows);
            update.execute((after, sealed))?;
        }
    }
}
