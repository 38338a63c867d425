//! The tree that is evaluated.

use super::regex::Pattern;
use super::signature::Signature;
use std::sync::{Arc, OnceLock};

pub(crate) type Name = Arc<str>;
/// Which `%` of the expression: its place in the table of ancestors while the tree is resolved.
pub(crate) type Slot = usize;

/// A node and what may be noted on any node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// `[]` was written after it.
    pub(crate) keep_array: bool,
    /// An array constructor that begins or ends a path.
    pub(crate) cons_array: bool,
    /// It gives or takes items with bindings.
    pub(crate) tuple: bool,
    pub(crate) extras: Option<Box<Extras>>,
}

/// What few nodes have.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// Predicates on what is no step of a path.
    pub(crate) predicates: Vec<Node>,
    /// Predicates and index bindings on a step.
    pub(crate) stages: Vec<Stage>,
    pub(crate) group: Option<Vec<(Node, Node)>>,
    /// `@$name`
    pub(crate) focus: Option<Name>,
    /// `#$name`
    pub(crate) index: Option<Name>,
    /// This step is what a `%` means.
    pub(crate) ancestor: Option<Ancestor>,
    /// Those `%` below that look for their step above.
    pub(crate) seeking: Vec<Slot>,
}

#[derive(Debug, Clone)]
pub(crate) struct Ancestor {
    pub(crate) slot: Slot,
    /// The name that the step's context is bound to; set once the whole tree is resolved.
    pub(crate) label: Arc<OnceLock<Name>>,
}

impl Ancestor {
    pub(crate) fn name(&self) -> Name {
        self.label.get().cloned().unwrap_or_default()
    }
}

#[derive(Debug)]
pub(crate) enum Stage {
    Filter(Node),
    Index(Name),
}

#[derive(Debug)]
pub(crate) enum Kind {
    String(Name),
    Number(f64),
    Bool(bool),
    Null,
    Name(Name),
    Wildcard,
    Descendants,
    Parent(Ancestor),
    /// The empty name is the context.
    Variable(Name),
    Regex(Arc<Pattern>),
    Path(Box<Path>),
    Binary(Operator, Box<(Node, Node)>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Block {
        nodes: Vec<Node>,
        /// Whether anything in it is bound: else it needs no frame of its own.
        binds: bool,
    },
    Condition(Box<Condition>),
    Bind(Name, Box<Node>),
    Call(Box<Call>),
    /// A call with `?` among its arguments.
    Partial(Box<Call>),
    Placeholder,
    Lambda(Arc<Lambda>),
    Apply(Box<(Node, Node)>),
    Transform(Arc<Transform>),
    /// A step of a path.
    Sort(Vec<Term>),

    // What the parser makes and the resolver takes away again.
    /// `a.b`
    Step(Box<(Node, Node)>),
    /// `a[b]`
    Filter(Box<(Node, Node)>),
    /// `a{b: c}`
    Group(Box<(Node, Vec<(Node, Node)>)>),
    /// `a^(b)`
    OrderBy(Box<(Node, Vec<Term>)>),
    /// `a@$b`
    Focus(Box<(Node, Name)>),
    /// `a#$b`
    Index(Box<(Node, Name)>),
    /// Nothing is left where an expression should be.
    End,
}

#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Node>,
    pub(crate) keep_singleton: bool,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) condition: Node,
    pub(crate) then: Node,
    pub(crate) otherwise: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) procedure: Node,
    pub(crate) arguments: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) parameters: Vec<Name>,
    pub(crate) signature: Option<Signature>,
    pub(crate) body: Node,
    /// Stands for a call in tail position, made once the caller's frame is gone.
    pub(crate) thunk: bool,
}

#[derive(Debug)]
pub(crate) struct Transform {
    pub(crate) pattern: Node,
    pub(crate) update: Node,
    pub(crate) delete: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) expression: Node,
    pub(crate) descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concatenate,
    Range,
    In,
    And,
    Or,
}

impl Operator {
    pub(crate) fn of(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "&" => Operator::Concatenate,
            ".." => Operator::Range,
            "in" => Operator::In,
            "and" => Operator::And,
            "or" => Operator::Or,
            _ => return None,
        })
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Concatenate => "&",
            Operator::Range => "..",
            Operator::In => "in",
            Operator::And => "and",
            Operator::Or => "or",
        }
    }
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Node { kind, keep_array: false, cons_array: false, tuple: false, extras: None }
    }

    pub(crate) fn path(steps: Vec<Node>) -> Self {
        Node::new(Kind::Path(Box::new(Path { steps, keep_singleton: false })))
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(crate) fn seeking(&self) -> &[Slot] {
        self.extras.as_deref().map_or(&[], |extras| &extras.seeking)
    }

    pub(crate) fn stages(&self) -> &[Stage] {
        self.extras.as_deref().map_or(&[], |extras| &extras.stages)
    }

    pub(crate) fn predicates(&self) -> &[Node] {
        self.extras.as_deref().map_or(&[], |extras| &extras.predicates)
    }

    pub(crate) fn group(&self) -> Option<&[(Node, Node)]> {
        self.extras.as_deref()?.group.as_deref()
    }

    pub(crate) fn focus(&self) -> Option<&Name> {
        self.extras.as_deref()?.focus.as_ref()
    }

    pub(crate) fn index(&self) -> Option<&Name> {
        self.extras.as_deref()?.index.as_ref()
    }

    pub(crate) fn ancestor(&self) -> Option<&Ancestor> {
        self.extras.as_deref()?.ancestor.as_ref()
    }

    /// Whether nothing but the kind is noted on it.
    pub(crate) fn is_plain(&self) -> bool {
        self.extras.is_none() && !self.tuple && !self.keep_array && !self.cons_array
    }

    /// Visits the nodes right below, those that are noted on this one included.
    pub(crate) fn each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        self.each_part(visit);
        self.each_extra(visit);
    }

    /// Visits what the node is made of.
    pub(crate) fn each_part<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        match &self.kind {
            Kind::Path(path) => path.steps.iter().for_each(&mut *visit),
            Kind::Binary(_, both) | Kind::Apply(both) | Kind::Step(both) | Kind::Filter(both) => {
                visit(&both.0);
                visit(&both.1);
            }
            Kind::Negate(inner) | Kind::Bind(_, inner) => visit(inner),
            Kind::Array(items) | Kind::Block { nodes: items, .. } => items.iter().for_each(&mut *visit),
            Kind::Object(pairs) => each_pair(pairs, visit),
            Kind::Condition(condition) => {
                visit(&condition.condition);
                visit(&condition.then);
                condition.otherwise.iter().for_each(&mut *visit);
            }
            Kind::Call(call) | Kind::Partial(call) => {
                visit(&call.procedure);
                call.arguments.iter().for_each(&mut *visit);
            }
            Kind::Lambda(lambda) => visit(&lambda.body),
            Kind::Transform(transform) => {
                visit(&transform.pattern);
                visit(&transform.update);
                transform.delete.iter().for_each(&mut *visit);
            }
            Kind::Sort(terms) => terms.iter().for_each(|term| visit(&term.expression)),
            Kind::Group(group) => {
                visit(&group.0);
                each_pair(&group.1, visit);
            }
            Kind::OrderBy(order) => {
                visit(&order.0);
                order.1.iter().for_each(|term| visit(&term.expression));
            }
            Kind::Focus(bound) | Kind::Index(bound) => visit(&bound.0),
            Kind::String(_)
            | Kind::Number(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Name(_)
            | Kind::Wildcard
            | Kind::Descendants
            | Kind::Parent(_)
            | Kind::Variable(_)
            | Kind::Regex(_)
            | Kind::Placeholder
            | Kind::End => {}
        }
    }

    /// Visits what is noted on the node: predicates, stages and groups.
    pub(crate) fn each_extra<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        if let Some(extras) = &self.extras {
            extras.predicates.iter().for_each(&mut *visit);
            for stage in &extras.stages {
                if let Stage::Filter(filter) = stage {
                    visit(filter);
                }
            }
            if let Some(group) = &extras.group {
                each_pair(group, visit);
            }
        }
    }
}

fn each_pair<'a>(pairs: &'a [(Node, Node)], visit: &mut dyn FnMut(&'a Node)) {
    for (key, value) in pairs {
        visit(key);
        visit(value);
    }
}
