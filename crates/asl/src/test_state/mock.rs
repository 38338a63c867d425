//! A mock: whether the state takes one, and whether the result is one that the state could have.

use super::request::{FieldValidationMode, Request};
use super::target::Target;
use super::{Refusal, schema};
use crate::definition::model::Kind;
use crate::step::probe::Answer;
use serde_json::Value;
use std::sync::Arc;

/// The mocked answer; `None` where nothing is mocked.
pub(super) fn checked(request: &Request, target: &Target) -> Result<Option<Answer>, Refusal> {
    let Some(state) = target.definition.state(&target.state) else { return Ok(None) };
    let refused = |problem: &str| Err(Refusal::Validation(problem.to_owned()));
    let Some(mock) = &request.mock else {
        let configuration = request.state_configuration.clone().unwrap_or_default();
        let given = [
            ("RetrierRetryCount", configuration.retrier_retry_count.is_some()),
            ("ErrorCausedByState", configuration.error_caused_by_state.is_some()),
            ("MapIterationFailureCount", configuration.map_iteration_failure_count.is_some()),
            ("MapItemReaderData", configuration.map_item_reader_data.is_some()),
        ];
        if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
            return refused(&format!("TestState does not support {name} when a mock is not specified."));
        }
        return match state.kind {
            Kind::Map(_) | Kind::Parallel { .. } => Err(Refusal::Unsupported(
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]".to_owned(),
            )),
            _ => Ok(None),
        };
    };
    if mock.result.is_some() && mock.error_output.is_some() {
        return refused("A test mock should have only one of the following fields: [result, errorOutput].");
    }
    if request.reveal_secrets {
        return refused("TestState does not support RevealSecrets when a mock is specified.");
    }
    if !matches!(state.kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel { .. }) {
        let kind = state.kind.event_prefix();
        return refused(&format!("State type '{kind}' is not supported when a mock is specified"));
    }
    if let Some(output) = &mock.error_output {
        return Ok(Some(Answer::Error { error: output.error.clone(), cause: output.cause.clone() }));
    }
    let Some(text) = &mock.result else {
        return refused("A test mock should have one of the following fields: [result, errorOutput].");
    };
    let Ok(result) = super::json(text) else {
        return refused("Mocked result must be valid JSON");
    };
    check_result(&state.kind, &result, mock.field_validation_mode)?;
    Ok(Some(Answer::Result(Arc::new(result))))
}

fn check_result(kind: &Kind, result: &Value, mode: FieldValidationMode) -> Result<(), Refusal> {
    let refused = |problem: String| Err(Refusal::Validation(problem));
    match kind {
        Kind::Parallel { .. } if !result.is_array() => refused("Mocked result must be an array.".to_owned()),
        Kind::Map(map) => {
            let writes = map
                .distributed
                .as_deref()
                .and_then(|distributed| distributed.result_writer.as_ref())
                .is_some_and(|writer| writer.resource.is_some());
            match (writes, result) {
                (true, Value::Object(_)) | (false, Value::Array(_)) => Ok(()),
                (true, _) => refused("Mocked result must be a JSON object.".to_owned()),
                (false, _) => refused("Mocked result must be an array.".to_owned()),
            }
        }
        Kind::Task(task) if mode != FieldValidationMode::None => {
            let strict = mode == FieldValidationMode::Strict;
            match schema::check(&task.resource, result, strict) {
                Ok(()) => Ok(()),
                Err(problem) => refused(format!("Mock result schema validation error: {problem}")),
            }
        }
        _ => Ok(()),
    }
}
