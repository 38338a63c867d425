//! The payload of every step: who asks for what, and the step's own fields.

use crate::StepError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tenantry_core::{ExecutionId, OperationId, TenantId};

/// Do it, or undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Do it.
    Run,
    /// Undo it.
    Undo,
}

/// The fields that every payload has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Run or undo.
    pub action: Direction,
    /// Whose.
    pub tenant_id: TenantId,
    /// The operation that asks.
    pub operation_id: OperationId,
    /// The tenant's generation of the attempt that asks.
    pub generation: u64,
    /// The operation's attempt, from 1.
    pub attempt: u64,
    /// The execution that asks.
    #[serde(default)]
    pub execution_id: Option<ExecutionId>,
    /// The state's name in the definition.
    pub state: String,
    /// Tries before this one.
    pub retry_count: u64,
    /// Which iteration of a Map; empty elsewhere.
    #[serde(default)]
    pub part: String,
}

const FIELDS: [&str; 9] = [
    "action",
    "tenantId",
    "operationId",
    "generation",
    "attempt",
    "executionId",
    "state",
    "retryCount",
    "part",
];

impl Call {
    /// Splits a payload into what every step has and what is this step's own.
    pub(crate) fn parse(step: &str, payload: Value) -> Result<(Self, Value), StepError> {
        let Value::Object(mut own) = payload else {
            return Err(StepError::invalid_input(format!("The payload of {step} must be a JSON object.")));
        };
        let mut common = Map::new();
        for field in FIELDS {
            if let Some(value) = own.remove(field) {
                common.insert(field.to_owned(), value);
            }
        }
        let call: Call = read(step, Value::Object(common))?;
        if call.state.is_empty() || call.state.chars().count() > STATE_NAME_LENGTH_MAX {
            let message = format!(
                "The payload of {step} needs the state's name, 1 to {STATE_NAME_LENGTH_MAX} characters."
            );
            return Err(StepError::invalid_input(message));
        }
        Ok((call, Value::Object(own)))
    }

    /// The workflow that asks, where the payload names its execution.
    pub(crate) fn workflow(&self) -> &str {
        self.execution_id.as_ref().map_or("", |execution| execution.workflow())
    }
}

/// Longest name of a state. <https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html>
const STATE_NAME_LENGTH_MAX: usize = 80;

/// The step's own fields; a missing, unknown or mistyped one is named.
pub(crate) fn read<T: DeserializeOwned>(step: &str, input: Value) -> Result<T, StepError> {
    serde_json::from_value(input).map_err(|error| {
        StepError::invalid_input(format!("The payload of {step} is not as it should be: {error}."))
    })
}

/// For a step without fields of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoInput {}
