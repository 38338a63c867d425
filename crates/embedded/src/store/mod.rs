//! One database file, one writer, several readers.
//!
//! **Invariants.** Requests take effect in the order in which [`Store::write`] was *called*. An answer, also a refusal,
//! is given only after the COMMIT of its batch, so nothing that a caller learns can be lost. While one fsync runs, the
//! next batch gathers; no timer adds delay. A refusal undoes its own request alone. A full disk fails the batch and
//! keeps serving; an I/O error ends the process without rollback, because nothing is known any more of what is on disk
//! (<https://wiki.postgresql.org/wiki/Fsync_Errors>).

mod error;
mod open;
mod options;
mod readers;
mod request;
mod schema;
mod stats;
mod writer;

pub use error::{Abort, ReadError, WriteError};
pub use options::{BeforeCommit, FATAL_EXIT_CODE, Fatal, StoreHooks, StoreOptions};
pub use stats::StoreStats;

use crate::OpenError;
use crate::lock::DataFolder;
use readers::Readers;
use request::{Call, Request};
use rusqlite::{Connection, Transaction};
use stats::Counters;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;
use writer::Writer;

/// The database file's name within the data folder.
pub const DATABASE_FILE: &str = "tenantry.db";

/// The store. Clones share it; the last one that is dropped lets the writer finish what is in line, and closes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Dropped in this order: no new reads, then the writer drains and closes the database, then the folder is let go.
    readers: Readers,
    writer: Writer,
    counters: Arc<Counters>,
    folder: DataFolder,
}

impl Store {
    /// Takes the data folder and opens its database, making both where they are missing. What an earlier process left
    /// in the log is in the database file before this returns.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        Self::open_in(DataFolder::take(dir)?, options)
    }

    /// As [`Store::open`], in a folder that is taken already.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open_in(folder: DataFolder, options: StoreOptions) -> Result<Self, OpenError> {
        let path = folder.database();
        let connection = open::writer(&folder, &path)?;
        let counters = Arc::new(Counters::default());
        let readers = Readers::open(&path, &options, Arc::clone(&counters))?;
        let writer = Writer::start(connection, options, Arc::clone(&counters))
            .map_err(OpenError::io("start the writer of", &path))?;
        let store = Self { inner: Arc::new(Inner { readers, writer, counters, folder }) };
        schema::prepare(&store)?;
        Ok(store)
    }

    /// Changes the database. **The call itself puts `work` in line**; the future only waits for the answer, and
    /// dropping it does not call `work` back. `work` runs on the writer's thread with a savepoint of its own: where it
    /// answers `Err`, nothing of it is kept. It must be short, and must neither block nor begin or end transactions.
    ///
    /// Once `Ok`, what `work` wrote survives a crash of the process and of the machine; once [`WriteError::Refused`],
    /// what it saw does.
    pub fn write<T, E, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, WriteError<E>>> + Send + 'static + use<T, E, F>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.queue(work, true)
    }

    /// As [`Store::write`], without the savepoint: for work that refuses, where it must, before it writes and by its
    /// `Ok` value. An error of SQLite in it fails the whole batch.
    pub fn write_unguarded<T, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, WriteError<std::convert::Infallible>>> + Send + 'static + use<T, F>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.queue(move |tx: &Transaction<'_>| work(tx).map_err(Abort::Sqlite), false)
    }

    /// As [`Store::write`], but `then` gets the answer: on the writer's thread, in the order of the commits, and whether
    /// or not anybody still waits (on the caller's thread where the request was refused before it was in line). For what
    /// must follow a commit, such as an index in memory. It must be short, and must neither block nor panic.
    pub(crate) fn write_then<T, E, F, R>(&self, work: F, then: R)
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send + 'static,
        R: FnOnce(Result<T, WriteError<E>>) + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.submit(Call::new(work, true, then));
    }

    /// As [`Store::write_then`], without the savepoint; `work` is bound as in [`Store::write_unguarded`].
    pub(crate) fn write_unguarded_then<T, F, R>(&self, work: F, then: R)
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        R: FnOnce(Result<T, WriteError<std::convert::Infallible>>) + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Call::new(move |tx: &Transaction<'_>| work(tx).map_err(Abort::Sqlite), false, then));
    }

    /// As [`Store::write`], waiting on this thread: for the time before anything is served, and for tests.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_now<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(Call::new(work, true, move |answer| drop(sender.send(answer))));
        receiver.recv().unwrap_or(Err(WriteError::Closed))
    }

    /// Reads in a transaction of its own, on a reader's thread: a snapshot that holds every write that was answered
    /// before this call. `work` must be short, and must not write.
    pub fn read<T, E, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, ReadError<E>>> + Send + 'static + use<T, E, F>
    where
        F: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.inner.readers.submit(work, move |answer| drop(sender.send(answer)));
        async move { receiver.await.unwrap_or(Err(ReadError::Closed)) }
    }

    /// Reads with one statement, on this thread, while the future is polled: for look-ups by key and short pages, whose
    /// microseconds are less than a hop to another thread. It sees every write that was answered before.
    pub fn read_here<T, E, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, ReadError<E>>> + Send + 'static + use<T, E, F>
    where
        F: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let store = self.clone();
        async move { store.inner.readers.read_here(work) }
    }

    /// As [`Store::read`], waiting on this thread: for the time before anything is served, and for tests.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_now<T, E, F>(&self, work: F) -> Result<T, ReadError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.inner.readers.submit(work, move |answer| drop(sender.send(answer)));
        receiver.recv().unwrap_or(Err(ReadError::Closed))
    }

    /// Brings the piece `name` of the schema up to date: `steps[n]` is the SQL that leads from version *n* to *n* + 1,
    /// and is never changed once it was released. Waits on this thread.
    ///
    /// # Errors
    /// [`OpenError::Newer`] where the stored version is greater than `steps.len()`; [`OpenError::Schema`] where SQLite
    /// refuses a step (then none of the piece's steps was kept).
    pub fn migrate(&self, name: &'static str, steps: &'static [&'static str]) -> Result<(), OpenError> {
        schema::migrate(self, name, steps)
    }

    /// Counters since the store was opened.
    pub fn stats(&self) -> StoreStats {
        self.inner.counters.snapshot()
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.inner.folder.path()
    }

    fn queue<T, E, F>(
        &self,
        work: F,
        guarded: bool,
    ) -> impl Future<Output = Result<T, WriteError<E>>> + Send + 'static + use<T, E, F>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.submit(Call::new(work, guarded, move |answer| drop(sender.send(answer))));
        async move { receiver.await.unwrap_or(Err(WriteError::Closed)) }
    }

    fn submit(&self, request: impl Request + 'static) {
        self.inner.writer.submit(Box::new(request));
    }

    /// Requests in line that the writer has not taken up.
    pub fn queued(&self) -> usize {
        self.inner.writer.queued().load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder()).field("stats", &self.stats()).finish()
    }
}
