//! Answers to waiting tasks, through Step Functions.

use crate::Clients;
use crate::call::{Calls, Repeat, port_error};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::limits::{CAUSE_LENGTH_MAX, ERROR_NAME_LENGTH_MAX, PAYLOAD_BYTES_MAX};
use tenantry_core::ports::{TaskTokenError, TaskTokens};

const PORT: &str = "task tokens";

/// Longest token that Step Functions reads; a longer text was never one.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html>
const TOKEN_LENGTH_MAX: usize = 2_048;

/// The task tokens. Step Functions tells neither an answered token from one whose task timed out, nor why: both are
/// [`TaskTokenError::Expired`] here.
///
/// An answer is sent once: where nobody knows whether it arrived, a second try would be told that the token is spent, as
/// if by somebody else. So a lost outcome is [`tenantry_core::ports::PortError::Unavailable`], and the caller's own next
/// try may find its answer taken.
#[derive(Clone)]
pub struct AwsTaskTokens {
    clients: Arc<Clients>,
    calls: Calls,
}

impl std::fmt::Debug for AwsTaskTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsTaskTokens")
    }
}

impl AwsTaskTokens {
    /// The task tokens of this account and region.
    pub fn new(clients: Arc<Clients>, calls: Calls) -> Self {
        Self { clients, calls }
    }
}

fn check(token: &str) -> Result<(), TaskTokenError> {
    if token.is_empty() || token.chars().count() > TOKEN_LENGTH_MAX {
        return Err(TaskTokenError::Invalid);
    }
    Ok(())
}

/// The first `max` characters.
pub(crate) fn cut(text: String, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

fn refused<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> TaskTokenError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = match error {
        SdkError::ServiceError(service) => service.err().code(),
        _ => None,
    };
    match code {
        Some("InvalidToken") => TaskTokenError::Invalid,
        Some("InvalidOutput") => TaskTokenError::OutputTooLarge,
        Some("TaskTimedOut" | "TaskDoesNotExist") => TaskTokenError::Expired(
            "it was answered before, its time has passed, or its execution has ended".to_owned(),
        ),
        _ => port_error(PORT, operation, error).into(),
    }
}

impl TaskTokens for AwsTaskTokens {
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            check(token)?;
            let output = output.to_string();
            if output.len() > PAYLOAD_BYTES_MAX {
                return Err(TaskTokenError::OutputTooLarge);
            }
            let send =
                || Box::pin(self.clients.sfn().send_task_success().task_token(token).output(&output).send());
            let sent = self.calls.send(Repeat::OnlyIfRefused, send).await;
            sent.map(drop).map_err(|error| refused("SendTaskSuccess", &error))
        })
    }

    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            check(token)?;
            let error = error.map(|error| cut(error, ERROR_NAME_LENGTH_MAX));
            let cause = cause.map(|cause| cut(cause, CAUSE_LENGTH_MAX));
            let send = || {
                let call = self.clients.sfn().send_task_failure().task_token(token);
                Box::pin(call.set_error(error.clone()).set_cause(cause.clone()).send())
            };
            let sent = self.calls.send(Repeat::OnlyIfRefused, send).await;
            sent.map(drop).map_err(|error| refused("SendTaskFailure", &error))
        })
    }

    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            check(token)?;
            let send = || Box::pin(self.clients.sfn().send_task_heartbeat().task_token(token).send());
            let sent = self.calls.send(Repeat::Safe, send).await;
            sent.map(drop).map_err(|error| refused("SendTaskHeartbeat", &error))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü".to_owned(), 2), "äö");
        assert_eq!(cut("äöü".to_owned(), 3), "äöü");
        assert_eq!(cut(String::new(), 0), "");
        assert_eq!(cut("ab".to_owned(), 0), "");
    }
}
