//! One error for the whole domain: a stable code, a sentence for the caller, and what only the log may see.

use std::fmt;

/// A result of the domain.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an error. The HTTP API maps it to a status as its last act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request can never succeed as it is (400).
    Invalid,
    /// No or a wrong token (401).
    Unauthenticated,
    /// A good token that may not do this (403).
    Forbidden,
    /// No such thing (404).
    NotFound,
    /// The thing exists, but its state forbids this (409).
    Conflict,
    /// `If-Match` names another revision (412).
    PreconditionFailed,
    /// The body is too large (413).
    TooLarge,
    /// The content type is not JSON (415).
    UnsupportedMediaType,
    /// Well formed, but it contradicts itself or an earlier request (422).
    Unprocessable,
    /// The method is not offered here (405).
    MethodNotAllowed,
    /// This home does not offer it (501).
    NotImplemented,
    /// Try again later (503).
    Unavailable,
    /// A fault of ours (500).
    Internal,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $class:ident, $title:literal;)*) => {
        /// Every problem that a caller can meet. A number, once given, is never used for anything else; each has a
        /// help page `docs/errors/TNT-<number>.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The stable code, as in `TNT-0007`.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => concat!("TNT-", $number),)* }
            }

            /// One short sentence, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(ErrorCode::$name => $title,)* }
            }

            /// The class.
            pub fn class(self) -> ErrorClass {
                match self { $(ErrorCode::$name => ErrorClass::$class,)* }
            }
        }
    };
}

error_codes! {
    /// A fault of ours; the log has the rest under the request id.
    Internal = "0001", Internal, "Something failed on our side";
    /// The store cannot take the write now (disk full, throttled, shutting down).
    Unavailable = "0002", Unavailable, "The control plane cannot take this request now";
    /// The body is not JSON; line and column are in the detail.
    MalformedJson = "0003", Invalid, "The body is not well-formed JSON";
    /// A field that the request does not have.
    UnknownField = "0004", Invalid, "The request has an unknown field";
    /// A field of another type, or one that is missing.
    WrongType = "0005", Invalid, "A field is missing or of the wrong type";
    /// The body is over the limit.
    BodyTooLarge = "0006", TooLarge, "The request body is too large";
    /// No or a wrong bearer token.
    Unauthenticated = "0007", Unauthenticated, "A valid bearer token is needed";
    /// A good token for something else.
    Forbidden = "0008", Forbidden, "This token may not do that";
    /// No such address.
    RouteNotFound = "0009", NotFound, "There is nothing at this address";
    /// The address exists, the method does not.
    MethodNotAllowed = "0010", MethodNotAllowed, "The method is not offered at this address";
    /// The body's content type is not JSON.
    UnsupportedMediaType = "0011", UnsupportedMediaType, "The body must be JSON";
    /// A cursor that is malformed or belongs to another query.
    InvalidCursor = "0012", Invalid, "The cursor does not belong to this query";
    /// An unknown or malformed query parameter.
    InvalidQuery = "0013", Invalid, "A query parameter is unknown or malformed";
    /// The id in the address is not of the form that its kind has.
    InvalidId = "0014", Invalid, "The id is malformed";
    /// The same `Idempotency-Key` came with another body.
    IdempotencyKeyReused = "0015", Unprocessable, "The Idempotency-Key was used with another body";
    /// The `Idempotency-Key` is empty, too long or not printable.
    InvalidIdempotencyKey = "0016", Invalid, "The Idempotency-Key is malformed";
    /// `If-Match` names another revision.
    RevisionMismatch = "0017", PreconditionFailed, "The record has changed since it was read";
    /// This home does not offer it.
    NotOffered = "0018", NotImplemented, "This home does not offer that";
    /// A write lost a race several times.
    Contention = "0019", Conflict, "Others are changing the same record";

    /// No such tenant.
    TenantNotFound = "0101", NotFound, "There is no such tenant";
    /// The tenant's name is empty, too long or not printable.
    InvalidName = "0102", Invalid, "The name is empty, too long or not printable";
    /// No such plan.
    UnknownPlan = "0103", Invalid, "There is no such plan";
    /// No such region.
    UnknownRegion = "0104", Invalid, "There is no such region";
    /// The plan does not offer this isolation, or there is no such one.
    InvalidIsolation = "0105", Invalid, "The plan does not offer this isolation";
    /// The slug is malformed.
    InvalidSlug = "0106", Invalid, "The slug is malformed";
    /// The slug belongs to another tenant.
    SlugTaken = "0107", Conflict, "The slug is taken";
    /// The external id belongs to another tenant.
    ExternalIdTaken = "0108", Conflict, "The external id belongs to another tenant";
    /// The administrator's address is malformed.
    InvalidEmail = "0109", Invalid, "The e-mail address is malformed";
    /// Metadata or external id over their limits.
    InvalidMetadata = "0110", Invalid, "The metadata or the external id is over its limits";
    /// The tenant's state forbids the move.
    IllegalTransition = "0111", Conflict, "The tenant's state does not allow this";
    /// Another lifecycle operation holds the tenant.
    OperationInProgress = "0112", Conflict, "Another operation is running for this tenant";

    /// No such operation.
    OperationNotFound = "0201", NotFound, "There is no such operation";
    /// Only a failed and compensated operation can be tried again.
    OperationNotRetryable = "0202", Conflict, "The operation cannot be retried in its state";

    /// No such execution.
    ExecutionNotFound = "0301", NotFound, "There is no such execution";
    /// Only an execution that failed, timed out or was stopped can be redriven.
    ExecutionNotRedrivable = "0302", Conflict, "The execution cannot be redriven in its state";
    /// The execution has ended.
    ExecutionNotRunning = "0303", Conflict, "The execution is not running";

    /// Not a token that was ever issued.
    TaskTokenInvalid = "0401", Invalid, "The task token is not one of ours";
    /// The token was answered before.
    TaskTokenUsed = "0402", Conflict, "The task token was already answered";
    /// The task timed out, was stopped or its execution has ended.
    TaskTokenExpired = "0403", Conflict, "The task no longer waits for this token";
    /// The output is over the payload limit.
    TaskOutputTooLarge = "0404", Invalid, "The task's output is too large";
    /// The error name or the cause is over its limit.
    TaskErrorTooLong = "0405", Invalid, "The task's error or cause is too long";

    /// No such service.
    ServiceNotFound = "0501", NotFound, "There is no such service";
    /// The name belongs to another service.
    ServiceNameTaken = "0502", Conflict, "A service of this name exists";
    /// An address that may not be called: not http(s), with credentials, or private.
    UrlRefused = "0503", Invalid, "The address may not be called";
    /// A timeout or heartbeat out of its range.
    InvalidTimeout = "0504", Invalid, "A timeout or heartbeat is out of range";
    /// As many as there may be.
    TooMany = "0505", Conflict, "The limit for this kind is reached";

    /// No such subscription.
    SubscriptionNotFound = "0601", NotFound, "There is no such subscription";
    /// The event pattern is malformed.
    InvalidPattern = "0602", Invalid, "The event pattern is malformed";
    /// The subscription's target is of an unknown type.
    InvalidTarget = "0603", Invalid, "The subscription's target is malformed";

    /// No such queue.
    QueueNotFound = "0701", NotFound, "There is no such queue";
    /// No such dead letter.
    DeadLetterNotFound = "0702", NotFound, "There is no such dead letter";
}

/// An error of the domain. [`fmt::Display`] is what a caller may read; [`Error::internal`] is for the log alone.
#[derive(Debug)]
pub struct Error {
    code: ErrorCode,
    detail: String,
    field: Option<String>,
    existing: Option<String>,
    internal: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a sentence that says what, why and what now. `detail` is shown to the caller: no secret in it.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, existing: None, internal: None }
    }

    /// A fault of ours: the caller reads only that it was ours; the log reads `source`.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, "An unexpected fault; it is in the log under this request's id.")
            .with_source(source)
    }

    /// Names the field that is wrong, as a JSON pointer or a parameter's name.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names the address of the thing that stands in the way, such as the running operation's.
    #[must_use]
    pub fn with_existing(mut self, address: impl Into<String>) -> Self {
        self.existing = Some(address.into());
        self
    }

    /// Adds what only the log may see.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.internal = Some(source.into());
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for the caller.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The field that is wrong.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The address of what stands in the way.
    pub fn existing(&self) -> Option<&str> {
        self.existing.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.internal.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ascend() {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    }
}
