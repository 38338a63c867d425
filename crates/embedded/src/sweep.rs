//! Deletes what has expired, a little at a time, so that no batch of the writer grows long.

use crate::store::{Abort, Store};
use crate::table::REQUEST_TOKEN_LIFE;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::ports::{Clock, PortError};

const PORT: &str = "table";

/// Rows that one write deletes at most.
const BATCH_ROWS_MAX: usize = 500;

/// The time between two sweeps.
const PERIOD: Duration = Duration::from_secs(60);

/// Deletes expired items and forgotten request tokens. Nobody sees either of them any more: this only frees room.
#[derive(Clone)]
pub struct Sweeper {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Sweeper {
    /// A sweeper of a store whose table was opened.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Deletes all that has expired by now; answers how many rows.
    ///
    /// # Errors
    /// [`PortError::Unavailable`]; what was deleted before stays deleted.
    pub async fn sweep(&self) -> Result<u64, PortError> {
        let now = self.clock.now();
        let mut deleted = 0;
        for (sql, bound) in [
            (
                "DELETE FROM items WHERE (pk, sk) IN
                    (SELECT pk, sk FROM items WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT ?2)",
                now.as_seconds(),
            ),
            (
                "DELETE FROM request_tokens WHERE token IN
                    (SELECT token FROM request_tokens WHERE at_millis <= ?1 LIMIT ?2)",
                token_bound(now),
            ),
        ] {
            loop {
                let rows = self.batch(sql, bound).await?;
                deleted += rows as u64;
                if rows < BATCH_ROWS_MAX {
                    break;
                }
            }
        }
        Ok(deleted)
    }

    async fn batch(&self, sql: &'static str, bound: i64) -> Result<usize, PortError> {
        let delete = self.store.write(move |tx| {
            let limit = i64::try_from(BATCH_ROWS_MAX).unwrap_or(i64::MAX);
            Ok::<_, Abort<Infallible>>(tx.prepare_cached(sql)?.execute((bound, limit))?)
        });
        delete.await.map_err(|error| error.into_port(PORT))
    }

    /// Sweeps every minute, until it is dropped.
    pub async fn run(self) {
        loop {
            match self.sweep().await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "expired rows deleted"),
                Err(error) => tracing::warn!(%error, "expired rows could not be deleted; tried again later"),
            }
            self.clock.sleep_until(self.clock.now().saturating_add(PERIOD)).await;
        }
    }
}

fn token_bound(now: Timestamp) -> i64 {
    let life = i64::try_from(REQUEST_TOKEN_LIFE.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(life)
}
