//! What a path may read.

use super::budget::Budget;
use crate::ContextObject;
use crate::random::Random;
use crate::state::Variables;
use serde_json::Value;

/// What `$`, `$$`, `$name` and the intrinsic functions read.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// `$`: the state's input, its result, an item, as the field at hand has it.
    pub(crate) input: &'a Value,
    /// `$$`.
    pub(crate) context: &'a ContextObject<'a>,
    /// `$name`: the variables, innermost scope first.
    pub(crate) variables: &'a [&'a Variables],
    /// What `States.UUID` and `States.MathRandom` grow from. Differs from evaluation to evaluation.
    pub(crate) seed: u64,
}

impl<'a> Scope<'a> {
    /// The variable's value, from the innermost scope that has it.
    pub(crate) fn variable(&self, name: &str) -> Option<&'a Value> {
        self.variables.iter().find_map(|scope| scope.get(name)).map(|value| &**value)
    }
}

/// One evaluation under way: what it reads and what it has left.
pub(crate) struct Evaluation<'a, 'b> {
    pub(crate) scope: &'b Scope<'a>,
    pub(crate) budget: &'b Budget,
    pub(crate) random: Random,
}

impl<'a, 'b> Evaluation<'a, 'b> {
    pub(crate) fn new(scope: &'b Scope<'a>, budget: &'b Budget) -> Self {
        Evaluation { scope, budget, random: Random::new(scope.seed) }
    }
}
