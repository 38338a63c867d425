//! Paths: steps, predicates, bindings of focus and index, grouping, order.

use super::ast::{Kind, Name, Node, Path, Stage, Term};
use super::error::{Outcome, Thrown};
use super::eval::{Evaluation, Items};
use super::function::Frame;
use super::operators::check_finite;
use super::value::{Flags, List, Tuple, Value, set_binding};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Values one after the other, as `$append` would put them together.
enum Gathered {
    One(Value),
    Many(List),
}

impl Gathered {
    fn add(self, evaluation: &Evaluation, value: Value) -> Outcome<Self> {
        let mut list = match (self, &value) {
            (Gathered::One(Value::Undefined), _) => return Ok(Gathered::One(value)),
            (own, Value::Undefined) => return Ok(own),
            (Gathered::One(first), _) => {
                let mut list = evaluation.list()?;
                list.append(first)?;
                list
            }
            (Gathered::Many(list), _) => list,
        };
        list.append(value)?;
        Ok(Gathered::Many(list))
    }

    fn finish(self) -> Outcome {
        match self {
            Gathered::One(value) => Ok(value),
            Gathered::Many(list) => list.array(),
        }
    }
}

impl Evaluation {
    pub(super) fn path(&self, node: &Node, path: &Path, input: &Value, frame: &Rc<Frame>) -> Outcome {
        let starts_absolute = matches!(path.steps.first(), Some(Node { kind: Kind::Variable(_), .. }));
        let mut sequence = if starts_absolute { Items::One(input.clone()) } else { Items::of(input) };
        let mut result = Value::Undefined;
        let mut tuples: Option<Value> = None;
        let mut is_stream = false;
        let last = path.steps.len().saturating_sub(1);
        for (at, step) in path.steps.iter().enumerate() {
            is_stream |= step.tuple;
            if at == 0 && step.cons_array {
                // The constructor itself begins the path: it is not built for each item of the context.
                let whole = match &sequence {
                    Items::Many(_) => input.clone(),
                    Items::One(value) => List::of(&self.meter, [value.clone()])?.sequence()?,
                };
                result = self.evaluate(step, &whole, frame)?;
            } else if is_stream {
                tuples = Some(self.tuple_step(step, &sequence, tuples.as_ref(), frame)?);
            } else {
                result = self.step(step, &sequence, frame, at == last)?;
            }
            if !is_stream {
                let is_empty = match &result {
                    Value::Undefined => true,
                    Value::Array(array, _) => array.is_empty(),
                    _ => false,
                };
                if is_empty {
                    break;
                }
            }
            if step.focus().is_none() {
                sequence = Items::of(&result);
            }
        }
        if let Some(tuples) = tuples.as_ref().filter(|_| is_stream) {
            if node.tuple {
                result = tuples.clone();
            } else {
                let items = Items::of(tuples);
                let mut list = List::with_capacity(&self.meter, items.len())?;
                for item in items.iter() {
                    list.push(if let Value::Tuple(tuple) = &item { tuple.focus.clone() } else { item })?;
                }
                result = list.sequence()?;
            }
        }
        if path.keep_singleton {
            if result.has_flag(Flags::CONS) && !result.is_sequence() {
                result = List::of(&self.meter, [result])?.sequence()?;
            }
            result = result.with_flag(Flags::KEEP_SINGLETON);
        }
        match node.group() {
            Some(pairs) => {
                let grouped = if is_stream { tuples.unwrap_or_default() } else { result };
                self.group(pairs, &grouped, frame)
            }
            None => Ok(result),
        }
    }

    fn step(&self, step: &Node, input: &Items, frame: &Rc<Frame>, is_last: bool) -> Outcome {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = self.order(terms, input, false, frame)?;
            return self.stages(step.stages(), sorted, frame);
        }
        let mut sequence = self.list()?;
        let mut count = 0_usize;
        let mut only = Value::Undefined;
        for item in input.iter() {
            let mut result = self.evaluate(step, &item, frame)?;
            for stage in step.stages() {
                if let Stage::Filter(filter) = stage {
                    result = self.filter(filter, &result, frame)?;
                }
            }
            if result.is_undefined() {
                continue;
            }
            count += 1;
            if input.len() == 1 {
                only = result;
                break;
            }
            if result.has_flag(Flags::CONS) || !result.is_array() {
                if count == 1 {
                    only = result.clone();
                }
                sequence.push(result)?;
            } else {
                if count == 1 {
                    only = result.clone();
                }
                sequence.append(result)?;
            }
        }
        if count == 1 {
            // The one result is an array that no query built: it stays what it is.
            if is_last && only.is_array() && !only.is_sequence() {
                return Ok(only);
            }
            return match only {
                Value::Array(array, flags) if !flags.has(Flags::CONS) => {
                    Ok(Value::Array(array, Flags::SEQUENCE))
                }
                other => List::of(&self.meter, [other])?.sequence(),
            };
        }
        sequence.sequence()
    }

    fn stages(&self, stages: &[Stage], input: Value, frame: &Rc<Frame>) -> Outcome {
        let mut result = input;
        for stage in stages {
            result = match stage {
                Stage::Filter(filter) => self.filter(filter, &result, frame)?,
                Stage::Index(name) => self.numbered(&result, name)?,
            };
        }
        Ok(result)
    }

    /// Binds each tuple's place to a name.
    fn numbered(&self, tuples: &Value, name: &Name) -> Outcome {
        let items = Items::of(tuples);
        let mut list = List::with_capacity(&self.meter, items.len())?;
        for (at, item) in items.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
            let place = Value::Number(at as f64);
            list.push(match item {
                Value::Tuple(tuple) => {
                    let mut bindings = tuple.bindings.clone();
                    set_binding(&mut bindings, name, place);
                    Value::Tuple(Tuple::new(&self.meter, tuple.focus.clone(), bindings)?)
                }
                other => other,
            })?;
        }
        list.finish(Flags::SEQUENCE.with(Flags::TUPLES))
    }

    fn tuple_step(&self, step: &Node, input: &Items, tuples: Option<&Value>, frame: &Rc<Frame>) -> Outcome {
        let stream = Flags::SEQUENCE.with(Flags::TUPLES);
        if let Kind::Sort(terms) = &step.kind {
            let sorted = match tuples {
                Some(tuples) => self.order(terms, &Items::of(tuples), true, frame)?,
                None => {
                    let sorted = Items::of(&self.order(terms, input, false, frame)?);
                    let mut list = List::with_capacity(&self.meter, sorted.len())?;
                    for (at, item) in sorted.iter().enumerate() {
                        #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
                        let place = Value::Number(at as f64);
                        let bindings = step.index().map(|name| (Arc::clone(name), place));
                        list.push(Value::Tuple(Tuple::new(
                            &self.meter,
                            item,
                            bindings.into_iter().collect(),
                        )?))?;
                    }
                    list.finish(stream)?
                }
            };
            return self.stages(step.stages(), sorted, frame);
        }
        let before = tuples.map_or_else(
            || match input {
                Items::Many(array) => Items::Many(Rc::clone(array)),
                Items::One(value) => Items::One(value.clone()),
            },
            Items::of,
        );
        let ancestor = step.ancestor().map(super::ast::Ancestor::name);
        let mut list = self.list()?;
        for item in before.iter() {
            let (context, bindings, result) = match &item {
                Value::Tuple(tuple) => {
                    let inner = Frame::of_tuple(&self.meter, frame, tuple)?;
                    let result = self.evaluate(step, &tuple.focus, &inner)?;
                    (tuple.focus.clone(), tuple.bindings.as_slice(), result)
                }
                plain => (plain.clone(), &[][..], self.evaluate(step, plain, frame)?),
            };
            if result.is_undefined() {
                continue;
            }
            for (at, found) in Items::of(&result).iter().enumerate() {
                let mut bound = Vec::with_capacity(bindings.len() + 2);
                bound.extend_from_slice(bindings);
                let focus = match found {
                    Value::Tuple(tuple) => {
                        for (name, value) in &tuple.bindings {
                            set_binding(&mut bound, name, value.clone());
                        }
                        tuple.focus.clone()
                    }
                    found => {
                        let focus = match step.focus() {
                            Some(name) => {
                                set_binding(&mut bound, name, found);
                                context.clone()
                            }
                            None => found,
                        };
                        if let Some(name) = step.index() {
                            #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
                            set_binding(&mut bound, name, Value::Number(at as f64));
                        }
                        if let Some(name) = &ancestor {
                            set_binding(&mut bound, name, context.clone());
                        }
                        focus
                    }
                };
                list.push(Value::Tuple(Tuple::new(&self.meter, focus, bound)?))?;
            }
        }
        self.stages(step.stages(), list.finish(stream)?, frame)
    }

    pub(super) fn filter(&self, predicate: &Node, input: &Value, frame: &Rc<Frame>) -> Outcome {
        let stream = input.has_flag(Flags::TUPLES);
        let flags = if stream { Flags::SEQUENCE.with(Flags::TUPLES) } else { Flags::SEQUENCE };
        let items = Items::of(input);
        if let Kind::Number(number) = predicate.kind
            && predicate.extras.is_none()
        {
            let item = place(number, items.len()).map_or(Value::Undefined, |at| items.get(at));
            return match item {
                Value::Undefined => self.list()?.finish(flags),
                Value::Array(..) => Ok(item),
                item => List::of(&self.meter, [item])?.finish(flags),
            };
        }
        let mut list = self.list()?;
        for (at, item) in items.iter().enumerate() {
            let result = match &item {
                Value::Tuple(tuple) => {
                    let inner = Frame::of_tuple(&self.meter, frame, tuple)?;
                    self.evaluate(predicate, &tuple.focus, &inner)?
                }
                plain => self.evaluate(predicate, plain, frame)?,
            };
            let is_number = |value: &Value| -> Outcome<bool> {
                match value {
                    Value::Number(number) => {
                        check_finite(*number)?;
                        Ok(!number.is_nan())
                    }
                    _ => Ok(false),
                }
            };
            let places = match &result {
                Value::Array(array, _) => {
                    self.meter.spend_on(array.len())?;
                    let mut all = true;
                    for value in array.iter() {
                        if !is_number(&value)? {
                            all = false;
                            break;
                        }
                    }
                    all
                }
                other => is_number(other)?,
            };
            if places {
                for number in Items::of(&result).iter() {
                    if number.as_number().and_then(|number| place(number, items.len())) == Some(at) {
                        list.push(item.clone())?;
                    }
                }
            } else if self.truth(&result)? {
                list.push(item)?;
            }
        }
        list.finish(flags)
    }

    pub(super) fn group(&self, pairs: &[(Node, Node)], input: &Value, frame: &Rc<Frame>) -> Outcome {
        struct Group {
            key: Rc<str>,
            pair: usize,
            data: Gathered,
        }
        let is_stream = input.has_flag(Flags::TUPLES);
        let mut items = Items::of(input);
        if items.len() == 0 {
            // So that `{'a': 1}` is an object even of nothing.
            items = Items::One(Value::Undefined);
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<Rc<str>, usize> = HashMap::new();
        let mut charges = Vec::new();
        for item in items.iter() {
            for (at, (key, _)) in pairs.iter().enumerate() {
                let key = match &item {
                    Value::Tuple(tuple) => {
                        let inner = Frame::of_tuple(&self.meter, frame, tuple)?;
                        self.evaluate(key, &tuple.focus, &inner)?
                    }
                    plain => self.evaluate(key, plain, frame)?,
                };
                let key = match &key {
                    Value::Undefined => continue,
                    Value::String(key) => key.as_str(),
                    other => return Err(Thrown::new("T1003").value(other)),
                };
                if let Some(&place) = places.get(key) {
                    let group = &mut groups[place];
                    if group.pair != at {
                        return Err(Thrown::new("D1009").text(key));
                    }
                    let data = std::mem::replace(&mut group.data, Gathered::One(Value::Undefined));
                    group.data = data.add(self, item.clone())?;
                } else {
                    charges.push(self.meter.reserve(
                        key.len() + 2 * (size_of::<Group>() + size_of::<(Rc<str>, usize)>() + 24) + 16,
                    )?);
                    let key: Rc<str> = key.into();
                    places.insert(Rc::clone(&key), groups.len());
                    groups.push(Group { key, pair: at, data: Gathered::One(item.clone()) });
                }
            }
        }
        let mut object = self.object()?;
        for group in groups {
            let value = &pairs[group.pair].1;
            let data = group.data.finish()?;
            let value = if is_stream {
                let tuple = self.reduced(&data)?;
                let inner = Frame::of_tuple(&self.meter, frame, &tuple)?;
                self.evaluate(value, &tuple.focus, &inner)?
            } else {
                self.evaluate(value, &data, frame)?
            };
            if !value.is_undefined() {
                object.set(group.key, value)?;
            }
        }
        drop(charges);
        object.finish()
    }

    /// One tuple of many: each binding's values gathered.
    fn reduced(&self, tuples: &Value) -> Outcome<Rc<Tuple>> {
        let mut focus = Gathered::One(Value::Undefined);
        let mut bindings: Vec<(Name, Gathered)> = Vec::new();
        for (at, item) in Items::of(tuples).iter().enumerate() {
            let Value::Tuple(tuple) = &item else {
                focus = focus.add(self, item)?;
                continue;
            };
            if at == 0 {
                focus = Gathered::One(tuple.focus.clone());
                let first = tuple.bindings.iter();
                bindings =
                    first.map(|(name, value)| (Arc::clone(name), Gathered::One(value.clone()))).collect();
                continue;
            }
            focus = focus.add(self, tuple.focus.clone())?;
            for (name, value) in &tuple.bindings {
                match bindings.iter_mut().find(|(bound, _)| bound == name) {
                    Some((_, gathered)) => {
                        let own = std::mem::replace(gathered, Gathered::One(Value::Undefined));
                        *gathered = own.add(self, value.clone())?;
                    }
                    None => bindings.push((Arc::clone(name), Gathered::One(value.clone()))),
                }
            }
        }
        let bindings =
            bindings.into_iter().map(|(name, value)| Ok((name, value.finish()?))).collect::<Outcome<_>>()?;
        Tuple::new(&self.meter, focus.finish()?, bindings)
    }

    fn order(&self, terms: &[Term], input: &Items, is_stream: bool, frame: &Rc<Frame>) -> Outcome {
        if input.len() <= 1 {
            return match input {
                Items::Many(array) => Ok(Value::Array(
                    Rc::clone(array),
                    Flags::SEQUENCE.with(if is_stream { Flags::TUPLES } else { Flags::NONE }),
                )),
                Items::One(value) => List::of(&self.meter, [value.clone()])?.sequence(),
            };
        }
        let term_of = |term: &Term, item: &Value| match item {
            Value::Tuple(tuple) => {
                let inner = Frame::of_tuple(&self.meter, frame, tuple)?;
                self.evaluate(&term.expression, &tuple.focus, &inner)
            }
            plain => self.evaluate(&term.expression, plain, frame),
        };
        // What a term gives of an item is asked once, when it is first looked at.
        let count = input.len() * terms.len();
        let _room =
            self.meter.reserve(count * size_of::<Option<Value>>() + input.len() * 2 * size_of::<usize>())?;
        let mut given: Vec<Option<Value>> = vec![None; count];
        let mut places: Vec<usize> = (0..input.len()).collect();
        self.sorted(&mut places, &mut |a, b| {
            for (at, term) in terms.iter().enumerate() {
                let mut value = |item: usize| -> Outcome {
                    let known = &mut given[item * terms.len() + at];
                    if known.is_none() {
                        *known = Some(term_of(term, &input.get(item))?);
                    }
                    Ok(known.clone().unwrap_or_default())
                };
                let (a, b) = (value(*a)?, value(*b)?);
                let ordering = match (&a, &b) {
                    (Value::Undefined, Value::Undefined) => continue,
                    // What is undefined comes last, whatever the direction.
                    (Value::Undefined, _) => return Ok(true),
                    (_, Value::Undefined) => return Ok(false),
                    (Value::Number(a), Value::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
                    (Value::String(a), Value::String(b)) => {
                        self.meter.spend_on_text(a.as_str().len().min(b.as_str().len()))?;
                        super::text::compare(a.as_str(), b.as_str())
                    }
                    (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => {
                        return Err(Thrown::new("T2007").value(&a).second_value(&b));
                    }
                    (Value::Number(_) | Value::String(_), other) | (other, _) => {
                        return Err(Thrown::new("T2008").value(other));
                    }
                };
                let ordering = if term.descending { ordering.reverse() } else { ordering };
                if ordering.is_ne() {
                    return Ok(ordering.is_gt());
                }
            }
            Ok(false)
        })?;
        let sorted = List::of(&self.meter, places.into_iter().map(|place| input.get(place)))?;
        sorted.finish(if is_stream { Flags::TUPLES } else { Flags::NONE })
    }

    /// Merge sort; `swaps` tells whether two items must change places. Stable.
    pub(super) fn sorted<T: Clone>(
        &self,
        items: &mut [T],
        swaps: &mut dyn FnMut(&T, &T) -> Outcome<bool>,
    ) -> Outcome<()> {
        let _room = self.meter.reserve(size_of_val(items))?;
        let mut spare = items.to_vec();
        self.merge_sort(items, &mut spare, swaps)
    }

    fn merge_sort<T: Clone>(
        &self,
        items: &mut [T],
        spare: &mut [T],
        swaps: &mut dyn FnMut(&T, &T) -> Outcome<bool>,
    ) -> Outcome<()> {
        if items.len() <= 1 {
            return Ok(());
        }
        let middle = items.len() / 2;
        self.merge_sort(&mut spare[..middle], &mut items[..middle], swaps)?;
        self.merge_sort(&mut spare[middle..], &mut items[middle..], swaps)?;
        let (left, right) = spare.split_at(middle);
        let (mut l, mut r) = (0, 0);
        for place in items {
            self.meter.spend(1)?;
            let from_right = match (left.get(l), right.get(r)) {
                (Some(a), Some(b)) => swaps(a, b)?,
                (None, _) => true,
                (_, None) => false,
            };
            if from_right {
                *place = right[r].clone();
                r += 1;
            } else {
                *place = left[l].clone();
                l += 1;
            }
        }
        Ok(())
    }
}

/// The place that a number means in an array: from the end where it is negative.
fn place(number: f64, length: usize) -> Option<usize> {
    let number = number.floor();
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    let length_f = length as f64;
    let number = if number < 0.0 { length_f + number } else { number };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie within the length"
    )]
    (number >= 0.0 && number < length_f).then_some(number as usize)
}
