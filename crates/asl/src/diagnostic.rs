//! What is wrong with a definition, and where.

use serde::Serialize;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// The definition cannot run.
    Error,
    /// It can run, but probably not as meant.
    Warning,
}

/// One finding, in the shape of `ValidateStateMachineDefinition`, with the place in the text added.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, such as `MISSING_TRANSITION_TARGET`.
    pub code: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// JSON pointer to the place, such as `/States/Reserve/Next`; empty for the whole document.
    pub location: String,
    /// The innermost state that the place lies in.
    pub state: Option<String>,
    /// The field, as a path from that state (or from the top) such as `Retry/0/ErrorEquals`.
    pub field: Option<String>,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in that line, from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match (&self.state, &self.field) {
            (Some(state), Some(field)) => write!(f, "state '{state}', field '{field}': ")?,
            (Some(state), None) => write!(f, "state '{state}': ")?,
            (None, Some(field)) => write!(f, "field '{field}': ")?,
            (None, None) => {}
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}
