//! Base64 and URLs.

use super::super::error::{Outcome, Thrown};
use super::super::eval::Evaluation;
use super::super::value::Value;
use super::{Run, argument};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("base64encode", "<s-:s>", 1, |e, a, _| encode_base64(e, a)),
    ("base64decode", "<s-:s>", 1, |e, a, _| decode_base64(e, a)),
    ("encodeUrlComponent", "<s-:s>", 1, |e, a, _| encode_url(e, a, "")),
    ("encodeUrl", "<s-:s>", 1, |e, a, _| encode_url(e, a, RESERVED)),
    ("decodeUrlComponent", "<s-:s>", 1, |e, a, _| decode_url(e, a, "")),
    ("decodeUrl", "<s-:s>", 1, |e, a, _| decode_url(e, a, RESERVED)),
];

/// What `encodeURI` leaves as it is, beside what `encodeURIComponent` does.
const RESERVED: &str = ";,/?:@&=+$#";
/// Padding may be missing, and loose bits do not matter: as Node reads it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn encode_base64(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    let _room = evaluation.meter.reserve(text.len() * 3)?;
    // One byte a UTF-16 unit, as `btoa` has it.
    let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
    evaluation.text(LENIENT.encode(bytes))
}

fn decode_base64(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    let _room = evaluation.meter.reserve(text.len() * 4)?;
    let digits: String = text
        .chars()
        .take_while(|char| *char != '=')
        .filter_map(|char| match char {
            '-' => Some('+'),
            '_' => Some('/'),
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' => Some(char),
            _ => None,
        })
        .collect();
    // A single digit left over holds no whole byte.
    let whole = if digits.len() % 4 == 1 { &digits[..digits.len() - 1] } else { &digits };
    let bytes = LENIENT.decode(whole).unwrap_or_default();
    evaluation.text(bytes.into_iter().map(char::from).collect::<String>())
}

fn encode_url(evaluation: &Evaluation, arguments: &[Value], kept: &str) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    let _room = evaluation.meter.reserve(text.len() * 3)?;
    let mut encoded = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii_alphanumeric() || "-_.!~*'()".contains(char) || kept.contains(char) {
            encoded.push(char);
            continue;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    evaluation.text(encoded)
}

/// `kept`: what stays encoded.
fn decode_url(evaluation: &Evaluation, arguments: &[Value], kept: &str) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    let _room = evaluation.meter.reserve(text.len())?;
    match decoded(text, kept) {
        Some(decoded) => evaluation.text(decoded),
        None => Err(Thrown::new("D3140").value(argument(arguments, 0))),
    }
}

fn decoded(text: &str, kept: &str) -> Option<String> {
    let byte_at = |text: &str| {
        let digits = text.strip_prefix('%')?.get(..2)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let first = byte_at(rest)?;
        let length = match first {
            0..0x80 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf8 => 4,
            _ => return None,
        };
        let bytes = (0..length).map(|at| byte_at(rest.get(at * 3..)?)).collect::<Option<Vec<u8>>>()?;
        let own = std::str::from_utf8(&bytes).ok()?;
        decoded.push_str(if kept.contains(own) { &rest[..3] } else { own });
        rest = &rest[length * 3..];
    }
    decoded.push_str(rest);
    Some(decoded)
}
