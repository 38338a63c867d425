//! Failures of the table's calls.

use super::{AwsTable, PORT};
use crate::call::port_error;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tenantry_core::ports::PortError;

/// A failed call.
pub(super) type Sdk<E> = SdkError<E, HttpResponse>;

impl AwsTable {
    /// The failure in our words; a table that is not there is named.
    pub(super) fn failed<E>(&self, operation: &'static str, error: &Sdk<E>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.code() {
            Some("ResourceNotFoundException") => {
                PortError::NotFound { port: PORT, what: format!("DynamoDB table {:?}", self.name) }
            }
            _ => port_error(PORT, operation, error),
        }
    }
}
