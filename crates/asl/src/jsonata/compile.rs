//! From text to [`Expression`].

use super::analyse::{Needs, as_path, top_level_reference};
use super::harden::{RESERVED, harden};
use crate::Expression;
use jsonata_core::parser;

/// Why a text is no expression of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("the JSONata expression '{source_text}' cannot be parsed: {problem}")]
    Syntax { source_text: String, problem: String },
    #[error(
        "the JSONata expression '{source_text}' refers to '{reference}' at the top level, where there is no input: write $states.input or a variable"
    )]
    TopLevel { source_text: String, reference: String },
    #[error(
        "the JSONata expression '{source_text}' binds ${name}, the name of a function that must stay what it is"
    )]
    Reserved { source_text: String, name: String },
}

/// Compiles the text between `{%` and `%}`.
pub(crate) fn compile(source: &str) -> Result<Expression, CompileError> {
    let source = source.trim();
    let source_text = || source.to_owned();
    let ast = parser::parse(source).map_err(|error| CompileError::Syntax {
        source_text: source_text(),
        problem: plain(&error.display_message()),
    })?;
    if let Some(reference) = top_level_reference(&ast) {
        return Err(CompileError::TopLevel { source_text: source_text(), reference });
    }
    let Needs { bound, read, .. } = Needs::of(&ast);
    if let Some(name) = RESERVED.iter().find(|name| bound.contains(**name)) {
        return Err(CompileError::Reserved { source_text: source_text(), name: (*name).to_owned() });
    }
    let path = as_path(&ast);
    let ast = harden(ast);
    let variables = read.difference(&bound).cloned().collect();
    Ok(Expression { source: source_text(), needs: Needs::of(&ast), variables, ast, path })
}

fn plain(message: &str) -> String {
    message.strip_prefix("Parse error: ").unwrap_or(message).to_owned()
}
