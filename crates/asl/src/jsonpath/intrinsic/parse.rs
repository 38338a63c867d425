//! Parsing calls of intrinsic functions.

use super::super::parse::Cursor;
use super::super::path::Path;
use super::{Argument, Call, DEPTH_MAX, Function, IntrinsicSyntax};
use serde_json::Value;

/// Each function's name, and how many arguments it takes: least and most.
const FUNCTIONS: [(&str, Function, usize, usize); 18] = [
    ("Format", Function::Format, 1, usize::MAX),
    ("StringToJson", Function::StringToJson, 1, 1),
    ("JsonToString", Function::JsonToString, 1, 1),
    ("Array", Function::Array, 0, usize::MAX),
    ("ArrayPartition", Function::ArrayPartition, 2, 2),
    ("ArrayContains", Function::ArrayContains, 2, 2),
    ("ArrayRange", Function::ArrayRange, 3, 3),
    ("ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("ArrayLength", Function::ArrayLength, 1, 1),
    ("ArrayUnique", Function::ArrayUnique, 1, 1),
    ("Base64Encode", Function::Base64Encode, 1, 1),
    ("Base64Decode", Function::Base64Decode, 1, 1),
    ("Hash", Function::Hash, 2, 2),
    ("JsonMerge", Function::JsonMerge, 3, 3),
    ("MathRandom", Function::MathRandom, 2, 3),
    ("MathAdd", Function::MathAdd, 2, 2),
    ("StringSplit", Function::StringSplit, 2, 2),
    ("UUID", Function::Uuid, 0, 0),
];

/// A whole text that is one call.
pub(super) fn call(text: &str) -> Result<Call, IntrinsicSyntax> {
    let mut cursor = Cursor::new(text.trim_end(), 0);
    let call = nested(&mut cursor, 1)?;
    if cursor.peek().is_some() {
        return Err(error(&cursor, "nothing may follow the call"));
    }
    Ok(call)
}

fn error(cursor: &Cursor<'_>, message: impl Into<String>) -> IntrinsicSyntax {
    let error = cursor.error(message);
    IntrinsicSyntax { message: error.message, position: error.position }
}

fn blanks(cursor: &mut Cursor<'_>) {
    cursor.take_while(char::is_whitespace);
}

/// Recurses once for each level, of which there are [`DEPTH_MAX`] at most.
fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Result<Call, IntrinsicSyntax> {
    if depth > DEPTH_MAX {
        return Err(error(cursor, format!("functions are nested deeper than {DEPTH_MAX}")));
    }
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
    let known = FUNCTIONS.iter().find(|(known, ..)| name.strip_prefix("States.") == Some(known));
    let Some(&(_, function, least, most)) = known else {
        return Err(error(cursor, format!("'{name}' is no intrinsic function")));
    };
    blanks(cursor);
    if !cursor.eat("(") {
        return Err(error(cursor, "'(' expected"));
    }
    let mut arguments = Vec::new();
    blanks(cursor);
    if !cursor.eat(")") {
        loop {
            blanks(cursor);
            arguments.push(argument(cursor, depth)?);
            blanks(cursor);
            if cursor.eat(")") {
                break;
            }
            if !cursor.eat(",") {
                return Err(error(cursor, "',' or ')' expected"));
            }
        }
    }
    if arguments.len() < least || arguments.len() > most {
        return Err(error(cursor, format!("{name} does not take {} arguments", arguments.len())));
    }
    Ok(Call { function, arguments })
}

fn argument(cursor: &mut Cursor<'_>, depth: usize) -> Result<Argument, IntrinsicSyntax> {
    match cursor.peek() {
        Some('\'') => text(cursor).map(Argument::Text),
        Some('$') => {
            let begin = cursor.at;
            let path = cursor.path_text(|c| c == ',' || c == ')').trim_end();
            Path::parse(path).map(Argument::Path).map_err(|syntax| {
                let mut at = Cursor::new(cursor.text, 0);
                at.at = begin;
                let begin = error(&at, "").position;
                IntrinsicSyntax { message: syntax.message, position: begin + syntax.position }
            })
        }
        Some('S') => nested(cursor, depth + 1).map(|call| Argument::Call(Box::new(call))),
        _ => {
            let word = cursor.take_while(|c| !matches!(c, ',' | ')') && !c.is_whitespace());
            match serde_json::from_str(word) {
                Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => Ok(Argument::Literal(value)),
                _ => Err(error(
                    cursor,
                    format!(
                        "'{word}' is no argument: a text in single quotes, a number, true, false, null, a path or a call is"
                    ),
                )),
            }
        }
    }
}

/// A text in single quotes, cut at `{}`.
fn text(cursor: &mut Cursor<'_>) -> Result<Vec<String>, IntrinsicSyntax> {
    cursor.eat("'");
    let mut parts = vec![];
    let mut part = String::new();
    loop {
        if cursor.eat("{}") {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        match cursor.next() {
            None => return Err(error(cursor, "the text is not closed")),
            Some('\'') => {
                parts.push(part);
                return Ok(parts);
            }
            Some('\\') => match cursor.next() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => part.push(escaped),
                _ => return Err(error(cursor, "only ' { } and \\ may follow a \\")),
            },
            Some(other) => part.push(other),
        }
    }
}
