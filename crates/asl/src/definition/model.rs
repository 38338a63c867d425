//! A parsed definition: what the interpreter walks.

use super::{TaskInfo, retry::Catcher, retry::Retrier};
use crate::{Expression, Template};
use std::collections::HashMap;
use std::sync::Arc;

/// A definition that can run. Shared behind an [`Arc`]; never changed.
#[derive(Debug)]
pub struct Definition {
    pub(crate) text: String,
    pub(crate) hash: String,
    pub(crate) comment: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) start_at: Arc<str>,
    /// All states at every depth. Looked up by name only, never walked, so that its order cannot matter.
    pub(crate) states: HashMap<Arc<str>, State>,
    pub(crate) tasks: Vec<TaskInfo>,
    pub(crate) error_names: Vec<String>,
}

/// One state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// `None`: the end of its machine.
    pub(crate) next: Option<Arc<str>>,
    pub(crate) io: Io,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

/// How a state makes its output and variables: one form per query language.
#[derive(Debug)]
pub(crate) enum Io {
    /// JSONata.
    Jsonata(Results),
}

/// The fields that make output and variables, in JSONata. A state, a Choice rule and a Catch rule each have them.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) output: Option<Template>,
    pub(crate) assign: Vec<(String, Template)>,
}

/// The type of a state with what is its own.
#[derive(Debug)]
pub(crate) enum Kind {
    Task(Box<Task>),
    Pass,
    Choice(Choice),
    Wait(Wait),
    Succeed,
    Fail { error: Option<Template>, cause: Option<Template> },
    Parallel { branches: Vec<Arc<str>>, arguments: Option<Template> },
    Map(Box<Map>),
}

impl Kind {
    /// What the state's history events begin with.
    pub(crate) fn event_prefix(&self) -> &'static str {
        match self {
            Kind::Task(_) => "Task",
            Kind::Pass => "Pass",
            Kind::Choice(_) => "Choice",
            Kind::Wait(_) => "Wait",
            Kind::Succeed => "Succeed",
            Kind::Fail { .. } => "Fail",
            Kind::Parallel { .. } => "Parallel",
            Kind::Map(_) => "Map",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) arguments: Option<Template>,
    pub(crate) timeout: Option<Amount>,
    pub(crate) heartbeat: Option<Amount>,
}

/// A Task's resource, and the names that its history events give it.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) arn: String,
    /// `resourceType`, such as `lambda`.
    pub(crate) service: String,
    /// `resource`, such as `invoke.waitForTaskToken`.
    pub(crate) api: String,
    pub(crate) waits_for_token: bool,
}

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    pub(crate) next: Arc<str>,
    pub(crate) results: Results,
}

#[derive(Debug)]
pub(crate) enum Condition {
    Fixed(bool),
    Computed(Expression),
}

#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(Amount),
    Timestamp(Template),
}

/// A whole number, fixed or computed.
#[derive(Debug)]
pub(crate) enum Amount {
    Fixed(u64),
    Computed(Expression),
}

#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) processor: Arc<str>,
    pub(crate) items: Option<Template>,
    pub(crate) item_selector: Option<Template>,
    pub(crate) max_concurrency: Option<Amount>,
}

impl Definition {
    pub(crate) fn state(&self, name: &str) -> Option<&State> {
        self.states.get(name)
    }
}
