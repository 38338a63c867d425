//! Delimited text.
//!
//! As Step Functions reads it: fields may be quoted, a doubled quote is a quote; a backslash before a backslash, a quote
//! or the delimiter stands for that character, and before any other it is dropped; a short row is filled up with empty
//! strings, and of a long one the rest is dropped. Every field is a string.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>

use super::{Headers, ItemsError, Reading};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Most bytes that the headers may have.
const HEADER_BYTES_MAX: usize = 10 * 1024;

/// Reads rows into `into`, until it has enough.
pub(super) fn read(
    text: &str,
    headers: &Headers,
    delimiter: char,
    into: &mut Reading,
) -> Result<(), ItemsError> {
    let mut rows = Rows { rest: text.strip_prefix('\u{feff}').unwrap_or(text), delimiter };
    let headers = match headers {
        Headers::Given(headers) => headers.clone(),
        Headers::FirstRow => match rows.next(usize::MAX) {
            Some(headers) => headers,
            None => return Ok(()),
        },
    };
    check(&headers)?;
    while !into.is_full() {
        let Some(row) = rows.next(headers.len()) else { return Ok(()) };
        let mut fields = row.into_iter();
        let item: Map<String, Value> = headers
            .iter()
            .map(|header| (header.clone(), Value::String(fields.next().unwrap_or_default())))
            .collect();
        into.add(Value::Object(item))?;
    }
    Ok(())
}

fn check(headers: &[String]) -> Result<(), ItemsError> {
    let mut seen = HashSet::new();
    if !headers.iter().all(|header| seen.insert(header)) {
        return Err(ItemsError::new("CSV headers cannot contain duplicates."));
    }
    let bytes: usize = headers.iter().map(|header| header.len() + 1).sum();
    if bytes > HEADER_BYTES_MAX {
        return Err(ItemsError::new(format!(
            "CSV headers cannot exceed {} KiB, but have {bytes} bytes.",
            HEADER_BYTES_MAX / 1024
        )));
    }
    Ok(())
}

/// Splits text into rows; empty lines are none.
struct Rows<'t> {
    rest: &'t str,
    delimiter: char,
}

/// Where in a row the reading stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
}

impl Rows<'_> {
    /// The next row, of which no more than `most` fields are kept.
    fn next(&mut self, most: usize) -> Option<Vec<String>> {
        let begin = self.rest.find(|letter| letter != '\n' && letter != '\r')?;
        self.rest = &self.rest[begin..];
        let mut fields = Vec::new();
        let mut field = String::new();
        let mut at = At::FieldStart;
        let mut letters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((place, letter)) = letters.next() {
            match (at, letter) {
                (At::Quoted, '"') if letters.peek().is_some_and(|(_, next)| *next == '"') => {
                    letters.next();
                    field.push('"');
                }
                (At::Quoted, '"') => at = At::Plain,
                (_, '\\') => {
                    if at == At::FieldStart {
                        at = At::Plain;
                    }
                    let escapes = |next: char| next == '\\' || next == '"' || next == self.delimiter;
                    if let Some((_, next)) = letters.next_if(|(_, next)| escapes(*next)) {
                        field.push(next);
                    }
                }
                (At::Quoted, letter) => field.push(letter),
                (At::FieldStart, '"') => at = At::Quoted,
                (_, letter) if letter == self.delimiter => {
                    keep(&mut fields, &mut field, most);
                    at = At::FieldStart;
                }
                (_, '\n' | '\r') => {
                    end = place;
                    break;
                }
                (_, letter) => {
                    field.push(letter);
                    at = At::Plain;
                }
            }
        }
        keep(&mut fields, &mut field, most);
        self.rest = &self.rest[end..];
        Some(fields)
    }
}

fn keep(fields: &mut Vec<String>, field: &mut String, most: usize) {
    if fields.len() < most {
        fields.push(std::mem::take(field));
    } else {
        field.clear();
    }
}
