//! What a test tells.

use super::request::{InspectionLevel, Request};
use crate::TASK_TOKEN_PLACEHOLDER;
use crate::state::{Payload, Variables};
use crate::step::TOKEN_SHOWN;
use crate::step::probe::{Ended, Stage};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a tested state ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It left for its next state, or was the last one.
    Succeeded,
    /// It failed.
    Failed,
    /// It failed, and a Retry rule would try it again.
    Retriable,
    /// It failed, and a Catch rule took the error.
    CaughtError,
}

/// What a test tells: the API's response.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// Its output, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The state that would be next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_state: Option<String>,
    /// The data flow's stages; only where more than INFO was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspection_data: Option<InspectionData>,
}

/// The data flow's stages. JSON inside is text.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html>
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectionData {
    /// The state's input.
    pub input: String,
    /// The stages by the API's names: texts, and numbers for `maxConcurrency`, `toleratedFailureCount` and
    /// `toleratedFailurePercentage`.
    #[serde(flatten)]
    pub stages: Map<String, Value>,
    /// The variables after the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<String>,
    /// Which rule took the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<ErrorDetails>,
}

/// Which rule took an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The Catch rule's place, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_index: Option<usize>,
    /// The Retry rule's place, from 0; also where it is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_index: Option<usize>,
    /// The pause before the retry, in seconds, without jitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff_interval_seconds: Option<u64>,
}

pub(super) fn of(
    request: &Request,
    input: &Value,
    mut variables: Variables,
    stages: &BTreeMap<Stage, Payload>,
    ended: Option<Ended>,
) -> Report {
    let mut report = Report {
        status: Status::Failed,
        output: None,
        error: None,
        cause: None,
        next_state: None,
        inspection_data: None,
    };
    let mut error_details = None;
    match ended {
        Some(Ended::Exited { next, output, assigned, caught }) => {
            report.status = Status::Succeeded;
            report.output = Some(text(&output));
            report.next_state = next.map(|next| next.to_string());
            variables.extend(assigned);
            if let Some(caught) = caught {
                report.status = Status::CaughtError;
                report.error = caught.error;
                report.cause = caught.cause;
                error_details =
                    Some(ErrorDetails { catch_index: Some(caught.rule), ..ErrorDetails::default() });
            }
        }
        Some(Ended::Retriable { error, cause, rule, pause_seconds }) => {
            report.status = Status::Retriable;
            report.error = error;
            report.cause = cause;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a year")]
            let seconds = pause_seconds.max(0.0).round() as u64;
            error_details = Some(ErrorDetails {
                retry_index: Some(rule),
                retry_backoff_interval_seconds: Some(seconds),
                catch_index: None,
            });
        }
        Some(Ended::Failed { error, cause, exhausted_rule }) => {
            report.error = error;
            report.cause = cause;
            error_details = exhausted_rule
                .map(|rule| ErrorDetails { retry_index: Some(rule), ..ErrorDetails::default() });
        }
        Some(Ended::Asks(_)) | None => {}
    }
    if request.inspection_level != InspectionLevel::Info {
        report.inspection_data = Some(InspectionData {
            input: text(input),
            stages: stages.iter().map(|(stage, value)| told(*stage, value)).collect(),
            variables: (!variables.is_empty()).then(|| {
                let members = variables.iter().map(|(name, value)| (name.clone(), (**value).clone()));
                text(&Value::Object(members.collect()))
            }),
            error_details,
        });
    }
    report
}

fn told(stage: Stage, value: &Payload) -> (String, Value) {
    let name = match stage {
        Stage::AfterArguments => "afterArguments",
        Stage::AfterInputPath => "afterInputPath",
        Stage::AfterItemBatcher => "afterItemBatcher",
        Stage::AfterItemSelector => "afterItemSelector",
        Stage::AfterItemsPath => "afterItemsPath",
        Stage::AfterItemsPointer => "afterItemsPointer",
        Stage::AfterParameters => "afterParameters",
        Stage::AfterResultPath => "afterResultPath",
        Stage::AfterResultSelector => "afterResultSelector",
        Stage::Result => "result",
        Stage::MaxConcurrency => return ("maxConcurrency".to_owned(), (**value).clone()),
        Stage::ToleratedFailureCount => return ("toleratedFailureCount".to_owned(), (**value).clone()),
        Stage::ToleratedFailurePercentage => {
            return ("toleratedFailurePercentage".to_owned(), (**value).clone());
        }
    };
    (name.to_owned(), Value::from(text(value)))
}

/// JSON text; no token was made, so that its place is told.
fn text(value: &Value) -> String {
    value.to_string().replace(TASK_TOKEN_PLACEHOLDER, TOKEN_SHOWN)
}
