//! The bodies of the calls that a service makes: to register, and to answer a task token.
//!
//! ```text
//! POST {base}/v1/services                               bearer: an administrator's token
//! POST {base}/v1/task-tokens/success|failure|heartbeat  bearer: the service's own token
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use tenantry_core::ServiceId;
use tenantry_core::limits::{CAUSE_LENGTH_MAX, ERROR_NAME_LENGTH_MAX};

/// Asks for a place in the lifecycle: the body of `POST /v1/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationRequest {
    /// The name; unique.
    pub name: String,
    /// Where requests are to be sent.
    pub url: String,
    /// Whether a tenant needs this service to become active.
    pub required: bool,
    /// How long the service may take to confirm.
    pub timeout_seconds: u64,
    /// How often it gives a sign of life meanwhile; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u64>,
}

/// The answer: keep it, its secrets are shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The service's id.
    pub service_id: ServiceId,
    /// What its requests are signed with, `whsec_…`.
    pub secret: String,
    /// What it answers its task tokens with, as a bearer token; good for nothing else.
    pub token: String,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("service_id", &self.service_id)
            .field("secret", &"[secret]")
            .field("token", &"[secret]")
            .finish()
    }
}

/// The path to answer a task token at: `success`, `failure` or `heartbeat` by the body's type.
pub fn task_token_path(answer: &impl TaskAnswer) -> String {
    format!("/v1/task-tokens/{}", answer.kind())
}

/// A body that answers a task token.
pub trait TaskAnswer: Serialize {
    /// The last part of the path.
    fn kind(&self) -> &'static str;
}

/// The work is done.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSuccess {
    /// The token of the request.
    pub task_token: String,
    /// What the workflow learns: references, never secrets; at most 256 KiB.
    pub output: Value,
}

/// The work cannot be done, now or later: the operation is undone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskFailure {
    /// The token of the request.
    pub task_token: String,
    /// A stable name, such as `Billing.CountryNotServed`; at most 256 characters.
    pub error: String,
    /// What, why and what now, for an operator; at most 32,768 characters.
    pub cause: String,
}

impl TaskFailure {
    /// A failure; what is too long is cut, because a cut cause is worth more than a refused answer.
    pub fn new(task_token: &str, error: &str, cause: &str) -> Self {
        Self {
            task_token: task_token.to_owned(),
            error: error.chars().take(ERROR_NAME_LENGTH_MAX).collect(),
            cause: cause.chars().take(CAUSE_LENGTH_MAX).collect(),
        }
    }
}

/// The work goes on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskHeartbeat {
    /// The token of the request.
    pub task_token: String,
}

macro_rules! task_answer {
    ($($name:ident, $kind:literal;)*) => {$(
        impl TaskAnswer for $name {
            fn kind(&self) -> &'static str {
                $kind
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("task_token", &"[task token]").finish_non_exhaustive()
            }
        }
    )*};
}

task_answer! {
    TaskSuccess, "success";
    TaskFailure, "failure";
    TaskHeartbeat, "heartbeat";
}
