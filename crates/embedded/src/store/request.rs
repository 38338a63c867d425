//! One request to the writer: runs in a batch, is answered after the batch's end.

use super::{Abort, WriteError};
use rusqlite::{ErrorCode, Transaction, ffi};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of a batch.
#[derive(Debug, Clone)]
pub(super) enum BatchEnd {
    Committed,
    Full,
    Failed(String),
    Overloaded,
    Closed,
}

/// Why a batch cannot be committed.
#[derive(Debug)]
pub(super) enum Broken {
    /// The disk is full.
    Full,
    /// The file system failed: nothing is known of what is on disk.
    Io(String),
    /// The transaction is lost; the file is not.
    Failed(String),
}

impl Broken {
    pub(super) fn by(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Broken::Full,
            // The log's index in shared memory could not grow: nothing was lost, the disk is full.
            Some(ErrorCode::SystemIoFailure) if extended_code(error) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
                Broken::Full
            }
            Some(ErrorCode::SystemIoFailure) => Broken::Io(error.to_string()),
            _ => Broken::Failed(error.to_string()),
        }
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

pub(super) trait Request: Send {
    /// Does the work within the batch's transaction. After an error the batch is not committed.
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), Broken>;

    /// Tells the caller, once the batch has ended.
    fn answer(self: Box<Self>, end: BatchEnd);
}

pub(super) struct Call<F, T, E, R> {
    work: Option<F>,
    guarded: bool,
    outcome: Option<Result<T, WriteError<E>>>,
    reply: R,
}

impl<F, T, E, R> Call<F, T, E, R>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send,
    T: Send,
    E: Send,
    R: FnOnce(Result<T, WriteError<E>>) + Send,
{
    pub(super) fn new(work: F, guarded: bool, reply: R) -> Self {
        Self { work: Some(work), guarded, outcome: None, reply }
    }
}

fn execute(tx: &Transaction<'_>, sql: &str) -> Result<(), Broken> {
    let mut statement = tx.prepare_cached(sql).map_err(|error| Broken::by(&error))?;
    statement.execute([]).map(drop).map_err(|error| Broken::by(&error))
}

impl<F, T, E, R> Request for Call<F, T, E, R>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, Abort<E>> + Send,
    T: Send,
    E: Send,
    R: FnOnce(Result<T, WriteError<E>>) + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), Broken> {
        let Some(work) = self.work.take() else { return Ok(()) };
        if self.guarded {
            execute(tx, "SAVEPOINT request")?;
        }
        let refusal = match catch_unwind(AssertUnwindSafe(|| work(tx))) {
            Ok(Ok(value)) => {
                self.outcome = Some(Ok(value));
                None
            }
            Ok(Err(Abort::Refused(reason))) => Some(WriteError::Refused(reason)),
            Ok(Err(Abort::Sqlite(error))) => match Broken::by(&error) {
                Broken::Failed(message) if self.guarded => Some(WriteError::Failed(message)),
                broken => return Err(broken),
            },
            // The message went to the panic hook; the other requests of the batch must not pay for it.
            Err(_) => Some(WriteError::Failed("a fault of the program: the write panicked".to_owned())),
        };
        // SQLite ends a transaction by itself after some errors, even where the work hid them.
        if tx.is_autocommit() {
            return Err(Broken::Failed("SQLite ended the transaction".to_owned()));
        }
        match refusal {
            None if self.guarded => execute(tx, "RELEASE request"),
            None => Ok(()),
            Some(refusal) if self.guarded => {
                self.outcome = Some(Err(refusal));
                execute(tx, "ROLLBACK TO request")?;
                execute(tx, "RELEASE request")
            }
            Some(refusal) => {
                self.outcome = Some(Err(refusal));
                Err(Broken::Failed("a write without a savepoint failed in this batch".to_owned()))
            }
        }
    }

    fn answer(self: Box<Self>, end: BatchEnd) {
        let answer = match end {
            BatchEnd::Committed => self.outcome.unwrap_or(Err(WriteError::Closed)),
            BatchEnd::Full => Err(WriteError::Full),
            BatchEnd::Failed(message) => Err(WriteError::Failed(message)),
            BatchEnd::Overloaded => Err(WriteError::Overloaded),
            BatchEnd::Closed => Err(WriteError::Closed),
        };
        (self.reply)(answer);
    }
}
