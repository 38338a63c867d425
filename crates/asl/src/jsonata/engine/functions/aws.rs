//! What Step Functions adds to JSONata.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn>

use super::super::convert::from_json;
use super::super::error::{Outcome, Thrown};
use super::super::eval::Evaluation;
use super::super::text::{TextBuilder, write};
use super::super::value::{List, Value};
use super::{Run, argument};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("partition", "<an:a>", 2, partition),
    ("range", "<nnn:a>", 3, range),
    ("hash", "<xs:s>", 2, hash),
    ("uuid", "<:s>", 0, |e, _, _| e.text(e.host.random.uuid())),
    ("parse", "<s-:x>", 1, parse),
];

/// Longest array that `$range` makes, as the intrinsic function's limit is.
const RANGE_LENGTH_MAX: f64 = 1_000.0;

fn refused(message: &str) -> Thrown {
    Thrown::new("D3000").message(message)
}

/// `$partition(array, size)`, as `States.ArrayPartition`.
fn partition(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Value::Array(array, _) = argument(arguments, 0) else { return Ok(Value::Undefined) };
    let size = argument(arguments, 1).as_number().unwrap_or(0.0).trunc();
    if size.is_nan() || size < 1.0 {
        return Err(refused("The chunk size of function \"partition\" must be greater than 0"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    let size = (size as usize).min(array.len().max(1));
    let mut chunks = evaluation.list()?;
    for from in (0..array.len()).step_by(size) {
        let chunk = (from..array.len().min(from + size)).map(|at| array.get(at));
        chunks.push(List::of(&evaluation.meter, chunk)?.array()?)?;
    }
    chunks.array()
}

/// `$range(first, last, step)`, both ends included, as `States.ArrayRange`.
fn range(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let number = |index| argument(arguments, index).as_number();
    let (Some(from), Some(to), Some(step)) = (number(0), number(1), number(2)) else {
        return Ok(Value::Undefined);
    };
    if step == 0.0 {
        return Err(refused("The step of function \"range\" must not be 0"));
    }
    let length = ((to - from) / step).floor() + 1.0;
    if length.is_nan() || length > RANGE_LENGTH_MAX {
        return Err(refused("Function \"range\" must not make more than 1000 elements"));
    }
    let items = (0_u32..).map(f64::from).take_while(|index| *index < length);
    // A sequence, because Step Functions gives a range of one as that one.
    List::of(&evaluation.meter, items.map(|index| Value::Number(from + index * step)))?.sequence()
}

/// `$hash(data, algorithm)`, in hex, as `States.Hash`.
fn hash(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let data = argument(arguments, 0);
    if data.is_undefined() {
        return Ok(Value::Undefined);
    }
    let written;
    let text = match data {
        Value::String(text) => text.as_str(),
        other => {
            let mut text = TextBuilder::new(&evaluation.meter)?;
            write(other, false, &mut text)?;
            written = text.finish()?;
            written.as_str().unwrap_or_default()
        }
    };
    evaluation.meter.spend_on_text(text.len())?;
    let bytes = match argument(arguments, 1).as_str().unwrap_or_default() {
        "MD5" => md5::Md5::digest(text).to_vec(),
        "SHA-1" => sha1::Sha1::digest(text).to_vec(),
        "SHA-256" => Sha256::digest(text).to_vec(),
        "SHA-384" => Sha384::digest(text).to_vec(),
        "SHA-512" => Sha512::digest(text).to_vec(),
        _ => {
            return Err(refused(
                "The algorithm of function \"hash\" must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512",
            ));
        }
    };
    evaluation.text(crate::hex::encode(&bytes))
}

/// `$parse(text)`: the text as JSON.
fn parse(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Some(text) = argument(arguments, 0).as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    from_json(evaluation.meter(), text).map_err(|problem| match problem {
        Ok(thrown) => thrown,
        Err(error) => refused(&format!("Function \"parse\" was given bad JSON: {error}")),
    })
}
