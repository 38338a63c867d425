//! What bounds an evaluation: fuel, live bytes, and nesting.

use super::error::{Outcome, Thrown};
use std::cell::Cell;
use std::rc::Rc;

/// The bounds of one evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Steps: nodes evaluated, items visited, and one for each 64 bytes of text made or read.
    pub(crate) fuel: u64,
    /// Bytes that may live at once, by our own count of what each value takes.
    pub(crate) bytes: usize,
    /// Nesting of evaluations, which is what a stack overflow is in other engines.
    pub(crate) depth: usize,
    /// Longest array.
    pub(crate) sequence_length: usize,
}

/// Deepest nesting of values, and of closures in closures: it bounds every walk over them, dropping them included.
pub(crate) const NESTING_MAX: u32 = 256;

/// Counts against [`Limits`].
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    fuel_left: Cell<u64>,
    live_bytes: Cell<usize>,
    peak_bytes: Cell<usize>,
    depth: Cell<usize>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        Rc::new(Meter {
            limits,
            fuel_left: Cell::new(limits.fuel),
            live_bytes: Cell::new(0),
            peak_bytes: Cell::new(0),
            depth: Cell::new(0),
        })
    }

    /// Takes `steps` off the fuel.
    pub(crate) fn spend(&self, steps: u64) -> Outcome<()> {
        match self.fuel_left.get().checked_sub(steps) {
            Some(left) => {
                self.fuel_left.set(left);
                Ok(())
            }
            None => {
                self.fuel_left.set(0);
                Err(Thrown::new("U1001").message("Expression evaluation timeout: Check for infinite loop"))
            }
        }
    }

    /// The fuel for work on `count` things.
    pub(crate) fn spend_on(&self, count: usize) -> Outcome<()> {
        self.spend(count as u64)
    }

    /// The fuel for reading or writing `bytes` of text.
    pub(crate) fn spend_on_text(&self, bytes: usize) -> Outcome<()> {
        self.spend(bytes as u64 / 64)
    }

    pub(crate) fn fuel_used(&self) -> u64 {
        self.limits.fuel - self.fuel_left.get()
    }

    pub(crate) fn peak_bytes(&self) -> usize {
        self.peak_bytes.get()
    }

    /// Counts `bytes` until the charge is dropped.
    pub(crate) fn reserve(self: &Rc<Self>, bytes: usize) -> Outcome<Charge> {
        let live = self.live_bytes.get().saturating_add(bytes);
        if live > self.limits.bytes {
            return Err(Thrown::new("U1001").message(format!(
                "The expression needs more than {} bytes of memory at once",
                self.limits.bytes
            )));
        }
        self.live_bytes.set(live);
        self.peak_bytes.set(self.peak_bytes.get().max(live));
        Ok(Charge { meter: Rc::clone(self), bytes })
    }

    pub(crate) fn check_length(&self, length: usize) -> Outcome<()> {
        if length > self.limits.sequence_length {
            return Err(Thrown::new("U1001").message(format!(
                "The expression builds an array of more than {} items",
                self.limits.sequence_length
            )));
        }
        Ok(())
    }

    pub(crate) fn check_nesting(nesting: u32) -> Outcome<()> {
        if nesting > NESTING_MAX {
            return Err(Thrown::new("U1001")
                .message(format!("The expression builds a value nested more than {NESTING_MAX} deep")));
        }
        Ok(())
    }

    /// One level deeper, until [`Meter::leave`].
    pub(crate) fn enter(&self) -> Outcome<()> {
        let depth = self.depth.get() + 1;
        if depth > self.limits.depth {
            return Err(Thrown::new("U1001").message(
                "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive.",
            ));
        }
        self.depth.set(depth);
        Ok(())
    }

    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}

/// Bytes that live; gives them back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    meter: Rc<Meter>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn meter(&self) -> &Rc<Meter> {
        &self.meter
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.live_bytes.set(self.meter.live_bytes.get() - self.bytes);
    }
}
