//! The queues on SQLite: one table of messages, and per queue an index in memory of who comes next.
//!
//! **Invariants.** The rows are the truth: a send, receipt, deletion or extension is answered only after its commit,
//! and changes the index in memory only then, in the order of the commits. At the start the index is built from the
//! rows; what was in flight is shown again at once, because whoever held it died with the last process.

mod index;
mod lane;
mod name;
mod port;
mod receipt;
mod rows;

pub use name::QueueName;
pub use port::EmbeddedQueue;

pub(crate) use rows::{DEAD_LETTER_COLUMNS, Enqueued, bury_in, dead_letter, enqueue_in, requeue_in};

use crate::OpenError;
use crate::store::{Abort, ReadError, Store, WriteError};
use lane::Lane;
use std::convert::Infallible;
use std::sync::Arc;
use tenantry_core::limits::{DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX};
use tenantry_core::ports::{Clock, Ids, OutgoingMessage, PortError, Queues};
use tenantry_core::{MessageId, Timestamp};
use tokio::sync::oneshot;

pub(crate) const PORT: &str = "queue";

/// All queues of a store. Clones share them.
#[derive(Clone)]
pub struct EmbeddedQueues {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    lanes: [Lane; QueueName::ALL.len()],
}

impl std::fmt::Debug for EmbeddedQueues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedQueues")
    }
}

impl EmbeddedQueues {
    /// The queues of a store, which must have no others open. Waits on this thread.
    ///
    /// # Errors
    /// As [`Store::migrate`], and [`OpenError::Schema`] where the rows cannot be read.
    pub fn open(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, OpenError> {
        const PIECE: &str = "queues";
        let failed = |message: String| OpenError::Schema { piece: PIECE.to_owned(), message };
        store.migrate(PIECE, rows::SCHEMA)?;
        let now = clock.now();
        let shown = store
            .write_now(move |tx| rows::show_in_flight(tx, now).map_err(Abort::<Infallible>::Sqlite))
            .map_err(|error: WriteError<Infallible>| failed(error.to_string()))?;
        let entries = store
            .read_now(|connection| rows::all(connection).map_err(Abort::<Infallible>::Sqlite))
            .map_err(|error: ReadError<Infallible>| failed(error.to_string()))?;
        if !entries.is_empty() {
            tracing::info!(messages = entries.len(), shown_again = shown, "messages wait in the queues");
        }
        let lanes = QueueName::ALL.map(|_| Lane::default());
        for (queue, entry) in entries {
            let queue = QueueName::parse(&queue)
                .ok_or_else(|| failed(format!("a message lies in a queue that there is not: {queue:?}")))?;
            lanes[queue.index()].add(entry, now);
        }
        Ok(Self { inner: Arc::new(Inner { store, clock, ids, lanes }) })
    }

    /// One queue.
    pub fn queue(&self, name: QueueName) -> EmbeddedQueue {
        EmbeddedQueue::new(self.clone(), name)
    }

    /// The queues as ports.
    pub fn ports(&self) -> Queues {
        Queues {
            operations: Arc::new(self.queue(QueueName::Operations)),
            integrations: Arc::new(self.queue(QueueName::Integrations)),
            webhooks: Arc::new(self.queue(QueueName::Webhooks)),
            execution_status: Arc::new(self.queue(QueueName::ExecutionStatus)),
        }
    }

    /// Lets messages be received that were enqueued in a transaction that is committed now. To be called on the
    /// writer's thread, so that it comes before any answer.
    pub(crate) fn announce(&self, enqueued: impl IntoIterator<Item = Enqueued>) {
        let now = self.now();
        for Enqueued { queue, entry } in enqueued {
            self.lane(queue).add(entry, now);
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn next_id(&self) -> MessageId {
        MessageId::from_uuid(self.inner.ids.next())
    }

    fn lane(&self, queue: QueueName) -> &Lane {
        &self.inner.lanes[queue.index()]
    }

    /// Puts `work` in line at the writer, runs `after` on what it came to once that is committed and before anything is
    /// answered, and lets the caller wait for it.
    pub(crate) fn write_then<T, W, A>(
        &self,
        port: &'static str,
        work: W,
        after: A,
    ) -> impl Future<Output = Result<T, PortError>> + Send + 'static + use<T, W, A>
    where
        T: Send + 'static,
        W: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Abort<PortError>> + Send + 'static,
        A: FnOnce(&EmbeddedQueues, &mut T) + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let queues = self.clone();
        self.inner.store.write_then(work, move |result| {
            let result = result.map(|mut value| {
                after(&queues, &mut value);
                value
            });
            // Nobody may wait any more; what was done is done.
            let _ = answer.send(result);
        });
        async move {
            match answered.await {
                Ok(result) => result.map_err(|error| error.into_port(port)),
                Err(_) => Err(PortError::Unavailable { port, message: "the store is closed".to_owned() }),
            }
        }
    }
}

/// Whether a queue takes this message.
pub(crate) fn check_limits(message: &OutgoingMessage) -> Result<(), PortError> {
    if message.body.len() > MESSAGE_BYTES_MAX {
        return Err(PortError::Refused {
            port: PORT,
            message: format!("a message has {} bytes, the most are {MESSAGE_BYTES_MAX}", message.body.len()),
        });
    }
    if message.delay.as_millis() > u128::from(DELAY_SECONDS_MAX) * 1_000 {
        return Err(PortError::Refused {
            port: PORT,
            message: format!("a delay has {:?}, the longest is {DELAY_SECONDS_MAX} s", message.delay),
        });
    }
    Ok(())
}
