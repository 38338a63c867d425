//! Expressions, compiled once when a definition is parsed, and the templates that hold them.

use crate::jsonata::{Needs, Node};
use crate::state::Payload;
use std::fmt;

/// A JSONata expression, compiled.
pub struct Expression {
    /// The text between `{%` and `%}`, trimmed.
    pub(crate) source: String,
    pub(crate) tree: Node,
    pub(crate) needs: Needs,
    /// The state machine's variables that it reads, as written: sorted, each once.
    pub(crate) variables: Vec<String>,
    /// Set where it is nothing but a variable and the names of fields: read without JSONata.
    pub(crate) path: Option<Vec<String>>,
}

impl Expression {
    /// The text between `{%` and `%}`, trimmed.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{% {} %}}", self.source)
    }
}

/// A JSON value in which any string may be an expression.
#[derive(Debug)]
pub(crate) enum Template {
    /// No expression inside.
    Literal(Payload),
    Expression(Box<Expression>),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}
