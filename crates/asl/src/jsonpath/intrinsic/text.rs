//! The functions of texts.

use super::super::budget::{Budget, VALUE_BYTES};
use super::Fault;
use super::java::java_json;
use crate::limits::PAYLOAD_DEPTH_MAX;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Longest input of the functions that encode and hash, in characters.
const ENCODED_LENGTH_MAX: usize = 10_000;

fn refused<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Refused(message.into()))
}

fn string<'a>(value: Option<&'a Value>, which: &str) -> Result<&'a str, Fault> {
    match value {
        Some(Value::String(text)) => Ok(text),
        _ => refused(format!("{which} must be a string")),
    }
}

fn short<'a>(value: Option<&'a Value>, which: &str) -> Result<&'a str, Fault> {
    let text = string(value, which)?;
    if text.chars().count() > ENCODED_LENGTH_MAX {
        return refused(format!("{which} must not be longer than {ENCODED_LENGTH_MAX} characters"));
    }
    Ok(text)
}

/// The first JSON value in the text, as AWS's parser has it; a blank text is null.
pub(super) fn string_to_json(value: &Value, budget: &Budget) -> Result<Value, Fault> {
    let text = string(Some(value), "The argument")?;
    // What a text may become at most: each two of its bytes an element.
    budget.text(text.len())?;
    budget.bytes(
        (text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() + 1) * VALUE_BYTES * 2,
    )?;
    match serde_json::Deserializer::from_str(text).into_iter::<Value>().next() {
        None => Ok(Value::Null),
        Some(Ok(value)) if depth_within(&value, PAYLOAD_DEPTH_MAX) => {
            budget.charge(&value)?;
            Ok(without_negative_zero(value))
        }
        Some(Ok(_)) => refused(format!("The JSON is nested deeper than {PAYLOAD_DEPTH_MAX} levels")),
        Some(Err(error)) => refused(format!("The argument is not valid JSON: {error}")),
    }
}

/// The parser in use takes `-0` for a fraction.
fn without_negative_zero(value: Value) -> Value {
    match &value {
        Value::Number(number) if number.as_f64() == Some(0.0) && number.as_i64().is_none() => Value::from(0),
        _ => value,
    }
}

fn depth_within(value: &Value, depth_max: usize) -> bool {
    let mut rest = vec![(value, 1)];
    while let Some((value, depth)) = rest.pop() {
        if depth > depth_max && (value.is_array() || value.is_object()) {
            return false;
        }
        match value {
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => rest.extend(members.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    true
}

pub(super) fn json_to_string(value: &Value, budget: &Budget) -> Result<Value, Fault> {
    budget.charge(value)?;
    let text = java_json(value).unwrap_or_default();
    budget.text(text.len().saturating_mul(2))?;
    Ok(Value::String(text))
}

pub(super) fn base64_encode(value: &Value, budget: &Budget) -> Result<Value, Fault> {
    let text = short(Some(value), "The argument")?;
    budget.text(text.len() * 2)?;
    Ok(Value::String(BASE64_STANDARD.encode(text)))
}

pub(super) fn base64_decode(value: &Value, budget: &Budget) -> Result<Value, Fault> {
    let text = short(Some(value), "The argument")?;
    budget.text(text.len() * 2)?;
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned())),
        Err(_) => refused("The argument is not valid Base64"),
    }
}

pub(super) fn hash(arguments: &[Value], budget: &Budget) -> Result<Value, Fault> {
    // What is no text is hashed as JSON.
    let json = match arguments.first() {
        Some(value) if !value.is_string() => Some(json_to_string(value, budget)?),
        _ => None,
    };
    let text = short(json.as_ref().or(arguments.first()), "The first argument")?;
    budget.step(text.len() as u64)?;
    let digest = match string(arguments.get(1), "The second argument")? {
        "MD5" => Md5::digest(text).to_vec(),
        "SHA-1" => Sha1::digest(text).to_vec(),
        "SHA-256" => Sha256::digest(text).to_vec(),
        "SHA-384" => Sha384::digest(text).to_vec(),
        "SHA-512" => Sha512::digest(text).to_vec(),
        _ => return refused("The algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512"),
    };
    Ok(Value::String(crate::hex::encode(&digest)))
}

/// Each character of the second argument separates; nothing between two of them is no part.
pub(super) fn split(arguments: &[Value], budget: &Budget) -> Result<Value, Fault> {
    let text = string(arguments.first(), "The first argument")?;
    let separators = string(arguments.get(1), "The second argument")?;
    budget.step((text.len() as u64).saturating_mul(separators.len() as u64 + 1))?;
    budget.text(text.len())?;
    let separators: Vec<char> = separators.chars().collect();
    let mut parts = Vec::new();
    for part in text.split(&separators[..]).filter(|part| !part.is_empty()) {
        budget.bytes(2 * VALUE_BYTES)?;
        parts.push(Value::from(part));
    }
    Ok(Value::Array(parts))
}
