//! Intrinsic functions: `States.Format('{}-{}', $.a, States.UUID())`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>

mod arrays;
mod functions;
mod java;
mod parse;
mod text;

use super::budget::Budget;
use super::error::{PathError, PathErrorKind};
use super::failure::Failure;
use super::path::Path;
use super::scope::{Evaluation, Scope};
pub(crate) use java::java_text;
use serde_json::Value;
use std::fmt;

/// Deepest nesting of functions.
const DEPTH_MAX: usize = 10;

/// A call of an intrinsic function, parsed.
#[derive(Clone)]
pub(crate) struct Intrinsic {
    text: String,
    call: Call,
}

/// A text that is no call of an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {position}")]
pub(crate) struct IntrinsicSyntax {
    /// What is wrong.
    pub(crate) message: String,
    /// Where: characters from the beginning, 0 is the first.
    pub(crate) position: usize,
}

#[derive(Debug, Clone)]
struct Call {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    /// A number, `true`, `false`, `null`.
    Literal(Value),
    /// A text in quotes: cut where `{}` stands, which is what States.Format fills, with the escapes resolved.
    Text(Vec<String>),
    Path(Path),
    Call(Box<Call>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

/// Why a function gave nothing, before the words around it are known.
enum Fault {
    /// An argument's path names nothing.
    Path(PathError),
    /// The arguments are not what the function takes, or it cannot do it.
    Refused(String),
    /// Over the budget.
    Exhausted(super::budget::Exhausted),
}

impl From<super::budget::Exhausted> for Fault {
    fn from(exhausted: super::budget::Exhausted) -> Self {
        Fault::Exhausted(exhausted)
    }
}

impl fmt::Debug for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Intrinsic {
    /// Parses a call.
    ///
    /// # Errors
    /// No such function, another number of arguments than it takes, nested too deeply, or not in the form of a call.
    pub(crate) fn parse(text: &str) -> Result<Intrinsic, IntrinsicSyntax> {
        Ok(Intrinsic { text: text.to_owned(), call: parse::call(text)? })
    }

    /// The variables that it reads, without `$`; one may come twice.
    pub(crate) fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.call.variables(&mut names);
        names
    }

    /// Its value, with a budget of its own.
    ///
    /// # Errors
    /// An argument's path names nothing (`States.Runtime`), the function cannot do it (`States.IntrinsicFailure`), or
    /// it is over the budget.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        self.evaluate_in(&Evaluation::new(scope, &Budget::default()))
    }

    pub(super) fn evaluate_in(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, Failure> {
        self.call.evaluate(evaluation).map_err(|fault| match fault {
            Fault::Path(error) => Failure::runtime(self.had(&missing(&error, evaluation.scope))),
            Fault::Refused(message) => Failure::intrinsic(self.had(&message)),
            Fault::Exhausted(exhausted) => exhausted.into(),
        })
    }

    fn had(&self, message: &str) -> String {
        format!("The function '{}' had the following error: {message}", self.text)
    }
}

/// AWS names the path as the part after the first `$` of `$$`, and the state's input even for the context object.
fn missing(error: &PathError, scope: &Scope<'_>) -> String {
    match &error.kind {
        PathErrorKind::Mismatch(_) | PathErrorKind::Null | PathErrorKind::Exhausted(_) => error.detail(),
        PathErrorKind::Missing { .. } | PathErrorKind::OutOfBounds(_) | PathErrorKind::Variable(_) => {
            let path =
                error.path.strip_prefix('$').filter(|path| path.starts_with('$')).unwrap_or(&error.path);
            format!(
                "The JsonPath argument for the field '{path}' could not be found in the input '{}'",
                scope.input
            )
        }
    }
}

impl Call {
    fn variables<'c>(&'c self, names: &mut Vec<&'c str>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => names.extend(path.variable()),
                Argument::Call(call) => call.variables(names),
                Argument::Literal(_) | Argument::Text(_) => {}
            }
        }
    }

    /// Recurses no deeper than calls are nested.
    fn evaluate(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, Fault> {
        evaluation.budget.step(1)?;
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Text(parts) => {
                    evaluation.budget.text(parts.iter().map(|part| part.len() + 2).sum())?;
                    Value::String(parts.join("{}"))
                }
                Argument::Path(path) => path.evaluate(evaluation).map_err(|error| match error.kind {
                    PathErrorKind::Exhausted(exhausted) => Fault::Exhausted(exhausted),
                    _ => Fault::Path(error),
                })?,
                Argument::Call(call) => call.evaluate(evaluation)?,
            });
        }
        let template = match self.arguments.first() {
            Some(Argument::Text(parts)) if self.function == Function::Format => Some(&parts[..]),
            _ => None,
        };
        functions::evaluate(self.function, template, arguments, evaluation)
    }
}
