//! The seam behind which the query language lies.

use crate::Expression;
use crate::context::ContextObject;
use crate::state::Variables;
use serde_json::Value;

/// What an expression may read.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$states.input`.
    pub input: &'a Value,
    /// `$states.result`; `None` where a state has none yet.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`; only in Catch.
    pub error_output: Option<&'a Value>,
    /// `$states.context`.
    pub context: &'a ContextObject<'a>,
    /// The variables, innermost scope first.
    pub variables: &'a [&'a Variables],
    /// What `$now` and `$millis` give, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// What `$random`, `$uuid` and `$shuffle` grow from. Differs from expression to expression.
    pub seed: u64,
}

/// Evaluates expressions. One implementation is [`crate::JsonataEvaluator`]; a test that replays a journal takes one
/// that panics, because recovery never evaluates.
pub trait Evaluator: Send + Sync {
    /// The expression's value; `None` where it is undefined.
    ///
    /// # Errors
    /// The expression threw, gave a function, or went over a limit (time, depth, length).
    fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError>;
}

/// Why an expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// It threw, or went over a limit. The text starts with JSONata's code where there is one.
    #[error("{0}")]
    Threw(String),
    /// It gave something that JSON cannot hold, such as a function.
    #[error("the result is not JSON")]
    Unsupported,
}
