//! Strings in JSON.

use super::NotJson;
use super::reader::{Reader, shown};

/// Reads the string that begins here. `what` is what Jackson calls it: a `string value` or a `name`.
pub(super) fn string(reader: &mut Reader<'_>, what: &str) -> Result<String, NotJson> {
    let mut text = String::new();
    reader.at += 1;
    loop {
        let rest = &reader.text[reader.at..];
        let plain =
            rest.find(|letter: char| letter == '"' || letter == '\\' || letter < ' ').unwrap_or(rest.len());
        text.push_str(&rest[..plain]);
        reader.at += plain;
        match reader.peek_char() {
            None if what == "name" => return Err(reader.at_end(" in field name")),
            None => return Err(reader.at_end(": was expecting closing quote for a string value")),
            Some('"') => {
                reader.at += 1;
                return Ok(text);
            }
            Some('\\') => {
                reader.at += 1;
                text.push(escape(reader)?);
            }
            Some(control) => {
                let message = format!(
                    "Illegal unquoted character ({}): has to be escaped using backslash to be included in {what}",
                    shown(control)
                );
                return Err(reader.behind(control, message));
            }
        }
    }
}

fn escape(reader: &mut Reader<'_>) -> Result<char, NotJson> {
    let Some(letter) = reader.peek_char() else {
        return Err(reader.at_end(" in character escape sequence"));
    };
    let plain = match letter {
        '"' | '\\' | '/' => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            reader.at += 1;
            return unicode(reader);
        }
        other => {
            return Err(reader.behind(other, format!("Unrecognized character escape {}", shown(other))));
        }
    };
    reader.at += 1;
    Ok(plain)
}

/// `\u` and four hex digits, or two of them for a character beyond the basic plane.
fn unicode(reader: &mut Reader<'_>) -> Result<char, NotJson> {
    let first = hex(reader)?;
    if let Some(letter) = char::from_u32(first) {
        return Ok(letter);
    }
    let lone = NotJson::Syntax {
        offset: reader.at,
        message: format!("Unpaired surrogate \\u{first:04x} in a string: no text can hold it"),
    };
    if !(0xD800..0xDC00).contains(&first) || !reader.text[reader.at..].starts_with("\\u") {
        return Err(lone);
    }
    reader.at += 2;
    let second = hex(reader)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(lone);
    }
    char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(lone)
}

fn hex(reader: &mut Reader<'_>) -> Result<u32, NotJson> {
    let mut code = 0;
    for _ in 0..4 {
        let Some(letter) = reader.peek_char() else {
            return Err(reader.at_end(" in character escape sequence"));
        };
        let Some(digit) = letter.to_digit(16) else {
            return Err(reader.unexpected(letter, "expected a hex-digit for character escape sequence"));
        };
        code = code * 16 + digit;
        reader.at += 1;
    }
    Ok(code)
}
