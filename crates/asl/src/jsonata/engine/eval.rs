//! Evaluation of a tree, node by node, as jsonata-js 2.0.6 defines it.

use super::ast::{Kind, Node, Path};
use super::error::Outcome;
use super::function::{Frame, Function};
use super::functions::{self, Dialect};
use super::meter::{Limits, Meter};
use super::object::Members;
use super::regex::Pattern;
use super::value::{Flags, List, Value};
use crate::random::Random;
use fancy_regex::Regex;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Stack that must be left before a node is evaluated, and how much is added where it is not: enough to drop the
/// deepest value ([`super::meter::NESTING_MAX`]) wherever evaluation ends.
const STACK_LEFT_BYTES: usize = 512 * 1024;
const STACK_GROWTH_BYTES: usize = 2 * 1024 * 1024;
/// Compiled regular expressions that are kept within one evaluation.
const REGEXES_KEPT: usize = 4;
/// Frames looked after before those that are gone are forgotten.
const FRAMES_KEPT: usize = 1_024;

/// What an evaluation takes from outside.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) dialect: Dialect,
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: i64,
    pub(crate) random: Random,
}

/// One evaluation: its bounds, its host and what it keeps meanwhile.
#[derive(Debug)]
pub(crate) struct Evaluation {
    pub(super) meter: Rc<Meter>,
    pub(super) host: Host,
    root: Rc<Frame>,
    /// Every frame that something was bound in: closures and frames hold each other, and somebody must let go.
    frames: RefCell<Frames>,
    regexes: RefCell<Vec<(Arc<Pattern>, Rc<Regex>)>>,
}

#[derive(Debug, Default)]
struct Frames {
    list: Vec<Weak<Frame>>,
    limit: usize,
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        for frame in std::mem::take(&mut self.frames.borrow_mut().list) {
            if let Some(frame) = frame.upgrade() {
                frame.clear();
            }
        }
        self.root.clear();
    }
}

/// The items of an array, or a single value as if it were one.
pub(super) enum Items {
    Many(Rc<super::value::Array>),
    One(Value),
}

impl Items {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(array, _) => Items::Many(Rc::clone(array)),
            other => Items::One(other.clone()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Items::Many(array) => array.len(),
            Items::One(_) => 1,
        }
    }

    pub(super) fn get(&self, index: usize) -> Value {
        match self {
            Items::Many(array) => array.get(index),
            Items::One(value) => value.clone(),
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl Evaluation {
    /// # Errors
    /// The bounds leave no room for anything.
    pub(crate) fn new(host: Host, limits: Limits) -> Outcome<Self> {
        let meter = Meter::new(limits);
        let root = Frame::root(&meter)?;
        let frames = RefCell::new(Frames { list: Vec::new(), limit: FRAMES_KEPT });
        Ok(Evaluation { meter, host, root, frames, regexes: RefCell::default() })
    }

    pub(crate) fn meter(&self) -> &Rc<Meter> {
        &self.meter
    }

    /// Binds a variable for the whole expression.
    pub(crate) fn bind(&self, name: &Arc<str>, value: Value) -> Outcome<()> {
        self.bind_in(&self.root, name, value)
    }

    /// Evaluates a whole expression on an input.
    pub(crate) fn run(&self, node: &Node, input: &Value) -> Outcome {
        let input = match input {
            // An input that is an array counts as one thing, not as a sequence.
            Value::Array(_, flags) if !flags.has(Flags::SEQUENCE) => {
                List::of(&self.meter, [input.clone()])?.finish(Flags::SEQUENCE.with(Flags::OUTER))?
            }
            other => other.clone(),
        };
        self.bind_in(&self.root, &"$".into(), input.clone())?;
        self.evaluate(node, &input, &Rc::clone(&self.root))
    }

    pub(super) fn bind_in(&self, frame: &Rc<Frame>, name: &Arc<str>, value: Value) -> Outcome<()> {
        if value.nesting() > 0 {
            let mut frames = self.frames.borrow_mut();
            if frames.list.len() >= frames.limit {
                frames.list.retain(|frame| frame.strong_count() > 0);
                frames.limit = (frames.list.len() * 2).max(FRAMES_KEPT);
            }
            frames.list.push(Rc::downgrade(frame));
        }
        frame.bind(&self.meter, name, value)
    }

    pub(super) fn lookup(&self, name: &str, frame: &Frame) -> Value {
        frame.lookup(name).unwrap_or_else(|| {
            functions::find(name, self.host.dialect)
                .map_or(Value::Undefined, |builtin| Value::Function(Rc::new(Function::Builtin(builtin))))
        })
    }

    pub(super) fn text(&self, text: impl Into<Box<str>>) -> Outcome {
        Value::text(&self.meter, text)
    }

    pub(super) fn list(&self) -> Outcome<List> {
        List::new(&self.meter)
    }

    /// An object that is still empty.
    pub(crate) fn object(&self) -> Outcome<Members> {
        Members::new(&self.meter)
    }

    pub(super) fn regex(&self, pattern: &Arc<Pattern>) -> Outcome<Rc<Regex>> {
        let mut kept = self.regexes.borrow_mut();
        if let Some((_, regex)) = kept.iter().find(|(own, _)| Arc::ptr_eq(own, pattern)) {
            return Ok(Rc::clone(regex));
        }
        // To compile is work too.
        self.meter.spend(100 + pattern.source().len() as u64 * 4)?;
        let regex = Rc::new(pattern.compile()?);
        if kept.len() >= REGEXES_KEPT {
            kept.remove(0);
        }
        kept.push((Arc::clone(pattern), Rc::clone(&regex)));
        Ok(regex)
    }

    pub(super) fn evaluate(&self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Outcome {
        self.meter.spend(1)?;
        if let Kind::Path(path) = &node.kind
            && node.is_plain()
            && let Some(found) = self.walk(path, input, frame)?
        {
            return Ok(found);
        }
        self.meter.enter()?;
        let is_leaf = matches!(
            node.kind,
            Kind::Name(_)
                | Kind::String(_)
                | Kind::Number(_)
                | Kind::Bool(_)
                | Kind::Null
                | Kind::Variable(_)
        );
        let result = if is_leaf {
            self.finished(node, input, frame)
        } else {
            stacker::maybe_grow(STACK_LEFT_BYTES, STACK_GROWTH_BYTES, || self.finished(node, input, frame))
        };
        self.meter.leave();
        result
    }

    fn finished(&self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Outcome {
        let mut result = self.evaluate_kind(node, input, frame)?;
        if node.extras.is_some() {
            for predicate in node.predicates() {
                result = self.filter(predicate, &result, frame)?;
            }
            if let Some(pairs) = node.group()
                && !matches!(node.kind, Kind::Path(_))
            {
                result = self.group(pairs, &result, frame)?;
            }
        }
        if let Value::Array(array, flags) = &mut result
            && flags.has(Flags::SEQUENCE)
            && !flags.has(Flags::TUPLES)
        {
            if node.keep_array {
                *flags = flags.with(Flags::KEEP_SINGLETON);
            }
            match array.len() {
                0 => return Ok(Value::Undefined),
                1 if !flags.has(Flags::KEEP_SINGLETON) => return Ok(array.get(0)),
                _ => {}
            }
        }
        Ok(result)
    }

    /// Follows a path of plain names from object to object; `None` where an array is on the way, or anything else is
    /// noted, for the rules of sequences.
    fn walk(&self, path: &Path, input: &Value, frame: &Frame) -> Outcome<Option<Value>> {
        if path.keep_singleton {
            return Ok(None);
        }
        let mut here: Option<Value> = None;
        for (at, step) in path.steps.iter().enumerate() {
            if !step.is_plain() {
                return Ok(None);
            }
            self.meter.spend(1)?;
            let next = match &step.kind {
                Kind::Name(name) => match here.as_ref().unwrap_or(input) {
                    Value::Object(object) => object.get(name),
                    Value::Array(..) | Value::Tuple(_) => return Ok(None),
                    _ => Value::Undefined,
                },
                Kind::Variable(name) if at == 0 && !name.is_empty() => self.lookup(name, frame),
                _ => return Ok(None),
            };
            match &next {
                Value::Undefined => return Ok(Some(Value::Undefined)),
                Value::Array(_, flags) if *flags != Flags::NONE => return Ok(None),
                _ => {}
            }
            here = Some(next);
        }
        Ok(here)
    }

    fn evaluate_kind(&self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Outcome {
        match &node.kind {
            Kind::Path(path) => self.path(node, path, input, frame),
            Kind::Name(name) => self.field(input, name),
            Kind::Variable(name) if name.is_empty() => Ok(match input {
                Value::Array(array, flags) if flags.has(Flags::OUTER) => array.get(0),
                other => other.clone(),
            }),
            Kind::Variable(name) => Ok(self.lookup(name, frame)),
            Kind::String(text) => self.text(&**text),
            Kind::Number(number) => Ok(Value::Number(*number)),
            Kind::Bool(bool) => Ok(Value::Bool(*bool)),
            Kind::Null => Ok(Value::Null),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendants => self.descendants(input),
            Kind::Parent(parent) => Ok(frame.lookup(&parent.name()).unwrap_or_default()),
            Kind::Binary(operator, both) => self.binary(*operator, &both.0, &both.1, input, frame),
            Kind::Negate(inner) => {
                let value = self.evaluate(inner, input, frame)?;
                super::operators::negated(&value)
            }
            Kind::Array(items) => self.array(node, items, input, frame),
            Kind::Object(pairs) => self.group(pairs, input, frame),
            Kind::Block { nodes, binds } => {
                let own;
                let frame = if *binds {
                    own = Frame::inner(&self.meter, frame)?;
                    &own
                } else {
                    frame
                };
                let mut result = Value::Undefined;
                for node in nodes {
                    result = self.evaluate(node, input, frame)?;
                }
                Ok(result)
            }
            Kind::Condition(condition) => {
                let is_met = self.evaluate(&condition.condition, input, frame)?;
                if self.truth(&is_met)? {
                    return self.evaluate(&condition.then, input, frame);
                }
                match &condition.otherwise {
                    Some(otherwise) => self.evaluate(otherwise, input, frame),
                    None => Ok(Value::Undefined),
                }
            }
            Kind::Bind(name, value) => {
                let value = self.evaluate(value, input, frame)?;
                self.bind_in(frame, name, value.clone())?;
                Ok(value)
            }
            Kind::Call(call) => self.call(call, None, input, frame),
            Kind::Partial(call) => self.partial(call, input, frame),
            Kind::Lambda(lambda) => Function::lambda(&self.meter, lambda, input, frame),
            Kind::Apply(both) => self.apply_operator(&both.0, &both.1, input, frame),
            Kind::Transform(transform) => Function::transform(&self.meter, transform, frame),
            Kind::Regex(pattern) => Ok(Value::Function(Rc::new(Function::Regex(Arc::clone(pattern))))),
            // The resolver leaves none of these where they could be evaluated.
            Kind::Sort(_)
            | Kind::Placeholder
            | Kind::Step(_)
            | Kind::Filter(_)
            | Kind::Group(_)
            | Kind::OrderBy(_)
            | Kind::Focus(_)
            | Kind::Index(_)
            | Kind::End => Err(super::error::Thrown::new("S0206").token("operator")),
        }
    }

    /// A field of an object, or of each object of an array.
    pub(super) fn field(&self, input: &Value, name: &str) -> Outcome {
        match input {
            Value::Object(object) => {
                self.meter.spend_on(object.len().min(16) / 4)?;
                Ok(object.get(name))
            }
            Value::Array(array, _) => {
                let mut found = self.list()?;
                self.field_of_all(array, name, &mut found)?;
                found.sequence()
            }
            _ => Ok(Value::Undefined),
        }
    }

    fn field_of_all(&self, array: &super::value::Array, name: &str, found: &mut List) -> Outcome<()> {
        self.meter.spend_on(array.len())?;
        if array.is_range() {
            return Ok(());
        }
        for item in array.iter() {
            match item {
                Value::Object(object) => found.append(object.get(name))?,
                Value::Array(inner, _) => self.field_of_all(&inner, name, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn wildcard(&self, input: &Value) -> Outcome {
        let input = match input {
            Value::Array(array, flags) if flags.has(Flags::OUTER) && !array.is_empty() => array.get(0),
            other => other.clone(),
        };
        let mut found = self.list()?;
        // Once an array was among the values, what is found is no sequence any more.
        let mut flags = Flags::SEQUENCE;
        let mut take = |value: Value| -> Outcome<()> {
            if value.is_array() {
                flags = Flags::NONE;
                return self.flatten(&value, &mut found);
            }
            found.push(value)
        };
        match &input {
            Value::Object(object) => {
                for (_, value) in (0..object.len()).filter_map(|at| object.entry(at)) {
                    take(value)?;
                }
            }
            Value::Array(array, _) => {
                for item in array.iter() {
                    take(item)?;
                }
            }
            _ => {}
        }
        found.finish(flags)
    }

    fn flatten(&self, value: &Value, into: &mut List) -> Outcome<()> {
        match value {
            Value::Array(array, _) => array.iter().try_for_each(|item| self.flatten(&item, into)),
            other => into.push(other.clone()),
        }
    }

    fn descendants(&self, input: &Value) -> Outcome {
        if input.is_undefined() {
            return Ok(Value::Undefined);
        }
        let mut found = self.list()?;
        self.descend(input, &mut found)?;
        if found.len() == 1 { Ok(found.items()[0].clone()) } else { found.sequence() }
    }

    fn descend(&self, value: &Value, found: &mut List) -> Outcome<()> {
        match value {
            Value::Array(array, _) => array.iter().try_for_each(|item| self.descend(&item, found)),
            Value::Object(object) => {
                found.push(value.clone())?;
                (0..object.len())
                    .filter_map(|at| object.entry(at))
                    .try_for_each(|(_, member)| self.descend(&member, found))
            }
            other => found.push(other.clone()),
        }
    }

    fn array(&self, node: &Node, items: &[Node], input: &Value, frame: &Rc<Frame>) -> Outcome {
        if let [Node { kind: Kind::Binary(super::ast::Operator::Range, _), .. }] = items
            && !node.cons_array
        {
            // A range alone stays one that takes no room.
            let range = self.evaluate(&items[0], input, frame)?;
            return match range {
                Value::Undefined => self.list()?.array(),
                Value::Array(array, _) => Ok(Value::Array(array, Flags::NONE)),
                other => List::of(&self.meter, [other])?.array(),
            };
        }
        let mut list = List::with_capacity(&self.meter, items.len())?;
        for item in items {
            let value = self.evaluate(item, input, frame)?;
            if matches!(item.kind, Kind::Array(_)) && !value.is_undefined() {
                list.push(value)?;
            } else {
                list.append(value)?;
            }
        }
        list.finish(if node.cons_array { Flags::CONS } else { Flags::NONE })
    }

    /// What JSONata takes for true; undefined is not.
    pub(super) fn truth(&self, value: &Value) -> Outcome<bool> {
        Ok(match value {
            Value::Bool(bool) => *bool,
            Value::String(text) => !text.as_str().is_empty(),
            Value::Number(number) => {
                super::operators::check_finite(*number)?;
                *number != 0.0 && !number.is_nan()
            }
            Value::Object(object) => object.len() > 0,
            Value::Array(array, _) if array.len() == 1 => self.truth(&array.get(0))?,
            Value::Array(array, _) => {
                for item in array.iter() {
                    self.meter.spend(1)?;
                    if self.truth(&item)? {
                        return Ok(true);
                    }
                }
                false
            }
            Value::Tuple(_) => true,
            Value::Undefined | Value::Null | Value::Function(_) => false,
        })
    }
}
