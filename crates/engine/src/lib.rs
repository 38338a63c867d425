//! The durable runtime that drives the States Language.
//!
//! [`Engine`] implements the ports [`tenantry_core::ports::Workflows`] and [`tenantry_core::ports::TaskTokens`] over a
//! [`Journal`] and a [`TaskInvoker`].
//!
//! **Invariant:** nothing leaves the process (an answer, a dispatch) before the rows that it follows from are durable.
//! **Invariant:** recovery folds rows and never evaluates an expression.

mod activities;
mod canonical;
mod children;
mod commit;
mod config;
mod dispatch;
mod documents;
mod engine;
mod inspect;
mod invoker;
mod journal;
mod launch;
mod live;
mod machines;
mod map_items;
mod map_runs;
mod pages;
mod parent;
mod record;
mod recovery;
mod redrive;
mod stats;
mod task_tokens;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod timers;
mod tokens;
mod workflows;

pub use activities::ActivityTask;
pub use config::{EngineConfig, OpenError};
pub use documents::{Document, Documents};
pub use engine::Engine;
pub use inspect::Inspection;
pub use invoker::{TaskFailure, TaskInvoker, TaskRequest};
pub use journal::{
    ClosedExecution, Definitions, Entry, ExecutionKey, Forget, Journal, JournalError, Row, RowPage,
    StartedExecution, StoredExecution,
};
pub use launch::{Launch, Launched};
pub use machines::{Machines, Target};
pub use map_items::blob_key;
pub use map_runs::MapRunLimits;
pub use stats::EngineStats;
