//! Payload templates: JSON whose members with a name that ends in `.$` are paths or intrinsic functions.
//! <https://states-language.net/spec.html#payload-template>

use super::budget::{Budget, MEMBER_BYTES, VALUE_BYTES};
use super::error::{PathError, PathErrorKind};
use super::failure::Failure;
use super::intrinsic::Intrinsic;
use super::path::Path;
use super::scope::{Evaluation, Scope};
use crate::state::Payload;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Deepest nesting of a template; what comes out of it goes into payloads.
const DEPTH_MAX: usize = crate::limits::PAYLOAD_DEPTH_MAX;

/// Parameters, ResultSelector, ItemSelector, ReaderConfig's and Credentials' members, Assign.
#[derive(Debug, Clone)]
pub(crate) struct PayloadTemplate(Node);

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateProblem {
    /// The object in which the member stands, seen from the template: empty for the template itself, or `/a/b[0]`.
    pub(crate) pointer: String,
    /// The member's name.
    pub(crate) field: String,
    /// What is wrong, in AWS's words.
    pub(crate) message: String,
}

#[derive(Debug, Clone)]
enum Node {
    /// Nothing to evaluate inside.
    Literal(Payload),
    /// A member `field` that is a path.
    Path {
        field: String,
        path: Path,
    },
    Intrinsic(Box<Intrinsic>),
    Array(Vec<Node>),
    /// Names without `.$`.
    Object(Vec<(String, Node)>),
}

impl PayloadTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// What is wrong with it: all of it.
    pub(crate) fn compile(template: &Value) -> Result<PayloadTemplate, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let node = compile(template, &mut String::new(), 0, &mut problems);
        if problems.is_empty() { Ok(PayloadTemplate(node)) } else { Err(problems) }
    }

    /// The value where there is nothing to evaluate.
    #[cfg(test)]
    pub(crate) fn literal(&self) -> Option<&Payload> {
        if let Node::Literal(payload) = &self.0 { Some(payload) } else { None }
    }

    /// The variables that it reads, without `$`; one may come twice.
    pub(crate) fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.variables(&mut names);
        names
    }

    /// The template with everything in its place. One without paths is shared, not copied.
    ///
    /// # Errors
    /// A path names nothing, an intrinsic function fails, or all of it is over the budget.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Payload, Failure> {
        self.evaluate_within(scope, &Budget::default())
    }

    /// The same, within a budget that several evaluations share.
    ///
    /// # Errors
    /// As [`PayloadTemplate::evaluate`].
    pub(crate) fn evaluate_within(&self, scope: &Scope<'_>, budget: &Budget) -> Result<Payload, Failure> {
        match &self.0 {
            Node::Literal(payload) => Ok(Arc::clone(payload)),
            node => node.evaluate(&Evaluation::new(scope, budget)).map(Arc::new),
        }
    }

    /// The members of a template that is an object, each evaluated by itself: Assign. Names without `.$`.
    ///
    /// # Errors
    /// As [`PayloadTemplate::evaluate`].
    pub(crate) fn evaluate_members(&self, scope: &Scope<'_>) -> Result<Vec<(String, Payload)>, Failure> {
        let budget = Budget::default();
        let evaluation = Evaluation::new(scope, &budget);
        match &self.0 {
            Node::Object(members) => members
                .iter()
                .map(|(name, node)| match node {
                    Node::Literal(payload) => Ok((name.clone(), Arc::clone(payload))),
                    node => Ok((name.clone(), Arc::new(node.evaluate(&evaluation)?))),
                })
                .collect(),
            Node::Literal(payload) => match &**payload {
                Value::Object(members) => members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), Arc::new(budget.copy(value)?))))
                    .collect(),
                _ => Ok(Vec::new()),
            },
            _ => Ok(Vec::new()),
        }
    }
}

fn compile(value: &Value, pointer: &mut String, depth: usize, problems: &mut Vec<TemplateProblem>) -> Node {
    if depth > DEPTH_MAX {
        problems.push(TemplateProblem {
            pointer: pointer.clone(),
            field: String::new(),
            message: format!("The template is nested deeper than {DEPTH_MAX} levels"),
        });
        return Node::Literal(Arc::new(Value::Null));
    }
    let length = pointer.len();
    let node = match value {
        Value::Array(items) => {
            let nodes = items.iter().enumerate().map(|(index, item)| {
                pointer.push_str(&format!("[{index}]"));
                let node = compile(item, pointer, depth + 1, problems);
                pointer.truncate(length);
                node
            });
            Node::Array(nodes.collect())
        }
        Value::Object(members) => {
            let mut nodes: Vec<(String, Node)> = Vec::with_capacity(members.len());
            for (field, value) in members {
                match field.strip_suffix(".$") {
                    Some(name) => nodes.extend(dynamic(name, field, value, pointer, problems)),
                    None => {
                        pointer.push('/');
                        pointer.push_str(field);
                        nodes.push((field.clone(), compile(value, pointer, depth + 1, problems)));
                        pointer.truncate(length);
                    }
                }
            }
            Node::Object(nodes)
        }
        _ => return Node::Literal(Arc::new(value.clone())),
    };
    let literal = match &node {
        Node::Array(nodes) => nodes.iter().all(Node::is_literal),
        Node::Object(nodes) => nodes.iter().all(|(_, node)| node.is_literal()),
        _ => false,
    };
    if literal { Node::Literal(Arc::new(value.clone())) } else { node }
}

fn dynamic(
    name: &str,
    field: &str,
    value: &Value,
    pointer: &str,
    problems: &mut Vec<TemplateProblem>,
) -> Option<(String, Node)> {
    let text = value.as_str().unwrap_or_default();
    let node = if text.starts_with('$') {
        Path::parse(text).ok().map(|path| Node::Path { field: field.to_owned(), path })
    } else {
        Intrinsic::parse(text).ok().map(|intrinsic| Node::Intrinsic(Box::new(intrinsic)))
    };
    if node.is_none() {
        problems.push(TemplateProblem {
            pointer: pointer.to_owned(),
            field: field.to_owned(),
            message: format!(
                "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
            ),
        });
    }
    node.map(|node| (name.to_owned(), node))
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Node::Literal(_))
    }

    fn variables<'t>(&'t self, names: &mut Vec<&'t str>) {
        match self {
            Node::Literal(_) => {}
            Node::Path { path, .. } => names.extend(path.variable()),
            Node::Intrinsic(intrinsic) => names.extend(intrinsic.variables()),
            Node::Array(nodes) => nodes.iter().for_each(|node| node.variables(names)),
            Node::Object(nodes) => nodes.iter().for_each(|(_, node)| node.variables(names)),
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, Failure> {
        let budget = evaluation.budget;
        budget.step(1)?;
        match self {
            Node::Literal(payload) => Ok(budget.copy(payload)?),
            // AWS: not even `$` can be taken of a null.
            Node::Path { path, .. } if path.is_input() && evaluation.scope.input.is_null() => {
                let error = PathError { path: path.text().to_owned(), kind: PathErrorKind::Null };
                Err(Failure::runtime(error.detail()))
            }
            Node::Path { field, path } => match path.evaluate(evaluation) {
                Ok(value) => Ok(value),
                // AWS: an element beyond an array's end is null here, and only here.
                Err(error) if matches!(error.kind, PathErrorKind::OutOfBounds(_)) => Ok(Value::Null),
                Err(error) => Err(Failure::runtime(error.specified_for(field, evaluation.scope))),
            },
            Node::Intrinsic(intrinsic) => intrinsic.evaluate_in(evaluation),
            Node::Array(nodes) => {
                budget.bytes(nodes.len().saturating_mul(VALUE_BYTES))?;
                nodes.iter().map(|node| node.evaluate(evaluation)).collect::<Result<_, _>>().map(Value::Array)
            }
            Node::Object(nodes) => {
                budget.bytes(nodes.len().saturating_mul(MEMBER_BYTES))?;
                let mut members = Map::with_capacity(nodes.len());
                for (name, node) in nodes {
                    budget.text(name.len())?;
                    members.insert(name.clone(), node.evaluate(evaluation)?);
                }
                Ok(Value::Object(members))
            }
        }
    }
}
