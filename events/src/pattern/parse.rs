//! From JSON to branches, with AWS's words for what is wrong, and found in the order in which AWS finds it.

use super::address::Cidr;
use super::matcher::Matcher;
use super::number::{Bound, Num, Range};
use super::wildcard::Wildcard;
use super::{COMBINATIONS_MAX, DEPTH_MAX, PATTERN_BYTES_MAX, PatternError};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What may stand at each path; the branches of `$or` are multiplied out.
pub(super) type Rule = BTreeMap<Arc<str>, Arc<[Matcher]>>;

/// Names that may not be fields inside `$or`, so that a forgotten array is not taken for a field.
const RESERVED_IN_OR: &[&str] = &[
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY_ELEMENTS: &str = "Too many elements in numeric expression";

fn refuse<T>(reason: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError::new(reason))
}

pub(super) fn compile(pattern: &Value) -> Result<Vec<Rule>, PatternError> {
    let Value::Object(fields) = pattern else { return refuse("Filter is not an object") };
    if !is_at_most(pattern, DEPTH_MAX) {
        return refuse(format!("The pattern is nested more than {DEPTH_MAX} deep"));
    }
    let bytes = serde_json::to_string(pattern).map_or(usize::MAX, |text| text.len());
    if bytes > PATTERN_BYTES_MAX {
        return refuse(format!("The pattern has {bytes} bytes; at most {PATTERN_BYTES_MAX} are allowed"));
    }
    let mut rules = Vec::new();
    object(&mut rules, None, fields, false)?;
    Ok(rules)
}

fn is_at_most(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(fields) => depth > 0 && fields.values().all(|field| is_at_most(field, depth - 1)),
        Value::Array(elements) => depth > 0 && elements.iter().all(|element| is_at_most(element, depth - 1)),
        _ => true,
    }
}

fn object(
    rules: &mut Vec<Rule>,
    prefix: Option<&str>,
    fields: &Map<String, Value>,
    in_or: bool,
) -> Result<(), PatternError> {
    if fields.is_empty() {
        return refuse("Empty objects are not allowed");
    }
    for (name, value) in fields {
        if name == "$or" {
            either(rules, prefix, value)?;
            continue;
        }
        if in_or && RESERVED_IN_OR.contains(&name.as_str()) {
            return refuse(format!("{name} is Ruler reserved fieldName which cannot be used inside $or."));
        }
        let path = prefix.map_or_else(|| name.clone(), |prefix| format!("{prefix}.{name}"));
        match value {
            Value::Object(inner) => object(rules, Some(&path), inner, in_or)?,
            Value::Array(values) => {
                let matchers: Arc<[Matcher]> = alternatives(values)?.into();
                if rules.is_empty() {
                    rules.push(Rule::new());
                }
                let path: Arc<str> = path.into();
                for rule in rules.iter_mut() {
                    // A path that is named again takes the place of the first, as with AWS.
                    rule.insert(path.clone(), matchers.clone());
                }
            }
            _ => return refuse(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

fn either(rules: &mut Vec<Rule>, prefix: Option<&str>, value: &Value) -> Result<(), PatternError> {
    let Value::Array(branches) = value else { return refuse("It must be an Array followed with $or.") };
    let before = std::mem::take(rules);
    let before = if before.is_empty() { vec![Rule::new()] } else { before };
    for branch in branches {
        let Value::Object(fields) = branch else {
            return refuse("Only JSON object is allowed in array of $or relationship.");
        };
        let mut grown = before.clone();
        object(&mut grown, prefix, fields, true)?;
        rules.append(&mut grown);
        if rules.len() > COMBINATIONS_MAX {
            return refuse(format!(
                "The $or relationships multiply to more than {COMBINATIONS_MAX} combinations"
            ));
        }
    }
    if branches.len() < 2 {
        return refuse("There must have at least 2 Objects in $or relationship.");
    }
    Ok(())
}

fn alternatives(values: &[Value]) -> Result<Vec<Matcher>, PatternError> {
    if values.is_empty() {
        return refuse("Empty arrays are not allowed");
    }
    values
        .iter()
        .map(|value| match value {
            Value::Null => Ok(Matcher::Null),
            Value::Bool(wanted) => Ok(Matcher::Bool(*wanted)),
            Value::Number(wanted) => Ok(Matcher::Number(Num::of(wanted))),
            Value::String(wanted) => Ok(Matcher::text(wanted)),
            Value::Object(expression) => expression_of(expression),
            Value::Array(_) => refuse("Match value must be String, number, true, false, or null"),
        })
        .collect()
}

fn expression_of(expression: &Map<String, Value>) -> Result<Matcher, PatternError> {
    let Some((name, value)) = expression.iter().next() else {
        return refuse("Match expression name not found");
    };
    let text = |message: &str| value.as_str().map_or_else(|| refuse(message), Ok);
    let mut many = ONE_KEY;
    let matcher = match name.as_str() {
        "exactly" => Matcher::Text(text("exact match pattern must be a string")?.to_owned()),
        "prefix" => match value {
            Value::Object(inner) => Matcher::PrefixIgnoreCase(ignoring_case(inner, "Prefix", "prefix")?),
            _ => Matcher::Prefix(text("prefix match pattern must be a string")?.to_owned()),
        },
        "suffix" => match value {
            Value::Object(inner) => Matcher::SuffixIgnoreCase(ignoring_case(inner, "Suffix", "suffix")?),
            _ => Matcher::Suffix(text("suffix match pattern must be a string")?.to_owned()),
        },
        "equals-ignore-case" => {
            Matcher::IgnoreCase(text("equals-ignore-case match pattern must be a string")?.to_owned())
        }
        "wildcard" => {
            let wildcard = Wildcard::parse(text("wildcard match pattern must be a string")?);
            Matcher::Wildcard(wildcard.map_err(PatternError::new)?)
        }
        // AWS says "prefix" here.
        "cidr" => {
            let cidr = Cidr::parse(text("prefix match pattern must be a string")?);
            Matcher::Cidr(cidr.map_err(PatternError::new)?)
        }
        "exists" => match value {
            Value::Bool(true) => Matcher::Present,
            Value::Bool(false) => Matcher::Absent,
            _ => return refuse("exists match pattern must be either true or false."),
        },
        "numeric" => {
            many = TOO_MANY_ELEMENTS;
            Matcher::Range(numeric(value)?)
        }
        "anything-but" => {
            many = TOO_MANY_ELEMENTS;
            Matcher::AnythingBut(anything_but(value)?)
        }
        _ => return refuse(format!("Unrecognized match type {name}")),
    };
    if expression.len() > 1 { refuse(many) } else { Ok(matcher) }
}

/// The text in `{"equals-ignore-case": text}` inside a prefix or suffix.
fn ignoring_case(inner: &Map<String, Value>, title: &str, name: &str) -> Result<String, PatternError> {
    let Some((operator, value)) = inner.iter().next() else {
        return refuse(format!("{title} expression name not found"));
    };
    if operator != "equals-ignore-case" {
        return refuse(format!("Unsupported {name} pattern: {operator}"));
    }
    let Some(text) = value.as_str() else {
        return refuse("equals-ignore-case match pattern must be a string");
    };
    if inner.len() > 1 { refuse(ONE_KEY) } else { Ok(text.to_owned()) }
}

fn anything_but(value: &Value) -> Result<Vec<Matcher>, PatternError> {
    match value {
        Value::Object(inner) => {
            let Some((operator, values)) = inner.iter().next() else {
                return refuse("Anything-But expression name not found");
            };
            let make: fn(&str) -> Result<Matcher, String> = match operator.as_str() {
                "equals-ignore-case" => |text| Ok(Matcher::IgnoreCase(text.to_owned())),
                "prefix" => |text| affix(text).map(Matcher::Prefix),
                "suffix" => |text| affix(text).map(Matcher::Suffix),
                "wildcard" => |text| Wildcard::parse(text).map(Matcher::Wildcard),
                _ => return refuse(format!("Unsupported anything-but pattern: {operator}")),
            };
            let not_text = match operator.as_str() {
                "equals-ignore-case" => {
                    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
                }
                "wildcard" => "wildcard match pattern must be a string",
                _ => "prefix/suffix match pattern must be a string",
            };
            let others = scalars(values)?
                .iter()
                .map(|value| match value {
                    Value::String(text) => make(text).map_err(PatternError::new),
                    _ => refuse(not_text),
                })
                .collect::<Result<_, _>>()?;
            if inner.len() > 1 { refuse(TOO_MANY_ELEMENTS) } else { Ok(others) }
        }
        _ => plain_values(scalars(value)?),
    }
}

fn affix(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("Null prefix/suffix not allowed".to_owned()) } else { Ok(text.to_owned()) }
}

/// A list, or a single string or number taken as a list of one.
fn scalars(value: &Value) -> Result<&[Value], PatternError> {
    match value {
        Value::Array(values) => Ok(values),
        Value::String(_) | Value::Number(_) => Ok(std::slice::from_ref(value)),
        _ => refuse("Value of anything-but must be an array or single string/number value."),
    }
}

fn plain_values(values: &[Value]) -> Result<Vec<Matcher>, PatternError> {
    let numbers = values.iter().filter(|value| value.is_number()).count();
    let others = values
        .iter()
        .map(|value| match value {
            Value::String(text) => Ok(Matcher::Text(text.clone())),
            Value::Number(number) => Ok(Matcher::Number(Num::of(number))),
            _ => refuse("Inside anything but list, start|null|boolean is not supported."),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if values.is_empty() || (numbers != 0 && numbers != values.len()) {
        return refuse(
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        );
    }
    Ok(others)
}

/// `["=", n]`, `["<", n]`, `["<=", n]`, or `[">" or ">=", n]` with or without `"<" or "<=", m` after it.
fn numeric(value: &Value) -> Result<Range, PatternError> {
    let Value::Array(terms) = value else { return refuse("Value of numeric must be an array.") };
    let mut terms = terms.iter();
    let first = terms.next();
    let Some(operator) = first.and_then(Value::as_str) else {
        return refuse(format!("Invalid member in numeric match: {}", shown(first)));
    };
    if !["=", "<", "<=", ">", ">="].contains(&operator) {
        return refuse(format!("Unrecognized numeric range operator: {operator}"));
    }
    let said = if operator == "=" { "equals" } else { operator };
    let open = matches!(operator, "<" | ">");
    let bound = Bound { value: number(terms.next(), said)?, open };
    let rest = terms.as_slice();
    match operator {
        "=" | "<" | "<=" if !rest.is_empty() => refuse(TOO_MANY_ELEMENTS),
        "=" => Ok(Range { bottom: Some(bound), top: Some(bound) }),
        "<" | "<=" => Ok(Range { bottom: None, top: Some(bound) }),
        _ if rest.is_empty() => Ok(Range { bottom: Some(bound), top: None }),
        _ => up_to(bound, rest),
    }
}

fn up_to(bottom: Bound, rest: &[Value]) -> Result<Range, PatternError> {
    let Some(operator) = rest.first().and_then(Value::as_str) else {
        return refuse(format!("Bad value in numeric range: {}", shown(rest.first())));
    };
    if !matches!(operator, "<" | "<=") {
        return refuse(format!("Bad numeric range operator: {operator}"));
    }
    let top = Bound { value: number(rest.get(1), operator)?, open: operator == "<" };
    if rest.len() > 2 {
        return refuse("Too many terms in numeric range expression");
    }
    if bottom.value.compare(top.value) != Some(Ordering::Less) {
        return refuse("Bottom must be less than top");
    }
    Ok(Range { bottom: Some(bottom), top: Some(top) })
}

fn number(term: Option<&Value>, operator: &str) -> Result<Num, PatternError> {
    match term {
        Some(Value::Number(number)) => Ok(Num::of(number)),
        _ => refuse(format!("Value of {operator} must be numeric")),
    }
}

/// A term as the parser's token reads: the end of the list is its bracket.
fn shown(term: Option<&Value>) -> String {
    term.map_or_else(|| "]".to_owned(), ToString::to_string)
}
