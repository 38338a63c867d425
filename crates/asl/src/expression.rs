//! Expressions and templates.
/// An expression, compiled.
#[derive(Debug)]
pub struct Expression {}
/// A template.
#[derive(Debug)]
pub(crate) enum Template {}
