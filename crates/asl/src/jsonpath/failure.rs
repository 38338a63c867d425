//! What an evaluation fails with.

use super::budget::Exhausted;
use super::error::PathError;
use crate::errors;
use serde_json::Value;

/// An error's name and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `States.Runtime`, `States.IntrinsicFailure`, `States.ResultPathMatchFailure`.
    pub(crate) error: &'static str,
    /// What is wrong, without the words `An error occurred while executing the state …`.
    pub(crate) cause: String,
}

impl Failure {
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Failure { error: errors::RUNTIME, cause: cause.into() }
    }

    pub(crate) fn intrinsic(cause: impl Into<String>) -> Self {
        Failure { error: errors::INTRINSIC_FAILURE, cause: cause.into() }
    }

    /// A field that is nothing but a path gave nothing: InputPath, OutputPath and their like.
    pub(crate) fn of_path(error: &PathError) -> Self {
        Failure::runtime(error.invalid_path())
    }

    /// A field that takes a reference path gave nothing: ItemsPath.
    pub(crate) fn of_reference(error: &PathError, input: &Value) -> Self {
        Failure { error: errors::REFERENCE_PATH_CONFLICT, cause: error.unable_to_apply(input) }
    }
}

impl From<Exhausted> for Failure {
    fn from(exhausted: Exhausted) -> Self {
        Failure::runtime(format!("{exhausted}; select less of the input, or in several states"))
    }
}
