//! The pure step: one event in, one transition out.
//!
//! [`Run`] is a copy-on-write view of the state. Handlers change frames, tasks and timers in it; at the end it becomes
//! the [`crate::Change`] of exactly what was touched.

mod amount;
mod choice;
mod close;
mod context;
mod evaluate;
mod failure;
mod fan;
mod flow;
mod history;
mod map_run;
pub(crate) mod probe;
mod probed;
mod receive;
mod redrive;
mod results;
mod run;
mod states;
mod task;
mod wait;

pub(crate) use history::TOKEN_SHOWN;

use crate::{Definition, Env, Event, ExecutionState, Identity, Transition};
use probe::Probe;
use run::Run;
use serde_json::Value;

/// What one event leads to: the state's change, the history events and the actions. Total: an event that no longer
/// matters gives an empty [`Transition`]. The state itself is not touched; fold the change in with
/// [`ExecutionState::apply`].
pub fn step(definition: &Definition, state: &ExecutionState, event: &Event, env: &Env<'_>) -> Transition {
    let mut run = Run::new(definition, state, env, None);
    run.receive(event);
    run.drive();
    run.into_transition()
}

/// Runs one state to where it ends or asks for a task, and lets the probe see each stage of its data flow.
pub(crate) fn probe(
    definition: &Definition,
    input: &Value,
    identity: &Identity,
    env: &Env<'_>,
    probe: &Probe,
) {
    let state = ExecutionState::default();
    let mut run = Run::new(definition, &state, env, Some(probe));
    run.receive(&Event::Started { input: input.clone(), identity: identity.clone() });
    run.drive();
}

/// Why a state did not succeed.
#[derive(Debug, Clone, Default)]
struct Failure {
    /// The error's name; a Fail state may leave it out.
    error: Option<String>,
    cause: Option<String>,
    /// Whether the rules may also match it as `States.HeartbeatTimeout`.
    missed_heartbeat: bool,
    /// Whether no rule of the state that failed may take it: an error in a Catch rule's own expressions.
    beyond_rules: bool,
    /// Whether the whole execution ends at once, whatever lies around the state: `States.Runtime` of the interpreter's
    /// own. As recorded executions show, nothing but `ExecutionFailed` tells of it.
    ends_execution: bool,
}

impl Failure {
    fn new(error: &str, cause: impl Into<String>) -> Self {
        Failure { error: Some(error.to_owned()), cause: Some(cause.into()), ..Failure::default() }
    }

    /// The name that Retry and Catch match.
    fn matched(&self) -> &str {
        if self.missed_heartbeat {
            crate::errors::HEARTBEAT_TIMEOUT
        } else {
            self.error.as_deref().unwrap_or_default()
        }
    }
}
