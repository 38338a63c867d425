//! Functions on texts.

use super::super::error::{Outcome, Thrown};
use super::super::eval::Evaluation;
use super::super::text::{TextBuilder, write};
use super::super::value::{Flags, Value};
use super::{Run, argument};

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("string", "<x-b?:s>", 1, string),
    ("substring", "<s-nn?:s>", 3, substring),
    ("substringBefore", "<s-s:s>", 2, |e, a, _| around(e, a, true)),
    ("substringAfter", "<s-s:s>", 2, |e, a, _| around(e, a, false)),
    ("lowercase", "<s-:s>", 1, |e, a, _| mapped(e, a, str::to_lowercase)),
    ("uppercase", "<s-:s>", 1, |e, a, _| mapped(e, a, str::to_uppercase)),
    ("length", "<s-:n>", 1, length),
    ("trim", "<s-:s>", 1, trim),
    ("pad", "<s-ns?:s>", 3, pad),
    ("join", "<a<s>s?:s>", 2, join),
];

fn string(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = match argument(arguments, 0) {
        Value::Undefined => return Ok(Value::Undefined),
        text @ Value::String(_) => return Ok(text.clone()),
        Value::Array(array, flags) if flags.has(Flags::OUTER) => array.get(0),
        other => other.clone(),
    };
    let mut text = TextBuilder::new(&evaluation.meter)?;
    write(&value, matches!(argument(arguments, 1), Value::Bool(true)), &mut text)?;
    text.finish()
}

fn substring(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let length = text.chars().count() as f64;
    let start = argument(arguments, 1).as_number().unwrap_or(0.0);
    let start = if length + start < 0.0 { 0.0 } else { start };
    let end = match argument(arguments, 2).as_number() {
        Some(count) if count <= 0.0 => return evaluation.text(""),
        Some(count) if start >= 0.0 => start + count,
        Some(count) => length + start + count,
        None => length,
    };
    // As `slice` takes its ends: whole, and from the back where negative.
    let place = |number: f64| {
        let number = number.trunc();
        let number = if number < 0.0 { length + number } else { number };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the length")]
        let place = number.clamp(0.0, length) as usize;
        place
    };
    let (start, end) = (place(start), place(end));
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let from = ends.nth(start).unwrap_or(text.len());
    let to = if end > start { ends.nth(end - start - 1).unwrap_or(text.len()) } else { from };
    evaluation.text(&text[from..to])
}

fn around(evaluation: &Evaluation, arguments: &[Value], before: bool) -> Outcome {
    let (Some(text), Some(mark)) = (argument(arguments, 0).as_str(), argument(arguments, 1).as_str()) else {
        return Ok(argument(arguments, 0).clone());
    };
    evaluation.meter.spend_on_text(text.len())?;
    match text.find(mark) {
        Some(at) if before => evaluation.text(&text[..at]),
        Some(at) => evaluation.text(&text[at + mark.len()..]),
        None => Ok(argument(arguments, 0).clone()),
    }
}

fn mapped(evaluation: &Evaluation, arguments: &[Value], map: fn(&str) -> String) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    // A letter may become three.
    let _room = evaluation.meter.reserve(text.len() * 3)?;
    evaluation.text(map(text))
}

fn length(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let length = text.chars().count() as f64;
    Ok(Value::Number(length))
}

fn trim(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    let mut trimmed = TextBuilder::new(&evaluation.meter)?;
    let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            trimmed.push(" ")?;
        }
        trimmed.push(word)?;
    }
    trimmed.finish()
}

fn pad(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    let width = argument(arguments, 1).as_number().unwrap_or(0.0);
    let fill = argument(arguments, 2).as_str().filter(|fill| !fill.is_empty()).unwrap_or(" ");
    evaluation.meter.spend_on_text(text.len())?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let missing = (width.abs() - text.chars().count() as f64).trunc();
    if missing.is_nan() || missing <= 0.0 {
        return Ok(argument(arguments, 0).clone());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "above 0; a cast saturates, and what is too much the meter refuses"
    )]
    let missing = missing as usize;
    // Before anything is built: a character takes at least one byte.
    drop(evaluation.meter.reserve(missing)?);
    let mut padded = TextBuilder::new(&evaluation.meter)?;
    if width > 0.0 {
        padded.push(text)?;
    }
    let fill_length = fill.chars().count();
    for _ in 0..missing / fill_length {
        padded.push(fill)?;
        evaluation.meter.spend(1)?;
    }
    fill.chars().take(missing % fill_length).try_for_each(|char| padded.push_char(char))?;
    if width < 0.0 {
        padded.push(text)?;
    }
    padded.finish()
}

fn join(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Value::Array(texts, _) = argument(arguments, 0) else { return Ok(Value::Undefined) };
    let separator = argument(arguments, 1).as_str().unwrap_or_default();
    let mut joined = TextBuilder::new(&evaluation.meter)?;
    for (at, text) in texts.iter().enumerate() {
        evaluation.meter.spend(1)?;
        if at > 0 {
            joined.push(separator)?;
        }
        match text.as_str() {
            Some(text) => joined.push(text)?,
            None => return Err(Thrown::new("T0412").value(&text).index(1).kind("strings")),
        }
    }
    joined.finish()
}
