//! Reference paths: where ResultPath puts a result.
//! <https://states-language.net/spec.html#ref-paths>

use super::error::PathSyntax;
use super::path::{Path, Root, Token};
use super::walk::position;
use crate::errors;
use crate::limits::PAYLOAD_DEPTH_MAX;
use serde_json::{Map, Value};

/// A path that names one place: names and indices only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferencePath(Path);

/// The place is not there, and cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Unable to apply ReferencePath {path} to input {input}")]
pub(crate) struct ReferenceError {
    pub(crate) path: String,
    /// The value that has no such place, as JSON.
    pub(crate) input: String,
}

impl ReferenceError {
    /// The error's name.
    pub(crate) const NAME: &'static str = errors::REFERENCE_PATH_CONFLICT;
}

impl ReferencePath {
    /// Parses a reference path.
    ///
    /// # Errors
    /// It is no path, not one of `$`, or has anything but names and indices.
    pub(crate) fn parse(text: &str) -> Result<ReferencePath, PathSyntax> {
        let path = Path::parse(text)?;
        let error = |message: &str| PathSyntax { message: message.to_owned(), position: 0 };
        if *path.root() != Root::Input {
            return Err(error("a reference path begins with '$.'"));
        }
        if path.tokens().len() > PAYLOAD_DEPTH_MAX {
            return Err(error("the path is deeper than a payload may be"));
        }
        if path.tokens().iter().any(|token| !matches!(token, Token::Property(_) | Token::Index(_))) {
            return Err(error("a reference path has names and indices only"));
        }
        Ok(ReferencePath(path))
    }

    /// The path as written.
    pub(crate) fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it is `$`, so that the result replaces the whole input.
    pub(crate) fn is_input(&self) -> bool {
        self.0.is_input()
    }

    /// The same as a path to read with.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// Puts `value` into `target`. Objects on the way that are not there are made; elements of arrays must be there.
    /// On an error `target` is as it was.
    ///
    /// # Errors
    /// The way leads through what is neither an object nor an array, or beyond an array's end.
    pub(crate) fn set(&self, target: &mut Value, value: Value) -> Result<(), ReferenceError> {
        if !self.leads_somewhere(target) {
            return Err(ReferenceError { path: self.text().to_owned(), input: target.to_string() });
        }
        let mut here = target;
        for token in self.0.tokens() {
            here = match (token, here) {
                (Token::Property(name), Value::Object(members)) => {
                    members.entry(name.as_str()).or_insert(Value::Object(Map::new()))
                }
                (Token::Index(index), Value::Array(items)) => {
                    let length = items.len();
                    match position(*index, length).and_then(|at| items.get_mut(at)) {
                        Some(item) => item,
                        None => return Ok(()),
                    }
                }
                // `leads_somewhere` has seen to these.
                _ => return Ok(()),
            };
        }
        *here = value;
        Ok(())
    }

    fn leads_somewhere(&self, target: &Value) -> bool {
        let mut here = target;
        let mut tokens = self.0.tokens().iter();
        while let Some(token) = tokens.next() {
            here = match (token, here) {
                (Token::Property(name), Value::Object(members)) => match members.get(name) {
                    Some(value) => value,
                    // From here on everything is made, which cannot be done for an index.
                    None => return tokens.all(|token| matches!(token, Token::Property(_))),
                },
                (Token::Index(index), Value::Array(items)) => {
                    match position(*index, items.len()).and_then(|at| items.get(at)) {
                        Some(item) => item,
                        None => return false,
                    }
                }
                _ => return false,
            };
        }
        true
    }
}
