//! Numbers in JSON.

use super::NotJson;
use super::reader::{Reader, shown};
use serde_json::Number;

/// Reads the number that begins here.
pub(super) fn number(reader: &mut Reader<'_>) -> Result<Number, NotJson> {
    let start = reader.at;
    if reader.peek() == Some(b'-') {
        reader.at += 1;
        if digits(reader) == 0 {
            return Err(wrong(reader, "expected digit (0-9) to follow minus sign, for valid numeric value"));
        }
    } else {
        digits(reader);
    }
    let whole = reader.text[start..reader.at].trim_start_matches('-');
    if whole.len() > 1 && whole.starts_with('0') {
        let message = "Invalid numeric value: Leading zeroes not allowed".to_owned();
        return Err(NotJson::Syntax { offset: start + (reader.at - start - whole.len()) + 1, message });
    }
    if reader.peek() == Some(b'.') {
        reader.at += 1;
        if digits(reader) == 0 {
            return Err(wrong(reader, "Decimal point not followed by a digit"));
        }
    }
    if matches!(reader.peek(), Some(b'e' | b'E')) {
        reader.at += 1;
        if matches!(reader.peek(), Some(b'+' | b'-')) {
            reader.at += 1;
        }
        if digits(reader) == 0 {
            return Err(wrong(reader, "Exponent indicator not followed by a digit"));
        }
    }
    let text = &reader.text[start..reader.at];
    serde_json::from_str(text).map_err(|_| {
        let message = format!("Numeric value ({text}) out of range");
        NotJson::Syntax { offset: reader.at, message }
    })
}

fn digits(reader: &mut Reader<'_>) -> usize {
    let start = reader.at;
    while matches!(reader.peek(), Some(b'0'..=b'9')) {
        reader.at += 1;
    }
    reader.at - start
}

fn wrong(reader: &Reader<'_>, why: &str) -> NotJson {
    match reader.peek_char() {
        Some(found) => {
            reader.behind(found, format!("Unexpected character ({}) in numeric value: {why}", shown(found)))
        }
        None => reader.at_end(" in numeric value"),
    }
}
