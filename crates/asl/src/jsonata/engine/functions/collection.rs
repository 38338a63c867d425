//! Functions on arrays and objects that call no other function.

use super::super::error::{Outcome, Thrown};
use super::super::eval::{Evaluation, Items};
use super::super::value::{Flags, List, Value};
use super::{Run, argument};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::rc::Rc;

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("count", "<a:n>", 1, |_, a, _| Ok(count(a))),
    ("append", "<xx:a>", 2, append),
    ("reverse", "<a:a>", 1, reverse),
    ("shuffle", "<a:a>", 1, shuffle),
    ("distinct", "<x:x>", 1, distinct),
    ("zip", "<a+>", 0, zip),
    ("exists", "<x:b>", 1, |_, a, _| Ok(Value::Bool(!argument(a, 0).is_undefined()))),
    ("boolean", "<x-:b>", 1, |e, a, _| truth(e, a, false)),
    ("not", "<x-:b>", 1, |e, a, _| truth(e, a, true)),
    ("type", "<x:s>", 1, type_name),
    ("keys", "<x-:a<s>>", 1, keys),
    ("lookup", "<x-s:x>", 2, |e, a, _| e.field(argument(a, 0), argument(a, 1).as_str().unwrap_or_default())),
    ("spread", "<x-:a<o>>", 1, |e, a, _| spread(e, argument(a, 0))),
    ("merge", "<a<o>:o>", 1, merge),
    ("clone", "<(oa)-:o>", 1, |e, a, _| e.deep_copy(argument(a, 0))),
    ("error", "<s?:x>", 1, |_, a, _| {
        Err(Thrown::new("D3137").message(message(a, 0, "$error() function evaluated")))
    }),
    ("assert", "<bs?:x>", 2, |_, a, _| match argument(a, 0) {
        Value::Bool(true) => Ok(Value::Undefined),
        _ => Err(Thrown::new("D3141").message(message(a, 1, "$assert() statement failed"))),
    }),
];

/// Longest message that an expression may throw, in characters.
const MESSAGE_LENGTH_MAX: usize = 32_768;

fn message(arguments: &[Value], index: usize, default: &str) -> String {
    let text = argument(arguments, index).as_str().filter(|text| !text.is_empty()).unwrap_or(default);
    text.chars().take(MESSAGE_LENGTH_MAX).collect()
}

fn count(arguments: &[Value]) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    match argument(arguments, 0) {
        Value::Array(array, _) => Value::Number(array.len() as f64),
        _ => Value::Number(0.0),
    }
}

fn append(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (first, second) = (argument(arguments, 0), argument(arguments, 1));
    match (first, second) {
        (first, Value::Undefined) => Ok(first.clone()),
        (Value::Undefined, second) => Ok(second.clone()),
        (first, second) => {
            let mut list = evaluation.list()?;
            list.append(first.clone())?;
            list.append(second.clone())?;
            list.array()
        }
    }
}

fn reverse(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    match argument(arguments, 0) {
        Value::Array(array, _) if array.len() > 1 => List::of(&evaluation.meter, array.iter().rev())?.array(),
        other => Ok(other.clone()),
    }
}

/// Fisher-Yates.
fn shuffle(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    match argument(arguments, 0) {
        Value::Array(array, _) if array.len() > 1 => {
            let mut list = List::of(&evaluation.meter, array.iter())?;
            for last in (1..list.len()).rev() {
                list.items_mut().swap(last, evaluation.host.random.below(last + 1));
            }
            list.array()
        }
        other => Ok(other.clone()),
    }
}

fn distinct(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (array, flags) = match argument(arguments, 0) {
        Value::Array(array, flags) if array.len() > 1 => (array, flags),
        other => return Ok(other.clone()),
    };
    let mut list = evaluation.list()?;
    // Only what has the same hash is compared part by part.
    let _room = evaluation.meter.reserve(array.len() * 96)?;
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    for item in array.iter() {
        let mut hasher = DefaultHasher::new();
        hash(evaluation, &item, &mut hasher)?;
        let alike = seen.entry(hasher.finish()).or_default();
        let mut known = false;
        for place in alike.iter() {
            known = known || evaluation.equal(&list.items()[*place], &item)?;
        }
        if !known {
            alike.push(list.len());
            list.push(item)?;
        }
    }
    list.finish(if flags.has(Flags::SEQUENCE) { Flags::SEQUENCE } else { Flags::NONE })
}

/// The same for what is equal.
fn hash(evaluation: &Evaluation, value: &Value, hasher: &mut DefaultHasher) -> Outcome<()> {
    evaluation.meter.spend(1)?;
    match value {
        Value::Number(number) => (0_u8, (number + 0.0).to_bits()).hash(hasher),
        Value::String(text) => {
            evaluation.meter.spend_on_text(text.as_str().len())?;
            (1_u8, text.as_str()).hash(hasher);
        }
        Value::Bool(bool) => (2_u8, bool).hash(hasher),
        Value::Array(array, _) => {
            (3_u8, array.len()).hash(hasher);
            array.iter().try_for_each(|item| hash(evaluation, &item, hasher))?;
        }
        Value::Object(object) => {
            // Whatever the order of the members.
            let mut sum = 0_u64;
            for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
                let mut inner = DefaultHasher::new();
                name.hash(&mut inner);
                hash(evaluation, &member, &mut inner)?;
                sum = sum.wrapping_add(inner.finish());
            }
            (4_u8, object.len(), sum).hash(hasher);
        }
        _ => 5_u8.hash(hasher),
    }
    Ok(())
}

fn zip(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let length = |value: &Value| if let Value::Array(array, _) = value { array.len() } else { 0 };
    let rows = arguments.iter().map(length).min().unwrap_or(0);
    let mut zipped = evaluation.list()?;
    for at in 0..rows {
        let row = arguments.iter().map(|array| Items::of(array).get(at));
        zipped.push(List::of(&evaluation.meter, row)?.array()?)?;
    }
    zipped.array()
}

fn truth(evaluation: &Evaluation, arguments: &[Value], negated: bool) -> Outcome {
    match argument(arguments, 0) {
        Value::Undefined => Ok(Value::Undefined),
        value => Ok(Value::Bool(evaluation.truth(value)? != negated)),
    }
}

fn type_name(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    evaluation.text(match argument(arguments, 0) {
        Value::Undefined => return Ok(Value::Undefined),
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(..) => "array",
        Value::Object(_) | Value::Tuple(_) => "object",
        Value::Function(_) => "function",
    })
}

fn keys(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    fn collect(
        evaluation: &Evaluation,
        value: &Value,
        all: &mut super::super::object::Members,
    ) -> Outcome<()> {
        evaluation.meter.spend(1)?;
        match value {
            Value::Array(array, _) if !array.is_range() => {
                array.iter().try_for_each(|item| collect(evaluation, &item, all))
            }
            Value::Object(object) => (0..object.len())
                .filter_map(|at| object.entry(at))
                .try_for_each(|(name, _)| all.set(name, Value::Null)),
            _ => Ok(()),
        }
    }
    let mut all = evaluation.object()?;
    collect(evaluation, argument(arguments, 0), &mut all)?;
    let mut list = List::with_capacity(&evaluation.meter, all.len())?;
    for (name, _) in all.iter() {
        list.push(evaluation.text(&**name)?)?;
    }
    list.sequence()
}

fn spread(evaluation: &Evaluation, value: &Value) -> Outcome {
    fn all(evaluation: &Evaluation, value: &Value, list: &mut List) -> Outcome<()> {
        match value {
            Value::Array(array, _) => array.iter().try_for_each(|item| all(evaluation, &item, list)),
            Value::Object(object) => {
                (0..object.len()).filter_map(|at| object.entry(at)).try_for_each(|(name, member)| {
                    let mut single = evaluation.object()?;
                    single.set(name, member)?;
                    list.push(single.finish()?)
                })
            }
            Value::Undefined => Ok(()),
            other => list.push(other.clone()),
        }
    }
    match value {
        Value::Array(..) => {
            let mut list = evaluation.list()?;
            all(evaluation, value, &mut list)?;
            // What `$append` puts together is no sequence any more.
            list.finish(if Items::of(value).len() == 0 { Flags::SEQUENCE } else { Flags::NONE })
        }
        Value::Object(_) => {
            let mut list = evaluation.list()?;
            all(evaluation, value, &mut list)?;
            list.sequence()
        }
        other => Ok(other.clone()),
    }
}

fn merge(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let Value::Array(objects, _) = argument(arguments, 0) else { return Ok(Value::Undefined) };
    let mut merged = evaluation.object()?;
    for object in objects.iter() {
        let Value::Object(object) = object else { continue };
        for (name, value) in (0..object.len()).filter_map(|at| object.entry(at)) {
            merged.set(Rc::clone(&name), value)?;
        }
    }
    merged.finish()
}
