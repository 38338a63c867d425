//! A parsed definition: what the interpreter walks.

pub(crate) mod choice;
mod io;
pub(crate) mod map;
mod task;

pub(crate) use choice::{Choice, Condition, Rule};
pub(crate) use io::{
    CatchIo, Computed, Io, JsonataIo, PathField, PathIo, PathOrIntrinsic, ResultPath, Results, RuleIo,
};
pub(crate) use map::{Items, Map};
pub(crate) use task::{Resource, ResourceKind, Task, WaitsFor};

use super::{TaskInfo, retry::Catcher, retry::Retrier};
use crate::jsonpath::Path;
use crate::{Expression, Template};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The language that a state's fields are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLanguage {
    /// JSONPath, reference paths and intrinsic functions: the default.
    JsonPath,
    /// JSONata.
    Jsonata,
}

/// A definition that can run. Shared behind an [`Arc`]; never changed.
#[derive(Debug)]
pub struct Definition {
    pub(crate) text: String,
    pub(crate) hash: String,
    pub(crate) comment: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) query_language: QueryLanguage,
    pub(crate) start_at: Arc<str>,
    /// All states at every depth, but for those of distributed Maps' processors. Looked up by name only, never walked,
    /// so that its order cannot matter. Boxed, because a table that grows is held beside its half-empty successor.
    pub(crate) states: HashMap<Arc<str>, Box<State>>,
    /// The processors of distributed Maps, by the Map state's name: definitions of their own.
    pub(crate) processors: BTreeMap<Arc<str>, Arc<Definition>>,
    pub(crate) tasks: Vec<TaskInfo>,
    pub(crate) error_names: Vec<String>,
    /// Which variables each state reads, as DescribeStateMachine tells it.
    pub(crate) variable_references: BTreeMap<String, Vec<String>>,
}

/// One state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// `None`: the end of its machine.
    pub(crate) next: Option<Arc<str>>,
    /// How its output and variables are made, in its own query language.
    pub(crate) io: Io,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

/// The type of a state with what is its own. Every computed field in it is in the language of the state's [`Io`].
#[derive(Debug)]
pub(crate) enum Kind {
    Task(Box<Task>),
    /// Its fixed `Result` is in [`PathIo`].
    Pass,
    Choice(Choice),
    Wait(Wait),
    Succeed,
    Fail {
        error: Option<FailText>,
        cause: Option<FailText>,
    },
    Parallel {
        /// The first state of each branch.
        branches: Vec<Arc<str>>,
    },
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

/// How long a Wait state waits.
#[derive(Debug)]
pub(crate) enum Wait {
    /// `Seconds` or `SecondsPath`.
    Seconds(Amount),
    /// `Timestamp`: a text, checked when the definition was parsed, or an expression.
    Timestamp(Template),
    /// `TimestampPath`.
    TimestampPath(Path),
}

/// `Error` or `Cause` of a Fail state.
#[derive(Debug)]
pub(crate) enum FailText {
    /// A text or an expression.
    Template(Template),
    /// `ErrorPath` or `CausePath`.
    At(PathOrIntrinsic),
}

/// A number: `TimeoutSeconds` with its path and expression forms, and its like. `T` is `u64` for whole numbers, `f64`
/// for a percentage.
#[derive(Debug)]
pub(crate) enum Amount<T = u64> {
    Fixed(T),
    Computed(Expression),
    /// The field's `…Path` form.
    At(Path),
}

impl Definition {
    pub(crate) fn state(&self, name: &str) -> Option<&State> {
        self.states.get(name).map(AsRef::as_ref)
    }
}
