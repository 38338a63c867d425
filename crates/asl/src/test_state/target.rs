//! The state that is tested, and the definition that it lies in.

use super::Refusal;
use super::request::Request;
use crate::{Definition, parse, parse_state};
use serde_json::Value;
use std::sync::Arc;

/// A state to test.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) definition: Arc<Definition>,
    pub(super) state: Arc<str>,
}

/// Reads the request's definition and finds the state.
pub(super) fn find(request: &Request) -> Result<Target, Refusal> {
    let Some(name) = &request.state_name else { return alone(&request.definition) };
    let definition = Arc::new(parse(&request.definition).map_err(Refusal::Definition)?);
    within(&definition, name).ok_or_else(|| Refusal::Validation("State not found in definition".to_owned()))
}

/// A state at any depth, those inside distributed Maps included. Definitions are nested as deep as a text at most,
/// which the parser bounds.
fn within(definition: &Arc<Definition>, name: &str) -> Option<Target> {
    if let Some((state, _)) = definition.states.get_key_value(name) {
        return Some(Target { definition: Arc::clone(definition), state: Arc::clone(state) });
    }
    definition.processors.values().find_map(|processor| within(processor, name))
}

/// A state without a machine around it. Where it leads to need not be there.
fn alone(text: &str) -> Result<Target, Refusal> {
    let whole: Option<Value> = serde_json::from_str(text).ok();
    if whole.is_some_and(|whole| whole.get("States").is_some() && whole.get("Type").is_none()) {
        let problem = "StateName is required when the definition is a state machine.";
        return Err(Refusal::Validation(problem.to_owned()));
    }
    let definition = parse_state(text).map_err(Refusal::Definition)?;
    Ok(Target { state: Arc::clone(&definition.start_at), definition: Arc::new(definition) })
}
