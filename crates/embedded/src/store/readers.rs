//! Threads that read, each with a connection of its own, so that no read waits for the writer's fsync.

use super::options::StoreOptions;
use super::stats::Counters;
use super::{Abort, ReadError, open};
use crate::OpenError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the readers' threads. Dropping it lets them finish what is in line, and waits for them.
pub(super) struct Readers {
    sender: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
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
        }
        Ok(Self { sender: Some(sender), threads, counters })
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
            let answer = catch_unwind(AssertUnwindSafe(|| {
                let tx = connection.transaction()?;
                work(&tx)
            }));
            reply(match answer {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Abort::Refused(reason))) => Err(ReadError::Refused(reason)),
                Ok(Err(Abort::Sqlite(error))) => Err(ReadError::Failed(error.to_string())),
                Err(_) => Err(ReadError::Failed("a fault of the program: the read panicked".to_owned())),
            });
        });
        if let Some(sender) = &self.sender {
            // Where all readers are gone, the dropped reply tells the caller that the store is closed.
            let _ = sender.send(read);
        }
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
