//! What the store answers when it does not do what it was asked.

use std::convert::Infallible;
use tenantry_core::ports::PortError;

/// Why a closure that was given to the store wants none of what it did.
///
/// `?` turns SQLite's errors into [`Abort::Sqlite`]; a condition that does not hold is [`Abort::Refused`].
#[derive(Debug)]
pub enum Abort<E> {
    /// The closure's own reason.
    Refused(E),
    /// SQLite's. The store acts on it: a full disk fails the batch, an I/O error ends the process.
    Sqlite(rusqlite::Error),
}

impl<E> From<rusqlite::Error> for Abort<E> {
    fn from(error: rusqlite::Error) -> Self {
        Abort::Sqlite(error)
    }
}

/// Why a write changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The closure refused. This too is answered only after COMMIT: what it saw is durable.
    #[error("refused")]
    Refused(E),
    /// The disk is full. Nothing of the batch was kept; reads and later writes go on.
    #[error("the disk is full: nothing was written. Make room; the next write is tried as usual")]
    Full,
    /// Too many requests wait for the writer. Nothing was written.
    #[error("too many writes are waiting: nothing was written, try again later")]
    Overloaded,
    /// The store was closed. The outcome is unknown where the request was already in line.
    #[error("the store is closed")]
    Closed,
    /// SQLite refused; nothing was written.
    #[error("nothing was written: {0}")]
    Failed(String),
}

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// The closure's own reason.
    #[error("refused")]
    Refused(E),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// SQLite refused.
    #[error("{0}")]
    Failed(String),
}

impl<E> WriteError<E> {
    /// The closure's reason, or what port `port` answers.
    pub fn refusal(self, port: &'static str) -> Result<E, PortError> {
        match self {
            WriteError::Refused(reason) => Ok(reason),
            WriteError::Full => Err(unavailable(port, &WriteError::<Infallible>::Full)),
            WriteError::Overloaded => Err(unavailable(port, &WriteError::<Infallible>::Overloaded)),
            WriteError::Closed => Err(unavailable(port, &WriteError::<Infallible>::Closed)),
            WriteError::Failed(message) => Err(unavailable(port, &WriteError::<Infallible>::Failed(message))),
        }
    }
}

impl<E> ReadError<E> {
    /// The closure's reason, or what port `port` answers.
    pub fn refusal(self, port: &'static str) -> Result<E, PortError> {
        match self {
            ReadError::Refused(reason) => Ok(reason),
            ReadError::Closed => Err(unavailable(port, &ReadError::<Infallible>::Closed)),
            ReadError::Failed(message) => Err(unavailable(port, &ReadError::<Infallible>::Failed(message))),
        }
    }
}

fn unavailable(port: &'static str, error: &dyn std::fmt::Display) -> PortError {
    PortError::Unavailable { port, message: error.to_string() }
}

macro_rules! into_port {
    ($error:ident) => {
        impl $error<PortError> {
            /// What port `port` answers: the closure's reason as it is, all else as unavailable.
            pub fn into_port(self, port: &'static str) -> PortError {
                self.refusal(port).unwrap_or_else(|error| error)
            }
        }

        impl $error<Infallible> {
            /// What port `port` answers.
            pub fn into_port(self, port: &'static str) -> PortError {
                match self.refusal(port) {
                    Ok(never) => match never {},
                    Err(error) => error,
                }
            }
        }
    };
}

into_port!(WriteError);
into_port!(ReadError);
