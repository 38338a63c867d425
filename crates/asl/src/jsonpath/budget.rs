//! What one evaluation may cost.

use serde_json::Value;
use std::cell::Cell;

/// Steps of one evaluation: a node visited, a character compared or copied in bulk counts less. Ours, not AWS's: far
/// above what any payload of 256 KiB needs, and below a second of work.
pub(crate) const STEPS_MAX: u64 = 20_000_000;
/// Bytes that one evaluation may make, in all: 24 MiB. A state holds what was made and the output made of it at once, and
/// both together stay below the 64 MiB that an evaluation may take.
pub(crate) const BYTES_MAX: usize = 24 * 1024 * 1024;

/// A step counter and a byte budget. One for each evaluation; what it counts never goes down again, so that the sum of
/// all that was made is bounded, not only what is alive.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<usize>,
    steps_max: u64,
    bytes_max: usize,
}

/// An evaluation cost more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exhausted {
    /// Too much work.
    #[error("the evaluation takes more than {STEPS_MAX} steps")]
    Steps,
    /// Too much data.
    #[error("the evaluation makes more than {BYTES_MAX} bytes of data")]
    Bytes,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(STEPS_MAX, BYTES_MAX)
    }
}

impl Budget {
    /// A budget of that many steps and bytes.
    pub(crate) fn new(steps_max: u64, bytes_max: usize) -> Self {
        Budget { steps: Cell::new(0), bytes: Cell::new(0), steps_max, bytes_max }
    }

    /// Counts steps.
    ///
    /// # Errors
    /// There are no more.
    pub(crate) fn step(&self, count: u64) -> Result<(), Exhausted> {
        let steps = self.steps.get().saturating_add(count);
        self.steps.set(steps);
        if steps > self.steps_max { Err(Exhausted::Steps) } else { Ok(()) }
    }

    /// Counts bytes that are about to be made.
    ///
    /// # Errors
    /// There are no more.
    pub(crate) fn bytes(&self, count: usize) -> Result<(), Exhausted> {
        let bytes = self.bytes.get().saturating_add(count);
        self.bytes.set(bytes);
        if bytes > self.bytes_max { Err(Exhausted::Bytes) } else { Ok(()) }
    }

    /// Counts a text that is about to be made or read whole.
    ///
    /// # Errors
    /// Over the budget.
    pub(crate) fn text(&self, length_bytes: usize) -> Result<(), Exhausted> {
        self.step(length_bytes as u64 / 16 + 1)?;
        self.bytes(length_bytes)
    }

    /// A copy of the value, counted before it is made.
    ///
    /// # Errors
    /// Over the budget.
    pub(crate) fn copy(&self, value: &Value) -> Result<Value, Exhausted> {
        self.charge(value)?;
        Ok(value.clone())
    }

    /// Counts what a copy of the value takes on the heap.
    ///
    /// # Errors
    /// Over the budget.
    pub(crate) fn charge(&self, value: &Value) -> Result<(), Exhausted> {
        let mut rest = vec![value];
        while let Some(value) = rest.pop() {
            self.step(1)?;
            match value {
                Value::String(text) => self.text(text.len())?,
                Value::Array(items) => {
                    self.bytes(items.len().saturating_mul(VALUE_BYTES))?;
                    rest.extend(items);
                }
                Value::Object(members) => {
                    self.bytes(members.len().saturating_mul(MEMBER_BYTES))?;
                    for (name, value) in members {
                        self.text(name.len())?;
                        rest.push(value);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        Ok(())
    }

    /// The steps counted so far.
    #[cfg(test)]
    pub(crate) fn steps_used(&self) -> u64 {
        self.steps.get()
    }

    /// The bytes counted so far.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn bytes_used(&self) -> usize {
        self.bytes.get()
    }
}

/// What an element of an array takes.
pub(super) const VALUE_BYTES: usize = size_of::<Value>();
/// What a member of an object takes beside its name's text: name, value, hash, and its place in the index.
pub(super) const MEMBER_BYTES: usize = size_of::<Value>() + size_of::<String>() + 4 * size_of::<usize>();
