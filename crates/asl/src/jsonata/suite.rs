//! Bare evaluations for the official suite: any input, bindings, `$eval`, and bounds of the case's own.

use super::LIMITS;
use super::engine::convert::{NotJson, to_json, to_value};
use super::engine::{self, Dialect, Evaluation, Host, Thrown, Value as Inner};
use crate::random::Random;
use serde_json::{Map, Value};

/// 2026-01-01T00:00:00.000Z
const NOW_MS: i64 = 1_767_225_600_000;

/// What a case of the suite gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    Undefined,
    Value(Value),
    /// Something that is no JSON, such as a function or a number without end.
    Other,
    Error {
        code: &'static str,
        text: String,
    },
}

/// One case: an expression, its input (`None` for undefined), its variables, and its bounds where it has any.
pub(crate) struct Case<'a> {
    pub(crate) expression: &'a str,
    pub(crate) input: Option<&'a Value>,
    pub(crate) bindings: Option<&'a Map<String, Value>>,
    pub(crate) fuel: Option<u64>,
    pub(crate) depth: Option<usize>,
}

pub(crate) fn evaluate(case: &Case<'_>) -> Given {
    let given = evaluated(case);
    given.unwrap_or_else(|error| Given::Error { code: error.code(), text: error.to_string() })
}

fn evaluated(case: &Case<'_>) -> Result<Given, Thrown> {
    let tree = engine::compile(case.expression)?;
    let host = Host { dialect: Dialect::Official, now_ms: NOW_MS, random: Random::new(1) };
    let limits = engine::Limits {
        fuel: case.fuel.unwrap_or(LIMITS.fuel),
        depth: case.depth.unwrap_or(LIMITS.depth),
        ..LIMITS
    };
    let evaluation = Evaluation::new(host, limits)?;
    let input = case.input.map_or(Ok(Inner::Undefined), |input| to_value(evaluation.meter(), input))?;
    for (name, value) in case.bindings.into_iter().flatten() {
        evaluation.bind(&name.as_str().into(), to_value(evaluation.meter(), value)?)?;
    }
    let result = evaluation.run(&tree, &input)?;
    match to_json(evaluation.meter(), &result) {
        Ok(value) => Ok(Given::Value(value)),
        Err(NotJson::Undefined) => Ok(Given::Undefined),
        Err(NotJson::Unsupported) => Ok(Given::Other),
        Err(NotJson::Thrown(error)) => Err(error),
    }
}
