//! The one table, on SQLite: items by partition and sort key, three partial indexes, and an all-or-nothing commit.

mod commit;
mod conditions;
mod query;
mod rows;
mod stale;

pub(crate) use commit::REQUEST_TOKEN_LIFE;

use crate::OpenError;
use crate::store::{Abort, Store, WriteError};
use commit::Done;
use query::Span;
use stale::StaleIndexes;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Clock, Commit, CommitError, Item, Page, PortError, Query, Table};
use tokio::sync::{oneshot, watch};

const PORT: &str = "table";

/// The table. Clones share it.
///
/// Index reads are up to date here, unless it was opened with [`EmbeddedTable::open_with_stale_indexes`].
#[derive(Clone)]
pub struct EmbeddedTable {
    store: Store,
    clock: Arc<dyn Clock>,
    outbox: watch::Sender<u64>,
    stale: Option<Arc<StaleIndexes>>,
}

impl std::fmt::Debug for EmbeddedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedTable")
    }
}

impl EmbeddedTable {
    /// The table of a store; items expire by `clock`.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        store.migrate(PORT, rows::SCHEMA)?;
        Ok(Self { store, clock, outbox: watch::Sender::new(0), stale: None })
    }

    /// For tests: index reads answer from what was there `lag_commits` commits ago, and each of them lets one more
    /// commit be seen. The whole table is held in memory.
    ///
    /// # Errors
    /// As [`EmbeddedTable::open`].
    pub fn open_with_stale_indexes(
        store: Store,
        clock: Arc<dyn Clock>,
        lag_commits: usize,
    ) -> Result<Self, OpenError> {
        let mut table = Self::open(store, clock)?;
        let stale = table
            .store
            .read_now(move |connection| StaleIndexes::load(connection, lag_commits))
            .map_err(|error| OpenError::Schema {
                piece: PORT.to_owned(),
                message: error.into_port(PORT).to_string(),
            })?;
        table.stale = Some(Arc::new(stale));
        Ok(table)
    }

    /// Changes after each durable commit that put an item into the outbox (a partition of index One that begins with
    /// `OUTBOX#`): what the relay waits for. The number is how many such commits there were since the table was opened.
    pub fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }
}

fn closed() -> PortError {
    PortError::Unavailable { port: PORT, message: "the store is closed".to_owned() }
}

impl Table for EmbeddedTable {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        let (key, now) = (key.clone(), self.clock.now());
        let read = self.store.read_here(move |connection| rows::find(connection, &key, now));
        Box::pin(async move { read.await.map_err(|error| error.into_port(PORT)) })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        let (span, now) = (Span::of(query), self.clock.now());
        if let Some(stale) = self.stale.as_ref().filter(|_| span.index.is_some()) {
            let page = stale.page(&span, now);
            return Box::pin(std::future::ready(Ok(page)));
        }
        let read = self.store.read_here(move |connection| query::page(connection, &span, now));
        Box::pin(async move { read.await.map_err(|error| error.into_port(PORT)) })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        let prepared = match commit::prepare(commit) {
            Ok(prepared) => prepared,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let (answer, answered) = oneshot::channel();
        let to_outbox = prepared.to_outbox;
        let (clock, outbox, stale) = (Arc::clone(&self.clock), self.outbox.clone(), self.stale.clone());
        self.store.write_then(
            // The time is that of the commit itself: with the order of the commits it never goes back.
            move |tx| commit::run(tx, prepared, clock.now()),
            // On the writer's thread, so that the relay hears of it also where nobody waits for the answer any more.
            move |result: Result<Done, WriteError<CommitError>>| {
                let result = result.map(|done| match done {
                    Done::Repeated => {}
                    Done::Changed(changes) => {
                        if let Some(stale) = stale {
                            stale.committed(changes);
                        }
                        if to_outbox {
                            outbox.send_modify(|count| *count += 1);
                        }
                    }
                });
                let _ = answer.send(result);
            },
        );
        Box::pin(async move {
            match answered.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.refusal(PORT).unwrap_or_else(CommitError::Port)),
                Err(_) => Err(CommitError::Port(closed())),
            }
        })
    }
}

// The store's closures carry these over threads.
const _: fn() = || {
    fn sendable<T: Send>() {}
    sendable::<Abort<CommitError>>();
    sendable::<EmbeddedTable>();
};
