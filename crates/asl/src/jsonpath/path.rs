//! Paths: what they are made of, and reading with them.

use super::budget::Budget;
use super::error::{PathError, PathErrorKind, PathSyntax};
use super::filter::Filter;
use super::function::Function;
use super::scope::{Evaluation, Scope};
use super::{parse, walk};
use serde_json::Value;
use std::fmt;

/// What a path begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`
    Input,
    /// `$$`, the context object.
    Context,
    /// `$name`, without the `$`.
    Variable(String),
}

/// One part of a path.
#[derive(Debug, Clone)]
pub(super) enum Token {
    /// `.name`, `['name']`
    Property(String),
    /// `['a','b']`
    Properties(Vec<String>),
    /// `[0]`, `[-1]`
    Index(i64),
    /// `[0,2]`
    Indices(Vec<i64>),
    /// `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `*`
    Wildcard,
    /// `..`, to which the token after it is applied at every depth.
    Scan,
    /// `[?(…)]`
    Filter(Box<Filter>),
    /// `.length()`; the last one.
    Function(Function),
}

/// A path, parsed: `$.a[0]`, `$$.Execution.Id`, `$name['b c']`, `$.items[?(@.price < 10)].name`.
#[derive(Clone)]
pub(crate) struct Path {
    text: String,
    root: Root,
    tokens: Vec<Token>,
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// The text is no path.
    pub(crate) fn parse(text: &str) -> Result<Path, PathSyntax> {
        let (root, tokens) = parse::path(text)?;
        Ok(Path { text: text.to_owned(), root, tokens })
    }

    /// The path as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What it begins at.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Whether it is `$`: its value is the scope's input, which may be shared instead of copied.
    pub(crate) fn is_input(&self) -> bool {
        self.root == Root::Input && self.tokens.is_empty()
    }

    /// Whether it can name one value at most, so that it gives that value or fails. Any other gives a list.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn is_definite(&self) -> bool {
        walk::is_definite(&self.tokens)
    }

    /// The variable that it begins at, without `$`. Its filters cannot name others.
    pub(crate) fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// The value, with a budget of its own.
    ///
    /// # Errors
    /// A definite path names nothing; over the budget.
    pub(crate) fn get(&self, scope: &Scope<'_>) -> Result<Value, PathError> {
        self.get_within(scope, &Budget::default())
    }

    /// The value, within a budget that several evaluations share.
    ///
    /// # Errors
    /// As [`Path::get`].
    pub(crate) fn get_within(&self, scope: &Scope<'_>, budget: &Budget) -> Result<Value, PathError> {
        self.evaluate(&Evaluation::new(scope, budget))
    }

    /// The value; `None` where there is none, which is not the same as null. For Choice.
    ///
    /// # Errors
    /// Over the budget. A variable that was never assigned counts as nothing there.
    pub(crate) fn get_optional(&self, scope: &Scope<'_>) -> Result<Option<Value>, PathError> {
        match self.get(scope) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_missing() => Ok(None),
            Err(PathError { kind: PathErrorKind::Variable(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn evaluate(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, PathError> {
        let value = match &self.root {
            Root::Input if evaluation.scope.input.is_null() && !self.tokens.is_empty() => {
                Err(PathErrorKind::Null)
            }
            Root::Input => walk::get(evaluation.scope.input, &self.tokens, evaluation.budget),
            Root::Context => {
                let context = evaluation.scope.context.value();
                walk::get(&context, &self.tokens, evaluation.budget)
            }
            Root::Variable(name) => match evaluation.scope.variable(name) {
                Some(value) => walk::get(value, &self.tokens, evaluation.budget),
                None => Err(PathErrorKind::Variable(name.clone())),
            },
        };
        value.map_err(|kind| PathError { path: self.text.clone(), kind })
    }
}
