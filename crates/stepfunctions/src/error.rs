//! Refusals, in Step Functions' codes and words.
//!
//! Codes: the error sections of <https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html>, and
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html>.

use std::fmt::Display;
use tenantry_core::ports::{PortError, TaskTokenError, WorkflowError};

/// Why a call was refused, as it goes out: `{"__type": code, "message": message}` with the HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// AWS's code, such as `StateMachineDoesNotExist`.
    pub code: &'static str,
    /// What is wrong, in AWS's words where they are known.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl ApiError {
    /// A refusal with status 400, which is what Step Functions' own errors have.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400 }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The body is no JSON, or a member has another type than the request's.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(crate) fn invalid_arn(why: impl Display) -> Self {
        Self::new("InvalidArn", format!("Invalid Arn: '{why}'"))
    }

    pub(crate) fn invalid_name(name: &str) -> Self {
        Self::new("InvalidName", format!("Invalid Name: '{name}'"))
    }

    pub(crate) fn invalid_definition(why: impl Display) -> Self {
        Self::new("InvalidDefinition", format!("Invalid State Machine Definition: '{why}'"))
    }

    pub(crate) fn invalid_input(why: impl Display) -> Self {
        Self::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{why}'"))
    }

    pub(crate) fn invalid_output(why: impl Display) -> Self {
        Self::new("InvalidOutput", format!("Invalid Output: '{why}'"))
    }

    /// A page's or a task's token that is none of ours.
    pub(crate) fn invalid_token() -> Self {
        Self::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    pub(crate) fn invalid_logging(why: impl Display) -> Self {
        Self::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {why}"))
    }

    pub(crate) fn no_machine(arn: &str) -> Self {
        Self::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    }

    pub(crate) fn machine_exists(arn: &str) -> Self {
        Self::new("StateMachineAlreadyExists", format!("State Machine Already Exists: '{arn}'"))
    }

    pub(crate) fn machine_deleting(arn: &str) -> Self {
        Self::new("StateMachineDeleting", format!("State Machine is being deleted: '{arn}'"))
    }

    pub(crate) fn wrong_type() -> Self {
        Self::new(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )
    }

    pub(crate) fn no_execution(arn: &str) -> Self {
        Self::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
    }

    pub(crate) fn execution_exists(arn: &str) -> Self {
        Self::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"))
    }

    pub(crate) fn no_activity(arn: &str) -> Self {
        Self::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
    }

    pub(crate) fn no_resource(arn: &str) -> Self {
        Self::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
    }

    /// What another resource, named in the request, refers to is not there.
    pub(crate) fn dangling() -> Self {
        Self::new("ResourceNotFound", "Request references a resource that does not exist.")
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new("ConflictException", message)
    }

    pub(crate) fn quota(message: impl Into<String>) -> Self {
        Self::new("ServiceQuotaExceededException", message).with_status(402)
    }

    /// A workflow of the product itself: it comes with the binary.
    pub(crate) fn built_in(name: &str) -> Self {
        Self::validation(format!(
            "The state machine '{name}' is built into this server, so that it cannot be changed here. Nothing was \
             done. Change its definition file and start the server with --workflows, or create a state machine of \
             another name."
        ))
    }

    /// Something of ours failed; what exactly is for the log, not for the caller.
    pub(crate) fn internal(what: &str, error: &dyn Display) -> Self {
        tracing::error!(%error, "{what}");
        Self::new("InternalFailure", "The request processing has failed because of an unknown error.")
            .with_status(500)
    }

    pub(crate) fn unavailable(error: &PortError) -> Self {
        tracing::warn!(%error, "a call was refused because the store does not answer");
        Self::new("ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
            .with_status(503)
    }
}

impl From<PortError> for ApiError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable { .. } => Self::unavailable(&error),
            other => Self::internal("the store refused", &other),
        }
    }
}

impl From<TaskTokenError> for ApiError {
    fn from(error: TaskTokenError) -> Self {
        match error {
            TaskTokenError::Invalid => Self::invalid_token(),
            TaskTokenError::Used | TaskTokenError::Expired(_) => {
                Self::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
            }
            TaskTokenError::OutputTooLarge => Self::validation(
                "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have size \
                 less than or equal to 262144 bytes in UTF-8 encoding",
            ),
            TaskTokenError::Port(PortError::Refused { message, .. }) => Self::invalid_output(message),
            TaskTokenError::Port(error) => error.into(),
        }
    }
}

/// The engine's refusals of a start of the execution of this ARN.
pub(crate) fn of_start(arn: &str) -> impl Fn(WorkflowError) -> ApiError {
    move |error| match error {
        // All else that it could refuse was looked at before.
        WorkflowError::Port(PortError::Refused { message, .. }) => ApiError::invalid_input(message),
        error => of_execution(arn)(error),
    }
}

/// The engine's refusals of what was asked about the execution of this ARN.
pub(crate) fn of_execution(arn: &str) -> impl Fn(WorkflowError) -> ApiError {
    move |error| match error {
        WorkflowError::UnknownExecution(_) => ApiError::no_execution(arn),
        WorkflowError::UnknownWorkflow(_) => ApiError::no_machine(arn),
        WorkflowError::WrongState(why) => ApiError::validation(why),
        WorkflowError::InputTooLarge => ApiError::validation(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have size less \
             than or equal to 262144 bytes in UTF-8 encoding",
        ),
        WorkflowError::Port(error) => error.into(),
    }
}
