//! Retry and Catch: which errors they match, and how long a retry pauses.
//! <https://states-language.net/spec.html#errors>

use super::model::CatchIo;
use crate::errors;
use std::sync::Arc;

/// One rule of a Retry field.
#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: Vec<String>,
    pub(crate) interval_seconds: u64,
    pub(crate) max_attempts: u64,
    pub(crate) backoff_rate: f64,
    pub(crate) max_delay_seconds: Option<u64>,
    pub(crate) full_jitter: bool,
}

/// One rule of a Catch field.
#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: Vec<String>,
    pub(crate) next: Arc<str>,
    pub(crate) io: CatchIo,
}

/// A year: no pause is longer, whatever rate and count make of it.
const PAUSE_SECONDS_MAX: f64 = 31_536_000.0;

impl Retrier {
    /// The longest pause before the retry that follows `used` retries by this rule.
    pub(crate) fn pause_seconds(&self, used: u64) -> f64 {
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "at most 99,999,999")]
        let pause = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        #[expect(clippy::cast_precision_loss, reason = "at most 31,622,400")]
        let most = self.max_delay_seconds.map_or(PAUSE_SECONDS_MAX, |most| most as f64);
        pause.min(most)
    }
}

/// Whether a list of error names takes an error.
///
/// `States.TaskFailed` takes every error but the timeouts; `States.Timeout` takes a missed heartbeat too; `States.ALL`
/// takes everything but `States.Runtime`, which nothing takes. (AWS's page says that `States.ALL` leaves out
/// `States.DataLimitExceeded`; recorded executions show it caught.)
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
pub(crate) fn takes(names: &[String], error: &str) -> bool {
    let timeout = matches!(error, errors::TIMEOUT | errors::HEARTBEAT_TIMEOUT);
    error != errors::RUNTIME
        && names.iter().any(|name| match name.as_str() {
            errors::ALL => true,
            errors::TASK_FAILED => !timeout,
            errors::TIMEOUT => timeout,
            name => name == error,
        })
}
