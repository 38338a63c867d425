//! What is asked: the members of the API's request.

use super::Refusal;
use crate::state::Variables;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// A `TestState` request. The members are the API's; JSON inside is text, as the API has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// A state, or a state machine with [`Request::state_name`].
    pub definition: String,
    /// The role; only shown in the context object.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// The state's input; `{}` where it is not given.
    #[serde(default)]
    pub input: Option<String>,
    /// How much is told.
    #[serde(default)]
    pub inspection_level: InspectionLevel,
    /// Refused together with a mock; otherwise without effect: no secrets are kept here.
    #[serde(default)]
    pub reveal_secrets: bool,
    /// The variables that are assigned when the state is entered: an object.
    #[serde(default)]
    pub variables: Option<String>,
    /// The state to test, where the definition is a whole state machine. At any depth.
    #[serde(default)]
    pub state_name: Option<String>,
    /// What the task, the branches or the iterations come to.
    #[serde(default)]
    pub mock: Option<Mock>,
    /// The whole context object.
    #[serde(default)]
    pub context: Option<String>,
    /// How the state came to where it stands.
    #[serde(default)]
    pub state_configuration: Option<StateConfiguration>,
}

/// How much a report tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InspectionLevel {
    /// Status, output, error, next state.
    #[default]
    Info,
    /// The data flow's stages, too.
    Debug,
    /// As [`InspectionLevel::Debug`]; AWS adds HTTP requests and responses, which are no part of this home.
    Trace,
}

/// A mocked result or error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mock {
    /// The result, as JSON text.
    #[serde(default)]
    pub result: Option<String>,
    /// The error.
    #[serde(default)]
    pub error_output: Option<MockErrorOutput>,
    /// How strictly the result is held against the service's own answers.
    #[serde(default)]
    pub field_validation_mode: FieldValidationMode,
}

/// A mocked error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct MockErrorOutput {
    /// The error's name.
    #[serde(default)]
    pub error: Option<String>,
    /// Why.
    #[serde(default)]
    pub cause: Option<String>,
}

/// How a mocked result is held against what the service would answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FieldValidationMode {
    /// Required members must be there, and those that are must be of the right type.
    #[default]
    Strict,
    /// Members that are there must be of the right type.
    Present,
    /// Not at all.
    None,
}

/// How the state came to where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateConfiguration {
    /// How often the Retry rule that matches was used.
    #[serde(default)]
    pub retrier_retry_count: Option<u64>,
    /// The state inside a Map or Parallel that gave the mocked error.
    #[serde(default)]
    pub error_caused_by_state: Option<String>,
    /// How many iterations of a Map failed.
    #[serde(default)]
    pub map_iteration_failure_count: Option<u64>,
    /// What a distributed Map's ItemReader read, as JSON text.
    #[serde(default)]
    pub map_item_reader_data: Option<String>,
}

pub(super) fn variables(request: &Request) -> Result<Variables, Refusal> {
    let Some(text) = &request.variables else { return Ok(Variables::new()) };
    match super::json(text) {
        Ok(Value::Object(members)) => {
            Ok(members.into_iter().map(|(name, value)| (name, Arc::new(value))).collect())
        }
        Ok(_) => Err(Refusal::Validation("Variables must be a JSON object.".to_owned())),
        Err(problem) => Err(Refusal::Validation(format!("Variables must be valid JSON: {problem}"))),
    }
}

pub(super) fn reader_data(configuration: &StateConfiguration) -> Result<Option<Value>, Refusal> {
    let Some(text) = &configuration.map_item_reader_data else { return Ok(None) };
    super::json(text)
        .map(Some)
        .map_err(|problem| Refusal::Validation(format!("MapItemReaderData must be valid JSON: {problem}")))
}
