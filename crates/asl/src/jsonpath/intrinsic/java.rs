//! Values as text, the way Java's collections have them: `{a=1, b=[x, null]}`. That is what AWS puts into
//! States.Format's result and into some causes.

use serde_json::Value;

/// Appends the text, up to `length_max` bytes in all.
pub(crate) fn java_text(value: &Value, text: &mut String, length_max: usize) {
    if text.len() >= length_max {
        return;
    }
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
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
