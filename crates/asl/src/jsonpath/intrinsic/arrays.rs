//! The functions of arrays.

use super::super::budget::{Budget, VALUE_BYTES};
use super::Fault;
use super::functions::integer;
use serde_json::Value;
use std::collections::HashSet;

/// Most elements that States.ArrayRange makes.
const RANGE_LENGTH_MAX: i64 = 1_000;

fn refused<T>(message: &str) -> Result<T, Fault> {
    Err(Fault::Refused(message.to_owned()))
}

/// An argument that is an array.
pub(super) fn items(arguments: &[Value], at: usize) -> Result<&Vec<Value>, Fault> {
    match arguments.get(at) {
        Some(Value::Array(items)) => Ok(items),
        _ => refused(&format!("Argument {} must be an array", at + 1)),
    }
}

fn into_items(mut arguments: Vec<Value>) -> Result<Vec<Value>, Fault> {
    match arguments.first_mut().map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => refused("Argument 1 must be an array"),
    }
}

pub(super) fn partition(arguments: Vec<Value>, budget: &Budget) -> Result<Value, Fault> {
    let size = usize::try_from(integer(&arguments, 1)?).unwrap_or(0);
    if size == 0 {
        return refused("The chunk size must be a positive integer");
    }
    let mut items = into_items(arguments)?.into_iter().peekable();
    budget.step(items.len() as u64)?;
    budget.bytes((items.len() + items.len().div_ceil(size)).saturating_mul(VALUE_BYTES))?;
    let mut chunks = Vec::new();
    while items.peek().is_some() {
        chunks.push(Value::Array(items.by_ref().take(size).collect()));
    }
    Ok(Value::Array(chunks))
}

pub(super) fn contains(arguments: &[Value], budget: &Budget) -> Result<Value, Fault> {
    let items = items(arguments, 0)?;
    budget.step(items.len() as u64)?;
    let wanted = arguments.get(1).unwrap_or(&Value::Null);
    Ok(Value::Bool(items.iter().any(|item| equal(item, wanted))))
}

/// Numbers by their value.
fn equal(left: &Value, right: &Value) -> bool {
    left == right || left.as_f64().is_some_and(|left| right.as_f64() == Some(left))
}

/// Both ends included.
pub(super) fn range(arguments: &[Value], budget: &Budget) -> Result<Value, Fault> {
    let (from, to, step) = (integer(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    if step == 0 {
        return refused("The third argument must not be zero");
    }
    let length = ((to - from) / step + 1).max(0);
    // Division rounds towards zero, so that a range in the wrong direction may seem to have its first element.
    let length = if (to - from).signum() * step.signum() < 0 { 0 } else { length };
    if length > RANGE_LENGTH_MAX {
        return refused("The range must not have more than 1000 elements");
    }
    budget.bytes(usize::try_from(length).unwrap_or(0) * VALUE_BYTES)?;
    Ok((0..length).map(|index| Value::from(from + index * step)).collect::<Vec<_>>().into())
}

pub(super) fn get_item(arguments: Vec<Value>) -> Result<Value, Fault> {
    let index = usize::try_from(integer(&arguments, 1)?).ok();
    let mut items = into_items(arguments)?;
    match index.filter(|index| *index < items.len()) {
        Some(index) => Ok(items.swap_remove(index)),
        None => refused("The index is not within the array"),
    }
}

/// The first of each.
pub(super) fn unique(arguments: Vec<Value>, budget: &Budget) -> Result<Value, Fault> {
    let items = into_items(arguments)?;
    let mut seen = HashSet::with_capacity(items.len());
    let mut unique = Vec::new();
    for item in items {
        budget.charge(&item)?;
        let text = item.to_string();
        budget.text(text.len())?;
        if seen.insert(text) {
            budget.bytes(VALUE_BYTES + size_of::<String>())?;
            unique.push(item);
        }
    }
    Ok(Value::Array(unique))
}
