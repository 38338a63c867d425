//! Rewrites an expression so that nothing it builds can outgrow [`super::INTERMEDIATE_BYTES_MAX`], and so that the
//! clock comes from outside.
//!
//! The names of the helpers hold a space, so that no expression can call or bind them itself.

use super::analyse::Needs;
use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Gives its argument back, or fails where that is too large.
pub(super) const FITS: &str = "fits in";
/// `$string`, bounded.
pub(super) const STRING: &str = "bounded string";
/// `$join`, bounded.
pub(super) const JOIN: &str = "bounded join";
/// `$replace`, bounded: bound by [`prelude`], because the replacement may be a function, which only JSONata can call.
pub(super) const REPLACE: &str = "bounded replace";
/// Fails where replacing every character would be too large.
pub(super) const MAY_REPLACE: &str = "may replace";

/// Built-in functions that the library does not let us replace, so that calls are sent elsewhere; binding such a name
/// would get around that.
pub(crate) const RESERVED: &[&str] = &["string", "join", "replace"];

/// The expression with every dangerous call sent through a bounded one.
pub(super) fn harden(ast: AstNode) -> AstNode {
    let replaces = Needs::of(&ast).names.contains("replace");
    let ast = rewrite(ast, false);
    if replaces { AstNode::Block(vec![prelude(), ast]) } else { ast }
}

/// `$`bounded replace` := function($s, $p, $r, $l) { … }`
fn prelude() -> AstNode {
    let variable = |name: &str| AstNode::Variable(name.to_owned());
    let call =
        |name: &str, args: Vec<AstNode>| AstNode::Function { name: name.to_owned(), args, is_builtin: true };
    let replace = |replacement: AstNode, limit: Option<AstNode>| {
        let args = [variable("s"), variable("p"), replacement].into_iter().chain(limit).collect();
        call("replace", args)
    };
    let if_limited = |with: AstNode, without: AstNode| AstNode::Conditional {
        condition: Box::new(call("exists", vec![variable("l")])),
        then_branch: Box::new(with),
        else_branch: Some(Box::new(without)),
    };
    // Each result of a replacing function counts against the whole, in the helper's own sum.
    let counted = || AstNode::Lambda {
        params: vec!["m".to_owned()],
        body: Box::new(call(
            MAY_REPLACE,
            vec![AstNode::Call { procedure: Box::new(variable("r")), args: vec![variable("m")] }],
        )),
        signature: None,
        thunk: false,
    };
    let is_function = AstNode::Binary {
        op: BinaryOp::Equal,
        lhs: Box::new(call("type", vec![variable("r")])),
        rhs: Box::new(AstNode::String("function".to_owned())),
    };
    let by_text = AstNode::Block(vec![
        call(MAY_REPLACE, vec![variable("s"), variable("r")]),
        if_limited(replace(variable("r"), Some(variable("l"))), replace(variable("r"), None)),
    ]);
    let by_function = if_limited(replace(counted(), Some(variable("l"))), replace(counted(), None));
    AstNode::Binary {
        op: BinaryOp::ColonEqual,
        lhs: Box::new(variable(REPLACE)),
        rhs: Box::new(AstNode::Lambda {
            params: ["s", "p", "r", "l"].map(str::to_owned).to_vec(),
            body: Box::new(AstNode::Conditional {
                condition: Box::new(is_function),
                then_branch: Box::new(by_function),
                else_branch: Some(Box::new(by_text)),
            }),
            signature: None,
            thunk: false,
        }),
    }
}

/// `bounded`: whether what is built here may be built again and again, from itself (inside a function, or after a
/// binding). Only there can an array grow past the text that names it.
fn rewrite(node: AstNode, bounded: bool) -> AstNode {
    let boxed = |node: Box<AstNode>| Box::new(rewrite(*node, bounded));
    let all = |nodes: Vec<AstNode>| nodes.into_iter().map(|node| rewrite(node, bounded)).collect::<Vec<_>>();
    let pairs = |pairs: Vec<(AstNode, AstNode)>| {
        pairs
            .into_iter()
            .map(|(key, value)| (rewrite(key, bounded), rewrite(value, bounded)))
            .collect::<Vec<_>>()
    };
    match node {
        AstNode::Variable(name) => AstNode::Variable(redirected(name)),
        AstNode::Function { name, args, is_builtin } => function(name, all(args), is_builtin, false),
        AstNode::Binary { op: BinaryOp::Concatenate, lhs, rhs } => AstNode::Binary {
            op: BinaryOp::Concatenate,
            lhs: Box::new(fits(rewrite(*lhs, bounded))),
            rhs: Box::new(fits(rewrite(*rhs, bounded))),
        },
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => {
            let rhs = match *rhs {
                AstNode::Function { name, args, is_builtin } => function(name, all(args), is_builtin, true),
                other => rewrite(other, bounded),
            };
            AstNode::Binary { op: BinaryOp::ChainPipe, lhs: boxed(lhs), rhs: Box::new(rhs) }
        }
        AstNode::Binary { op, lhs, rhs } => AstNode::Binary { op, lhs: boxed(lhs), rhs: boxed(rhs) },
        AstNode::Unary { op, operand } => AstNode::Unary { op, operand: boxed(operand) },
        AstNode::Path { steps } => {
            AstNode::Path { steps: steps.into_iter().map(|s| step(s, bounded)).collect() }
        }
        AstNode::Call { procedure, args } => AstNode::Call { procedure: boxed(procedure), args: all(args) },
        AstNode::Lambda { params, body, signature, thunk } => {
            let body = rewrite(*body, true);
            // A tail call must stay the body itself.
            let body = if thunk { body } else { fits(body) };
            AstNode::Lambda { params, body: Box::new(body), signature, thunk }
        }
        AstNode::Array(items) if bounded => fits(AstNode::Array(all(items))),
        AstNode::Array(items) => AstNode::Array(all(items)),
        AstNode::ArrayGroup(items) => AstNode::ArrayGroup(all(items)),
        AstNode::Object(members) if bounded => fits(AstNode::Object(pairs(members))),
        AstNode::Object(members) => AstNode::Object(pairs(members)),
        AstNode::ObjectTransform { input, pattern } => {
            AstNode::ObjectTransform { input: boxed(input), pattern: pairs(pattern) }
        }
        AstNode::Block(nodes) => {
            let binds = |node: &AstNode| matches!(node, AstNode::Binary { op: BinaryOp::ColonEqual, .. });
            let bounded = bounded || nodes.iter().any(binds);
            AstNode::Block(nodes.into_iter().map(|node| rewrite(node, bounded)).collect())
        }
        AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
            condition: boxed(condition),
            then_branch: boxed(then_branch),
            else_branch: else_branch.map(boxed),
        },
        AstNode::FunctionApplication(inner) => AstNode::FunctionApplication(boxed(inner)),
        AstNode::Sort { input, terms } => AstNode::Sort {
            input: boxed(input),
            terms: terms.into_iter().map(|(term, ascending)| (rewrite(term, bounded), ascending)).collect(),
        },
        AstNode::Transform { location, update, delete } => {
            // The update must stay an object constructor.
            let update = match *update {
                AstNode::Object(members) => AstNode::Object(pairs(members)),
                other => rewrite(other, bounded),
            };
            AstNode::Transform {
                location: boxed(location),
                update: Box::new(update),
                delete: delete.map(boxed),
            }
        }
        leaf => leaf,
    }
}

/// A step's own node keeps its kind, because paths treat constructors in a way of their own; what is inside is rewritten.
fn step(mut step: PathStep, bounded: bool) -> PathStep {
    step.node = match step.node {
        AstNode::Array(items) => {
            AstNode::Array(items.into_iter().map(|item| rewrite(item, bounded)).collect())
        }
        AstNode::Object(members) => AstNode::Object(
            members
                .into_iter()
                .map(|(key, value)| (rewrite(key, bounded), rewrite(value, bounded)))
                .collect(),
        ),
        other => rewrite(other, bounded),
    };
    step.stages = step
        .stages
        .into_iter()
        .map(|stage| match stage {
            Stage::Filter(filter) => Stage::Filter(Box::new(rewrite(*filter, bounded))),
            other => other,
        })
        .collect();
    // The evaluator may have cached this step's body under its old id.
    step.id = Default::default();
    step
}

/// `piped`: `~>` puts one more argument before these.
fn function(name: String, mut args: Vec<AstNode>, is_builtin: bool, piped: bool) -> AstNode {
    let context = || AstNode::Variable(String::new());
    match (name.as_str(), args.len()) {
        // `$now(picture, zone)` is `$fromMillis` of now.
        ("now", 1..) => {
            let millis = AstNode::Function { name: "millis".to_owned(), args: Vec::new(), is_builtin: true };
            args.insert(0, millis);
            return AstNode::Function { name: "fromMillis".to_owned(), args, is_builtin };
        }
        // Where the signature lets the context stand in for the first argument.
        ("string", 0) | ("pad", 1) | ("replace", 2) if !piped && !args.contains(&AstNode::Placeholder) => {
            args.insert(0, context());
        }
        _ => {}
    }
    AstNode::Function { name: redirected(name), args, is_builtin }
}

fn redirected(name: String) -> String {
    match name.as_str() {
        "string" => STRING.to_owned(),
        "join" => JOIN.to_owned(),
        "replace" => REPLACE.to_owned(),
        _ => name,
    }
}

fn fits(node: AstNode) -> AstNode {
    match node {
        AstNode::String(_) | AstNode::Number(_) | AstNode::Boolean(_) | AstNode::Null => node,
        node => AstNode::Function { name: FITS.to_owned(), args: vec![node], is_builtin: true },
    }
}
