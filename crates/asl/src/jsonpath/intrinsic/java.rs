//! Values as text, the way Java has them.

use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::{Number, Serializer, Value};
use std::io::{self, Write};

/// The text as Java's collections have it: `{a=1, b=[x, null]}`. AWS puts it into States.Format's result and into some
/// causes. Appended up to about `length_max` bytes in all.
pub(crate) fn java_text(value: &Value, text: &mut String, length_max: usize) {
    if text.len() >= length_max {
        return;
    }
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&java_number(number)),
        Value::String(string) => {
            let room = length_max - text.len();
            text.push_str(string.get(..room).unwrap_or(string));
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                if text.len() >= length_max {
                    return;
                }
                java_text(item, text, length_max);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                if text.len() >= length_max {
                    return;
                }
                text.push_str(name);
                text.push('=');
                java_text(value, text, length_max);
            }
            text.push('}');
        }
    }
}

/// A number as Java has it: `1.0E10` where JSON would have `10000000000.0`.
fn java_number(number: &Number) -> String {
    match number.as_f64() {
        Some(real) if !number.is_i64() && !number.is_u64() => java_real(real),
        _ => number.to_string(),
    }
}

/// `Double.toString`: with an exponent below 10^-3 and from 10^7 on.
/// <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html#toString(double)>
fn java_real(real: f64) -> String {
    let size = real.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{real:?}");
    }
    let text = format!("{real:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// JSON with its numbers as Java has them.
pub(super) fn java_json(value: &Value) -> Option<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, JavaNumbers)).ok()?;
    String::from_utf8(bytes).ok()
}

struct JavaNumbers;

impl Formatter for JavaNumbers {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.is_finite() {
            writer.write_all(java_real(value).as_bytes())
        } else {
            CompactFormatter.write_f64(writer, value)
        }
    }
}
