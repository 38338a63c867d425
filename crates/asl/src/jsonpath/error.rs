//! What can go wrong with a path, in the words of AWS.

use super::budget::Exhausted;
use super::scope::Scope;
use serde_json::Value;

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {position}")]
pub(crate) struct PathSyntax {
    /// What is wrong.
    pub(crate) message: String,
    /// Where: characters from the beginning, 0 is the first.
    pub(crate) position: usize,
}

/// Why a path gave no value. Always `States.Runtime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathError {
    /// The path as written.
    pub(crate) path: String,
    pub(crate) kind: PathErrorKind,
}

/// What kept a path from giving a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathErrorKind {
    /// A member that is not there, or a member of what is no object.
    Missing {
        /// What is said of it: `No results for path: $['a']`.
        detail: String,
        /// The member's name.
        step: String,
    },
    /// An index beyond an array's end. With what is said of it, as above.
    OutOfBounds(String),
    /// An index into what is no array, a function of what it cannot take. With what is said of it.
    Mismatch(String),
    /// The input is null, of which nothing can be selected.
    Null,
    /// The path's variable was never assigned, or cannot be seen from here. Its name, without `$`.
    Variable(String),
    /// Too much work or data.
    Exhausted(Exhausted),
}

impl PathError {
    /// What AWS says where a field is nothing but a path that selects data: InputPath, OutputPath, TimeoutSecondsPath,
    /// HeartbeatSecondsPath. `Invalid path '$.x' : No results for path: $['x']`.
    pub(crate) fn invalid_path(&self) -> String {
        match self.kind {
            PathErrorKind::Null => self.detail(),
            _ => format!("Invalid path '{}' : {}", self.path, self.detail()),
        }
    }

    /// What AWS says in a payload template, and of ErrorPath and CausePath: `The JSONPath '$.x' specified for the
    /// field 'y.$' could not be found in the input '{…}'`. For a path into the context object, that is the input.
    pub(crate) fn specified_for(&self, field: &str, scope: &Scope<'_>) -> String {
        match &self.kind {
            PathErrorKind::Missing { .. } | PathErrorKind::OutOfBounds(_) | PathErrorKind::Variable(_) => {
                let path = &self.path;
                let searched = if path.starts_with("$$") {
                    scope.context.value().to_string()
                } else {
                    scope.input.to_string()
                };
                format!(
                    "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{searched}'"
                )
            }
            PathErrorKind::Mismatch(_) | PathErrorKind::Null => self.detail(),
            PathErrorKind::Exhausted(_) => {
                format!("The JSONPath '{}' specified for the field '{field}': {}", self.path, self.detail())
            }
        }
    }

    /// What is wrong, without the path: `No results for path: $['x']`.
    pub(crate) fn detail(&self) -> String {
        match &self.kind {
            PathErrorKind::Missing { detail, .. }
            | PathErrorKind::OutOfBounds(detail)
            | PathErrorKind::Mismatch(detail) => detail.clone(),
            PathErrorKind::Null => "Unable to apply Path transformation to null or empty input.".to_owned(),
            PathErrorKind::Variable(name) => format!("The variable '{name}' is not assigned"),
            PathErrorKind::Exhausted(exhausted) => exhausted.to_string(),
        }
    }

    /// Whether there is just nothing at the end of the path.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self.kind,
            PathErrorKind::Missing { .. }
                | PathErrorKind::OutOfBounds(_)
                | PathErrorKind::Mismatch(_)
                | PathErrorKind::Null
        )
    }

    /// What AWS says where the path must be a reference path and leads nowhere: ItemsPath. `Unable to apply step "x"
    /// to input {…}`, and the error is [`crate::errors::REFERENCE_PATH_CONFLICT`].
    pub(crate) fn unable_to_apply(&self, input: &Value) -> String {
        match &self.kind {
            PathErrorKind::Missing { step, .. } => {
                format!("Unable to apply step \"{step}\" to input {input}")
            }
            _ => format!("Unable to apply ReferencePath {} to input {input}", self.path),
        }
    }
}
