//! One call of an AWS service: retried while it is throttled, within a deadline; its failure in our own words, with the
//! request's id.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::http::retry::{RetryPolicy, Transient, retry};
use tenantry_core::ports::{Clock, Ids, PortError};

/// Whether a call may be sent again where nobody knows whether it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// A second time changes nothing more: a read, or a write with a token or a result of its own.
    Safe,
    /// Only where the service says that it did nothing (throttled); after a lost answer the caller reads again.
    OnlyIfRefused,
}

/// Codes with which services say that a call was not carried out and may be sent again.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KmsThrottled",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes below 500 with which a service says that it lost the request on its way, so that nobody knows what was done.
/// Same page.
const LOST: &[&str] = &["RequestTimeout", "RequestTimeoutException"];

/// Whether a code says that nothing was done, and that the same may be sent again.
pub(crate) fn is_throttling(code: &str) -> bool {
    // With the query protocol's prefix too.
    THROTTLED.contains(&code.rsplit('.').next().unwrap_or(code))
}

/// What is known of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Throttled: nothing was done.
    Throttled,
    /// The outcome is unknown: no answer, or an internal failure of the service.
    Unknown,
    /// It was refused, and would be again.
    Refused,
}

/// What a failed call came to.
pub fn failure<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Failure {
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            match service.raw().status().as_u16() {
                _ if is_throttling(code) => Failure::Throttled,
                _ if LOST.contains(&code) => Failure::Unknown,
                429 => Failure::Throttled,
                500.. => Failure::Unknown,
                _ => Failure::Refused,
            }
        }
        SdkError::ConstructionFailure(_) => Failure::Refused,
        _ => Failure::Unknown,
    }
}

/// The failure in our words: operation, the service's code and sentence, the request's id.
pub fn port_error<E>(
    port: &'static str,
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let id = error.request_id().map_or_else(String::new, |id| format!(" (request {id})"));
    let message = match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("an unnamed error");
            let text = service.err().message().unwrap_or("no message");
            format!("{operation}: {code}: {text}{id}")
        }
        SdkError::TimeoutError(_) => format!("{operation}: no answer in time{id}"),
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().map(ToString::to_string).unwrap_or_default();
            format!("{operation}: the service cannot be reached: {source}{id}")
        }
        SdkError::ResponseError(_) => format!("{operation}: the answer cannot be read{id}"),
        other => format!("{operation}: {other}{id}"),
    };
    match failure(error) {
        Failure::Throttled | Failure::Unknown => PortError::Unavailable { port, message },
        Failure::Refused => PortError::Refused { port, message },
    }
}

/// How calls are made. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    policy: RetryPolicy,
    deadline: Duration,
}

/// A failed call, and whether it may be sent again now.
struct Attempt<E> {
    error: SdkError<E, HttpResponse>,
    again: bool,
}

impl<E> Transient for Attempt<E> {
    fn is_transient(&self) -> bool {
        self.again
    }
}

impl Calls {
    /// Calls whose retries begin within `deadline` of the call.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, deadline: Duration) -> Self {
        let policy = RetryPolicy { tries_max: 8, ..RetryPolicy::SHORT };
        Self { clock, ids, policy, deadline }
    }

    /// The clock of the home.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Chance of the home.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.ids
    }

    /// Makes the call, again and again while that may help and the deadline has not passed.
    ///
    /// # Errors
    /// The last attempt's; [`port_error`] puts it into words.
    pub async fn send<T, E, F>(
        &self,
        repeat: Repeat,
        mut op: impl FnMut() -> F,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let end = self.clock.now().saturating_add(self.deadline);
        let attempt = || {
            let call = op();
            async {
                call.await.map_err(|error| {
                    let may = match failure(&error) {
                        Failure::Throttled => true,
                        Failure::Unknown => repeat == Repeat::Safe,
                        Failure::Refused => false,
                    };
                    Attempt { again: may && self.clock.now() < end, error }
                })
            }
        };
        retry(self.clock.as_ref(), self.ids.as_ref(), &self.policy, attempt)
            .await
            .map_err(|attempt| attempt.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    #[derive(Debug)]
    struct Told(ErrorMetadata);

    impl ProvideErrorMetadata for Told {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    fn answered(status: u16, code: &str) -> Failure {
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        failure(&SdkError::service_error(Told(ErrorMetadata::builder().code(code).build()), response))
    }

    #[test]
    fn table_of_failures() {
        use Failure::{Refused, Throttled, Unknown};
        let table = [
            (400, "ThrottlingException", Throttled),
            (403, "RequestThrottled", Throttled),
            (403, "AWS.SimpleQueueService.RequestThrottled", Throttled),
            (503, "SlowDown", Throttled),
            (429, "NeverHeardOf", Throttled),
            (500, "InternalServerError", Unknown),
            (503, "NeverHeardOf", Unknown),
            (400, "RequestTimeout", Unknown),
            (400, "ValidationException", Refused),
            (403, "AccessDeniedException", Refused),
        ];
        for (status, code, expected) in table {
            assert_eq!(answered(status, code), expected, "{status} {code}");
        }
    }
}
