//! `TestState`: one state, run alone, as pure code.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>
//!
//! [`test_state`] checks a request, runs the state by the interpreter itself with each stage of its data flow observed,
//! and reports where it ended. A Task that was not mocked [`Tested::Needs`] its task carried out; the caller does that
//! and asks again with the [`TaskAnswer`]: the same request, time and seed lead to the same question.

mod context;
mod identity;
mod mock;
mod report;
mod request;
mod schema;
mod target;

pub use identity::{Realm, identity};
pub use report::{ErrorDetails, InspectionData, Report, Status};
pub use request::{FieldValidationMode, InspectionLevel, Mock, MockErrorOutput, Request, StateConfiguration};

use crate::step::probe::{Answer, Ended, Probe};
use crate::{Diagnostic, Env, Identity, PendingTask};
use serde_json::Value;
use std::sync::Arc;

/// What a test came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Tested {
    /// The state ended.
    Ended(Box<Report>),
    /// The state waits for a task that was not mocked: carry it out and ask again with what it answers.
    Needs(Box<PendingTask>),
}

/// What a task that a test needed came to.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskAnswer {
    /// Its result.
    Succeeded(Value),
    /// Its error.
    Failed {
        /// The error's name.
        error: String,
        /// Why.
        cause: Option<String>,
    },
}

/// Why a test was refused, in Step Functions' codes and words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The request contradicts itself or the state: `ValidationException`.
    #[error("{0}")]
    Validation(String),
    /// The state cannot be tested: `InvalidDefinition`, with the words as they are.
    #[error("{0}")]
    Unsupported(String),
    /// The definition is wrong: `InvalidDefinition`, with the findings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Definition(Vec<Diagnostic>),
    /// The input is no JSON: `InvalidExecutionInput`. What is wrong with it.
    #[error("{0}")]
    Input(String),
}

/// Tests a state. `who` stands in the context object where the request gives none; [`identity`] makes one. `answer` is
/// what the task came to that an earlier call of the same request needed.
///
/// # Errors
/// The request is refused.
pub fn test_state(
    request: &Request,
    who: &Identity,
    answer: Option<&TaskAnswer>,
    env: &Env<'_>,
) -> Result<Tested, Refusal> {
    let target = target::find(request)?;
    let mocked = mock::checked(request, &target)?;
    let context = request.context.as_deref().map(|text| context::checked(text, &target)).transpose()?;
    let input = json(request.input.as_deref().unwrap_or("{}")).map_err(Refusal::Input)?;
    let configuration = request.state_configuration.clone().unwrap_or_default();
    let answer = mocked.or_else(|| {
        answer.map(|answer| match answer {
            TaskAnswer::Succeeded(result) => Answer::Result(Arc::new(result.clone())),
            TaskAnswer::Failed { error, cause } => {
                Answer::Error { error: Some(error.clone()), cause: cause.clone() }
            }
        })
    });
    let mut probe = Probe::default();
    probe.state = Some(Arc::clone(&target.state));
    probe.context = context;
    probe.variables = request::variables(request)?;
    probe.answer = answer;
    probe.retries_used = configuration.retrier_retry_count.unwrap_or(0);
    probe.iterations_failed = configuration.map_iteration_failure_count;
    probe.reader_data = request::reader_data(&configuration)?;
    crate::step::probe(&target.definition, &input, who, env, &probe);
    let variables = probe.variables.clone();
    let (stages, ended) = probe.into_parts();
    Ok(match ended {
        Some(Ended::Asks(task)) => Tested::Needs(task),
        ended => Tested::Ended(Box::new(report::of(request, &input, variables, &stages, ended))),
    })
}

/// A JSON text, or what is wrong with it.
fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
