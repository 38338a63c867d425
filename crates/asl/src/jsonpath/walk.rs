//! Walking a value along a path's tokens, one token after the other, so that no path makes it recurse.

use super::budget::{Budget, VALUE_BYTES};
use super::error::PathErrorKind;
use super::path::Token;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

type Nodes<'v> = Vec<Cow<'v, Value>>;

/// Whether the tokens can name one value at most.
pub(super) fn is_definite(tokens: &[Token]) -> bool {
    let last = tokens.len().saturating_sub(1);
    tokens.iter().enumerate().all(|(at, token)| match token {
        Token::Property(_) | Token::Index(_) | Token::Function(_) => true,
        // At the end, several names make one object.
        Token::Properties(_) => at == last,
        Token::Indices(_) | Token::Slice(..) | Token::Wildcard | Token::Scan | Token::Filter(_) => false,
    })
}

/// Where `index`, which may count from the end, lies among `length`; may lie beyond the end.
pub(super) fn position(index: i64, length: usize) -> Option<usize> {
    if index >= 0 {
        usize::try_from(index).ok()
    } else {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    }
}

/// The value that the tokens name in `document`: one, or for indefinite tokens a list.
pub(super) fn get(document: &Value, tokens: &[Token], budget: &Budget) -> Result<Value, PathErrorKind> {
    let (tokens, function) = match tokens {
        [tokens @ .., Token::Function(function)] => (tokens, Some(function)),
        _ => (tokens, None),
    };
    let found = if is_definite(tokens) {
        definite(document, tokens, budget)?
    } else {
        let mut items = Vec::new();
        for node in nodes(document, tokens, budget)? {
            items.push(owned(node, budget)?);
        }
        Cow::Owned(Value::Array(items))
    };
    match function {
        Some(function) => function.call(&found, document, budget),
        None => owned(found, budget),
    }
}

/// Whether the tokens name anything in `document`, and what: for filters.
pub(super) fn find<'v>(
    document: &'v Value,
    tokens: &[Token],
    budget: &Budget,
) -> Result<Option<Cow<'v, Value>>, PathErrorKind> {
    let found = if is_definite(tokens) && !matches!(tokens.last(), Some(Token::Function(_))) {
        definite(document, tokens, budget)
    } else {
        get(document, tokens, budget).map(Cow::Owned)
    };
    match found {
        Ok(value) => Ok(Some(value)),
        Err(kind @ PathErrorKind::Exhausted(_)) => Err(kind),
        Err(_) => Ok(None),
    }
}

fn owned(node: Cow<'_, Value>, budget: &Budget) -> Result<Value, PathErrorKind> {
    match node {
        Cow::Borrowed(value) => budget.copy(value).map_err(PathErrorKind::Exhausted),
        Cow::Owned(value) => Ok(value),
    }
}

fn definite<'v>(
    document: &'v Value,
    tokens: &[Token],
    budget: &Budget,
) -> Result<Cow<'v, Value>, PathErrorKind> {
    let mut here = document;
    for (at, token) in tokens.iter().enumerate() {
        budget.step(1).map_err(PathErrorKind::Exhausted)?;
        let last = at + 1 == tokens.len();
        here = match token {
            Token::Property(name) => match here {
                Value::Object(members) => match members.get(name) {
                    Some(value) => value,
                    None if last => return Err(missing(no_results(tokens), name)),
                    None => {
                        let path = canonical(&tokens[..=at]);
                        return Err(missing(format!("Missing property in path {path}"), name));
                    }
                },
                _ => {
                    let path = canonical(&tokens[..at]);
                    return Err(missing(format!("Property ['{name}'] not found in path {path}"), name));
                }
            },
            Token::Index(index) => match here {
                Value::Array(items) => match position(*index, items.len()).and_then(|at| items.get(at)) {
                    Some(item) => item,
                    None => return Err(PathErrorKind::OutOfBounds(no_results(tokens))),
                },
                _ => {
                    return Err(PathErrorKind::Mismatch(format!(
                        "Filter: [{index}] can only be applied to arrays. Current context is: {}",
                        JavaText(here)
                    )));
                }
            },
            Token::Properties(names) => {
                return match here {
                    Value::Object(members) => Ok(Cow::Owned(merged(members, names, budget)?)),
                    _ => Err(missing(no_results(tokens), &names.join(","))),
                };
            }
            // Not definite: `is_definite` says so.
            _ => return Err(PathErrorKind::Mismatch(no_results(tokens))),
        };
    }
    Ok(Cow::Borrowed(here))
}

fn missing(detail: String, step: &str) -> PathErrorKind {
    PathErrorKind::Missing { detail, step: step.to_owned() }
}

fn merged(members: &Map<String, Value>, names: &[String], budget: &Budget) -> Result<Value, PathErrorKind> {
    let mut object = Map::new();
    for name in names {
        if let Some(value) = members.get(name) {
            budget.text(name.len()).map_err(PathErrorKind::Exhausted)?;
            budget.bytes(super::budget::MEMBER_BYTES).map_err(PathErrorKind::Exhausted)?;
            object.insert(name.clone(), budget.copy(value).map_err(PathErrorKind::Exhausted)?);
        }
    }
    Ok(Value::Object(object))
}

fn nodes<'v>(document: &'v Value, tokens: &[Token], budget: &Budget) -> Result<Nodes<'v>, PathErrorKind> {
    let mut here: Vec<&'v Value> = vec![document];
    let mut scanned = false;
    for (at, token) in tokens.iter().enumerate() {
        let mut next: Vec<&'v Value> = Vec::new();
        for &node in &here {
            budget.step(1).map_err(PathErrorKind::Exhausted)?;
            let before = next.len();
            match token {
                Token::Scan => descendants(node, &mut next, budget)?,
                Token::Property(name) => next.extend(member(node, name)),
                Token::Properties(names) if at + 1 == tokens.len() => {
                    return here
                        .iter()
                        .filter_map(|node| node.as_object())
                        .map(|members| merged(members, names, budget).map(Cow::Owned))
                        .collect();
                }
                Token::Properties(names) => {
                    next.extend(names.iter().filter_map(|name| member(node, name)));
                }
                Token::Wildcard => match node {
                    Value::Array(items) => next.extend(items),
                    Value::Object(members) => next.extend(members.values()),
                    _ => {}
                },
                Token::Index(index) => next.extend(element(node, *index)),
                Token::Indices(indices) => {
                    next.extend(indices.iter().filter_map(|index| element(node, *index)));
                }
                Token::Slice(from, to) => next.extend(slice(node, *from, *to)),
                Token::Filter(filter) => match node {
                    // What was found by scanning is tested itself: its elements were found too.
                    Value::Array(items) if !scanned => {
                        for item in items {
                            if filter.accepts(item, document, budget)? {
                                next.push(item);
                            }
                        }
                    }
                    Value::Object(_) if filter.accepts(node, document, budget)? => next.push(node),
                    _ => {}
                },
                // The last one, and not among these: `get` took it off.
                Token::Function(_) => {}
            }
            let made = next.len() - before;
            budget.step(made as u64).map_err(PathErrorKind::Exhausted)?;
            budget.bytes(made.saturating_mul(size_of::<&Value>())).map_err(PathErrorKind::Exhausted)?;
        }
        scanned = matches!(token, Token::Scan);
        here = next;
    }
    budget.bytes(here.len().saturating_mul(VALUE_BYTES)).map_err(PathErrorKind::Exhausted)?;
    Ok(here.into_iter().map(Cow::Borrowed).collect())
}

/// The node itself and all that is in it, each before what is in it.
fn descendants<'v>(
    node: &'v Value,
    found: &mut Vec<&'v Value>,
    budget: &Budget,
) -> Result<(), PathErrorKind> {
    let mut rest = vec![node];
    while let Some(node) = rest.pop() {
        budget.step(1).map_err(PathErrorKind::Exhausted)?;
        match node {
            Value::Array(items) => rest.extend(items.iter().rev()),
            Value::Object(members) => rest.extend(members.values().rev()),
            // No token finds anything in a scalar.
            _ => continue,
        }
        found.push(node);
    }
    Ok(())
}

fn member<'v>(node: &'v Value, name: &str) -> Option<&'v Value> {
    node.as_object()?.get(name)
}

fn element(node: &Value, index: i64) -> Option<&Value> {
    let items = node.as_array()?;
    items.get(position(index, items.len())?)
}

/// As Jayway slices: from the end where the only number is negative; a negative number beside another one is taken as
/// it stands, so that `[1:-1]` is empty and `[-1:1]` is the last element and the first.
fn slice(node: &Value, from: Option<i64>, to: Option<i64>) -> Vec<&Value> {
    let Value::Array(items) = node else { return Vec::new() };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (from, to) = match (from, to) {
        (Some(from), None) => (if from < 0 { from.saturating_add(length).max(0) } else { from }, length),
        (None, Some(to)) => (0, if to < 0 { to.saturating_add(length) } else { to }.min(length)),
        (Some(from), Some(to)) => (from.max(-length), to.min(length)),
        (None, None) => (0, length),
    };
    (from..to).filter_map(|index| items.get(position(index, items.len())?)).collect()
}

fn no_results(tokens: &[Token]) -> String {
    format!("No results for path: {}", canonical(tokens))
}

/// The definite tokens as Jayway writes them: `$['a'][0]`.
fn canonical(tokens: &[Token]) -> String {
    let mut path = String::from("$");
    for token in tokens {
        // Writing to a String cannot fail.
        let _ = match token {
            Token::Property(name) => write!(path, "['{name}']"),
            Token::Properties(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                write!(path, "[{}]", names.join(","))
            }
            Token::Index(index) => write!(path, "[{index}]"),
            _ => write!(path, "[*]"),
        };
    }
    path
}

/// A value as Java's `toString` has it, cut to what a message can hold.
struct JavaText<'v>(&'v Value);

impl std::fmt::Display for JavaText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LENGTH_MAX: usize = 1024;
        let mut text = String::new();
        super::intrinsic::java_text(self.0, &mut text, LENGTH_MAX);
        f.write_str(&text)
    }
}
