//! The binary operators, and unary minus.

use super::ast::{Node, Operator};
use super::error::{Outcome, Thrown};
use super::eval::{Evaluation, Items};
use super::function::Frame;
use super::text::{TextBuilder, compare};
use super::value::Value;
use std::rc::Rc;

/// Most items that `..` makes.
const RANGE_LENGTH_MAX: f64 = 1e7;

/// Numbers without end may be made, but not used.
pub(super) fn check_finite(number: f64) -> Outcome<()> {
    if number.is_infinite() {
        return Err(Thrown::new("D1001").value(&Value::Number(number)));
    }
    Ok(())
}

fn numeric(value: &Value) -> Outcome<Option<f64>> {
    match value {
        Value::Number(number) => {
            check_finite(*number)?;
            Ok((!number.is_nan()).then_some(*number))
        }
        _ => Ok(None),
    }
}

pub(super) fn negated(value: &Value) -> Outcome {
    if value.is_undefined() {
        return Ok(Value::Undefined);
    }
    match numeric(value)? {
        Some(number) => Ok(Value::Number(-number)),
        None => Err(Thrown::new("D1002").token("-").value(value)),
    }
}

impl Evaluation {
    pub(super) fn binary(
        &self,
        operator: Operator,
        left: &Node,
        right: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Outcome {
        let left = self.evaluate(left, input, frame)?;
        match operator {
            Operator::And => {
                let both = self.truth(&left)? && self.truth(&self.evaluate(right, input, frame)?)?;
                return Ok(Value::Bool(both));
            }
            Operator::Or => {
                let either = self.truth(&left)? || self.truth(&self.evaluate(right, input, frame)?)?;
                return Ok(Value::Bool(either));
            }
            _ => {}
        }
        let right = self.evaluate(right, input, frame)?;
        let result = match operator {
            Operator::Equal | Operator::NotEqual => {
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Value::Bool(false));
                }
                Ok(Value::Bool(self.equal(&left, &right)? == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                compared(operator, &left, &right)
            }
            Operator::Concatenate => self.concatenated(&left, &right),
            Operator::Range => self.range(&left, &right),
            Operator::In => self.includes(&left, &right),
            _ => computed(operator, &left, &right),
        };
        result.map_err(|error| error.called(operator.symbol()))
    }

    /// Equal in all parts, whatever the order of members.
    pub(super) fn equal(&self, a: &Value, b: &Value) -> Outcome<bool> {
        self.meter.spend(1)?;
        Ok(match (a, b) {
            (Value::String(a), Value::String(b)) => {
                self.meter.spend_on_text(a.as_str().len().min(b.as_str().len()))?;
                a.as_str() == b.as_str()
            }
            (Value::Array(a, _), Value::Array(b, _)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                if Rc::ptr_eq(a, b) {
                    return Ok(true);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal(&a, &b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(a), Value::Object(b)) => {
                if Rc::ptr_eq(a, b) {
                    return Ok(true);
                }
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (name, value) in (0..a.len()).filter_map(|at| a.entry(at)) {
                    let found = b.with(|members| members.get(&name).cloned());
                    let same = match found {
                        Some(other) => self.equal(&value, &other)?,
                        None => false,
                    };
                    if !same {
                        return Ok(false);
                    }
                }
                true
            }
            (a, b) => a.is(b),
        })
    }

    fn concatenated(&self, left: &Value, right: &Value) -> Outcome {
        let mut text = TextBuilder::new(&self.meter)?;
        for side in [left, right] {
            match side {
                Value::Undefined => {}
                Value::String(own) => text.push(own.as_str())?,
                other => super::text::write(other, false, &mut text)?,
            }
        }
        text.finish()
    }

    fn range(&self, left: &Value, right: &Value) -> Outcome {
        let whole = |value: &Value, code: &'static str| match value {
            Value::Undefined => Ok(None),
            Value::Number(number) if number.is_finite() && number.fract() == 0.0 => Ok(Some(*number)),
            other => Err(Thrown::new(code).value(other)),
        };
        let (first, last) = (whole(left, "T2003")?, whole(right, "T2004")?);
        let (Some(first), Some(last)) = (first, last) else { return Ok(Value::Undefined) };
        if first > last {
            return Ok(Value::Undefined);
        }
        let length = last - first + 1.0;
        if length > RANGE_LENGTH_MAX {
            return Err(Thrown::new("D2014").value(&Value::Number(length)));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 1 and at most ten million"
        )]
        Value::range(&self.meter, first, length as usize)
    }

    /// The very same value, not an equal one: jsonata-js compares with `===`.
    fn includes(&self, left: &Value, right: &Value) -> Outcome {
        if left.is_undefined() || right.is_undefined() {
            return Ok(Value::Bool(false));
        }
        let items = Items::of(right);
        let text = left.as_str().map_or(0, str::len) / 64;
        for item in items.iter() {
            self.meter.spend_on(1 + text)?;
            if left.is(&item) {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }
}

fn computed(operator: Operator, left: &Value, right: &Value) -> Outcome {
    let side = |value: &Value, code: &'static str| match numeric(value)? {
        None if !value.is_undefined() => Err(Thrown::new(code).value(value)),
        number => Ok(number),
    };
    let (a, b) = (side(left, "T2001")?, side(right, "T2002")?);
    let (Some(a), Some(b)) = (a, b) else { return Ok(Value::Undefined) };
    Ok(Value::Number(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => a % b,
    }))
}

fn compared(operator: Operator, left: &Value, right: &Value) -> Outcome {
    let comparable = |value: &Value| matches!(value, Value::Undefined | Value::String(_) | Value::Number(_));
    if !comparable(left) || !comparable(right) {
        let wrong = if comparable(left) { right } else { left };
        return Err(Thrown::new("T2010").value(wrong));
    }
    let ordering = match (left, right) {
        (Value::Undefined, _) | (_, Value::Undefined) => return Ok(Value::Undefined),
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => Some(compare(a.as_str(), b.as_str())),
        _ => return Err(Thrown::new("T2009").value(left).second_value(right)),
    };
    Ok(Value::Bool(ordering.is_some_and(|ordering| match operator {
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    })))
}
