//! What an expression reads, so that only that is bound; and what it may not read.

use super::engine::ast::{Kind, Node, Path, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// What an expression reads.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// The members of `$states`, each with how much of it.
    pub(crate) states: BTreeMap<String, Need>,
    /// Whether `$states` is read in a way that needs all of it.
    pub(crate) all_states: bool,
    /// Every other `$name` that is read or called.
    pub(crate) names: BTreeSet<String>,
    /// Those of `names` that are read as values, not called.
    pub(crate) read: BTreeSet<String>,
    /// Every name that the expression itself binds.
    pub(crate) bound: BTreeSet<String>,
}

/// How much of a member of `$states` is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Whole,
    /// Only these fields of it.
    Fields(BTreeSet<String>),
}

impl Needs {
    pub(crate) fn of(tree: &Node) -> Self {
        let mut needs = Needs::default();
        needs.visit(tree);
        needs
    }

    /// Whether `$states.<member>` must be bound.
    pub(crate) fn member(&self, member: &str) -> Option<&Need> {
        if self.all_states { Some(&Need::Whole) } else { self.states.get(member) }
    }

    fn visit(&mut self, node: &Node) {
        match &node.kind {
            Kind::Variable(name) if &**name == "states" => self.all_states = true,
            Kind::Variable(name) if !name.is_empty() => {
                self.names.insert(name.to_string());
                self.read.insert(name.to_string());
            }
            Kind::Call(call) | Kind::Partial(call) => {
                self.visit_extras(node);
                match &call.procedure.kind {
                    Kind::Variable(name) if call.procedure.is_plain() && &**name != "states" => {
                        self.names.insert(name.to_string());
                    }
                    _ => self.visit(&call.procedure),
                }
                call.arguments.iter().for_each(|argument| self.visit(argument));
                return;
            }
            Kind::Lambda(lambda) => self.bound.extend(lambda.parameters.iter().map(ToString::to_string)),
            Kind::Bind(name, _) => {
                self.bound.insert(name.to_string());
            }
            Kind::Path(path) => {
                self.visit_extras(node);
                self.visit_path(path);
                return;
            }
            _ => {}
        }
        self.visit_extras(node);
        node.each_part(&mut |part| self.visit(part));
    }

    fn visit_extras(&mut self, node: &Node) {
        self.bound.extend(node.focus().into_iter().chain(node.index()).map(ToString::to_string));
        for stage in node.stages() {
            if let Stage::Index(name) = stage {
                self.bound.insert(name.to_string());
            }
        }
        node.each_extra(&mut |extra| self.visit(extra));
    }

    fn visit_path(&mut self, path: &Path) {
        let mut rest = path.steps.as_slice();
        if let [first, member, after @ ..] = rest
            && matches!(&first.kind, Kind::Variable(name) if &**name == "states")
            && first.is_plain()
            && let Kind::Name(name) = &member.kind
        {
            match after.first().map(|step| &step.kind) {
                Some(Kind::Name(field)) if member.is_plain() => self.need_field(name, field),
                _ => {
                    self.states.insert(name.to_string(), Need::Whole);
                }
            }
            rest = &rest[1..];
        }
        rest.iter().for_each(|step| self.visit(step));
    }

    fn need_field(&mut self, member: &str, field: &str) {
        let need = self.states.entry(member.to_owned()).or_insert_with(|| Need::Fields(BTreeSet::new()));
        if let Need::Fields(fields) = need {
            fields.insert(field.to_owned());
        }
    }
}

/// A variable's name and the names of fields, where the expression is nothing else.
pub(super) fn as_path(tree: &Node) -> Option<Vec<String>> {
    match &tree.kind {
        Kind::Variable(name) if !name.is_empty() && tree.is_plain() => Some(vec![name.to_string()]),
        Kind::Path(path) if tree.is_plain() && !path.keep_singleton => {
            let names = path.steps.iter().enumerate().map(|(index, step)| match &step.kind {
                Kind::Variable(name) if index == 0 && !name.is_empty() => Some(name),
                Kind::Name(name) if index > 0 => Some(name),
                _ => None,
            });
            let all_plain = path.steps.iter().all(Node::is_plain);
            names.map(|name| name.filter(|_| all_plain).map(ToString::to_string)).collect()
        }
        _ => None,
    }
}

/// What stands at the top level and may not: `$`, `$$`, wildcards and bare names, because Step Functions gives the
/// expression no input of its own. Inside a path, a predicate or a function they mean something and may stay.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
pub(super) fn top_level_references(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    refer(node, &mut found);
    found
}

fn refer(node: &Node, found: &mut Vec<String>) {
    let name = match &node.kind {
        Kind::Variable(name) if name.is_empty() => "$",
        Kind::Variable(name) if &**name == "$" => "$$",
        Kind::Name(name) => name,
        Kind::Wildcard => "*",
        Kind::Descendants => "**",
        Kind::Path(path) => return path.steps.first().into_iter().for_each(|step| refer(step, found)),
        Kind::Lambda(_) | Kind::Transform(_) => return,
        _ => return node.each_part(&mut |part| refer(part, found)),
    };
    // Each is told once, and never so many that looking for them takes long.
    if found.len() < REFERENCES_MAX && !found.iter().any(|known| known == name) {
        found.push(name.to_owned());
    }
}

/// Most references of one expression that are told.
const REFERENCES_MAX: usize = 20;
