//! JSON documents and lines.

use super::{ItemsError, Reading};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// Not a list, where a list must be.
pub(super) const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// Reads the elements of a JSON array, or of what the pointer points at within a document; there an object will do, too:
/// its members' values are the items.
pub(super) fn read(text: &str, pointer: Option<&str>, into: &mut Reading) -> Result<(), ItemsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole: &RawValue = serde_json::from_str(text).map_err(|problem| malformed("object", &problem))?;
    let pointer = pointer.filter(|pointer| !pointer.is_empty());
    let node = match pointer {
        Some(pointer) => pointed(whole, pointer)?,
        None => whole,
    };
    let first = node.get().as_bytes().first();
    let elements = Elements { into };
    let mut reader = serde_json::Deserializer::from_str(node.get());
    let outcome = match first {
        Some(b'[') => reader.deserialize_seq(elements),
        Some(b'{') if pointer.is_some() => reader.deserialize_map(elements),
        _ => return Err(ItemsError::new(NOT_ITERABLE)),
    };
    outcome.map_err(|problem| malformed("object", &problem))?
}

/// Reads one value a line; empty lines are none.
pub(super) fn read_lines(text: &str, into: &mut Reading) -> Result<(), ItemsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if into.is_full() {
            return Ok(());
        }
        let item = serde_json::from_str(line).map_err(|problem| {
            ItemsError::new(format!("Line {} of the object is not valid JSON: {problem}", number + 1))
        })?;
        into.add(item)?;
    }
    Ok(())
}

fn malformed(what: &str, problem: &serde_json::Error) -> ItemsError {
    ItemsError::new(format!("The {what} is not valid JSON: {problem}"))
}

/// Takes elements or members up until there are enough, and passes over the rest without building it.
struct Elements<'r> {
    into: &'r mut Reading,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Result<(), ItemsError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.into.is_full() {
            let Some(element) = elements.next_element::<Value>()? else { return Ok(outcome) };
            outcome = self.into.add(element);
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(outcome)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.into.is_full() {
            let Some((name, value)) = members.next_entry::<String, Value>()? else { return Ok(outcome) };
            outcome = self.into.add_member(name, value);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(outcome)
    }
}

/// What an RFC 6901 pointer points at.
fn pointed<'t>(whole: &'t RawValue, pointer: &str) -> Result<&'t RawValue, ItemsError> {
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Err(ItemsError::new(format!(
            "The ItemsPointer '{pointer}' is no JSON pointer: it must begin with '/'."
        )));
    };
    let mut node = whole;
    for token in tokens.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut reader = serde_json::Deserializer::from_str(node.get());
        let found = match node.get().as_bytes().first() {
            Some(b'{') => reader.deserialize_map(Child { token: &token }),
            Some(b'[') => reader.deserialize_seq(Child { token: &token }),
            _ => Ok(None),
        };
        node = found.ok().flatten().ok_or_else(|| {
            ItemsError::new(format!(
                "The ItemsPointer '{pointer}' points at nothing in the object: it has no '{token}'."
            ))
        })?;
    }
    Ok(node)
}

/// Finds one child of a node.
struct Child<'p> {
    token: &'p str,
}

impl<'de> Visitor<'de> for Child<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let Ok(wanted) = self.token.parse::<usize>() else {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let mut found = None;
        let mut place = 0_usize;
        loop {
            if place == wanted {
                match elements.next_element::<&RawValue>()? {
                    Some(element) => found = Some(element),
                    None => return Ok(found),
                }
            } else if elements.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            place += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == self.token {
                found = Some(members.next_value::<&RawValue>()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
