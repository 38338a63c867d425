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
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;
mod hex;
mod history;
pub mod items;
mod jsonata;
mod jsonpath;
pub mod limits;
mod random;
mod state;
mod step;
pub mod test_state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod transition;

pub use action::{Action, Closed, PendingTask, TaskKind, Timer, TimerKey};
pub use context::ContextObject;
pub use definition::{
    Definition, LONE_STATE_NAME, MachineType, QueryLanguage, RetryRules, TaskInfo, is_lone_state, parse,
    parse_as, parse_state, validate, validate_as,
};
pub use diagnostic::{Diagnostic, Severity};
pub use evaluator::{EvaluationError, Evaluator, Scope};
pub use event::{Event, Identity};
pub use expression::Expression;
pub(crate) use expression::Template;
pub use history::HistoryEvent;
pub use jsonata::{JsonataEvaluator, Spent};
pub use state::{
    Change, ExecutionState, MapChild, MapRunCounts, MapRunStatus, MapRunView, Variables,
    map_child_name_prefix,
};
pub use step::step;
pub use transition::{Env, Transition};

/// A task's id: unique within its execution, ascending.
pub type TaskId = u64;

/// Stands for the task's token wherever `$states.context.Task.Token` flowed; the runtime replaces it at dispatch. From
/// the private-use area, so that no honest text holds it.
pub const TASK_TOKEN_PLACEHOLDER: &str = "\u{f8ff}[task token]\u{f8ff}";
