//! The one thread that writes: gathers what is in line, commits it at once, answers, checkpoints.

use super::options::StoreOptions;
use super::request::{BatchEnd, Broken, Request};
use super::stats::Counters;
use rusqlite::{Connection, DropBehavior, Transaction, TransactionBehavior};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a checkpoint that wants the log to itself waits for readers; they are short.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);

/// A log of so many times the size from which a checkpoint is due waits for readers and starts the file anew.
const LONG_LOG_FACTOR: u64 = 8;

type Boxed = Box<dyn Request>;

/// The way to the writer's thread. Dropping it lets the thread finish what is in line, and waits for it.
pub(super) struct Writer {
    sender: Option<mpsc::Sender<Boxed>>,
    queued: Arc<AtomicUsize>,
    queued_max: usize,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        mut connection: Connection,
        options: StoreOptions,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let queued_max = options.queued_requests_max;
        let log_pages = Arc::new(AtomicU64::new(0));
        let pages = Arc::clone(&log_pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, count: i32| {
            pages.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(std::io::Error::other)?;
        let task = Task {
            connection,
            receiver,
            queued: Arc::clone(&queued),
            checkpoint_due: options.checkpoint_pages,
            full_and_tried: false,
            options,
            counters,
            log_pages,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| task.run())?;
        Ok(Self { sender: Some(sender), queued, queued_max, thread: Some(thread) })
    }

    pub(super) fn submit(&self, request: Boxed) {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queued_max {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            request.answer(BatchEnd::Overloaded);
            return;
        }
        let refused = match &self.sender {
            Some(sender) => sender.send(request).err().map(|error| error.0),
            None => Some(request),
        };
        if let Some(request) = refused {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            request.answer(BatchEnd::Closed);
        }
    }

    pub(super) fn queued(&self) -> &AtomicUsize {
        &self.queued
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            // The last clone of a store may die inside its own work; a thread cannot wait for itself.
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

struct Task {
    connection: Connection,
    receiver: mpsc::Receiver<Boxed>,
    queued: Arc<AtomicUsize>,
    options: StoreOptions,
    counters: Arc<Counters>,
    log_pages: Arc<AtomicU64>,
    checkpoint_due: u64,
    /// Whether the disk was full and moving the log was tried, and no commit succeeded since.
    full_and_tried: bool,
}

/// The process should have ended; only a test's hook lets this be seen.
struct Dead;

impl Task {
    fn run(mut self) {
        let mut batch: Vec<Boxed> = Vec::new();
        while let Ok(first) = self.receiver.recv() {
            batch.push(first);
            while batch.len() < self.options.batch_requests_max
                && let Ok(next) = self.receiver.try_recv()
            {
                batch.push(next);
            }
            self.queued.fetch_sub(batch.len(), Ordering::Relaxed);
            let Ok(end) = self.commit(&mut batch) else { return };
            let full = matches!(end, BatchEnd::Full);
            for request in batch.drain(..) {
                request.answer(end.clone());
            }
            let upkeep = if full { self.free_log() } else { self.checkpoint() };
            if upkeep.is_err() {
                return;
            }
        }
    }

    fn commit(&mut self, batch: &mut [Boxed]) -> Result<BatchEnd, Dead> {
        let hooks = &self.options.hooks;
        let broken = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error) => Broken::by(&error),
            Ok(mut tx) => match run_all(&tx, batch, hooks.before_commit.as_deref()) {
                Ok(()) => {
                    self.counters.committed(batch.len());
                    self.counters.log_pages.store(self.log_pages.load(Ordering::Relaxed), Ordering::Relaxed);
                    return Ok(BatchEnd::Committed);
                }
                Err(Broken::Io(message)) => {
                    // No rollback: it would touch a file of which nothing is known any more.
                    tx.set_drop_behavior(DropBehavior::Ignore);
                    Broken::Io(message)
                }
                Err(broken) => broken,
            },
        };
        self.counters.failed_batches.fetch_add(1, Ordering::Relaxed);
        match broken {
            Broken::Full => {
                tracing::error!(requests = batch.len(), "the disk is full: a batch of writes was refused");
                Ok(BatchEnd::Full)
            }
            Broken::Failed(message) => {
                tracing::error!(requests = batch.len(), %message, "a batch of writes failed");
                Ok(BatchEnd::Failed(message))
            }
            Broken::Io(message) => Err(self.die(&message)),
        }
    }

    fn die(&self, message: &str) -> Dead {
        (self.options.hooks.fatal)(&format!(
            "the store cannot write its log ({message}). What is on disk is unknown, so the process ends; everything \
             that was answered is kept. Check the disk, then start again."
        ));
        Dead
    }

    /// Moves the log's pages into the database file once there are many, so that the log starts again from its
    /// beginning: overwriting it costs less per fsync than letting it grow.
    fn checkpoint(&mut self) -> Result<(), Dead> {
        self.full_and_tried = false;
        let pages = self.log_pages.load(Ordering::Relaxed);
        let threshold = self.options.checkpoint_pages;
        if pages < threshold {
            self.checkpoint_due = threshold;
            return Ok(());
        }
        if pages < self.checkpoint_due {
            return Ok(());
        }
        // A reader may keep the log from starting again; then trying after every commit would be of no use.
        self.checkpoint_due = pages + (threshold / 4).max(1);
        let answer = if pages >= threshold.saturating_mul(LONG_LOG_FACTOR) {
            self.truncate_log()
        } else {
            checkpoint(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
        };
        self.checkpointed(answer)
    }

    /// On a full disk: the log may hold pages many times over, or the file may have room where the log has none; then
    /// moving it makes room. Tried once, because it costs much where it is of no use.
    fn free_log(&mut self) -> Result<(), Dead> {
        if std::mem::replace(&mut self.full_and_tried, true) {
            return Ok(());
        }
        let answer = self.truncate_log();
        self.checkpointed(answer)
    }

    fn checkpointed(&self, answer: rusqlite::Result<()>) -> Result<(), Dead> {
        match answer.as_ref().map_err(Broken::by) {
            Ok(()) => {
                self.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(Broken::Io(message)) => Err(self.die(&message)),
            Err(Broken::Full | Broken::Failed(_)) => {
                tracing::warn!(
                    ?answer,
                    "the log could not be moved into the database file; tried again later"
                );
                Ok(())
            }
        }
    }

    fn truncate_log(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(CHECKPOINT_WAIT)?;
        let answer = checkpoint(&self.connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        self.connection.busy_timeout(super::open::BUSY_WAIT)?;
        if !answer? {
            self.log_pages.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Runs a checkpoint; whether a reader was in the way.
pub(super) fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<bool> {
    connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).map(|busy| busy != 0)
}

fn run_all(
    tx: &Transaction<'_>,
    batch: &mut [Boxed],
    before_commit: Option<&(dyn Fn() -> rusqlite::Result<()> + Send + Sync)>,
) -> Result<(), Broken> {
    for request in batch {
        request.run(tx)?;
    }
    if let Some(hook) = before_commit {
        hook().map_err(|error| Broken::by(&error))?;
    }
    tx.execute_batch("COMMIT").map_err(|error| Broken::by(&error))
}
