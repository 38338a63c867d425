//! Functions as values, and the frames that they close over.

use super::ast::{Lambda, Transform};
use super::error::Outcome;
use super::functions::Builtin;
use super::meter::{Charge, Meter};
use super::regex::Pattern;
use super::value::{CELL_BYTES, Tuple, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) enum Function {
    Lambda(Closure),
    Builtin(Builtin),
    /// A function with some of its arguments given.
    Partial {
        function: Value,
        arguments: Vec<Option<Value>>,
        nesting: u32,
        _charge: Charge,
    },
    /// `first ~> second`
    Chain {
        first: Value,
        second: Value,
        nesting: u32,
        _charge: Charge,
    },
    Transform {
        transform: Arc<Transform>,
        frame: Rc<Frame>,
        nesting: u32,
        _charge: Charge,
    },
    Regex(Arc<Pattern>),
    /// Gives the next match of a regular expression.
    NextMatch {
        pattern: Arc<Pattern>,
        text: Value,
        /// Where to go on, in bytes.
        from: usize,
        _charge: Charge,
    },
}

#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) input: Value,
    pub(crate) frame: Rc<Frame>,
    nesting: u32,
    _charge: Charge,
}

fn charge(meter: &Rc<Meter>, more: usize) -> Outcome<Charge> {
    meter.reserve(CELL_BYTES + size_of::<Function>() + more)
}

fn nested(parts: &[u32]) -> Outcome<u32> {
    let nesting = parts.iter().copied().max().unwrap_or(0) + 1;
    Meter::check_nesting(nesting)?;
    Ok(nesting)
}

impl Function {
    pub(crate) fn lambda(
        meter: &Rc<Meter>,
        lambda: &Arc<Lambda>,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Outcome {
        let nesting = nested(&[input.nesting(), frame.nesting.get()])?;
        Ok(Value::Function(Rc::new(Function::Lambda(Closure {
            lambda: Arc::clone(lambda),
            input: input.clone(),
            frame: Rc::clone(frame),
            nesting,
            _charge: charge(meter, 0)?,
        }))))
    }

    pub(crate) fn partial(meter: &Rc<Meter>, function: Value, arguments: Vec<Option<Value>>) -> Outcome {
        let inner = arguments.iter().flatten().map(Value::nesting).max().unwrap_or(0);
        let nesting = nested(&[inner, function.nesting()])?;
        let charge = charge(meter, arguments.len() * size_of::<Value>())?;
        Ok(Value::Function(Rc::new(Function::Partial { function, arguments, nesting, _charge: charge })))
    }

    pub(crate) fn chain(meter: &Rc<Meter>, first: Value, second: Value) -> Outcome {
        let nesting = nested(&[first.nesting(), second.nesting()])?;
        let charge = charge(meter, 0)?;
        Ok(Value::Function(Rc::new(Function::Chain { first, second, nesting, _charge: charge })))
    }

    pub(crate) fn transform(meter: &Rc<Meter>, transform: &Arc<Transform>, frame: &Rc<Frame>) -> Outcome {
        let nesting = nested(&[frame.nesting.get()])?;
        Ok(Value::Function(Rc::new(Function::Transform {
            transform: Arc::clone(transform),
            frame: Rc::clone(frame),
            nesting,
            _charge: charge(meter, 0)?,
        })))
    }

    pub(crate) fn next_match(
        meter: &Rc<Meter>,
        pattern: &Arc<Pattern>,
        text: &Value,
        from: usize,
    ) -> Outcome {
        let next = Function::NextMatch {
            pattern: Arc::clone(pattern),
            text: text.clone(),
            from,
            _charge: charge(meter, 0)?,
        };
        Ok(Value::Function(Rc::new(next)))
    }

    pub(crate) fn nesting(&self) -> u32 {
        match self {
            Function::Lambda(closure) => closure.nesting,
            Function::Partial { nesting, .. }
            | Function::Chain { nesting, .. }
            | Function::Transform { nesting, .. } => *nesting,
            Function::Builtin(_) | Function::Regex(_) | Function::NextMatch { .. } => 1,
        }
    }

    /// How many arguments it can use, which decides what the higher-order functions pass.
    pub(crate) fn arity(&self) -> usize {
        match self {
            Function::Lambda(closure) => closure.lambda.parameters.len(),
            Function::Builtin(builtin) => builtin.arity(),
            Function::Partial { arguments, .. } => arguments.iter().filter(|given| given.is_none()).count(),
            Function::Chain { .. } | Function::Transform { .. } => 1,
            Function::Regex(_) => 2,
            Function::NextMatch { .. } => 0,
        }
    }

    /// A call that waits for its caller's frame to go.
    pub(crate) fn as_thunk(&self) -> Option<&Closure> {
        match self {
            Function::Lambda(closure) if closure.lambda.thunk => Some(closure),
            _ => None,
        }
    }
}

/// Names and what they stand for, within those around.
pub(crate) struct Frame {
    parent: Option<Rc<Frame>>,
    bindings: RefCell<Bindings>,
    tuple: Option<Rc<Tuple>>,
    nesting: Cell<u32>,
    _charge: Charge,
}

/// What is bound may hold the frame itself, so nothing of it is shown.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Bindings {
    values: Vec<(Arc<str>, Value)>,
    charge: Option<Charge>,
}

impl Frame {
    fn within(meter: &Rc<Meter>, parent: Option<&Rc<Frame>>, tuple: Option<Rc<Tuple>>) -> Outcome<Rc<Self>> {
        let outer = parent.map_or(0, |parent| parent.nesting.get());
        let bound = tuple.as_ref().map_or(0, |tuple| Value::Tuple(Rc::clone(tuple)).nesting());
        let nesting = nested(&[outer, bound])?;
        Ok(Rc::new(Frame {
            parent: parent.cloned(),
            bindings: RefCell::default(),
            tuple,
            nesting: Cell::new(nesting),
            _charge: meter.reserve(CELL_BYTES + size_of::<Frame>())?,
        }))
    }

    pub(crate) fn root(meter: &Rc<Meter>) -> Outcome<Rc<Self>> {
        Frame::within(meter, None, None)
    }

    pub(crate) fn inner(meter: &Rc<Meter>, parent: &Rc<Frame>) -> Outcome<Rc<Self>> {
        Frame::within(meter, Some(parent), None)
    }

    pub(crate) fn of_tuple(meter: &Rc<Meter>, parent: &Rc<Frame>, tuple: &Rc<Tuple>) -> Outcome<Rc<Self>> {
        Frame::within(meter, Some(parent), Some(Rc::clone(tuple)))
    }

    /// `None` where nothing bears the name; bound to undefined is something else.
    pub(crate) fn lookup(&self, name: &str) -> Option<Value> {
        let mut frame = Some(self);
        while let Some(here) = frame {
            let found = here.bindings.borrow().values.iter().find(|(bound, _)| &**bound == name).cloned();
            if let Some((_, value)) = found {
                return Some(value);
            }
            if let Some(value) = here.tuple.as_ref().and_then(|tuple| tuple.get(name)) {
                return Some(value.clone());
            }
            frame = here.parent.as_deref();
        }
        None
    }

    pub(crate) fn bind(&self, meter: &Rc<Meter>, name: &Arc<str>, value: Value) -> Outcome<()> {
        meter.spend(1)?;
        // A function bound in the frame that it closes over goes round in a circle, which `clear` cuts: no chain grows.
        let is_own = matches!(&value, Value::Function(function)
            if matches!(&**function, Function::Lambda(closure) if std::ptr::eq(&*closure.frame, self)));
        let nesting = if is_own { 0 } else { nested(&[value.nesting()])? };
        let mut bindings = self.bindings.borrow_mut();
        let bindings = &mut *bindings;
        if let Some((_, old)) = bindings.values.iter_mut().find(|(bound, _)| bound == name) {
            *old = value;
        } else {
            if bindings.values.len() == bindings.values.capacity() {
                let capacity = (bindings.values.len() * 2).max(2);
                let charge = meter.reserve(capacity * size_of::<(Arc<str>, Value)>())?;
                bindings.values.reserve_exact(capacity - bindings.values.len());
                bindings.charge = Some(charge);
            }
            bindings.values.push((Arc::clone(name), value));
        }
        self.nesting.set(self.nesting.get().max(nesting));
        Ok(())
    }

    /// Forgets everything, so that closures and the frames that hold them let go of each other.
    pub(crate) fn clear(&self) {
        let values = std::mem::take(&mut self.bindings.borrow_mut().values);
        drop(values);
    }
}
