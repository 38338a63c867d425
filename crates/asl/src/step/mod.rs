//! The pure step.

use crate::{Definition, Env, Event, ExecutionState, Transition};

/// What one event leads to: the state's change, the history events and the actions. Total: an event that no longer
/// matters gives an empty [`Transition`]. The state itself is not touched; fold the change in with
/// [`ExecutionState::apply`].
pub fn step(definition: &Definition, state: &ExecutionState, event: &Event, env: &Env<'_>) -> Transition {
    let _ = (definition, state, event, env);
    Transition::default()
}
