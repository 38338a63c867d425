//! What one step needs and what it gives.

use crate::{Action, Change, Evaluator, HistoryEvent};
use serde::{Deserialize, Serialize};

/// Time, chance and the query language: all that a step takes from outside.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// What jitter, `$random`, `$uuid` and `$shuffle` grow from.
    pub seed: u64,
    /// The query language.
    pub evaluator: &'a dyn Evaluator,
}

/// What one event led to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// What [`crate::ExecutionState::apply`] folds in.
    pub change: Change,
    /// The events to append to the history, ascending.
    pub history: Vec<HistoryEvent>,
    /// What to do once all of this is durable, in this order.
    pub actions: Vec<Action>,
}

impl Transition {
    /// Whether the event changed nothing, as one that came too late does.
    pub fn is_empty(&self) -> bool {
        self.change.is_empty() && self.history.is_empty() && self.actions.is_empty()
    }
}
