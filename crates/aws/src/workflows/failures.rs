//! Step Functions' refusals in the port's words.

use super::PORT;
use crate::call::port_error;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tenantry_core::ExecutionId;
use tenantry_core::ports::{PortError, WorkflowError};

/// The service's name for what went wrong, where the service answered.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    match error {
        SdkError::ServiceError(service) => service.err().code(),
        _ => None,
    }
}

/// Where nothing of the answer is about the execution.
pub(super) fn port<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match port_error(PORT, operation, error) {
        // A quota of open executions: it passes, as executions end.
        PortError::Refused { port, message } if code(error) == Some("ExecutionLimitExceeded") => {
            PortError::Unavailable { port, message }
        }
        error => error,
    }
}

/// What failed for an execution.
pub(super) struct Failed<'a>(&'a ExecutionId);

impl<'a> Failed<'a> {
    pub(super) fn of(id: &'a ExecutionId) -> Self {
        Self(id)
    }

    /// A call about an execution.
    pub(super) fn execution<E>(
        &self,
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> WorkflowError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match code(error) {
            Some("ExecutionDoesNotExist") => WorkflowError::UnknownExecution(self.0.clone()),
            // Its machine was deleted, and the execution with it.
            Some("StateMachineDoesNotExist") => WorkflowError::UnknownExecution(self.0.clone()),
            Some("ExecutionNotRedrivable") => WorkflowError::WrongState(format!(
                "Step Functions cannot redrive the execution {}: {}",
                self.0,
                reason(error)
            )),
            _ => port(operation, error).into(),
        }
    }

    /// A call about its workflow.
    pub(super) fn workflow<E>(
        &self,
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> WorkflowError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match code(error) {
            Some("StateMachineDoesNotExist" | "StateMachineDeleting") => {
                WorkflowError::UnknownWorkflow(self.0.workflow().to_owned())
            }
            _ => port(operation, error).into(),
        }
    }
}

/// The service's own sentence.
fn reason<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    match error {
        SdkError::ServiceError(service) => service.err().message(),
        _ => None,
    }
    .unwrap_or("it succeeded, runs, or ended too long ago")
}
