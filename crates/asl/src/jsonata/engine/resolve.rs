//! From the tree as written to the tree that is evaluated: steps become paths, each `%` finds the step that it means,
//! and calls in tail position become thunks.

use super::ast::{Ancestor, Call, Condition, Extras, Kind, Lambda, Name, Node, Slot, Stage, Term, Transform};
use super::error::{Outcome, Thrown};
use std::sync::{Arc, OnceLock};

/// Compiles a text.
pub(crate) fn compile(source: &str) -> Outcome<Node> {
    let raw = super::parser::parse(source)?;
    let mut resolver = Resolver::default();
    let node = resolver.node(raw)?;
    if !node.seeking().is_empty() || matches!(node.kind, Kind::Parent(_)) {
        return Err(Thrown::new("S0217").token("parent"));
    }
    resolver.settle();
    Ok(node)
}

#[derive(Default)]
struct Resolver {
    slots: Vec<Seeker>,
    /// How many `:=` were met.
    bindings: usize,
}

/// A `%`, on its way up.
struct Seeker {
    /// How many steps up it still looks.
    level: i64,
    /// Which label it shares: that of the first `%` that found the same step.
    label: Slot,
    /// Where the nodes read the label once it is known.
    name: Arc<OnceLock<Name>>,
}

impl Resolver {
    fn settle(&self) {
        for seeker in &self.slots {
            // A space, so that no expression can write the name itself.
            let _ = seeker.name.set(format!("parent {}", seeker.label).into());
        }
    }

    fn ancestor(&self, slot: Slot) -> Ancestor {
        Ancestor { slot, label: Arc::clone(&self.slots[slot].name) }
    }

    fn all(&mut self, nodes: Vec<Node>) -> Outcome<Vec<Node>> {
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: Node) -> Outcome<Node> {
        let keep_array = node.keep_array;
        let mut result = self.resolved(node)?;
        result.keep_array |= keep_array;
        Ok(result)
    }

    fn resolved(&mut self, node: Node) -> Outcome<Node> {
        let keep_array = node.keep_array;
        let mut result = match node.kind {
            Kind::Step(both) => return self.step(*both),
            Kind::Filter(both) => return self.filter(*both),
            Kind::Group(group) => return self.group(*group),
            Kind::OrderBy(order) => return self.order_by(*order),
            Kind::Focus(bound) => return self.focus(*bound, keep_array),
            Kind::Index(bound) => return self.index(*bound),
            Kind::Name(_) => {
                let mut path = Node::path(vec![node]);
                if keep_array && let Kind::Path(path) = &mut path.kind {
                    path.keep_singleton = true;
                }
                return Ok(path);
            }
            Kind::Parent(_) => {
                let slot = self.slots.len();
                self.slots.push(Seeker { level: 1, label: slot, name: Arc::default() });
                return Ok(Node::new(Kind::Parent(self.ancestor(slot))));
            }
            Kind::End => return Err(Thrown::new("S0207")),
            Kind::Binary(operator, both) => {
                Kind::Binary(operator, Box::new((self.node(both.0)?, self.node(both.1)?)))
            }
            Kind::Apply(both) => {
                // Nothing is sought through `~>`, but arrays are kept.
                let both = (self.node(both.0)?, self.node(both.1)?);
                let keep_array = both.0.keep_array || both.1.keep_array;
                return Ok(Node { keep_array, ..Node::new(Kind::Apply(Box::new(both))) });
            }
            Kind::Negate(inner) => {
                let inner = self.node(*inner)?;
                if let Kind::Number(number) = inner.kind {
                    return Ok(Node { kind: Kind::Number(-number), ..inner });
                }
                Kind::Negate(Box::new(inner))
            }
            Kind::Array(items) => Kind::Array(self.all(items)?),
            Kind::Object(pairs) => Kind::Object(self.pairs(pairs)?),
            Kind::Block { nodes, .. } => {
                let before = self.bindings;
                let nodes = self.all(nodes)?;
                let binds = self.bindings > before;
                let cons = nodes.iter().any(|node| {
                    node.cons_array || matches!(&node.kind, Kind::Path(path) if path.steps[0].cons_array)
                });
                let mut block = Node::new(Kind::Block { nodes, binds });
                block.cons_array = cons;
                push_seekers_of_children(&mut block);
                return Ok(block);
            }
            Kind::Condition(condition) => {
                let Condition { condition, then, otherwise } = *condition;
                Kind::Condition(Box::new(Condition {
                    condition: self.node(condition)?,
                    then: self.node(then)?,
                    otherwise: otherwise.map(|node| self.node(node)).transpose()?,
                }))
            }
            Kind::Bind(name, value) => {
                self.bindings += 1;
                Kind::Bind(name, Box::new(self.node(*value)?))
            }
            Kind::Call(call) => return self.call(*call, Kind::Call),
            Kind::Partial(call) => return self.call(*call, Kind::Partial),
            Kind::Lambda(lambda) => {
                let lambda = Arc::try_unwrap(lambda).map_err(|_| shared())?;
                let body = self.node(lambda.body)?;
                let lambda = Lambda { body: tail_called(body), ..lambda };
                return Ok(Node::new(Kind::Lambda(Arc::new(lambda))));
            }
            Kind::Transform(transform) => {
                let transform = Arc::try_unwrap(transform).map_err(|_| shared())?;
                let transform = Transform {
                    pattern: self.node(transform.pattern)?,
                    update: self.node(transform.update)?,
                    delete: transform.delete.map(|node| self.node(node)).transpose()?,
                };
                return Ok(Node::new(Kind::Transform(Arc::new(transform))));
            }
            leaf => return Ok(Node { kind: leaf, ..Node::new(Kind::Null) }),
        };
        let mut node = Node::new(std::mem::replace(&mut result, Kind::Null));
        push_seekers_of_children(&mut node);
        Ok(node)
    }

    fn pairs(&mut self, pairs: Vec<(Node, Node)>) -> Outcome<Vec<(Node, Node)>> {
        pairs.into_iter().map(|(key, value)| Ok((self.node(key)?, self.node(value)?))).collect()
    }

    fn call(&mut self, call: Call, kind: fn(Box<Call>) -> Kind) -> Outcome<Node> {
        let arguments = self.all(call.arguments)?;
        let procedure = self.node(call.procedure)?;
        let seeking: Vec<Slot> = arguments.iter().flat_map(seekers).collect();
        let mut node = Node::new(kind(Box::new(Call { procedure, arguments })));
        add_seekers(&mut node, seeking);
        Ok(node)
    }

    fn step(&mut self, (left, right): (Node, Node)) -> Outcome<Node> {
        let left = self.node(left)?;
        let mut path = match left.kind {
            Kind::Path(_) => left,
            _ => {
                let seeking =
                    if let Kind::Parent(parent) = &left.kind { vec![parent.slot] } else { Vec::new() };
                let mut path = Node::path(vec![left]);
                add_seekers(&mut path, seeking);
                path
            }
        };
        let mut right = self.node(right)?;
        let steps = steps_of(&mut path)?;
        match right.kind {
            Kind::Path(inner) => steps.extend(inner.steps),
            _ => {
                predicates_to_stages(&mut right);
                steps.push(right);
            }
        }
        for step in &mut *steps {
            match &step.kind {
                Kind::Number(number) => {
                    return Err(Thrown::new("S0213").value(&super::value::Value::Number(*number)));
                }
                Kind::Bool(bool) => {
                    return Err(Thrown::new("S0213").value(&super::value::Value::Bool(*bool)));
                }
                Kind::Null => return Err(Thrown::new("S0213").value(&super::value::Value::Null)),
                Kind::String(text) => step.kind = Kind::Name(Arc::clone(text)),
                _ => {}
            }
        }
        let keeps = steps.iter().any(|step| step.keep_array);
        let last = steps.len() - 1;
        for at in [0, last] {
            if matches!(steps[at].kind, Kind::Array(_)) {
                steps[at].cons_array = true;
            }
        }
        if let Kind::Path(path) = &mut path.kind {
            path.keep_singleton |= keeps;
        }
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    fn filter(&mut self, (left, right): (Node, Node)) -> Outcome<Node> {
        let mut result = self.node(left)?;
        let predicate = self.node(right)?;
        let (step, is_step) = last_step(&mut result);
        if step.group().is_some() {
            return Err(Thrown::new("S0209"));
        }
        for slot in predicate.seeking().to_vec() {
            if self.slots[slot].level == 1 {
                self.seek(step, slot)?;
            } else {
                self.slots[slot].level -= 1;
            }
        }
        add_seekers(step, seekers(&predicate).collect());
        let extras = step.extras_mut();
        if is_step {
            extras.stages.push(Stage::Filter(predicate));
        } else {
            extras.predicates.push(predicate);
        }
        Ok(result)
    }

    fn group(&mut self, (left, pairs): (Node, Vec<(Node, Node)>)) -> Outcome<Node> {
        let mut result = self.node(left)?;
        if result.group().is_some() {
            return Err(Thrown::new("S0210"));
        }
        let pairs = self.pairs(pairs)?;
        result.extras_mut().group = Some(pairs);
        Ok(result)
    }

    fn order_by(&mut self, (left, terms): (Node, Vec<Term>)) -> Outcome<Node> {
        let left = self.node(left)?;
        let mut path = if matches!(left.kind, Kind::Path(_)) { left } else { Node::path(vec![left]) };
        let terms = terms
            .into_iter()
            .map(|term| Ok(Term { expression: self.node(term.expression)?, descending: term.descending }))
            .collect::<Outcome<Vec<_>>>()?;
        let seeking: Vec<Slot> = terms.iter().flat_map(|term| seekers(&term.expression)).collect();
        let mut sort = Node::new(Kind::Sort(terms));
        add_seekers(&mut sort, seeking);
        steps_of(&mut path)?.push(sort);
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    fn focus(&mut self, (left, name): (Node, Name), keep_array: bool) -> Outcome<Node> {
        let mut result = self.node(left)?;
        let (step, _) = last_step(&mut result);
        if !step.stages().is_empty() || !step.predicates().is_empty() {
            return Err(Thrown::new("S0215"));
        }
        if matches!(step.kind, Kind::Sort(_)) {
            return Err(Thrown::new("S0216"));
        }
        step.keep_array |= keep_array;
        step.extras_mut().focus = Some(name);
        step.tuple = true;
        Ok(result)
    }

    fn index(&mut self, (left, name): (Node, Name)) -> Outcome<Node> {
        let mut result = self.node(left)?;
        if !matches!(result.kind, Kind::Path(_)) {
            predicates_to_stages(&mut result);
            result = Node::path(vec![result]);
        }
        let (step, _) = last_step(&mut result);
        let extras = step.extras_mut();
        if extras.stages.is_empty() {
            extras.index = Some(name);
        } else {
            extras.stages.push(Stage::Index(name));
        }
        step.tuple = true;
        Ok(result)
    }

    /// Looks for what a `%` means in `node`: takes one level off the seeker for each step that it passes.
    fn seek(&mut self, node: &mut Node, slot: Slot) -> Outcome<()> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.slots[slot].level -= 1;
                if self.slots[slot].level == 0 {
                    if let Some(found) = node.ancestor() {
                        self.slots[slot].label = self.slots[found.slot].label;
                    }
                    let ancestor = self.ancestor(slot);
                    node.extras_mut().ancestor = Some(ancestor);
                    node.tuple = true;
                }
            }
            Kind::Parent(_) => self.slots[slot].level += 1,
            Kind::Block { nodes, .. } => {
                if let Some(last) = nodes.last_mut() {
                    self.seek(last, slot)?;
                    node.tuple = true;
                }
            }
            Kind::Path(path) => {
                let mut steps = path.steps.iter_mut().rev();
                if let Some(last) = steps.next() {
                    self.seek(last, slot)?;
                }
                for step in steps {
                    if self.slots[slot].level <= 0 {
                        break;
                    }
                    self.seek(step, slot)?;
                }
                node.tuple = true;
            }
            other => return Err(Thrown::new("S0217").token(kind_name(other))),
        }
        Ok(())
    }

    fn resolve_ancestry(&mut self, path: &mut Node) -> Outcome<()> {
        let steps = steps_of(path)?;
        let Some((last, before)) = steps.split_last_mut() else { return Ok(()) };
        let mut unresolved = Vec::new();
        for slot in seekers(last) {
            let mut at = before.len();
            while self.slots[slot].level > 0 {
                if at == 0 {
                    unresolved.push(slot);
                    break;
                }
                at -= 1;
                // Of steps that follow each other and bind the same focus, only the first counts.
                while at > 0 && before[at].focus().is_some() && before[at - 1].focus().is_some() {
                    at -= 1;
                }
                self.seek(&mut before[at], slot)?;
            }
        }
        add_seekers(path, unresolved);
        Ok(())
    }
}

fn shared() -> Thrown {
    Thrown::custom("a part of the tree is shared before it is resolved")
}

fn steps_of(node: &mut Node) -> Outcome<&mut Vec<Node>> {
    match &mut node.kind {
        Kind::Path(path) => Ok(&mut path.steps),
        _ => Err(shared()),
    }
}

/// The last step of a path, or what is no path itself; and which of both.
fn last_step(node: &mut Node) -> (&mut Node, bool) {
    let is_path = matches!(&node.kind, Kind::Path(path) if !path.steps.is_empty());
    if !is_path {
        return (node, false);
    }
    match &mut node.kind {
        Kind::Path(path) => {
            let last = path.steps.len() - 1;
            (&mut path.steps[last], true)
        }
        _ => unreachable!("checked right above"),
    }
}

fn predicates_to_stages(node: &mut Node) {
    if let Some(extras) = &mut node.extras
        && !extras.predicates.is_empty()
    {
        let Extras { predicates, stages, .. } = &mut **extras;
        stages.extend(predicates.drain(..).map(Stage::Filter));
    }
}

/// The seekers that a node passes up.
fn seekers(node: &Node) -> impl Iterator<Item = Slot> + use<> {
    let own = if let Kind::Parent(parent) = &node.kind { Some(parent.slot) } else { None };
    node.seeking().to_vec().into_iter().chain(own)
}

fn add_seekers(node: &mut Node, seeking: Vec<Slot>) {
    if !seeking.is_empty() {
        node.extras_mut().seeking.extend(seeking);
    }
}

fn push_seekers_of_children(node: &mut Node) {
    let mut seeking = Vec::new();
    node.each_child(&mut |child| seeking.extend(seekers(child)));
    add_seekers(node, seeking);
}

/// A call in tail position becomes a thunk, which the caller's loop evaluates.
fn tail_called(node: Node) -> Node {
    let is_plain_call = node.predicates().is_empty() && node.group().is_none();
    match node.kind {
        Kind::Call(_) if is_plain_call => {
            let lambda = Lambda { parameters: Vec::new(), signature: None, body: node, thunk: true };
            Node::new(Kind::Lambda(Arc::new(lambda)))
        }
        Kind::Condition(condition) => {
            let Condition { condition, then, otherwise } = *condition;
            Node {
                kind: Kind::Condition(Box::new(Condition {
                    condition,
                    then: tail_called(then),
                    otherwise: otherwise.map(tail_called),
                })),
                ..node
            }
        }
        Kind::Block { mut nodes, binds } => {
            if let Some(last) = nodes.pop() {
                nodes.push(tail_called(last));
            }
            Node { kind: Kind::Block { nodes, binds }, ..node }
        }
        _ => node,
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::String(_) => "string",
        Kind::Number(_) => "number",
        Kind::Bool(_) | Kind::Null => "value",
        Kind::Descendants => "descendant",
        Kind::Variable(_) => "variable",
        Kind::Regex(_) => "regex",
        Kind::Binary(..) => "binary",
        Kind::Negate(_) | Kind::Array(_) | Kind::Object(_) => "unary",
        Kind::Condition(_) => "condition",
        Kind::Bind(..) => "bind",
        Kind::Call(_) => "function",
        Kind::Partial(_) => "partial",
        Kind::Lambda(_) => "lambda",
        Kind::Apply(_) => "apply",
        Kind::Transform(_) => "transform",
        Kind::Sort(_) => "sort",
        Kind::Path(_) => "path",
        _ => "operator",
    }
}
