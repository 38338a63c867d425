//! Amazon States Language: parse, validate and the pure [`step`].
//!
//! **Invariant:** no clock, no chance, no I/O, no async. Time and chance come in through [`Env`]; what must be done
//! comes out as [`Action`]s. [`ExecutionState::apply`] folds a [`Change`] and never evaluates an expression, so that
//! recovery repeats nothing.

mod action;
mod event;
mod history;

pub use action::{Action, Closed, PendingTask, Timer, TimerKey};
pub use event::{Event, Identity};
pub use history::HistoryEvent;

/// A task's id: unique within its execution, ascending.
pub type TaskId = u64;

/// Stands for the task's token wherever `$states.context.Task.Token` flowed; the runtime replaces it at dispatch. From
/// the private-use area, so that no honest text holds it.
pub const TASK_TOKEN_PLACEHOLDER: &str = "\u{f8ff}[task token]\u{f8ff}";
