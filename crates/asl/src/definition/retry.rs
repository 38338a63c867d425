//! Retry and Catch: which errors they match, and how long a retry pauses.
//! <https://states-language.net/spec.html#errors>

use super::model::Results;
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
    pub(crate) results: Results,
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
/// `States.TaskFailed` takes every error but `States.Timeout`. `States.Timeout` takes `States.HeartbeatTimeout` too.
/// `States.ALL` takes every error but `States.DataLimitExceeded` and `States.Runtime`, which must be named (the former)
/// or can never be taken (the latter).
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
pub(crate) fn takes(names: &[String], error: &str) -> bool {
    if error == crate::errors::RUNTIME {
        return false;
    }
    names.iter().any(|name| match name.as_str() {
        crate::errors::ALL => error != crate::errors::DATA_LIMIT_EXCEEDED,
        crate::errors::TASK_FAILED => {
            !matches!(
                error,
                crate::errors::TIMEOUT | crate::errors::HEARTBEAT_TIMEOUT | crate::errors::DATA_LIMIT_EXCEEDED
            )
        }
        crate::errors::TIMEOUT => matches!(error, crate::errors::TIMEOUT | crate::errors::HEARTBEAT_TIMEOUT),
        name => name == error,
    })
}
