//! The official JSONata suite, run through the interpreter that Step Functions' expressions run through.
//!
//! A case is a JSON object a line: `{id, expr, data?, bindings?, timelimit?, depth?, expect}`, where `expect` is
//! `{kind: "result", value}`, `{kind: "undefined"}` or `{kind: "error", code}`. Cases that bound time and depth are held
//! to as many steps as they have milliseconds, a thousand each, and to as many nested evaluations.

use crate::jsonata::suite::{Case, Given, evaluate};
use serde_json::{Value, json};

/// Steps of fuel for each millisecond that a case allows.
const FUEL_OF_MILLISECOND: u64 = 1_000;
/// Longest rendering of a value in a failure, in characters.
const SHOWN_LENGTH_MAX: usize = 120;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that hold a case.
    pub cases: usize,
    /// Cases whose result, undefined result or error code is the expected one.
    pub passed: usize,
    /// The others.
    pub failures: Vec<Failure>,
}

/// A case that did not give what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its `id` in the suite.
    pub id: String,
    /// Expected and found, cut to a readable length.
    pub why: String,
}

/// Runs every case.
pub fn run(lines: &str) -> Report {
    let mut report = Report::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        report.cases += 1;
        match run_line(line) {
            Ok(()) => report.passed += 1,
            Err(failure) => report.failures.push(failure),
        }
    }
    report
}

/// Runs the case of one line.
///
/// # Errors
/// It is no case, or gave something else.
pub fn run_line(line: &str) -> Result<(), Failure> {
    let case: Value = serde_json::from_str(line).map_err(|error| Failure {
        id: text_after(line, "\"id\": \"").to_owned(),
        why: format!("no Rust text can hold it (half of a surrogate pair, for instance): {error}"),
    })?;
    let given = evaluate(&Case {
        expression: case["expr"].as_str().unwrap_or_default(),
        input: case.get("data"),
        bindings: case["bindings"].as_object(),
        fuel: case["timelimit"].as_u64().map(|limit| (limit * FUEL_OF_MILLISECOND).min(5_000_000)),
        depth: case["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()),
    });
    let expected = &case["expect"];
    let passed = match (&given, expected["kind"].as_str()) {
        (Given::Undefined, Some("undefined")) => true,
        (Given::Value(value), Some("result")) => same(value, &expected["value"]),
        // What JSON cannot hold was recorded as null.
        (Given::Other, Some("result")) => expected["value"].is_null(),
        (Given::Error { code, text }, Some("error")) => match expected["code"].as_str() {
            Some(wanted) => *code == wanted,
            None => !text.is_empty(),
        },
        _ => false,
    };
    if passed {
        return Ok(());
    }
    let id = case["id"].as_str().unwrap_or_default().to_owned();
    Err(Failure {
        id,
        why: format!("expected {}, found {}", shown(&expected.to_string()), shown(&format!("{given:?}"))),
    })
}

/// What an expression gives on an input, in the words of a case's `expect`; an error's with its `message`, and
/// `{kind: "other"}` for what is no JSON.
pub fn answer(expression: &str, input: Option<&Value>) -> Value {
    let case = Case { expression, input, bindings: None, fuel: None, depth: None };
    match evaluate(&case) {
        Given::Undefined => json!({"kind": "undefined"}),
        Given::Value(value) => json!({"kind": "result", "value": value}),
        Given::Other => json!({"kind": "other"}),
        Given::Error { code, text } => json!({"kind": "error", "code": code, "message": text}),
    }
}

fn text_after<'a>(line: &'a str, mark: &str) -> &'a str {
    let rest = line.split_once(mark).map_or("", |(_, rest)| rest);
    rest.split_once('"').map_or(rest, |(text, _)| text)
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_LENGTH_MAX).collect()
}

/// Equal, numbers to twelve digits: the suite compares what other libraries' powers and roots give.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= 1e-12 * a.abs()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
