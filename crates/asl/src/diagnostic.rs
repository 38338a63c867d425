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

/// One finding, in the shape of `ValidateStateMachineDefinition`, with the place in the text and our own help added.
/// Code, message and location are AWS's own wherever AWS's words are known.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, such as `MISSING_TRANSITION_TARGET`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, as AWS writes it: `/States/Check/Choices[0]/Next`, `/` for the whole definition; for what is no JSON, the
    /// place in the text. Empty where AWS names no place.
    pub location: String,
    /// What to do about it. Ours, not AWS's.
    pub hint: Option<String>,
    /// The innermost state that the place lies in.
    pub state: Option<String>,
    /// The field, as a path from that state (or from the top) such as `Retry[0]/ErrorEquals`.
    pub field: Option<String>,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in that line, from 1, in characters.
    pub column: usize,
}

impl Diagnostic {
    /// What `CreateStateMachine` and `UpdateStateMachine` say of a definition with these findings.
    pub fn invalid_definition(diagnostics: &[Diagnostic]) -> String {
        let errors: Vec<String> = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| {
                let location = Some(diagnostic.location.as_str()).filter(|place| !place.is_empty());
                let location = location.unwrap_or("null");
                format!("{}: {} at {location}", diagnostic.code, diagnostic.message)
            })
            .collect();
        format!("Invalid State Machine Definition: '{}'", errors.join(", "))
    }

    /// Adds what to do about it.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
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
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
