//! The state that is tested, and the definition that it lies in.

use super::Refusal;
use super::request::Request;
use crate::{Definition, parse};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name that a state without a machine gets, as AWS calls it.
pub(super) const STATE_NAME: &str = "StateName";

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

/// A state without a machine: it gets one, in which every state that it may lead to is an end.
fn alone(text: &str) -> Result<Target, Refusal> {
    let mut states = Map::new();
    if let Ok(state) = serde_json::from_str::<Value>(text) {
        if state.get("States").is_some() && state.get("Type").is_none() {
            return Err(Refusal::Validation(
                "StateName is required when the definition is a state machine.".to_owned(),
            ));
        }
        for next in leads_to(&state) {
            states.insert(next.to_owned(), json!({"Type": "Succeed"}));
        }
    }
    states.remove(STATE_NAME);
    let ends: Vec<String> =
        states.iter().map(|(name, state)| format!(",{}:{state}", Value::from(name.as_str()))).collect();
    let machine =
        format!("{{\"StartAt\":\"{STATE_NAME}\",\"States\":{{\"{STATE_NAME}\":{text}{}}}}}", ends.concat());
    let definition = parse(&machine).map_err(Refusal::Definition)?;
    Ok(Target { definition: Arc::new(definition), state: Arc::from(STATE_NAME) })
}

/// The states that a state may lead to.
fn leads_to(state: &Value) -> BTreeSet<&str> {
    let rules = ["Choices", "Catch"].into_iter().filter_map(|field| state[field].as_array()).flatten();
    let targets = rules.map(|rule| &rule["Next"]);
    targets.chain([&state["Next"], &state["Default"]]).filter_map(Value::as_str).collect()
}
