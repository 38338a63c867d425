//! Filters: `[?(@.price < 10 && @.title =~ /^a/i)]`.
//! <https://github.com/json-path/JsonPath#filter-operators>

use super::budget::Budget;
use super::error::{PathErrorKind, PathSyntax};
use super::parse::{Cursor, nested_path, tokens};
use super::path::{Root, Token};
use super::walk;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::borrow::Cow;

/// How large a regular expression may become, compiled.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// How deep parentheses and `!` may stand within each other.
const DEPTH_MAX: usize = 32;

/// A filter's expression.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// The path names something.
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Size,
    Empty,
    Contains,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// `@…`
    Current(Vec<Token>),
    /// `$…`
    Document(Vec<Token>),
    Literal(Value),
    Pattern(Regex),
}

const OPERATORS: [(&str, Operator); 18] = [
    ("===", Operator::Equal),
    ("!==", Operator::NotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("=~", Operator::Matches),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("all", Operator::All),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
    ("contains", Operator::Contains),
];

/// A filter with its parentheses, which begins here.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Filter, PathSyntax> {
    cursor.expect("(")?;
    let filter = any(cursor, 0)?;
    cursor.blanks();
    cursor.expect(")")?;
    Ok(filter)
}

fn any(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntax> {
    let mut filters = vec![all(cursor, depth)?];
    while separator(cursor, "||") {
        filters.push(all(cursor, depth)?);
    }
    Ok(Filter::Any(filters))
}

fn all(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntax> {
    let mut filters = vec![term(cursor, depth)?];
    while separator(cursor, "&&") {
        filters.push(term(cursor, depth)?);
    }
    Ok(Filter::All(filters))
}

fn separator(cursor: &mut Cursor<'_>, separator: &str) -> bool {
    cursor.blanks();
    cursor.eat(separator)
}

fn term(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntax> {
    if depth > DEPTH_MAX {
        return Err(cursor.error("the filter is nested too deeply"));
    }
    cursor.blanks();
    if cursor.eat("!") {
        return Ok(Filter::Not(Box::new(term(cursor, depth + 1)?)));
    }
    if cursor.eat("(") {
        let filter = any(cursor, depth + 1)?;
        cursor.blanks();
        cursor.expect(")")?;
        return Ok(filter);
    }
    let left = operand(cursor)?;
    cursor.blanks();
    let Some(operator) = operator(cursor) else {
        return match left {
            Operand::Current(_) | Operand::Document(_) => Ok(Filter::Exists(left)),
            _ => Err(cursor.error("an operator expected")),
        };
    };
    cursor.blanks();
    let right = operand(cursor)?;
    if operator == Operator::Matches
        && !matches!((&left, &right), (Operand::Pattern(_), _) | (_, Operand::Pattern(_)))
    {
        return Err(cursor.error("=~ takes a pattern between slashes"));
    }
    Ok(Filter::Compare(left, operator, right))
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    let rest = cursor.rest();
    let (name, operator) = OPERATORS.into_iter().find(|(name, _)| {
        let symbolic = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            // A word ends where another begins.
            && (symbolic || !rest[name.len()..].starts_with(|c: char| c.is_alphanumeric()))
    })?;
    cursor.at += name.len();
    Some(operator)
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, PathSyntax> {
    match cursor.peek() {
        None => Err(cursor.error("a path or a value expected")),
        Some('@') => {
            let text = cursor.path_text(ends_path);
            let mut inner = Cursor::new(&text[1..], cursor.depth + 1);
            tokens(&mut inner).map(Operand::Current).map_err(|error| cursor.error(error.message))
        }
        Some('$') => {
            let text = cursor.path_text(ends_path);
            match nested_path(text, cursor.depth + 1) {
                Ok((Root::Input, tokens)) => Ok(Operand::Document(tokens)),
                Ok(_) => Err(cursor.error("a filter reads '@' and '$' only")),
                Err(error) => Err(cursor.error(error.message)),
            }
        }
        Some('\'' | '"') => cursor.quoted().map(|text| Operand::Literal(Value::String(text))),
        Some('/') => pattern(cursor),
        Some('[' | '{') => json(cursor),
        Some(_) => {
            let word =
                cursor.take_while(|c| !matches!(c, ')' | ' ' | '&' | '|' | '=' | '!' | '<' | '>' | '~'));
            if word.is_empty() {
                return Err(cursor.error("a path or a value expected"));
            }
            // AWS takes a word without quotes for a text.
            let value = serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned()));
            Ok(Operand::Literal(value))
        }
    }
}

fn ends_path(c: char) -> bool {
    matches!(c, ' ' | '<' | '>' | '=' | '~' | '!' | '&' | '|' | ')' | ',')
}

fn pattern(cursor: &mut Cursor<'_>) -> Result<Operand, PathSyntax> {
    cursor.expect("/")?;
    let mut pattern = String::new();
    loop {
        match cursor.next() {
            None => return Err(cursor.error("the pattern is not closed")),
            Some('/') => break,
            Some('\\') => match cursor.next() {
                Some('/') => pattern.push('/'),
                Some(escaped) => pattern.extend(['\\', escaped]),
                None => return Err(cursor.error("the pattern is not closed")),
            },
            Some(other) => pattern.push(other),
        }
    }
    let flags = cursor.take_while(|c| c.is_ascii_alphabetic());
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map(Operand::Pattern)
        .map_err(|_| cursor.error(format!("/{pattern}/ is no pattern, or too large a one")))
}

/// A JSON array or object; quotes may be single ones.
fn json(cursor: &mut Cursor<'_>) -> Result<Operand, PathSyntax> {
    let (mut text, mut depth) = (String::new(), 0_usize);
    while let Some(here) = cursor.peek() {
        match here {
            '\'' | '"' => {
                text.push_str(&Value::String(cursor.quoted()?).to_string());
                continue;
            }
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        text.push(here);
        cursor.next();
        if depth == 0 {
            break;
        }
    }
    serde_json::from_str(&text).map(Operand::Literal).map_err(|_| cursor.error(format!("{text} is not JSON")))
}

impl Filter {
    /// Whether `node` passes; `document` is what `$` names.
    pub(super) fn accepts(
        &self,
        node: &Value,
        document: &Value,
        budget: &Budget,
    ) -> Result<bool, PathErrorKind> {
        budget.step(1).map_err(PathErrorKind::Exhausted)?;
        match self {
            Filter::Any(filters) => {
                for filter in filters {
                    if filter.accepts(node, document, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::All(filters) => {
                for filter in filters {
                    if !filter.accepts(node, document, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!filter.accepts(node, document, budget)?),
            Filter::Exists(operand) => Ok(operand.value(node, document, budget)?.is_some()),
            Filter::Compare(Operand::Pattern(pattern), Operator::Matches, operand)
            | Filter::Compare(operand, Operator::Matches, Operand::Pattern(pattern)) => {
                let value = operand.value(node, document, budget)?;
                let Some(text) = value.as_deref().and_then(Value::as_str) else { return Ok(false) };
                budget.step(text.len() as u64).map_err(PathErrorKind::Exhausted)?;
                Ok(pattern.is_match(text))
            }
            Filter::Compare(left, operator, right) => {
                let left = left.value(node, document, budget)?;
                let right = right.value(node, document, budget)?;
                compare(left.as_deref(), *operator, right.as_deref(), budget)
            }
        }
    }
}

impl Operand {
    fn value<'v>(
        &'v self,
        node: &'v Value,
        document: &'v Value,
        budget: &Budget,
    ) -> Result<Option<Cow<'v, Value>>, PathErrorKind> {
        match self {
            Operand::Current(tokens) => walk::find(node, tokens, budget),
            Operand::Document(tokens) => walk::find(document, tokens, budget),
            Operand::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Operand::Pattern(_) => Ok(None),
        }
    }
}

/// `None` stands for what is not there.
fn compare(
    left: Option<&Value>,
    operator: Operator,
    right: Option<&Value>,
    budget: &Budget,
) -> Result<bool, PathErrorKind> {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(match operator {
            Operator::NotEqual => left.is_some() != right.is_some(),
            Operator::NotIn => right.is_some(),
            Operator::Equal => left.is_none() && right.is_none(),
            _ => false,
        });
    };
    let items = |value: &Value| value.as_array().map_or(1, Vec::len) as u64;
    budget.step(items(left).saturating_mul(items(right))).map_err(PathErrorKind::Exhausted)?;
    let order = || match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let among = |item: &Value, list: &[Value]| list.iter().any(|other| equal(item, other));
    let lists = || Some((left.as_array()?, right.as_array()?));
    Ok(match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        Operator::LessOrEqual => order().is_some_and(std::cmp::Ordering::is_le),
        Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
        Operator::GreaterOrEqual => order().is_some_and(std::cmp::Ordering::is_ge),
        Operator::In => right.as_array().is_some_and(|list| among(left, list)),
        Operator::NotIn => right.as_array().is_some_and(|list| !among(left, list)),
        Operator::SubsetOf => lists().is_some_and(|(left, right)| left.iter().all(|item| among(item, right))),
        Operator::AnyOf => lists().is_some_and(|(left, right)| left.iter().any(|item| among(item, right))),
        Operator::NoneOf => lists().is_some_and(|(left, right)| !left.iter().any(|item| among(item, right))),
        Operator::All => lists().is_some_and(|(left, right)| right.iter().all(|item| among(item, left))),
        Operator::Size => length(left).is_some_and(|length| right.as_u64() == Some(length)),
        Operator::Empty => length(left).is_some_and(|length| right.as_bool() == Some(length == 0)),
        Operator::Contains => match (left, right) {
            (Value::String(left), Value::String(right)) => left.contains(&**right),
            (Value::Array(list), item) => among(item, list),
            _ => false,
        },
        // Has a pattern, and was answered.
        Operator::Matches => false,
    })
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(members) => Some(members.len() as u64),
        Value::String(text) => Some(text.chars().count() as u64),
        _ => None,
    }
}

/// Numbers by their value, and a text that is a number as that number; all else as it is.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            text.parse::<f64>().is_ok_and(|parsed| number.as_f64() == Some(parsed))
        }
        _ => left == right,
    }
}
