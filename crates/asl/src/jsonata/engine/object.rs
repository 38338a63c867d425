//! Objects: members in the order of their first setting.

use super::error::Outcome;
use super::meter::{Charge, Meter};
use super::value::{CELL_BYTES, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// From this many members on, names are found by a hash instead of one after the other.
const INDEXED_FROM: usize = 17;
/// One member in its place, in the index, and its name's own cell.
const MEMBER_BYTES: usize = 32 + CELL_BYTES;
const INDEX_ENTRY_BYTES: usize = 48;

/// Only the transform operator changes an object once it is built: a copy of its own, before anyone else sees it.
#[derive(Debug)]
pub(crate) struct Object {
    members: RefCell<Members>,
    nesting: Cell<u32>,
}

#[derive(Debug)]
pub(crate) struct Members {
    entries: Vec<(Rc<str>, Value)>,
    index: Option<HashMap<Rc<str>, usize>>,
    nesting: u32,
    /// For the buffers, and for the names.
    charge: Charge,
    names: Vec<Charge>,
}

impl Members {
    pub(crate) fn new(meter: &Rc<Meter>) -> Outcome<Self> {
        let charge = meter.reserve(CELL_BYTES + size_of::<Object>())?;
        Ok(Members { entries: Vec::new(), index: None, nesting: 0, charge, names: Vec::new() })
    }

    /// With room for so many members.
    pub(crate) fn with_capacity(meter: &Rc<Meter>, capacity: usize) -> Outcome<Self> {
        let mut members = Members::new(meter)?;
        meter.check_length(capacity)?;
        if capacity > 0 {
            members.grow(capacity)?;
        }
        Ok(members)
    }

    fn grow(&mut self, capacity: usize) -> Outcome<()> {
        let meter = self.charge.meter();
        let bytes = CELL_BYTES + size_of::<Object>() + capacity * (MEMBER_BYTES + INDEX_ENTRY_BYTES);
        let charge = meter.reserve(bytes)?;
        self.entries.reserve_exact(capacity - self.entries.len());
        self.charge = charge;
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.entries.iter().position(|(other, _)| &**other == name),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).map(|at| &self.entries[at].1)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Rc<str>, &Value)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn set(&mut self, name: Rc<str>, value: Value) -> Outcome<()> {
        let meter = Rc::clone(self.charge.meter());
        meter.spend(1)?;
        self.nesting = self.nesting.max(value.nesting());
        if let Some(at) = self.position(&name) {
            self.entries[at].1 = value;
            return Ok(());
        }
        meter.check_length(self.entries.len() + 1)?;
        if self.entries.len() == self.entries.capacity() {
            self.grow((self.entries.len() * 2).max(2))?;
        }
        // A name that others hold too is charged where it was made, as far as it is long.
        if name.len() > CELL_BYTES {
            self.names.push(meter.reserve(name.len() + size_of::<Charge>() * 2)?);
        }
        if let Some(index) = &mut self.index {
            index.insert(Rc::clone(&name), self.entries.len());
        }
        self.entries.push((name, value));
        if self.index.is_none() && self.entries.len() >= INDEXED_FROM {
            self.reindex();
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> Outcome<()> {
        let Some(at) = self.position(name) else { return Ok(()) };
        self.charge.meter().spend_on(self.entries.len())?;
        self.entries.remove(at);
        if self.index.is_some() {
            self.reindex();
        }
        Ok(())
    }

    fn reindex(&mut self) {
        let places = self.entries.iter().enumerate().map(|(at, (name, _))| (Rc::clone(name), at));
        self.index = Some(places.collect());
    }

    pub(crate) fn finish(self) -> Outcome {
        let nesting = self.nesting + 1;
        Meter::check_nesting(nesting)?;
        Ok(Value::Object(Rc::new(Object { members: RefCell::new(self), nesting: Cell::new(nesting) })))
    }
}

impl Object {
    pub(crate) fn nesting(&self) -> u32 {
        self.nesting.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.borrow().len()
    }

    pub(crate) fn get(&self, name: &str) -> Value {
        self.members.borrow().get(name).cloned().unwrap_or_default()
    }

    /// Name and value at a place.
    pub(crate) fn entry(&self, at: usize) -> Option<(Rc<str>, Value)> {
        self.members.borrow().entries.get(at).cloned()
    }

    /// Looks at the members without anything else running meanwhile.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Members) -> T) -> T {
        look(&self.members.borrow())
    }

    /// Changes the members in place; `change` runs nothing else.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Members) -> Outcome<()>) -> Outcome<()> {
        let mut members = self.members.borrow_mut();
        change(&mut members)?;
        let nesting = members.nesting + 1;
        Meter::check_nesting(nesting)?;
        self.nesting.set(self.nesting.get().max(nesting));
        Ok(())
    }
}
