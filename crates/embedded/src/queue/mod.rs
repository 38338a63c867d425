//! The queues on SQLite: one table of messages, and per queue an index in memory of who comes next.
//!
//! **Invariants.** The rows are the truth: a send, receipt, deletion or extension is answered only after its commit,
//! and changes the index in memory only then, in the order of the commits. At the start the index is built from the
//! rows; what was in flight is shown again at once, because whoever held it died with the last process. Bodies are
//! sealed before they are in line at the writer, and opened after they have left it.

mod bodies;
mod index;
mod lane;
mod name;
mod port;
mod receipt;
mod rows;

pub use name::QueueName;
pub use port::EmbeddedQueue;

pub(crate) use bodies::Sealed;
pub(crate) use rows::{
    DEAD_LETTER_COLUMNS, Enqueued, SealedMessage, bury_in, dead_letter, enqueue_in, requeue_in,
};

use crate::OpenError;
use crate::store::{Abort, ReadError, Store, WriteError};
use bodies::Bodies;
use lane::Lane;
use std::convert::Infallible;
use std::sync::Arc;
use tenantry_core::limits::{DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX};
use tenantry_core::ports::{Clock, DeadLetter, Ids, OutgoingMessage, PortError, Queues};
use tenantry_core::{MessageId, Timestamp};
use tenantry_seal::{SealingKey, Unopenable};
use tokio::sync::oneshot;

pub(crate) const PORT: &str = "queue";

const PIECE: &str = "queues";

fn unreadable(message: impl ToString) -> OpenError {
    OpenError::Schema { piece: PIECE.to_owned(), message: message.to_string() }
}

/// All queues of a store. Clones share them.
#[derive(Clone)]
pub struct EmbeddedQueues {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    bodies: Bodies,
    lanes: [Lane; QueueName::ALL.len()],
}

impl std::fmt::Debug for EmbeddedQueues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedQueues")
    }
}

impl EmbeddedQueues {
    /// The queues of a store, which must have no others open; `master` wraps the key of their bodies. Waits on this
    /// thread.
    ///
    /// # Errors
    /// As [`Store::migrate`], and [`OpenError::Schema`] where the rows or the key cannot be read.
    pub(crate) fn open(
        store: Store,
        master: SealingKey,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, OpenError> {
        store.migrate(PIECE, rows::SCHEMA)?;
        let chance = Arc::clone(&ids);
        let bodies = store
            .write_now(move |tx| Bodies::open_in(tx, &master, chance)?.map_err(Abort::Refused))
            .map_err(|error| match error {
                WriteError::Refused(Unopenable) => unreadable(
                    "the key of the messages' bodies was altered: restore the data folder from a backup",
                ),
                error => unreadable(error),
            })?;
        Self::build(store, bodies, clock, ids)
    }

    /// The same queues as the next start finds them, with this clock. The ones before must not be used any more. Waits on
    /// this thread; for tests.
    ///
    /// # Errors
    /// [`OpenError::Schema`] where the rows cannot be read.
    pub fn reopen(&self, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let Inner { store, ids, bodies, .. } = &*self.inner;
        Self::build(store.clone(), bodies.clone(), clock, Arc::clone(ids))
    }

    fn build(
        store: Store,
        bodies: Bodies,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, OpenError> {
        let now = clock.now();
        let shown = store
            .write_now(move |tx| rows::show_in_flight(tx, now).map_err(Abort::<Infallible>::Sqlite))
            .or_else(|error: WriteError<Infallible>| match error {
                // Reads can be served without room; what is in flight comes back when its visibility runs out.
                WriteError::Full => Ok(0),
                error => Err(unreadable(error)),
            })?;
        let entries = store
            .read_now(|connection| rows::all(connection).map_err(Abort::<Infallible>::Sqlite))
            .map_err(|error: ReadError<Infallible>| unreadable(error))?;
        if !entries.is_empty() {
            tracing::info!(messages = entries.len(), shown_again = shown, "messages wait in the queues");
        }
        let lanes = QueueName::ALL.map(|_| Lane::default());
        for (queue, entry) in entries {
            let queue = QueueName::parse(&queue).ok_or_else(|| {
                unreadable(format!("a message lies in a queue that there is not: {queue:?}"))
            })?;
            lanes[queue.index()].add(entry, now);
        }
        Ok(Self { inner: Arc::new(Inner { store, clock, ids, bodies, lanes }) })
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

    /// Gives a message its id, and seals its body for it and the queue. The caller has checked its limits.
    pub(crate) fn seal(&self, queue: QueueName, message: OutgoingMessage) -> SealedMessage {
        let id = MessageId::from_uuid(self.inner.ids.next());
        let body = self.inner.bodies.seal(queue.as_str(), &id, &message.body);
        SealedMessage { queue, id, group: message.group, delay: message.delay, body }
    }

    pub(crate) fn seal_letter(&self, letter: DeadLetter) -> Sealed<DeadLetter> {
        self.inner.bodies.seal_letter(letter)
    }

    /// A dead letter to look at, also where its body is damaged: then the reason says so.
    pub(crate) fn open_letter(&self, letter: Sealed<DeadLetter>) -> DeadLetter {
        self.inner.bodies.open_letter(letter)
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
