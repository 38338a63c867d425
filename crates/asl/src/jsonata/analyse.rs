//! What an expression reads, so that only that is bound; and what it may not read.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
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
    pub(crate) fn of(ast: &AstNode) -> Self {
        let mut needs = Needs::default();
        needs.visit(ast);
        needs
    }

    /// Whether `$states.<member>` must be bound.
    pub(crate) fn member(&self, member: &str) -> Option<&Need> {
        if self.all_states { Some(&Need::Whole) } else { self.states.get(member) }
    }

    fn visit(&mut self, node: &AstNode) {
        match node {
            AstNode::Variable(name) if name == "states" => self.all_states = true,
            AstNode::Variable(name) if !name.is_empty() => {
                self.names.insert(name.clone());
                self.read.insert(name.clone());
            }
            AstNode::Function { name, .. } => {
                self.names.insert(name.clone());
            }
            AstNode::Lambda { params, .. } => self.bound.extend(params.iter().cloned()),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, .. } => {
                if let AstNode::Variable(name) = &**lhs {
                    self.bound.insert(name.clone());
                }
            }
            AstNode::Path { steps } => return self.visit_path(steps),
            _ => {}
        }
        each_child(node, &mut |child| self.visit(child));
    }

    fn visit_path(&mut self, steps: &[PathStep]) {
        let mut rest = steps;
        if let [first, member, after @ ..] = steps
            && matches!(&first.node, AstNode::Variable(name) if name == "states")
            && let AstNode::Name(name) = &member.node
            && is_plain(first)
        {
            match after.first().map(|step| &step.node) {
                Some(AstNode::Name(field)) if is_plain(member) => self.need_field(name, field),
                _ => {
                    self.states.insert(name.clone(), Need::Whole);
                }
            }
            rest = &steps[1..];
        }
        for step in rest {
            self.bound.extend(step.focus.iter().chain(&step.index_var).cloned());
            self.visit(&step.node);
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.visit(filter),
                    Stage::Index(name) => {
                        self.bound.insert(name.clone());
                    }
                    Stage::KeepArray => {}
                }
            }
        }
    }

    fn need_field(&mut self, member: &str, field: &str) {
        let need = self.states.entry(member.to_owned()).or_insert_with(|| Need::Fields(BTreeSet::new()));
        if let Need::Fields(fields) = need {
            fields.insert(field.to_owned());
        }
    }
}

/// Whether a step does nothing but its node.
pub(super) fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple
}

/// A variable's name and the names of fields, where the expression is nothing else.
pub(super) fn as_path(ast: &AstNode) -> Option<Vec<String>> {
    match ast {
        AstNode::Variable(name) if !name.is_empty() => Some(vec![name.clone()]),
        AstNode::Path { steps } => steps
            .iter()
            .enumerate()
            .map(|(index, step)| match &step.node {
                AstNode::Variable(name) if index == 0 && !name.is_empty() && is_plain(step) => {
                    Some(name.clone())
                }
                AstNode::Name(name) if index > 0 && is_plain(step) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// What stands at the top level and may not: `$`, `$$`, wildcards and bare names, because Step Functions gives the
/// expression no input of its own. Inside a path, a predicate or a function they mean something and may stay.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
pub(super) fn top_level_reference(node: &AstNode) -> Option<String> {
    match node {
        AstNode::Variable(name) if name.is_empty() => Some("$".to_owned()),
        AstNode::ParentVariable(_) => Some("$$".to_owned()),
        AstNode::Name(name) => Some(name.clone()),
        AstNode::Wildcard => Some("*".to_owned()),
        AstNode::Descendant => Some("**".to_owned()),
        AstNode::Path { steps } => steps.first().and_then(|step| top_level_reference(&step.node)),
        AstNode::ObjectTransform { input, .. } | AstNode::Sort { input, .. } => top_level_reference(input),
        AstNode::Lambda { .. } | AstNode::Transform { .. } => None,
        _ => {
            let mut found = None;
            each_child(node, &mut |child| {
                if found.is_none() {
                    found = top_level_reference(child);
                }
            });
            found
        }
    }
}

/// The nodes right below one, steps and stages of paths included.
pub(super) fn each_child<'a>(node: &'a AstNode, visit: &mut dyn FnMut(&'a AstNode)) {
    match node {
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
        AstNode::Path { steps } => {
            for step in steps {
                visit(&step.node);
                for stage in &step.stages {
                    if let Stage::Filter(filter) = stage {
                        visit(filter);
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand, .. } => visit(operand),
        AstNode::Function { args, .. } => args.iter().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Lambda { body, .. } => visit(body),
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
            items.iter().for_each(visit);
        }
        AstNode::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            pattern.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            });
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter().for_each(|branch| visit(branch));
        }
        AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform { location, update, delete } => {
            visit(location);
            visit(update);
            delete.iter().for_each(|delete| visit(delete));
        }
    }
}
