//! Printing data: a table for people, JSON for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::Write as _;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// A column: its title and the JSON pointer of its value.
pub(super) type Column = (&'static str, &'static str);

/// Prints a line of data. A reader that went away (`| head`) is no fault.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A value as one cell: texts without quotes, nothing for null.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Prints a list.
pub(super) fn list(items: &[Value], columns: &[Column], format: Format) {
    match format {
        Format::Json => line(&pretty(&Value::Array(items.to_vec()))),
        Format::Jsonl => items.iter().for_each(|item| line(&item.to_string())),
        Format::Table => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(columns.iter().map(|(title, _)| title.to_uppercase()));
            for item in items {
                table.add_row(columns.iter().map(|(_, pointer)| cell(item.pointer(pointer))));
            }
            for row in table.to_string().lines() {
                line(row.trim());
            }
        }
    }
}

/// Prints one thing: its fields one under the other, or as JSON.
pub(super) fn one(value: &Value, format: Format) {
    match format {
        Format::Json => line(&pretty(value)),
        Format::Jsonl => line(&value.to_string()),
        Format::Table => fields("", value),
    }
}

fn fields(prefix: &str, value: &Value) {
    let Value::Object(members) = value else {
        return line(&format!("{prefix:<28} {}", cell(Some(value))));
    };
    for (name, member) in members {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match member {
            Value::Object(inner) if !inner.is_empty() => fields(&path, member),
            _ => line(&format!("{path:<28} {}", cell(Some(member)))),
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
