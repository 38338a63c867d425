//! The values of the language. Everything on the heap carries its [`Charge`].

use super::error::Outcome;
use super::function::Function;
use super::meter::{Charge, Meter};
use super::object::Object;
use std::rc::Rc;
use std::sync::Arc;

/// What a heap cell takes beside its payload: the allocator's header and the reference counts.
pub(super) const CELL_BYTES: usize = 32;

#[derive(Debug, Clone, Default)]
pub(crate) enum Value {
    #[default]
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    String(Rc<Text>),
    Array(Rc<Array>, Flags),
    Object(Rc<Object>),
    Function(Rc<Function>),
    /// An item of a stream that carries bindings beside its value; never seen outside of paths.
    Tuple(Rc<Tuple>),
}

/// What jsonata-js notes on an array object, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const NONE: Flags = Flags(0);
    /// Built by a query: one item stands for itself, none for undefined.
    pub(crate) const SEQUENCE: Flags = Flags(1);
    /// A sequence that stays an array even with one item.
    pub(crate) const KEEP_SINGLETON: Flags = Flags(2);
    /// Built by `[…]` as a step; not flattened into the path.
    pub(crate) const CONS: Flags = Flags(4);
    /// Wraps an input that is an array.
    pub(crate) const OUTER: Flags = Flags(8);
    /// Its items are [`Tuple`]s.
    pub(crate) const TUPLES: Flags = Flags(16);

    pub(crate) fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

#[derive(Debug)]
pub(crate) struct Text {
    text: Box<str>,
    _charge: Charge,
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

#[derive(Debug)]
pub(crate) struct Array {
    items: Items,
    nesting: u32,
    _charge: Charge,
}

#[derive(Debug)]
enum Items {
    List(Vec<Value>),
    /// Whole numbers from `first` on, not stored.
    Range {
        first: f64,
        length: usize,
    },
}

impl Array {
    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::List(items) => items.len(),
            Items::Range { length, .. } => *length,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, index: usize) -> Value {
        match &self.items {
            Items::List(items) => items.get(index).cloned().unwrap_or_default(),
            #[expect(clippy::cast_precision_loss, reason = "at most ten million items")]
            Items::Range { first, length } if index < *length => Value::Number(first + index as f64),
            Items::Range { .. } => Value::Undefined,
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    pub(crate) fn is_range(&self) -> bool {
        matches!(self.items, Items::Range { .. })
    }
}

/// A value with the bindings that came with it: `@$x`, `#$i` and the ancestors that `%` looks for.
#[derive(Debug)]
pub(crate) struct Tuple {
    pub(crate) focus: Value,
    pub(crate) bindings: Vec<(Arc<str>, Value)>,
    nesting: u32,
    _charge: Charge,
}

impl Tuple {
    pub(crate) fn new(
        meter: &Rc<Meter>,
        focus: Value,
        bindings: Vec<(Arc<str>, Value)>,
    ) -> Outcome<Rc<Self>> {
        meter.spend_on(bindings.len())?;
        let charge = meter.reserve(CELL_BYTES + size_of::<Tuple>() + bindings.capacity() * 32)?;
        let inner = bindings.iter().map(|(_, value)| value.nesting()).max().unwrap_or(0);
        let nesting = inner.max(focus.nesting()) + 1;
        Meter::check_nesting(nesting)?;
        Ok(Rc::new(Tuple { focus, bindings, nesting, _charge: charge }))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.bindings.iter().find(|(bound, _)| &**bound == name).map(|(_, value)| value)
    }
}

/// Sets a binding, replacing one of the same name.
pub(crate) fn set_binding(bindings: &mut Vec<(Arc<str>, Value)>, name: &Arc<str>, value: Value) {
    match bindings.iter_mut().find(|(bound, _)| bound == name) {
        Some((_, old)) => *old = value,
        None => bindings.push((Arc::clone(name), value)),
    }
}

impl Value {
    pub(crate) fn text(meter: &Rc<Meter>, text: impl Into<Box<str>>) -> Outcome {
        let text = text.into();
        let charge = meter.reserve(CELL_BYTES * 2 + size_of::<Text>() + text.len())?;
        Ok(Value::String(Rc::new(Text { text, _charge: charge })))
    }

    /// The whole numbers from `first` on: a sequence that takes no room.
    pub(crate) fn range(meter: &Rc<Meter>, first: f64, length: usize) -> Outcome {
        let charge = meter.reserve(CELL_BYTES + size_of::<Array>())?;
        let array = Array { items: Items::Range { first, length }, nesting: 1, _charge: charge };
        Ok(Value::Array(Rc::new(array), Flags::SEQUENCE))
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined)
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Value::Array(..))
    }

    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self, Value::Array(_, flags) if flags.has(Flags::SEQUENCE))
    }

    pub(crate) fn is_function(&self) -> bool {
        matches!(self, Value::Function(_))
    }

    pub(crate) fn has_flag(&self, flag: Flags) -> bool {
        matches!(self, Value::Array(_, flags) if flags.has(flag))
    }

    pub(crate) fn with_flag(self, flag: Flags) -> Value {
        match self {
            Value::Array(array, flags) => Value::Array(array, flags.with(flag)),
            other => other,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// How deep other values nest in this one; 0 for what holds none.
    pub(crate) fn nesting(&self) -> u32 {
        match self {
            Value::Array(array, _) => array.nesting,
            Value::Object(object) => object.nesting(),
            Value::Function(function) => function.nesting(),
            Value::Tuple(tuple) => tuple.nesting,
            _ => 0,
        }
    }

    /// The same thing, not an equal one: what `===` is in JavaScript.
    pub(crate) fn is(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a.as_str() == b.as_str(),
            (Value::Array(a, _), Value::Array(b, _)) => Rc::ptr_eq(a, b),
            (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b),
            (Value::Function(a), Value::Function(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// An array under construction; every growth is charged before it happens.
#[derive(Debug)]
pub(crate) struct List {
    items: Vec<Value>,
    nesting: u32,
    charge: Charge,
}

impl List {
    pub(crate) fn new(meter: &Rc<Meter>) -> Outcome<Self> {
        Ok(List { items: Vec::new(), nesting: 0, charge: meter.reserve(CELL_BYTES + size_of::<Array>())? })
    }

    pub(crate) fn with_capacity(meter: &Rc<Meter>, capacity: usize) -> Outcome<Self> {
        let mut list = List::new(meter)?;
        list.grow(capacity)?;
        Ok(list)
    }

    pub(crate) fn of(meter: &Rc<Meter>, items: impl IntoIterator<Item = Value>) -> Outcome<Self> {
        let items = items.into_iter();
        let mut list = List::with_capacity(meter, items.size_hint().0)?;
        for item in items {
            list.push(item)?;
        }
        Ok(list)
    }

    fn grow(&mut self, capacity: usize) -> Outcome<()> {
        let meter = Rc::clone(self.charge.meter());
        meter.check_length(capacity.min(self.items.len() + 1))?;
        // The old and the new buffer live side by side while one is copied to the other.
        let bytes = CELL_BYTES + size_of::<Array>() + capacity * size_of::<Value>();
        let charge = meter.reserve(bytes)?;
        self.items.reserve_exact(capacity - self.items.len());
        self.charge = charge;
        Ok(())
    }

    pub(crate) fn push(&mut self, item: Value) -> Outcome<()> {
        self.charge.meter().spend(1)?;
        if self.items.len() == self.items.capacity() {
            self.grow((self.items.len() * 2).max(4))?;
        }
        self.nesting = self.nesting.max(item.nesting());
        self.items.push(item);
        Ok(())
    }

    /// Pushes the items of an array, or the value itself; nothing where it is undefined.
    pub(crate) fn append(&mut self, value: Value) -> Outcome<()> {
        match value {
            Value::Undefined => Ok(()),
            Value::Array(array, _) => self.extend(&array),
            other => self.push(other),
        }
    }

    pub(crate) fn extend(&mut self, array: &Array) -> Outcome<()> {
        self.charge.meter().spend_on(array.len() / 16)?;
        let wanted = self.items.len() + array.len();
        self.charge.meter().check_length(wanted)?;
        if wanted > self.items.capacity() {
            self.grow(wanted.max(self.items.len() * 2))?;
        }
        self.nesting = self.nesting.max(array.nesting.saturating_sub(1));
        self.items.extend(array.iter());
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn items(&self) -> &[Value] {
        &self.items
    }

    pub(crate) fn items_mut(&mut self) -> &mut [Value] {
        &mut self.items
    }

    pub(crate) fn finish(self, flags: Flags) -> Outcome {
        let nesting = self.nesting + 1;
        Meter::check_nesting(nesting)?;
        let array = Array { items: Items::List(self.items), nesting, _charge: self.charge };
        Ok(Value::Array(Rc::new(array), flags))
    }

    pub(crate) fn sequence(self) -> Outcome {
        self.finish(Flags::SEQUENCE)
    }

    pub(crate) fn array(self) -> Outcome {
        self.finish(Flags::NONE)
    }
}
