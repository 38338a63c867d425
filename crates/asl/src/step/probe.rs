//! What a test of one state wants of an interpreter: the value after each stage of its data flow, and where it ended,
//! without a machine around it.

use crate::PendingTask;
use crate::state::{Payload, Variables};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A point of a state's data flow that can be observed. The names are those of Step Functions' `InspectionData`.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    AfterArguments,
    AfterInputPath,
    AfterItemBatcher,
    AfterItemSelector,
    AfterItemsPath,
    AfterItemsPointer,
    AfterParameters,
    AfterResultPath,
    AfterResultSelector,
    MaxConcurrency,
    Result,
    ToleratedFailureCount,
    ToleratedFailurePercentage,
}

/// Where the state under test ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// It left for another state, or was the last one.
    Exited { next: Option<Arc<str>>, output: Payload, assigned: Variables, caught: Option<Caught> },
    /// A Retry rule would try it again.
    Retriable { error: Option<String>, cause: Option<String>, rule: usize, pause_seconds: f64 },
    /// It failed; with the Retry rule that was used up, where there is one.
    Failed { error: Option<String>, cause: Option<String>, exhausted_rule: Option<usize> },
    /// It waits for a task that nobody mocked.
    Asks(Box<PendingTask>),
}

/// What a Catch rule took.
#[derive(Debug, Clone)]
pub(crate) struct Caught {
    pub(crate) rule: usize,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

/// What the task, the branches or the iterations come to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Result(Payload),
    Error { error: Option<String>, cause: Option<String> },
}

/// A test of one state under way.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The state that is tested, where it is not the definition's first.
    pub(crate) state: Option<Arc<str>>,
    /// Stands for the whole context object.
    pub(crate) context: Option<Value>,
    pub(crate) variables: Variables,
    /// What the task, branches or iterations come to; `None`: the task is asked for.
    pub(crate) answer: Option<Answer>,
    /// How often the Retry rule that matches was used.
    pub(crate) retries_used: u64,
    /// What a distributed Map's ItemReader read.
    pub(crate) reader_data: Option<Value>,
    /// How many iterations of a Map failed.
    pub(crate) iterations_failed: Option<u64>,
    stages: RefCell<BTreeMap<Stage, Payload>>,
    ended: RefCell<Option<Ended>>,
}

impl Probe {
    /// A stage's value; the last one stays.
    pub(crate) fn note(&self, stage: Stage, value: &Payload) {
        self.stages.borrow_mut().insert(stage, Arc::clone(value));
    }

    /// The state has ended.
    pub(crate) fn end(&self, ended: Ended) {
        self.ended.borrow_mut().get_or_insert(ended);
    }

    /// A stage's value, once it was noted.
    pub(crate) fn noted(&self, stage: Stage) -> Option<Payload> {
        self.stages.borrow().get(&stage).cloned()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// What was observed.
    pub(crate) fn into_parts(self) -> (BTreeMap<Stage, Payload>, Option<Ended>) {
        (self.stages.into_inner(), self.ended.into_inner())
    }
}
