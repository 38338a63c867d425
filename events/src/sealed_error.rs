//! What services say of a tenant when they fail, sealed in the rows that keep it.
//!
//! The row shows the error's name and step, and a sentence that says where to read on; the words themselves open only
//! with the tenant's records key, for the operator's views.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenantry_core::model::RecordedError;
use tenantry_core::ports::{DataKeys, KeyPurpose, PortError};
use tenantry_core::{OperationId, TenantId};

/// Shown where the key that sealed the words is no longer there.
const KEY_GONE: &str =
    "What was said is sealed with a key of the tenant's that is gone; the error's name is all that is left.";
/// Shown where the words were altered, or belong to another row.
const DAMAGED: &str =
    "What was said cannot be opened: the row is damaged. The execution's history may still tell it.";

/// Which of an operation's errors it is. Words that were sealed for one place do not open in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The operation's own error.
    Operation,
    /// The error that its attempt's execution ended with.
    AttemptEnd,
    /// The last error of a step.
    Step {
        /// The operation's attempt.
        attempt: u64,
        /// The state's name in the definition.
        step: &'a str,
        /// The part of the step, such as a service's id; else empty.
        part: &'a str,
    },
}

impl Place<'_> {
    fn context(self, operation: &OperationId) -> String {
        match self {
            Place::Operation => format!("operation/{operation}/error"),
            Place::AttemptEnd => format!("operation/{operation}/attempt-end"),
            Place::Step { attempt, step, part } => {
                format!("operation/{operation}/step/{attempt}/{step}/{part}")
            }
        }
    }
}

/// The sentence in place of a message that not everyone may read.
pub fn told_elsewhere(operation: &OperationId) -> String {
    format!("GET /v1/operations/{operation} tells the cause.")
}

/// The error as a row keeps it: its message sealed, and a sentence in its place. Makes the tenant's records key where
/// there is none yet.
///
/// # Errors
/// What the keys' port says, where it cannot seal now.
pub async fn seal(
    keys: &dyn DataKeys,
    tenant: &TenantId,
    operation: &OperationId,
    place: Place<'_>,
    error: RecordedError,
) -> Result<RecordedError, PortError> {
    let (context, plain) = (place.context(operation), error.message.as_bytes());
    let sealed = match keys.seal(tenant, KeyPurpose::Records, &context, plain).await {
        Err(PortError::NotFound { .. }) => {
            keys.create(tenant, KeyPurpose::Records).await?;
            keys.seal(tenant, KeyPurpose::Records, &context, plain).await?
        }
        sealed => sealed?,
    };
    Ok(RecordedError { message: told_elsewhere(operation), sealed: Some(STANDARD.encode(sealed)), ..error })
}

/// The error as the operator reads it: its true message, or a sentence that says why there is none any more. An error
/// that was not sealed stays as it is.
///
/// # Errors
/// What the keys' port says, where it cannot answer now.
pub async fn open(
    keys: &dyn DataKeys,
    tenant: &TenantId,
    operation: &OperationId,
    place: Place<'_>,
    error: RecordedError,
) -> Result<RecordedError, PortError> {
    let Some(sealed) = &error.sealed else { return Ok(error) };
    let message = match STANDARD.decode(sealed) {
        Err(_) => DAMAGED.to_owned(),
        Ok(sealed) => {
            let context = place.context(operation);
            match keys.open(tenant, KeyPurpose::Records, &context, &sealed).await {
                Ok(plain) => String::from_utf8(plain).unwrap_or_else(|_| DAMAGED.to_owned()),
                Err(PortError::NotFound { .. }) => KEY_GONE.to_owned(),
                Err(PortError::Damaged { .. }) => DAMAGED.to_owned(),
                Err(error) => return Err(error),
            }
        }
    };
    Ok(RecordedError { message, sealed: None, ..error })
}
