//! Functions that call functions.

use super::super::error::{Outcome, Thrown};
use super::super::eval::{Evaluation, Items};
use super::super::value::{List, Value};
use super::{Run, argument};

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("map", "<af>", 2, map),
    ("filter", "<af>", 2, filter),
    ("single", "<af?>", 2, single),
    ("reduce", "<afj?:j>", 3, reduce),
    ("sift", "<o-f?:o>", 2, sift),
    ("each", "<o-f:a>", 2, each),
    ("sort", "<af?:a>", 2, sort),
];

fn arity(function: &Value) -> usize {
    if let Value::Function(function) = function { function.arity() } else { 1 }
}

/// Calls with as many of the arguments as the function can take, one at least.
fn called(evaluation: &Evaluation, function: &Value, mut arguments: Vec<Value>) -> Outcome {
    arguments.truncate(arity(function).max(1));
    evaluation.apply(function, arguments, &Value::Null)
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
fn place(at: usize) -> Value {
    Value::Number(at as f64)
}

fn map(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut list = evaluation.list()?;
    for (at, item) in Items::of(array).iter().enumerate() {
        let result = called(evaluation, function, vec![item, place(at), array.clone()])?;
        if !result.is_undefined() {
            list.push(result)?;
        }
    }
    list.sequence()
}

fn filter(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut list = evaluation.list()?;
    for (at, item) in Items::of(array).iter().enumerate() {
        let result = called(evaluation, function, vec![item.clone(), place(at), array.clone()])?;
        if evaluation.truth(&result)? {
            list.push(item)?;
        }
    }
    list.sequence()
}

fn single(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut found = None;
    for (at, item) in Items::of(array).iter().enumerate() {
        evaluation.meter.spend(1)?;
        let matches = if function.is_undefined() {
            true
        } else {
            let result = called(evaluation, function, vec![item.clone(), place(at), array.clone()])?;
            evaluation.truth(&result)?
        };
        if matches && found.replace(item).is_some() {
            return Err(Thrown::new("D3138"));
        }
    }
    found.ok_or_else(|| Thrown::new("D3139"))
}

fn reduce(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (array, function, first) = (argument(arguments, 0), argument(arguments, 1), argument(arguments, 2));
    if array.is_undefined() {
        return Ok(Value::Undefined);
    }
    let arity = arity(function);
    if arity < 2 {
        return Err(Thrown::new("D3050"));
    }
    let items = Items::of(array);
    let (mut result, from) = match first {
        Value::Undefined if items.len() > 0 => (items.get(0), 1),
        first => (first.clone(), 0),
    };
    for at in from..items.len() {
        let mut passed = vec![result, items.get(at), place(at), array.clone()];
        passed.truncate(arity);
        result = evaluation.apply(function, passed, &Value::Null)?;
    }
    Ok(result)
}

fn sift(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (value, function) = (argument(arguments, 0), argument(arguments, 1));
    let Value::Object(object) = value else { return Ok(Value::Undefined) };
    let mut kept = evaluation.object()?;
    for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
        let passed = vec![member.clone(), evaluation.text(&*name)?, value.clone()];
        let result = called(evaluation, function, passed)?;
        if evaluation.truth(&result)? {
            kept.set(name, member)?;
        }
    }
    if kept.len() == 0 { Ok(Value::Undefined) } else { kept.finish() }
}

fn each(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (value, function) = (argument(arguments, 0), argument(arguments, 1));
    let Value::Object(object) = value else { return Ok(Value::Undefined) };
    let mut list = evaluation.list()?;
    for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
        let passed = vec![member, evaluation.text(&*name)?, value.clone()];
        let result = called(evaluation, function, passed)?;
        if !result.is_undefined() {
            list.push(result)?;
        }
    }
    list.sequence()
}

fn sort(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let (value, comparator) = (argument(arguments, 0), argument(arguments, 1));
    let Value::Array(array, _) = value else { return Ok(Value::Undefined) };
    if array.len() <= 1 {
        return Ok(value.clone());
    }
    let mut list = List::of(&evaluation.meter, array.iter())?;
    if !comparator.is_undefined() {
        evaluation.sorted(list.items_mut(), &mut |a, b| {
            let swaps = evaluation.apply(comparator, vec![a.clone(), b.clone()], &Value::Null)?;
            Ok(match swaps {
                Value::Undefined | Value::Null => false,
                Value::Bool(bool) => bool,
                Value::Number(number) => number != 0.0 && !number.is_nan(),
                Value::String(text) => !text.as_str().is_empty(),
                _ => true,
            })
        })?;
        return list.array();
    }
    let all = |is: fn(&Value) -> bool| list.items().iter().all(is);
    if !all(|item| matches!(item, Value::Number(_))) && !all(|item| matches!(item, Value::String(_))) {
        return Err(Thrown::new("D3070"));
    }
    evaluation.sorted(list.items_mut(), &mut |a, b| {
        Ok(match (a, b) {
            (Value::Number(a), Value::Number(b)) => a > b,
            (Value::String(a), Value::String(b)) => {
                evaluation.meter.spend_on_text(a.as_str().len().min(b.as_str().len()))?;
                super::super::text::compare(a.as_str(), b.as_str()).is_gt()
            }
            _ => false,
        })
    })?;
    list.array()
}
