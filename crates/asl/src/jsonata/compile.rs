//! From text to [`Expression`].

use super::analyse::{Needs, as_path, top_level_references};
use super::engine;
use crate::Expression;

/// Why a text is no expression of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("the JSONata expression '{source_text}' cannot be parsed: {problem}")]
    Syntax { source_text: String, problem: String },
    #[error(
        "the JSONata expression '{source_text}' refers to '{}' at the top level, where there is no input: write $states.input or a variable",
        references.join("', '")
    )]
    TopLevel { source_text: String, references: Vec<String> },
}

/// Compiles the text between `{%` and `%}`.
pub(crate) fn compile(source: &str) -> Result<Expression, CompileError> {
    let source = source.trim();
    let source_text = || source.to_owned();
    let tree = engine::compile(source)
        .map_err(|error| CompileError::Syntax { source_text: source_text(), problem: error.to_string() })?;
    let references = top_level_references(&tree);
    if !references.is_empty() {
        return Err(CompileError::TopLevel { source_text: source_text(), references });
    }
    let needs = Needs::of(&tree);
    let variables = needs.read.difference(&needs.bound).cloned().collect();
    Ok(Expression { source: source_text(), path: as_path(&tree), needs, variables, tree })
}
