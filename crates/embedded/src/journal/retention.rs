//! Forgetting executions that ended long ago.
//!
//! First the record goes, and its last row is noted as forgotten; then the rows go, from the last one back. A crash in
//! between leaves nothing that can be seen half.

use super::EmbeddedJournal;
use crate::store::Abort;
use rusqlite::{OptionalExtension as _, Transaction};
use tenantry_core::Timestamp;
use tenantry_engine::{ExecutionKey, Forget, JournalError};

/// Most records that one read looks at, and that one write forgets.
const RECORDS_PER_BATCH: usize = 256;

/// Most rows that one write deletes.
const ROWS_PER_BATCH: usize = 1_024;

impl EmbeddedJournal {
    /// Forgets the executions that ended before `before`, with their rows; answers how many. In batches, so that it
    /// never holds up other writes for long; what a crash leaves is deleted by the next call. Executions that are open,
    /// or were opened again, stay.
    ///
    /// The names of forgotten executions can be used again, as in Step Functions 90 days after their end: choose a time
    /// after which nothing can ask for them any more.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`]; what was forgotten before it stays forgotten.
    pub async fn forget_closed_before(&self, before: Timestamp) -> Result<u64, JournalError> {
        self.forget_all(Forget::All, before).await
    }

    pub(super) async fn forget_all(&self, which: Forget, before: Timestamp) -> Result<u64, JournalError> {
        let (mut after, mut forgotten) = (0, 0);
        self.delete_forgotten().await?;
        while let Some((last, ended)) = self.ended_before(&which, after, before).await? {
            after = last;
            if !ended.is_empty() {
                forgotten += self.forget(ended, before).await?;
                self.delete_forgotten().await?;
            }
        }
        Ok(forgotten)
    }

    /// Of the next records, the last one's key and those that ended in time. `None` after the last record, and where
    /// only younger ones follow: keys ascend in the order of starts.
    async fn ended_before(
        &self,
        which: &Forget,
        after: ExecutionKey,
        before: Timestamp,
    ) -> Result<Option<(ExecutionKey, Vec<ExecutionKey>)>, JournalError> {
        let (condition, machine) = match which {
            Forget::All => ("", None),
            Forget::Express => (" AND instr(name, ':') > 0", None),
            // A Map Run's children have the machine's name and a slash before the label; `0` follows the slash.
            Forget::Machine(name) => {
                (" AND (workflow = ?3 OR workflow >= ?3 || '/' AND workflow < ?3 || '0')", Some(name.clone()))
            }
        };
        let sql = format!(
            "SELECT key, started_at, ended_at FROM executions WHERE key > ?1{condition} ORDER BY key LIMIT ?2"
        );
        let records: Vec<(ExecutionKey, i64, Option<i64>)> = self
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                let of = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                let rows = match machine {
                    None => statement.query_map((after, RECORDS_PER_BATCH), of)?.collect::<Result<_, _>>()?,
                    Some(machine) => statement
                        .query_map((after, RECORDS_PER_BATCH, machine), of)?
                        .collect::<Result<_, _>>()?,
                };
                Ok(rows)
            })
            .await?;
        let limit = before.as_millis();
        let Some((last, _, _)) = records.last().copied() else { return Ok(None) };
        if records.iter().all(|(_, started_at, _)| *started_at >= limit) {
            return Ok(None);
        }
        let ended = records.iter().filter(|(_, _, ended_at)| ended_at.is_some_and(|at| at < limit));
        Ok(Some((last, ended.map(|(key, _, _)| *key).collect())))
    }

    async fn forget(&self, ended: Vec<ExecutionKey>, before: Timestamp) -> Result<u64, JournalError> {
        self.write(move |tx| {
            let mut forgotten = 0;
            for key in ended {
                // It may have been opened again since it was read.
                let last: Option<i64> = tx
                    .prepare_cached(
                        "DELETE FROM executions WHERE key = ?1 AND ended_at < ?2 RETURNING last_seq",
                    )?
                    .query_row((key, before.as_millis()), |row| row.get(0))
                    .optional()?;
                if let Some(last) = last {
                    tx.prepare_cached("INSERT INTO forgotten_executions (key, last_seq) VALUES (?1, ?2)")?
                        .execute((key, last))?;
                    forgotten += 1;
                }
            }
            Ok(forgotten)
        })
        .await
    }

    async fn delete_forgotten(&self) -> Result<(), JournalError> {
        while self.write(delete_rows).await? {}
        Ok(())
    }
}

/// Deletes some rows of forgotten executions; whether there may be more.
fn delete_rows(tx: &Transaction<'_>) -> Result<bool, Abort<JournalError>> {
    let mut left = ROWS_PER_BATCH;
    while left > 0 {
        let next: Option<(ExecutionKey, i64)> = tx
            .prepare_cached("SELECT key, last_seq FROM forgotten_executions ORDER BY key LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((key, mut seq)) = next else { return Ok(false) };
        while seq != 0 && left > 0 {
            seq = tx
                .prepare_cached("DELETE FROM journal WHERE seq = ?1 AND execution = ?2 RETURNING prev")?
                .query_row((seq, key), |row| row.get(0))
                .optional()?
                .unwrap_or(0);
            left -= 1;
        }
        if seq == 0 {
            tx.prepare_cached("DELETE FROM forgotten_executions WHERE key = ?1")?.execute([key])?;
        } else {
            tx.prepare_cached("UPDATE forgotten_executions SET last_seq = ?2 WHERE key = ?1")?
                .execute((key, seq))?;
        }
    }
    Ok(true)
}
