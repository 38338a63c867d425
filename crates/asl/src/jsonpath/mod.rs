//! Step Functions' own JSONPath: paths, reference paths, intrinsic functions and payload templates. Pure; every
//! evaluation is held by a budget of steps and bytes.
//!
//! - [`Path::parse`], [`Path::get`], [`Path::get_optional`], [`Path::is_definite`], [`Path::variable`]: any path.
//! - [`ReferencePath::parse`], [`ReferencePath::set`]: ResultPath.
//! - [`Intrinsic::parse`], [`Intrinsic::evaluate`]: `States.Format(…)`.
//! - [`PayloadTemplate::compile`], [`PayloadTemplate::evaluate`]: Parameters, ResultSelector, ItemSelector, Assign.
//! - [`Failure`]: what an evaluation that fails fails with: an error's name and a cause, without the words `An error
//!   occurred while executing the state …`, which the caller puts before it.
//!
//! AWS reads paths with the Java library Jayway JsonPath; where AWS says nothing, what that library does is the rule.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html>
//! <https://github.com/json-path/JsonPath>

mod budget;
mod error;
mod failure;
mod filter;
mod function;
mod intrinsic;
mod parse;
mod path;
mod reference;
mod scope;
mod template;
#[cfg(test)]
mod tests;
mod walk;

#[cfg(any(test, feature = "testing"))]
pub(crate) use budget::{BYTES_MAX, Budget};
pub(crate) use error::PathError;
pub(crate) use failure::Failure;
pub(crate) use intrinsic::Intrinsic;
pub(crate) use path::{Path, Root};
pub(crate) use reference::{ReferenceError, ReferencePath};
pub(crate) use scope::Scope;
pub(crate) use template::PayloadTemplate;
