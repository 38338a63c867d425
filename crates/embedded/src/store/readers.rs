//! Reading, so that no read waits for the writer's fsync: short reads on the caller's own thread, long ones on threads
//! of their own, each with a connection of its own.

use super::options::StoreOptions;
use super::stats::Counters;
use super::{Abort, ReadError, open};
use crate::OpenError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::JoinHandle;

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the readers' threads. Dropping it lets them finish what is in line, and waits for them.
pub(super) struct Readers {
    sender: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    here: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
    counters: Arc<Counters>,
}

impl Readers {
    pub(super) fn open(
        path: &Path,
        options: &StoreOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, OpenError> {
        let (sender, receiver) = mpsc::channel::<Read>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        let mut here = Vec::new();
        for number in 0..options.readers.max(1) {
            let mut connection = open::reader(path)?;
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some(read) = next(&receiver) {
                        read(&mut connection);
                    }
                })
                .map_err(OpenError::io("start a reader of", path))?;
            threads.push(thread);
            here.push(Mutex::new(open::reader(path)?));
        }
        Ok(Self { sender: Some(sender), threads, here, turn: AtomicUsize::new(0), counters })
    }

    /// Reads on this thread. A hop to another thread and back costs several times what a look-up by key does.
    pub(super) fn read_here<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Abort<E>>,
    ) -> Result<T, ReadError<E>> {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        let connection = self.free_connection();
        answer(catch_unwind(AssertUnwindSafe(|| work(&connection))))
    }

    /// A connection that nobody uses; where all are in use, the next one in turn once it is free.
    fn free_connection(&self) -> MutexGuard<'_, Connection> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let at = |n: usize| &self.here[turn.wrapping_add(n) % self.here.len()];
        for n in 0..self.here.len() {
            match at(n).try_lock() {
                Ok(connection) => return connection,
                // A read that panicked leaves no transaction behind: each is one statement.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        at(0).lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit<T, E, F, R>(&self, work: F, reply: R)
    where
        F: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        R: FnOnce(Result<T, ReadError<E>>) + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        let read: Read = Box::new(move |connection| {
            reply(answer(catch_unwind(AssertUnwindSafe(|| {
                let tx = connection.transaction()?;
                work(&tx)
            }))));
        });
        if let Some(sender) = &self.sender {
            // Where all readers are gone, the dropped reply tells the caller that the store is closed.
            let _ = sender.send(read);
        }
    }
}

fn answer<T, E>(outcome: std::thread::Result<Result<T, Abort<E>>>) -> Result<T, ReadError<E>> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Abort::Refused(reason))) => Err(ReadError::Refused(reason)),
        Ok(Err(Abort::Sqlite(error))) => Err(ReadError::Failed(error.to_string())),
        Err(_) => Err(ReadError::Failed("a fault of the program: the read panicked".to_owned())),
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Read>>) -> Option<Read> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.sender.take());
        for thread in self.threads.drain(..) {
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
