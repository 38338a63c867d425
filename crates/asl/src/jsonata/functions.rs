//! The functions that Step Functions adds, those that must not read the clock or chance by themselves, and the
//! bounded forms of those that build large values.

use super::INTERMEDIATE_BYTES_MAX;
use super::analyse::Needs;
use super::convert::{size_within, to_json, to_jsonata};
use super::harden::{FITS, JOIN, MAY_REPLACE, STRING};
use crate::Scope;
use crate::random::Random;
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions;
use jsonata_core::value::JValue;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::cell::Cell;
use std::rc::Rc;

type Outcome = Result<JValue, EvaluatorError>;

/// Longest array that `$range` and `$partition` make, as the intrinsic functions' limit is for `States.ArrayRange`.
const RANGE_LENGTH_MAX: f64 = 1_000.0;

/// Registers those of our functions that the expression names.
pub(super) fn register(
    evaluator: &mut Evaluator,
    needs: &Needs,
    scope: &Scope<'_>,
) -> Result<(), EvaluatorError> {
    let random = Rc::new(Random::new(scope.seed));
    let now_ms = scope.now_ms;
    for name in &needs.names {
        let name = name.as_str();
        match name {
            FITS => evaluator.register_fn(name, |args: &[JValue]| bounded(first(args).clone()))?,
            STRING => evaluator.register_fn(name, string)?,
            JOIN => evaluator.register_fn(name, join)?,
            MAY_REPLACE => {
                let spent = Cell::new(0_usize);
                evaluator.register_fn(name, move |args: &[JValue]| may_replace(args, &spent))?;
            }
            "pad" => evaluator.register_fn_override(name, pad)?,
            "eval" => evaluator.register_fn_override(name, |_: &[JValue]| {
                Err(type_error("T1006", "Attempted to invoke a non-function"))
            })?,
            "now" => evaluator.register_fn_override(name, move |_: &[JValue]| {
                Ok(JValue::string(crate::time::iso(now_ms)))
            })?,
            "millis" => evaluator.register_fn_override(name, move |_: &[JValue]| Ok(JValue::from(now_ms)))?,
            "random" => {
                let random = Rc::clone(&random);
                evaluator
                    .register_fn_override(name, move |args: &[JValue]| Ok(random_unit(&random, args)))?;
            }
            "uuid" => {
                let random = Rc::clone(&random);
                evaluator
                    .register_fn_override(name, move |_: &[JValue]| Ok(JValue::string(random.uuid())))?;
            }
            "shuffle" => {
                let random = Rc::clone(&random);
                evaluator.register_fn_override(name, move |args: &[JValue]| Ok(shuffle(&random, args)))?;
            }
            "partition" => evaluator.register_fn_override(name, partition)?,
            "range" => evaluator.register_fn_override(name, range)?,
            "hash" => evaluator.register_fn_override(name, hash)?,
            "parse" => evaluator.register_fn_override(name, parse)?,
            _ => {}
        }
    }
    Ok(())
}

fn first(args: &[JValue]) -> &JValue {
    args.first().unwrap_or(&JValue::Undefined)
}

fn type_error(code: &str, text: &str) -> EvaluatorError {
    EvaluatorError::TypeError(format!("{code}: {text}"))
}

fn argument_error(position: usize, function: &str) -> EvaluatorError {
    type_error(
        "T0410",
        &format!("Argument {position} of function \"{function}\" does not match function signature"),
    )
}

fn too_large() -> EvaluatorError {
    EvaluatorError::EvaluationError(format!(
        "the expression builds a value of more than {INTERMEDIATE_BYTES_MAX} bytes"
    ))
}

fn bounded(value: JValue) -> Outcome {
    match &value {
        // By far the most frequent, and nothing to count.
        JValue::Null | JValue::Bool(_) | JValue::Number(_) | JValue::Undefined => Ok(value),
        _ if size_within(&value, INTERMEDIATE_BYTES_MAX).is_none() => Err(too_large()),
        _ => Ok(value),
    }
}

fn string(args: &[JValue]) -> Outcome {
    let value = bounded(first(args).clone())?;
    if value.is_undefined() {
        return Ok(JValue::Undefined);
    }
    let prettify = match args {
        [_, JValue::Bool(prettify)] => Some(*prettify),
        [_, JValue::Undefined] => None,
        [_, _] => return Err(argument_error(2, "string")),
        // `$map` passes an index and the whole.
        _ => None,
    };
    Ok(functions::string::string(&value, prettify)?)
}

fn join(args: &[JValue]) -> Outcome {
    let separator = match args.get(1) {
        None | Some(JValue::Undefined) => None,
        Some(JValue::String(separator)) => Some(&**separator),
        // `$map(lists, $join)` passes an index here.
        Some(_) if args.len() > 2 => None,
        Some(_) => return Err(argument_error(2, "join")),
    };
    match first(args) {
        JValue::Undefined if args.is_empty() => Err(argument_error(1, "join")),
        JValue::Undefined => Ok(JValue::Undefined),
        JValue::String(_) => Ok(first(args).clone()),
        JValue::Array(items) => {
            if items.iter().any(|item| !item.is_string()) {
                return Err(type_error(
                    "T0412",
                    "Argument 1 of function \"join\" must be an array of String",
                ));
            }
            let text = size_within(first(args), INTERMEDIATE_BYTES_MAX).ok_or_else(too_large)?;
            let separators = separator.map_or(0, str::len).saturating_mul(items.len());
            if text.saturating_add(separators) > INTERMEDIATE_BYTES_MAX {
                return Err(too_large());
            }
            Ok(functions::string::join(items, separator)?)
        }
        _ => Err(type_error("T0412", "Argument 1 of function \"join\" must be an array of String")),
    }
}

/// With two arguments: whether the second may stand in for every character of the first. With one: whether it still
/// fits into what this evaluation's replacing functions may give in all; passes it on.
fn may_replace(args: &[JValue], spent: &Cell<usize>) -> Outcome {
    match args {
        [text, replacement] => {
            if !replacement.is_string() {
                return Err(argument_error(3, "replace"));
            }
            let length = |value: &JValue| value.as_str().map_or(0, str::len);
            let most = (length(text) + 1).saturating_mul(length(replacement) + 1);
            if most > INTERMEDIATE_BYTES_MAX { Err(too_large()) } else { Ok(JValue::Undefined) }
        }
        _ => {
            let result = first(args);
            spent.set(spent.get().saturating_add(result.as_str().map_or(0, str::len)));
            if spent.get() > INTERMEDIATE_BYTES_MAX { Err(too_large()) } else { Ok(result.clone()) }
        }
    }
}

/// `$pad(text, width, fill)`: to the right, or with a negative width to the left.
/// <https://docs.jsonata.org/string-functions#pad>
fn pad(args: &[JValue]) -> Outcome {
    let text = match first(args) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => text,
        _ => return Err(argument_error(1, "pad")),
    };
    let width = args.get(1).and_then(JValue::as_f64).ok_or_else(|| argument_error(2, "pad"))?.trunc();
    let fill = match args.get(2) {
        None | Some(JValue::Undefined) => " ",
        Some(JValue::String(fill)) if fill.is_empty() => " ",
        Some(JValue::String(fill)) => fill,
        Some(_) => return Err(argument_error(3, "pad")),
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let (length, limit) = (text.chars().count() as f64, INTERMEDIATE_BYTES_MAX as f64);
    let missing = width.abs() - length;
    if missing <= 0.0 {
        return Ok(first(args).clone());
    }
    // A character has at most four bytes.
    if width.abs() > limit / 4.0 {
        return Err(too_large());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "above 0 and below the limit"
    )]
    let padding: String = fill.chars().cycle().take(missing as usize).collect();
    Ok(JValue::string(if width < 0.0 { format!("{padding}{text}") } else { format!("{text}{padding}") }))
}

/// `$random()`, or with a seed the same number each time.
fn random_unit(random: &Random, args: &[JValue]) -> JValue {
    match args {
        // Three arguments are `$map`'s.
        [JValue::Number(seed)] => JValue::from(Random::new(seed.to_bits()).unit()),
        _ => JValue::from(random.unit()),
    }
}

/// Fisher-Yates.
fn shuffle(random: &Random, args: &[JValue]) -> JValue {
    let JValue::Array(items) = first(args) else { return first(args).clone() };
    let mut items: Vec<JValue> = items.iter().cloned().collect();
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
    JValue::sequence(items)
}

/// `$partition(array, size)`, as `States.ArrayPartition`.
fn partition(args: &[JValue]) -> Outcome {
    let items = match first(args) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(items) => items,
        _ => return Err(argument_error(1, "partition")),
    };
    let size = args.get(1).and_then(JValue::as_f64).ok_or_else(|| argument_error(2, "partition"))?.trunc();
    if size < 1.0 {
        return Err(type_error("D3000", "The chunk size of function \"partition\" must be greater than 0"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1; a cast saturates"
    )]
    let size = size as usize;
    Ok(JValue::array(items.chunks(size).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

/// `$range(first, last, step)`, both ends included, as `States.ArrayRange`.
fn range(args: &[JValue]) -> Outcome {
    let number = |position: usize| {
        args.get(position - 1).and_then(JValue::as_f64).ok_or_else(|| argument_error(position, "range"))
    };
    let (from, to, step) = (number(1)?, number(2)?, number(3)?);
    if step == 0.0 {
        return Err(type_error("D3000", "The step of function \"range\" must not be 0"));
    }
    let length = ((to - from) / step).floor() + 1.0;
    if length > RANGE_LENGTH_MAX {
        return Err(type_error("D3000", "Function \"range\" must not make more than 1000 elements"));
    }
    let items = (0_u32..)
        .map(f64::from)
        .take_while(|index| *index < length)
        .map(|index| JValue::from(from + index * step));
    // A sequence, because Step Functions gives a range of one as that one.
    Ok(JValue::sequence(items.collect()))
}

/// `$hash(data, algorithm)`, in hex, as `States.Hash`.
fn hash(args: &[JValue]) -> Outcome {
    let text = match first(args) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => text.to_string(),
        value => to_json(value).map_err(|_| argument_error(1, "hash"))?.to_string(),
    };
    let algorithm = args.get(1).and_then(JValue::as_str).ok_or_else(|| argument_error(2, "hash"))?;
    let bytes = match algorithm {
        "MD5" => md5::Md5::digest(text).to_vec(),
        "SHA-1" => sha1::Sha1::digest(text).to_vec(),
        "SHA-256" => Sha256::digest(text).to_vec(),
        "SHA-384" => Sha384::digest(text).to_vec(),
        "SHA-512" => Sha512::digest(text).to_vec(),
        _ => {
            return Err(type_error(
                "D3000",
                "The algorithm of function \"hash\" must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512",
            ));
        }
    };
    Ok(JValue::string(crate::hex::encode(&bytes)))
}

/// `$parse(text)`: the text as JSON.
fn parse(args: &[JValue]) -> Outcome {
    match first(args) {
        JValue::Undefined => Ok(JValue::Undefined),
        JValue::String(text) => serde_json::from_str(text).map(|value| to_jsonata(&value)).map_err(|error| {
            EvaluatorError::EvaluationError(format!("D3000: Function \"parse\" was given bad JSON: {error}"))
        }),
        _ => Err(argument_error(1, "parse")),
    }
}
