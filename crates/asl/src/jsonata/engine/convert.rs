//! Between JSON and the values of the language.

use super::error::{Outcome, Thrown};
use super::meter::Meter;
use super::object::Members;
use super::value::{List, Value};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// What a value of `serde_json` takes in a list, and as a member with its name, its place and its hash.
const ITEM_BYTES: usize = size_of::<Json>();
const MEMBER_BYTES: usize = 2 * (size_of::<Json>() + 64);

/// Why a result is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// It is undefined, as a whole.
    Undefined,
    /// It holds a function, a regular expression or a number without end.
    Unsupported,
    /// There is no room for it.
    Thrown(Thrown),
}

pub(crate) fn to_value(meter: &Rc<Meter>, json: &Json) -> Outcome {
    valued(meter, json, &Value::Undefined)
}

/// `like`: the item before in the same array, whose members' names are used again where they are the same.
fn valued(meter: &Rc<Meter>, json: &Json, like: &Value) -> Outcome {
    meter.spend(1)?;
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(bool) => Ok(Value::Bool(*bool)),
        Json::Number(number) => Ok(Value::Number(number.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => {
            meter.spend_on_text(text.len())?;
            Value::text(meter, text.as_str())
        }
        Json::Array(items) => {
            let mut list = List::with_capacity(meter, items.len())?;
            for (at, item) in items.iter().enumerate() {
                let like = at.checked_sub(1).and_then(|at| list.items().get(at)).unwrap_or(&Value::Undefined);
                let item = valued(meter, item, like)?;
                list.push(item)?;
            }
            list.array()
        }
        Json::Object(members) => {
            let mut object = Members::with_capacity(meter, members.len())?;
            for (at, (name, member)) in members.iter().enumerate() {
                let alike = match like {
                    Value::Object(like) => like.entry(at).filter(|(own, _)| **own == **name),
                    _ => None,
                };
                match alike {
                    Some((name, like)) => object.set(name, valued(meter, member, &like)?)?,
                    None => object.set(name.as_str().into(), valued(meter, member, &Value::Undefined)?)?,
                }
            }
            object.finish()
        }
    }
}

/// Nesting ends at [`crate::limits::PAYLOAD_DEPTH_MAX`]: what is journaled must be readable again.
pub(crate) fn to_json(meter: &Rc<Meter>, value: &Value) -> Result<Json, NotJson> {
    let mut charges = Vec::new();
    converted(meter, value, crate::limits::PAYLOAD_DEPTH_MAX, &mut charges)
}

fn converted(
    meter: &Rc<Meter>,
    value: &Value,
    depth: usize,
    charges: &mut Vec<super::meter::Charge>,
) -> Result<Json, NotJson> {
    let mut reserve = |bytes: usize| {
        meter.spend(1).map_err(NotJson::Thrown)?;
        if bytes > 0 {
            charges.push(meter.reserve(bytes + 48).map_err(NotJson::Thrown)?);
        }
        Ok(())
    };
    let too_deep = || {
        NotJson::Thrown(Thrown::custom(format!(
            "the result is nested more than {} deep",
            crate::limits::PAYLOAD_DEPTH_MAX
        )))
    };
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Number(number) => Json::Number(to_number(*number).ok_or(NotJson::Unsupported)?),
        Value::String(text) => {
            reserve(text.as_str().len() + 32)?;
            Json::String(text.as_str().to_owned())
        }
        Value::Array(array, _) => {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            reserve(array.len() * ITEM_BYTES)?;
            let mut items = Vec::with_capacity(array.len());
            for item in array.iter() {
                items.push(match converted(meter, &item, depth, charges) {
                    Err(NotJson::Undefined) => Json::Null,
                    other => other?,
                });
            }
            Json::Array(items)
        }
        Value::Object(object) => {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            reserve(object.len() * MEMBER_BYTES)?;
            let mut members = Map::with_capacity(object.len());
            for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
                match converted(meter, &member, depth, charges) {
                    Err(NotJson::Undefined) => {}
                    other => {
                        members.insert(name.to_string(), other?);
                    }
                }
            }
            Json::Object(members)
        }
        Value::Undefined => return Err(NotJson::Undefined),
        Value::Function(_) | Value::Tuple(_) => return Err(NotJson::Unsupported),
    })
}

/// Whole numbers stay whole in JSON: 1, not 1.0.
fn to_number(number: f64) -> Option<Number> {
    // 2^63: from here on, an i64 cannot hold it.
    const WHOLE_MAX: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        let whole = number as i64;
        return Some(Number::from(whole));
    }
    Number::from_f64(number)
}

/// Reads JSON text straight into values, so that nothing is built that is not counted.
///
/// # Errors
/// `Ok` of what the bounds refuse, `Err` of what is no JSON.
pub(crate) fn from_json(meter: &Rc<Meter>, text: &str) -> Result<Value, Result<Thrown, serde_json::Error>> {
    let thrown = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Seed { meter, thrown: &thrown };
    let result = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    result.map_err(|error| match thrown.take() {
        Some(thrown) => Ok(thrown),
        None => Err(error),
    })
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    meter: &'a Rc<Meter>,
    /// What the meter refused, which the reader's own error cannot carry.
    thrown: &'a RefCell<Option<Thrown>>,
}

impl Seed<'_> {
    fn checked<T, E: serde::de::Error>(self, outcome: Outcome<T>) -> Result<T, E> {
        outcome.map_err(|error| {
            let message = error.to_string();
            *self.thrown.borrow_mut() = Some(error);
            E::custom(message)
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.checked::<_, D::Error>(self.meter.spend(1))?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSONata's numbers are doubles")]
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSONata's numbers are doubles")]
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.checked(Value::text(self.meter, text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = self.checked(List::new(self.meter))?;
        while let Some(item) = items.next_element_seed(self)? {
            self.checked(list.push(item))?;
        }
        self.checked(list.array())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = self.checked(Members::new(self.meter))?;
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            self.checked(members.set(name.into(), value))?;
        }
        self.checked(members.finish())
    }
}
