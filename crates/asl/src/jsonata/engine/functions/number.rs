//! Functions on numbers, and on arrays of numbers.

use super::super::error::{Outcome, Thrown};
use super::super::eval::Evaluation;
use super::super::operators::check_finite;
use super::super::text;
use super::super::value::Value;
use super::{Run, argument};
use crate::random::Random;

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("number", "<(nsb)-:n>", 1, number),
    ("abs", "<n-:n>", 1, |_, a, _| Ok(mapped(a, f64::abs))),
    ("floor", "<n-:n>", 1, |_, a, _| Ok(mapped(a, f64::floor))),
    ("ceil", "<n-:n>", 1, |_, a, _| Ok(mapped(a, f64::ceil))),
    ("round", "<n-n?:n>", 2, |_, a, _| Ok(round(a))),
    ("sqrt", "<n-:n>", 1, |_, a, _| sqrt(a)),
    ("power", "<n-n:n>", 2, |_, a, _| power(a)),
    ("random", "<n?:n>", 0, |e, a, _| Ok(random(e, a))),
    ("sum", "<a<n>:n>", 1, |e, a, _| folded(e, a, |total, _| Some(total))),
    ("max", "<a<n>:n>", 1, |e, a, _| extreme(e, a, f64::max)),
    ("min", "<a<n>:n>", 1, |e, a, _| extreme(e, a, f64::min)),
    ("average", "<a<n>:n>", 1, |e, a, _| folded(e, a, |total, count| (count > 0.0).then_some(total / count))),
];

fn mapped(arguments: &[Value], map: fn(f64) -> f64) -> Value {
    argument(arguments, 0).as_number().map_or(Value::Undefined, |number| Value::Number(map(number)))
}

fn number(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = argument(arguments, 0);
    let number = match value {
        Value::Undefined => return Ok(Value::Undefined),
        Value::Number(number) => Some(*number),
        Value::Bool(bool) => Some(f64::from(u8::from(*bool))),
        Value::String(text) => {
            evaluation.meter.spend_on_text(text.as_str().len())?;
            parsed(text.as_str())
        }
        _ => None,
    };
    number.map(Value::Number).ok_or_else(|| Thrown::new("D3030").value(value))
}

/// A number as JSON writes it, or a whole one with the prefix of its radix.
fn parsed(text: &str) -> Option<f64> {
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            let all = digits.chars().map(|digit| digit.to_digit(radix)).collect::<Option<Vec<_>>>()?;
            let value = all.iter().fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(*digit));
            return (!all.is_empty() && value.is_finite()).then_some(value);
        }
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(exponent);
        if length == 0 {
            return None;
        }
        rest = &exponent[length..];
    }
    if whole == 0 || !rest.is_empty() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Half to even, at a decimal place.
fn round(arguments: &[Value]) -> Value {
    let Some(number) = argument(arguments, 0).as_number() else { return Value::Undefined };
    let precision = argument(arguments, 1).as_number().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what a decimal exponent can be")]
    let precision = precision.clamp(-400.0, 400.0) as i32;
    Value::Number(rounded(number, precision))
}

pub(super) fn rounded(number: f64, precision: i32) -> f64 {
    // By the decimal text, so that 1.005 is not 1.00499999.
    let shifted = |number: f64, by: i32| -> f64 {
        let scientific = format!("{number:e}");
        match scientific.split_once('e') {
            Some((mantissa, exponent)) => {
                let exponent = exponent.parse::<i32>().unwrap_or(0).saturating_add(by);
                format!("{mantissa}e{exponent}").parse().unwrap_or(number)
            }
            None => number,
        }
    };
    let number = if precision == 0 { number } else { shifted(number, precision) };
    let mut result = (number + 0.5).floor();
    let is_half = ((result - number).abs() - 0.5).abs() < f64::EPSILON;
    if is_half && (result % 2.0).abs() > 0.5 {
        result -= 1.0;
    }
    let result = if precision == 0 { result } else { shifted(result, -precision) };
    // No negative zero.
    result + 0.0
}

fn sqrt(arguments: &[Value]) -> Outcome {
    match argument(arguments, 0) {
        value @ Value::Number(number) if *number < 0.0 => Err(Thrown::new("D3060").value(value)),
        _ => Ok(mapped(arguments, f64::sqrt)),
    }
}

fn power(arguments: &[Value]) -> Outcome {
    let (base, exponent) = (argument(arguments, 0), argument(arguments, 1));
    let (Some(number), Some(by)) = (base.as_number(), exponent.as_number()) else {
        return Ok(Value::Undefined);
    };
    let result = number.powf(by);
    if !result.is_finite() {
        return Err(Thrown::new("D3061").value(base).exponent(exponent));
    }
    Ok(Value::Number(result))
}

/// `$random()`; with a seed, which Step Functions adds, the same number each time.
fn random(evaluation: &Evaluation, arguments: &[Value]) -> Value {
    Value::Number(match argument(arguments, 0).as_number() {
        Some(seed) => Random::new(seed.to_bits()).unit(),
        None => evaluation.host.random.unit(),
    })
}

fn folded(evaluation: &Evaluation, arguments: &[Value], finish: fn(f64, f64) -> Option<f64>) -> Outcome {
    let Value::Array(numbers, _) = argument(arguments, 0) else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on(numbers.len())?;
    let total: f64 = numbers.iter().filter_map(|value| value.as_number()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    let count = numbers.len() as f64;
    Ok(finish(total + 0.0, count).map_or(Value::Undefined, Value::Number))
}

fn extreme(evaluation: &Evaluation, arguments: &[Value], better: fn(f64, f64) -> f64) -> Outcome {
    let Value::Array(numbers, _) = argument(arguments, 0) else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on(numbers.len())?;
    let found = numbers.iter().filter_map(|value| value.as_number()).reduce(better);
    Ok(found.map_or(Value::Undefined, Value::Number))
}

/// `$formatBase`: the digits of a whole number.
pub(super) fn in_base(evaluation: &Evaluation, arguments: &[Value]) -> Outcome {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Value::Undefined) };
    check_finite(number)?;
    let number = rounded(number, 0);
    let radix = argument(arguments, 1).as_number().map_or(10.0, |radix| rounded(radix, 0));
    if !(2.0..=36.0).contains(&radix) {
        return Err(Thrown::new("D3100").value(&Value::Number(radix)));
    }
    if (radix - 10.0).abs() < 0.5 {
        return evaluation.text(text::number(number));
    }
    let mut digits = Vec::new();
    let mut left = number.abs();
    while left >= 1.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the radix")]
        let (digit, radix_whole) = ((left % radix) as u32, radix as u32);
        digits.push(char::from_digit(digit, radix_whole).unwrap_or('0'));
        left = (left / radix).floor();
    }
    if digits.is_empty() {
        digits.push('0');
    }
    if number < 0.0 {
        digits.push('-');
    }
    evaluation.text(digits.into_iter().rev().collect::<String>())
}
