//! Values as text: JSON as JavaScript writes it.

use super::error::{Outcome, Thrown};
use super::meter::{Charge, Meter};
use super::value::Value;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::rc::Rc;

/// A text under construction; every growth is charged before it happens.
#[derive(Debug)]
pub(crate) struct TextBuilder {
    text: String,
    charge: Charge,
}

impl TextBuilder {
    pub(crate) fn new(meter: &Rc<Meter>) -> Outcome<Self> {
        Ok(TextBuilder { text: String::new(), charge: meter.reserve(0)? })
    }

    pub(crate) fn push(&mut self, more: &str) -> Outcome<()> {
        self.charge.meter().spend_on_text(more.len())?;
        let wanted = self.text.len() + more.len();
        if wanted > self.text.capacity() {
            let capacity = wanted.max(self.text.len() * 2).max(16);
            let charge = self.charge.meter().reserve(capacity)?;
            self.text.reserve_exact(capacity - self.text.len());
            self.charge = charge;
        }
        self.text.push_str(more);
        Ok(())
    }

    pub(crate) fn push_char(&mut self, char: char) -> Outcome<()> {
        self.push(char.encode_utf8(&mut [0; 4]))
    }

    pub(crate) fn meter(&self) -> &Rc<Meter> {
        self.charge.meter()
    }

    pub(crate) fn finish(self) -> Outcome {
        let value = Value::text(self.charge.meter(), self.text);
        drop(self.charge);
        value
    }
}

/// As JavaScript compares texts: by UTF-16 units.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// A number as JavaScript writes it: `1e+21`, `1e-7`, `100`.
pub(crate) fn number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-6..21).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{}", exponent.abs())
}

/// To 15 digits, as `$string` does.
pub(crate) fn rounded(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

/// A text in double quotes.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            char if u32::from(char) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

/// The beginning of a value as JSON, for a message; stops soon after `limit` bytes.
pub(crate) fn sketch(value: &Value, limit: usize, out: &mut String) {
    if out.len() > limit {
        return;
    }
    match value {
        Value::Undefined | Value::Tuple(_) => out.push_str("undefined"),
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(own) if own.is_finite() => out.push_str(&number(*own)),
        Value::Number(_) => out.push_str("null"),
        Value::String(text) => {
            let text = text.as_str();
            let end = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            quote(&text[..end], out);
        }
        Value::Array(array, _) => {
            out.push('[');
            for (at, item) in array.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if out.len() > limit {
                    break;
                }
                match item {
                    Value::Undefined | Value::Function(_) => out.push_str("null"),
                    item => sketch(&item, limit, out),
                }
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            let members = (0..object.len()).filter_map(|at| object.entry(at));
            let told = members.filter(|(_, value)| !matches!(value, Value::Undefined | Value::Function(_)));
            for (at, (name, member)) in told.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if out.len() > limit {
                    break;
                }
                quote(&name, out);
                out.push(':');
                sketch(&member, limit, out);
            }
            out.push('}');
        }
        Value::Function(_) => out.push_str("{}"),
    }
}

/// A value as JSON, as `$string` gives it: functions are empty texts, numbers have 15 digits.
pub(crate) fn write(value: &Value, pretty: bool, out: &mut TextBuilder) -> Outcome<()> {
    if let Value::Number(number) = value
        && !number.is_finite()
    {
        return Err(Thrown::new("D3001").value(value));
    }
    if value.is_function() {
        return Ok(());
    }
    write_inner(value, pretty.then_some(0), out)
}

fn write_inner(value: &Value, indent: Option<usize>, out: &mut TextBuilder) -> Outcome<()> {
    out.meter().spend(1)?;
    match value {
        Value::Undefined | Value::Null => out.push("null"),
        Value::Bool(bool) => out.push(if *bool { "true" } else { "false" }),
        Value::Number(own) if own.is_nan() => out.push("null"),
        Value::Number(own) => {
            super::operators::check_finite(*own)?;
            // To write a number takes longer than other steps.
            out.meter().spend(4)?;
            out.push(&number(rounded(*own)))
        }
        Value::String(text) => write_quoted(text.as_str(), out),
        Value::Function(_) | Value::Tuple(_) => out.push("\"\""),
        Value::Array(array, _) if array.is_empty() => out.push("[]"),
        Value::Array(array, _) => {
            out.push("[")?;
            for (at, item) in array.iter().enumerate() {
                separate(at, indent, out)?;
                write_inner(&item, indent.map(|indent| indent + 1), out)?;
            }
            end(indent, out)?;
            out.push("]")
        }
        Value::Object(object) => {
            out.push("{")?;
            let mut written = 0;
            for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
                if member.is_undefined() {
                    continue;
                }
                separate(written, indent, out)?;
                written += 1;
                write_quoted(&name, out)?;
                out.push(if indent.is_some() { ": " } else { ":" })?;
                write_inner(&member, indent.map(|indent| indent + 1), out)?;
            }
            if written > 0 {
                end(indent, out)?;
            }
            out.push("}")
        }
    }
}

fn write_quoted(text: &str, out: &mut TextBuilder) -> Outcome<()> {
    out.push("\"")?;
    let mut rest = text;
    while let Some(at) = rest.find(|char: char| char < ' ' || char == '"' || char == '\\') {
        out.push(&rest[..at])?;
        let mut quoted = String::new();
        quote(&rest[at..=at], &mut quoted);
        out.push(&quoted[1..quoted.len() - 1])?;
        rest = &rest[at + 1..];
    }
    out.push(rest)?;
    out.push("\"")
}

fn separate(at: usize, indent: Option<usize>, out: &mut TextBuilder) -> Outcome<()> {
    if at > 0 {
        out.push(",")?;
    }
    new_line(indent.map(|indent| indent + 1), out)
}

fn end(indent: Option<usize>, out: &mut TextBuilder) -> Outcome<()> {
    new_line(indent, out)
}

fn new_line(indent: Option<usize>, out: &mut TextBuilder) -> Outcome<()> {
    let Some(indent) = indent else { return Ok(()) };
    out.push("\n")?;
    (0..indent).try_for_each(|_| out.push("  "))
}
