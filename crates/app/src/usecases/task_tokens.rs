//! Answers to waiting tasks.

use super::executions::check_error;
use super::{App, Principal, token_hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use tenantry_core::keys::Key;
use tenantry_core::ports::TaskTokenError;
use tenantry_core::{Error, ErrorCode, Result, limits};

/// A task succeeded.
#[derive(Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSuccess {
    /// The token that came with the request.
    pub task_token: String,
    /// What the task came to: any JSON, at most 262,144 bytes.
    #[serde(default)]
    pub output: Value,
}

/// A task failed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskFailure {
    /// The token that came with the request.
    pub task_token: String,
    /// The error's name, which the workflow's Retry and Catch match; at most 256 characters.
    #[serde(default)]
    #[schema(max_length = 256, example = "Integration.Rejected")]
    pub error: Option<String>,
    /// Why, in words; at most 32,768 characters.
    #[serde(default)]
    #[schema(max_length = 32768)]
    pub cause: Option<String>,
}

/// A task is still worked on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskHeartbeat {
    /// The token that came with the request.
    pub task_token: String,
}

/// `Debug` without the token, so that a log cannot hold it.
macro_rules! hidden_token {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("task_token", &"[task token]").finish_non_exhaustive()
            }
        })*
    };
}

hidden_token!(TaskSuccess, TaskFailure, TaskHeartbeat);

fn translate(error: TaskTokenError) -> Error {
    let (code, detail) = match error {
        TaskTokenError::Invalid => (
            ErrorCode::TaskTokenInvalid,
            "This is not a task token that was ever issued. Send it exactly as it came with the request."
                .to_owned(),
        ),
        TaskTokenError::Used => (
            ErrorCode::TaskTokenUsed,
            "The task token was answered before; a token takes one answer, and the first one stands."
                .to_owned(),
        ),
        TaskTokenError::Expired(reason) => (
            ErrorCode::TaskTokenExpired,
            format!(
                "The task no longer waits for this token ({reason}). Nothing was changed; a new try of the task \
                     brings a new token."
            ),
        ),
        TaskTokenError::OutputTooLarge => (ErrorCode::TaskOutputTooLarge, too_large()),
        TaskTokenError::Port(error) => return error.into(),
    };
    let field = if code == ErrorCode::TaskOutputTooLarge { "/output" } else { "/taskToken" };
    Error::new(code, detail).with_field(field)
}

/// `text` without the token, which a service may have repeated in its answer: histories, events and logs tell the rest.
/// A token is base64url, so it looks the same within JSON.
fn without_token(text: &str, token: &str) -> String {
    if token.is_empty() { text.to_owned() } else { text.replace(token, "[task token]") }
}

fn too_large() -> String {
    format!(
        "The output has more than {} bytes. Keep the data where it is, and answer with a reference to it.",
        limits::PAYLOAD_BYTES_MAX
    )
}

impl App {
    /// The admin may answer every token; a service only those that were given to it.
    async fn may_answer(&self, by: &Principal, token: &str) -> Result<()> {
        let Principal::Service(service) = by else { return Ok(()) };
        let item = self.ports.table.get(&Key::task_token(&token_hash(token))).await?;
        let owner = item.as_ref().and_then(|item| item.attributes.get("serviceId")).and_then(Value::as_str);
        if owner == Some(service.as_str()) {
            return Ok(());
        }
        let detail = "This task token was not given to this service. Answer with the token of the service that got it.";
        Err(Error::new(ErrorCode::Forbidden, detail).with_field("/taskToken"))
    }

    /// The task succeeded. Once it answers, the output is durable and no other answer is taken.
    ///
    /// Errors: [`ErrorCode::Forbidden`], [`ErrorCode::TaskTokenInvalid`], [`ErrorCode::TaskTokenUsed`],
    /// [`ErrorCode::TaskTokenExpired`], [`ErrorCode::TaskOutputTooLarge`].
    pub async fn task_succeeded(&self, by: &Principal, request: TaskSuccess) -> Result<()> {
        let TaskSuccess { task_token, mut output } = request;
        self.may_answer(by, &task_token).await?;
        let text = output.to_string();
        if text.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(translate(TaskTokenError::OutputTooLarge));
        }
        if text.contains(&task_token) {
            output = serde_json::from_str(&without_token(&text, &task_token)).map_err(Error::internal)?;
        }
        self.ports.task_tokens.succeed(&task_token, output).await.map_err(translate)
    }

    /// The task failed. Once it answers, the failure is durable and no other answer is taken.
    ///
    /// Errors: as [`App::task_succeeded`], and [`ErrorCode::TaskErrorTooLong`].
    pub async fn task_failed(&self, by: &Principal, request: TaskFailure) -> Result<()> {
        self.may_answer(by, &request.task_token).await?;
        check_error(request.error.as_deref(), request.cause.as_deref())?;
        let TaskFailure { task_token, error, cause } = request;
        let told = |text: Option<String>| text.map(|text| without_token(&text, &task_token));
        let (error, cause) = (told(error), told(cause));
        self.ports.task_tokens.fail(&task_token, error, cause).await.map_err(translate)
    }

    /// The task is still worked on: its heartbeat deadline moves.
    pub async fn task_heartbeat(&self, by: &Principal, request: &TaskHeartbeat) -> Result<()> {
        self.may_answer(by, &request.task_token).await?;
        self.ports.task_tokens.heartbeat(&request.task_token).await.map_err(translate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    #[tokio::test]
    async fn a_token_that_an_answer_repeats_is_not_kept() {
        let memory = Memory::new();
        let app = App::new(memory.ports(), crate::usecases::Settings { allow_private_webhooks: false });
        for token in ["token-1", "token-2"] {
            memory.task_tokens.issue(token);
        }
        let output = serde_json::json!({"note": "got token-1", "token-1": ["token-2"]});
        let success = TaskSuccess { task_token: "token-1".to_owned(), output };
        app.task_succeeded(&Principal::Admin, success).await.unwrap();
        let kept = memory.task_tokens.answer("token-1").unwrap().to_string();
        assert!(!kept.contains("token-1") && kept.contains("got [task token]"), "{kept}");
        let failure = TaskFailure {
            task_token: "token-2".to_owned(),
            error: Some("No.token-2".to_owned()),
            cause: Some("not with token-2 or token-1".to_owned()),
        };
        app.task_failed(&Principal::Admin, failure).await.unwrap();
        let kept = memory.task_tokens.answer("token-2").unwrap();
        assert_eq!(kept["error"], "No.[task token]");
        assert_eq!(kept["cause"], "not with [task token] or token-1");
    }
}
