//! The durable runtime that drives the States Language.

mod invoker;
mod journal;

pub use invoker::{TaskFailure, TaskInvoker, TaskRequest};
pub use journal::{
    ClosedExecution, Definitions, Entry, ExecutionKey, Journal, JournalError, Row, StartedExecution,
    StoredExecution,
};
