//! The functions that may end a path: `$.items.length()`.
//! <https://github.com/json-path/JsonPath#functions>

use super::budget::{Budget, VALUE_BYTES};
use super::error::{PathErrorKind, PathSyntax};
use super::parse::{Cursor, nested_path};
use super::path::{Root, Token};
use super::walk;
use serde_json::{Number, Value};

/// A function that ends a path, and what stands in its parentheses.
#[derive(Debug, Clone)]
pub(super) struct Function {
    name: Name,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    StdDev,
    Concat,
    Keys,
    Append,
    First,
    Last,
    Index,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    Path(Vec<Token>),
}

impl Function {
    /// `call` is `(…)`. `None` where no function has that name.
    pub(super) fn parse(name: &str, call: &str, at: &Cursor<'_>) -> Result<Option<Function>, PathSyntax> {
        let name = match name {
            "length" | "size" => Name::Length,
            "min" => Name::Min,
            "max" => Name::Max,
            "avg" => Name::Avg,
            "sum" => Name::Sum,
            "stddev" => Name::StdDev,
            "concat" => Name::Concat,
            "keys" => Name::Keys,
            "append" => Name::Append,
            "first" => Name::First,
            "last" => Name::Last,
            "index" => Name::Index,
            _ => return Ok(None),
        };
        let Some(inside) = call.strip_prefix('(').and_then(|call| call.strip_suffix(')')) else {
            return Err(at.error("')' expected"));
        };
        let mut cursor = Cursor::new(inside, at.depth);
        let mut arguments = Vec::new();
        cursor.blanks();
        while cursor.peek().is_some() {
            let text = match cursor.peek() {
                Some('\'' | '"') => {
                    let text = cursor.quoted()?;
                    arguments.push(Argument::Literal(Value::String(text)));
                    None
                }
                _ => Some(cursor.path_text(|c| c == ',').trim()),
            };
            match text {
                None => {}
                Some(text) if text.starts_with('$') => match nested_path(text, at.depth + 1)? {
                    (Root::Input, tokens) => arguments.push(Argument::Path(tokens)),
                    _ => return Err(at.error("a path of a function begins with '$.'")),
                },
                Some(text) => {
                    let literal = serde_json::from_str(text)
                        .map_err(|_| at.error(format!("'{text}' is no argument of a function")))?;
                    arguments.push(Argument::Literal(literal));
                }
            }
            cursor.blanks();
            if cursor.peek().is_some() {
                cursor.expect(",")?;
                cursor.blanks();
            }
        }
        Ok(Some(Function { name, arguments }))
    }

    /// The function of `value`, which the path up to it gave; `document` is what its arguments' `$` names.
    pub(super) fn call(
        &self,
        value: &Value,
        document: &Value,
        budget: &Budget,
    ) -> Result<Value, PathErrorKind> {
        let exhausted = PathErrorKind::Exhausted;
        budget.step(1).map_err(exhausted)?;
        let arguments: Vec<Value> = self
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Literal(value) => budget.copy(value).map_err(exhausted),
                Argument::Path(tokens) => walk::get(document, tokens, budget),
            })
            .collect::<Result<_, _>>()?;
        match self.name {
            Name::Length => Ok(match value {
                Value::Array(items) => items.len().into(),
                Value::Object(members) => members.len().into(),
                Value::String(text) => text.chars().count().into(),
                _ => Value::Null,
            }),
            Name::Keys => {
                let Value::Object(members) = value else { return Err(self.cannot_take(value)) };
                budget.bytes(members.len().saturating_mul(VALUE_BYTES)).map_err(exhausted)?;
                members
                    .keys()
                    .map(|name| {
                        budget.text(name.len()).map_err(exhausted)?;
                        Ok(Value::String(name.clone()))
                    })
                    .collect::<Result<Vec<Value>, _>>()
                    .map(Value::Array)
            }
            Name::Append => {
                let Value::Array(items) = value else { return Err(self.cannot_take(value)) };
                budget.charge(value).map_err(exhausted)?;
                budget
                    .bytes((items.len() + arguments.len()).saturating_mul(VALUE_BYTES))
                    .map_err(exhausted)?;
                Ok(Value::Array(items.iter().cloned().chain(arguments).collect()))
            }
            Name::Concat => {
                let mut text = String::new();
                let items = if let Value::Array(items) = value { &items[..] } else { &[] };
                for item in items.iter().chain(&arguments).filter_map(Value::as_str) {
                    budget.text(item.len().saturating_mul(2)).map_err(exhausted)?;
                    text.push_str(item);
                }
                Ok(Value::String(text))
            }
            Name::First | Name::Last | Name::Index => {
                let Value::Array(items) = value else { return Err(self.cannot_take(value)) };
                let index = match self.name {
                    Name::First => Some(0),
                    Name::Last => Some(-1),
                    _ => arguments.first().and_then(Value::as_i64),
                };
                let index = index.and_then(|index| walk::position(index, items.len()));
                match index.and_then(|index| items.get(index)) {
                    Some(item) => budget.copy(item).map_err(exhausted),
                    None => Err(PathErrorKind::Mismatch(
                        "Aggregation function attempted to calculate value using empty array".to_owned(),
                    )),
                }
            }
            Name::Min | Name::Max | Name::Avg | Name::Sum | Name::StdDev => {
                let items = if let Value::Array(items) = value { &items[..] } else { &[] };
                budget.step(items.len() as u64).map_err(exhausted)?;
                let numbers = items.iter().chain(arguments.iter().flat_map(flat)).filter_map(Value::as_f64);
                self.aggregate(numbers)
            }
        }
    }

    fn aggregate(&self, numbers: impl Iterator<Item = f64>) -> Result<Value, PathErrorKind> {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers {
            count += 1.0;
            sum += number;
            squares += number * number;
            least = least.min(number);
            most = most.max(number);
        }
        if count == 0.0 {
            return Err(PathErrorKind::Mismatch(
                "Aggregation function attempted to calculate value using empty array".to_owned(),
            ));
        }
        let result = match self.name {
            Name::Min => least,
            Name::Max => most,
            Name::Sum => sum,
            Name::Avg => sum / count,
            _ => (squares / count - sum * sum / count / count).max(0.0).sqrt(),
        };
        Ok(Number::from_f64(result).map_or(Value::Null, Value::Number))
    }

    fn cannot_take(&self, value: &Value) -> PathErrorKind {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let function = format!("{:?}", self.name).to_lowercase();
        PathErrorKind::Mismatch(format!("The function {function}() cannot be applied to {kind}"))
    }
}

fn flat(value: &Value) -> &[Value] {
    if let Value::Array(items) = value { items } else { std::slice::from_ref(value) }
}
