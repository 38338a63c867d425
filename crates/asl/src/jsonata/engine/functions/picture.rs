//! Numbers, dates and times by their pictures. The pictures are read by `jsonata-core`; here stand the bounds that it
//! does not have, and the official words for what it refuses.

use super::super::error::{Outcome, Thrown, known_code};
use super::super::eval::Evaluation;
use super::super::operators::check_finite;
use super::super::value::Value;
use super::{Run, argument, number};
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("formatNumber", "<n-so?:s>", 3, |e, a, _| format_number(e, a)),
    ("formatBase", "<n-n?:s>", 2, |e, a, _| number::in_base(e, a)),
    ("formatInteger", "<n-s:s>", 2, |e, a, _| format_integer(e, a)),
    ("parseInteger", "<s-s:n>", 2, |e, a, _| parse_integer(e, a)),
    ("toMillis", "<s-s?:n>", 2, |e, a, _| to_millis(e, a)),
    ("fromMillis", "<n-s?s?:s>", 3, |e, a, _| from_millis(e, a)),
    ("now", "<s?s?:s>", 2, now),
    ("millis", "<:n>", 0, |e, _, _| Ok(Value::Number(millis(e)))),
];

/// Longest picture, and longest text that is read by one, in bytes.
const PICTURE_BYTES_MAX: usize = 256;
const TEXT_BYTES_MAX: usize = 4_096;
/// Widest field that a picture may ask for.
const WIDTH_MAX: u32 = 1_000;
/// Widest year.
const YEAR_DIGITS_MAX: u32 = 18;
/// The last millisecond that JavaScript's dates reach.
const MILLIS_MAX: f64 = 8.64e15;
/// Largest number that is written in Roman digits: it takes a letter for each thousand.
const ROMAN_MAX: f64 = 1e7;
/// What reading a picture and following it costs, in fuel.
const PICTURE_FUEL: u64 = 200;

fn checked_picture(evaluation: &Evaluation, picture: &str) -> Outcome<()> {
    evaluation.meter.spend(PICTURE_FUEL)?;
    // A width stands behind a comma, or behind a dash behind it.
    let too_wide = picture.split([',', '-']).skip(1).any(|field| {
        let digits = field.bytes().take_while(u8::is_ascii_digit).count();
        digits > 3 && field[..digits].parse::<u32>().map_or(true, |width| width > WIDTH_MAX)
    });
    if picture.len() > PICTURE_BYTES_MAX || too_wide {
        return Err(Thrown::custom(format!(
            "A picture must have at most {PICTURE_BYTES_MAX} bytes and fields of at most {WIDTH_MAX} characters"
        )));
    }
    Ok(())
}

/// The library takes the first byte of a field for its component.
fn checked_fields(picture: &str) -> Outcome<()> {
    let mut fields = picture.split('[').skip(1).filter_map(|field| field.trim_start().chars().next());
    if let Some(component) = fields.find(|component| !component.is_ascii()) {
        return Err(Thrown::new("D3132").text(component.encode_utf8(&mut [0; 4])));
    }
    // It cuts years to their last digits by a power of ten, which must be a whole number.
    let years = picture.split('[').skip(1).filter(|field| field.trim_start().starts_with('Y'));
    let is_wide = |part: &str| part.trim().parse::<u32>().is_ok_and(|width| width > YEAR_DIGITS_MAX);
    let mut years = years.map(|field| field.split(']').next().unwrap_or_default());
    if years.any(|field| {
        let digits = field.chars().filter(|char| char.is_numeric() || *char == '#').count();
        let width = field.rsplit_once(',').map_or("", |(_, width)| width);
        digits > YEAR_DIGITS_MAX as usize || width.split('-').any(is_wide)
    }) {
        return Err(Thrown::custom(format!(
            "A year in a picture must have at most {YEAR_DIGITS_MAX} digits"
        )));
    }
    Ok(())
}

fn checked_text(text: &str) -> Outcome<()> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Thrown::custom(format!(
            "A text that is read by a picture must have at most {TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Calls the library's function of that name, which may panic on odd pictures; its errors get the official words for
/// their codes.
fn library(evaluation: &Evaluation, name: &str, shown: &str, arguments: Vec<JValue>) -> Outcome {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let run = || -> Result<JValue, EvaluatorError> {
        let mut context = Context::new();
        let variables: Vec<AstNode> = NAMES
            .iter()
            .zip(arguments)
            .map(|(name, argument)| {
                context.bind((*name).to_owned(), argument);
                AstNode::Variable((*name).to_owned())
            })
            .collect();
        let call = AstNode::Function { name: name.to_owned(), args: variables, is_builtin: true };
        Evaluator::with_context(context).evaluate(&call, &JValue::Undefined)
    };
    let result = catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| Thrown::custom("an argument was out of the range that a function can handle"))?;
    match result {
        Ok(JValue::Number(number)) => Ok(Value::Number(number)),
        Ok(JValue::String(text)) => evaluation.text(&*text),
        Ok(_) => Ok(Value::Undefined),
        Err(error) => {
            let text = error.message();
            Err(match known_code(text) {
                // What these show is what they complain of.
                Some(code @ ("D3130" | "D3132" | "D3133")) => {
                    let shown = text.split_once(&format!("{code}: ")).map_or(shown, |(_, shown)| shown);
                    Thrown::new(code).text(shown)
                }
                Some(code) => Thrown::new(code).text(shown),
                None => Thrown::custom(text),
            })
        }
    }
}

fn text_of(text: Option<&str>) -> JValue {
    text.map_or(JValue::Undefined, JValue::string)
}

fn format_number(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Value::Undefined) };
    let picture = argument(arguments, 1).as_str().unwrap_or_default();
    checked_picture(evaluation, picture)?;
    let options = match argument(arguments, 2) {
        Value::Object(options) => {
            let members = (0..options.len().min(16)).filter_map(|at| options.entry(at));
            let texts = members.filter_map(|(name, value)| {
                let text = value.as_str()?;
                (text.len() <= PICTURE_BYTES_MAX).then(|| (name.to_string(), JValue::string(text)))
            });
            Some(JValue::object(texts.collect()))
        }
        _ => None,
    };
    let mut arguments = vec![JValue::Number(number), JValue::string(picture)];
    arguments.extend(options);
    library(evaluation, "formatNumber", picture, arguments)
}

fn format_integer(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Value::Undefined) };
    check_finite(number)?;
    let picture = argument(arguments, 1).as_str().unwrap_or_default();
    checked_picture(evaluation, picture)?;
    if picture.contains(['i', 'I']) && number.abs() > ROMAN_MAX {
        return Err(Thrown::custom(format!("A number above {ROMAN_MAX} cannot be written in Roman digits")));
    }
    let arguments = vec![JValue::Number(number), JValue::string(picture)];
    library(evaluation, "formatInteger", picture, arguments)
}

fn parse_integer(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    let picture = argument(arguments, 1).as_str().unwrap_or_default();
    checked_picture(evaluation, picture)?;
    checked_text(text)?;
    let format = picture.split(';').next().unwrap_or_default();
    if let Some(number) = lettered(text, format) {
        return Ok(Value::Number(number));
    }
    if !in_digits_of(text, format) {
        return Ok(Value::Number(f64::NAN));
    }
    let is_words = matches!(format, "w" | "W" | "Ww");
    let parsed =
        library(evaluation, "parseInteger", picture, vec![JValue::string(text), JValue::string(picture)]);
    // What is no number is none, and no error.
    if is_words && parsed.as_ref().is_err_and(Thrown::is_picture_incomplete) {
        return Ok(Value::Number(f64::NAN));
    }
    parsed
}

/// A number in letters (`a`, `b`, … `z`, `aa`) or in Roman digits; no number where a sign is none of them. `None` for
/// other formats.
fn lettered(text: &str, format: &str) -> Option<f64> {
    match format {
        "a" | "A" => {
            let first = f64::from(u32::from(if format == "a" { 'a' } else { 'A' }));
            let units = text.encode_utf16();
            Some(units.fold(0.0, |sum, unit| sum * 26.0 + (f64::from(unit) - first + 1.0)))
        }
        "i" | "I" => {
            let (mut sum, mut most) = (0.0, 1.0);
            for digit in text.chars().rev() {
                let digit = if format == "i" { digit.to_ascii_uppercase() } else { digit };
                let value = match digit {
                    'M' => 1000.0,
                    'D' => 500.0,
                    'C' => 100.0,
                    'L' => 50.0,
                    'X' => 10.0,
                    'V' => 5.0,
                    'I' => 1.0,
                    _ => return Some(f64::NAN),
                };
                if value < most {
                    sum -= value;
                } else {
                    most = value;
                    sum += value;
                }
            }
            Some(sum)
        }
        _ => None,
    }
}

/// Whether a text has no other digits and signs than the picture's, where those are not ASCII's: the library counts from
/// the picture's zero.
fn in_digits_of(text: &str, format: &str) -> bool {
    let Some(digit) = format.chars().find(|char| !char.is_ascii() && char.is_numeric()) else { return true };
    // The digits of a family stand side by side.
    let family = |char: char| u32::from(char).abs_diff(u32::from(digit)) < 10 && char.is_numeric();
    text.chars().all(|char| family(char) || (!char.is_numeric() && format.contains(char)))
}

fn to_millis(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    checked_text(text)?;
    let Some(picture) = argument(arguments, 1).as_str() else {
        return library(evaluation, "toMillis", text, vec![JValue::string(text)]);
    };
    checked_picture(evaluation, picture)?;
    checked_fields(picture)?;
    let (text, picture) = dated(text, picture, evaluation.host.now_ms);
    library(evaluation, "toMillis", &picture, vec![JValue::string(text), JValue::string(picture.as_str())])
}

/// Says what day it is where a picture does not: the parts before its first one are those of now, and the library would
/// ask the system's clock.
fn dated(text: &str, picture: &str, now_ms: i64) -> (String, String) {
    let has = |parts: &[char]| picture.split('[').skip(1).any(|field| field.trim_start().starts_with(parts));
    let today = crate::time::iso(now_ms);
    let mut parts = today.split(['-', 'T']);
    let (year, month, day) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let (mut text, mut picture_now) = (text.to_owned(), picture.to_owned());
    let mut add = |value: &str, field: &str| {
        text.push('\u{1}');
        text.push_str(value);
        picture_now.push('\u{1}');
        picture_now.push_str(field);
    };
    if has(&['Y', 'X']) || !picture.contains('[') || picture.contains("[[") {
        return (text, picture_now);
    }
    add(year, "[Y0001]");
    if !has(&['M', 'd', 'W', 'w', 'x', 'F']) {
        add(month, "[M01]");
        if !has(&['D']) {
            add(day, "[D01]");
        }
    }
    (text, picture_now)
}

fn from_millis(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(millis) = argument(arguments, 0).as_number() else { return Ok(Value::Undefined) };
    formatted(evaluation, millis, argument(arguments, 1), argument(arguments, 2))
}

fn formatted(evaluation: &Evaluation, millis: f64, picture: &Value, zone: &Value) -> Outcome {
    if millis.is_nan() || millis.abs() > MILLIS_MAX {
        return Err(Thrown::custom("Invalid time value"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked right above")]
    let millis = millis.trunc() as i64;
    let (picture, zone) = (picture.as_str(), zone.as_str());
    checked_picture(evaluation, picture.unwrap_or_default())?;
    checked_fields(picture.unwrap_or_default())?;
    checked_text(zone.unwrap_or_default())?;
    if picture.is_none() && zone.is_none() {
        return evaluation.text(crate::time::iso(millis));
    }
    #[expect(clippy::cast_precision_loss, reason = "checked to be far below 2^53")]
    let arguments = vec![JValue::Number(millis as f64), text_of(picture), text_of(zone)];
    library(evaluation, "fromMillis", picture.unwrap_or_default(), arguments)
}

fn millis(evaluation: &Evaluation) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
    let millis = evaluation.host.now_ms as f64;
    millis
}

fn now(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    formatted(evaluation, millis(evaluation), argument(arguments, 0), argument(arguments, 1))
}
