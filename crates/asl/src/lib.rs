//! Amazon States Language: parse, validate and the pure [`step`].
//!
//! **Invariant:** no clock, no chance, no I/O, no async. Time and chance come in through [`Env`]; what must be done
//! comes out as [`Action`]s. [`ExecutionState::apply`] folds a [`Change`] and never evaluates an expression, so that
//! recovery repeats nothing.

mod action;
mod context;
mod definition;
mod diagnostic;
mod entries;
pub mod errors;
mod evaluator;
mod event;
mod expression;
mod history;
pub mod limits;
mod state;
mod step;
mod transition;

pub use action::{Action, Closed, PendingTask, Timer, TimerKey};
pub use context::ContextObject;
pub use definition::{Definition, TaskInfo};
pub use diagnostic::{Diagnostic, Severity};
pub use evaluator::{EvaluationError, Evaluator, Scope};
pub use event::{Event, Identity};
pub use expression::Expression;
pub(crate) use expression::Template;
pub use history::HistoryEvent;
pub use state::{Change, ExecutionState, Variables};
pub use step::step;
pub use transition::{Env, Transition};

/// A task's id: unique within its execution, ascending.
pub type TaskId = u64;

/// Stands for the task's token wherever `$states.context.Task.Token` flowed; the runtime replaces it at dispatch. From
/// the private-use area, so that no honest text holds it.
pub const TASK_TOKEN_PLACEHOLDER: &str = "\u{f8ff}[task token]\u{f8ff}";

/// Reads a definition.
///
/// # Errors
/// All that keeps it from running, each with its state, field, line and column.
pub fn parse(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    let _ = text;
    Err(Vec::new())
}

/// JSONata behind our seam.
#[derive(Debug, Default, Clone, Copy)]
pub struct JsonataEvaluator;

impl Evaluator for JsonataEvaluator {
    fn evaluate(
        &self,
        _expression: &Expression,
        _scope: &Scope<'_>,
    ) -> Result<Option<serde_json::Value>, EvaluationError> {
        Ok(None)
    }
}
