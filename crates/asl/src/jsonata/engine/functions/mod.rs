//! The functions of the language, each with its signature.
//! <https://docs.jsonata.org/string-functions> and the pages beside it.

mod aws;
mod collection;
mod encoding;
mod higher;
mod matching;
mod number;
mod picture;
mod string;

use super::error::{Outcome, Thrown};
use super::eval::Evaluation;
use super::signature::Signature;
use super::value::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Which functions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// jsonata-js 2.0.6 as it comes.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "only tests compare with the official suite")
    )]
    Official,
    /// Without `$eval`, with what Step Functions adds.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
    StepFunctions,
}

type Run = fn(&Evaluation, &[Value], &Value) -> Outcome;

pub(crate) struct Entry {
    name: &'static str,
    signature: Signature,
    /// How many parameters jsonata-js declares, which the higher-order functions look at.
    arity: usize,
    run: Run,
}

/// A function of the language.
#[derive(Clone, Copy)]
pub(crate) struct Builtin(&'static Entry);

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}", self.0.name)
    }
}

impl Builtin {
    pub(crate) fn arity(self) -> usize {
        self.0.arity
    }

    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    pub(crate) fn signature(self) -> &'static Signature {
        &self.0.signature
    }

    pub(crate) fn run(self, evaluation: &Evaluation, arguments: &[Value], context: &Value) -> Outcome {
        evaluation.meter.spend(1)?;
        (self.0.run)(evaluation, arguments, context)
    }
}

/// What an argument is, undefined where there is none.
fn argument(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Undefined)
}

type Table = HashMap<&'static str, Entry>;

fn table(lists: &[&[(&'static str, &'static str, usize, Run)]]) -> Table {
    let entries = lists.iter().flat_map(|list| list.iter());
    entries
        .filter_map(|&(name, signature, arity, run)| {
            // A test sees to it that none is left out.
            let signature = Signature::parse(signature).ok()?;
            Some((name, Entry { name, signature, arity, run }))
        })
        .collect()
}

const LISTS: &[&[(&str, &str, usize, Run)]] = &[
    string::FUNCTIONS,
    encoding::FUNCTIONS,
    matching::FUNCTIONS,
    number::FUNCTIONS,
    picture::FUNCTIONS,
    collection::FUNCTIONS,
    higher::FUNCTIONS,
];

static OFFICIAL: LazyLock<Table> = LazyLock::new(|| table(&[LISTS, &[EVAL]].concat()));
static STEP_FUNCTIONS: LazyLock<Table> = LazyLock::new(|| table(&[LISTS, &[aws::FUNCTIONS]].concat()));

pub(crate) fn find(name: &str, dialect: Dialect) -> Option<Builtin> {
    let table = match dialect {
        Dialect::Official => &*OFFICIAL,
        Dialect::StepFunctions => &*STEP_FUNCTIONS,
    };
    table.get(name).map(Builtin)
}

const EVAL: &[(&str, &str, usize, Run)] = &[("eval", "<sx?:x>", 2, eval)];

fn eval(evaluation: &Evaluation, arguments: &[Value], context: &Value) -> Outcome {
    let Some(source) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    let tree = super::compile(source).map_err(|error| Thrown::new("D3120").text(&error.to_string()))?;
    let input = match argument(arguments, 1) {
        Value::Undefined => context,
        input => input,
    };
    evaluation.run(&tree, input).map_err(|error| Thrown::new("D3121").text(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{Dialect, EVAL, LISTS, aws, find};

    #[test]
    fn every_signature_can_be_read() {
        for (name, ..) in LISTS.iter().flat_map(|list| list.iter()).chain(EVAL) {
            assert!(find(name, Dialect::Official).is_some(), "{name}");
        }
        for (name, ..) in aws::FUNCTIONS {
            assert!(find(name, Dialect::StepFunctions).is_some(), "{name}");
        }
        assert!(find("eval", Dialect::StepFunctions).is_none());
    }
}
