//! Short retries inside one call, where the world answers *not now*. Longer waits are queues' and rows' business.
//!
//! This is the one place that knows the crate `backoff`, which gives the intervals; chance and time come from the
//! ports, so that a test can replay them.

use super::chance;
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use std::time::Duration;
use tenantry_core::ports::{Clock, CommitError, Ids, PortError};

/// How often and how far apart.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Tries in all; 1 is no retry.
    pub tries_max: u32,
    /// The wait after the first try.
    pub first_wait: Duration,
    /// What each later wait is multiplied with.
    pub multiplier: f64,
    /// The longest wait.
    pub wait_max: Duration,
}

impl RetryPolicy {
    /// For a store that is throttled or busy: five tries within about a second.
    pub const SHORT: RetryPolicy = RetryPolicy {
        tries_max: 5,
        first_wait: Duration::from_millis(40),
        multiplier: 2.0,
        wait_max: Duration::from_millis(500),
    };

    fn waits(&self) -> ExponentialBackoff {
        let mut waits = ExponentialBackoff {
            initial_interval: self.first_wait,
            multiplier: self.multiplier,
            max_interval: self.wait_max,
            max_elapsed_time: None,
            // Chance comes from the port.
            randomization_factor: 0.0,
            ..ExponentialBackoff::default()
        };
        waits.reset();
        waits
    }
}

/// An error that may pass.
pub trait Transient {
    /// Whether another try may succeed.
    fn is_transient(&self) -> bool;
}

impl Transient for PortError {
    fn is_transient(&self) -> bool {
        matches!(self, PortError::Unavailable { .. })
    }
}

impl Transient for CommitError {
    /// Another commit in the way passes; an unknown outcome does not: its caller must read again.
    fn is_transient(&self) -> bool {
        matches!(self, CommitError::Conflict)
    }
}

/// Runs `op` until it succeeds, fails for good, or has been tried `policy.tries_max` times; waits between the tries
/// for half to the whole of the policy's interval.
pub async fn retry<T, E: Transient, F: Future<Output = Result<T, E>>>(
    clock: &dyn Clock,
    ids: &dyn Ids,
    policy: &RetryPolicy,
    mut op: impl FnMut() -> F,
) -> Result<T, E> {
    let mut waits = policy.waits();
    let mut tries = 1;
    loop {
        match op().await {
            Err(error) if error.is_transient() && tries < policy.tries_max => {
                tries += 1;
                let wait = waits.next_backoff().unwrap_or(policy.wait_max);
                clock.sleep_until(clock.now().saturating_add(wait.mul_f64(0.5 + chance(ids) / 2.0))).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tenantry_core::{BoxFuture, Timestamp};

    /// A clock that jumps to where it is asked to sleep, and writes the waits down.
    #[derive(Default)]
    struct Jumping(Mutex<(i64, Vec<u64>)>);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().unwrap().0)
        }

        fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
            let mut state = self.0.lock().unwrap();
            let wait = at.as_millis() - state.0;
            state.0 = at.as_millis();
            state.1.push(u64::try_from(wait).unwrap());
            Box::pin(std::future::ready(()))
        }
    }

    struct Half;

    impl Ids for Half {
        fn next(&self) -> uuid::Uuid {
            uuid::Uuid::nil()
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
            bytes[0] = 0x80;
        }
    }

    async fn waits(failures: u32, error: fn() -> PortError) -> (bool, u32, Vec<u64>) {
        let clock = Jumping::default();
        let mut calls = 0;
        let result = retry(&clock, &Half, &RetryPolicy::SHORT, || {
            calls += 1;
            std::future::ready(if calls <= failures { Err(error()) } else { Ok(()) })
        })
        .await;
        let waits = clock.0.lock().unwrap().1.clone();
        (result.is_ok(), calls, waits)
    }

    #[tokio::test]
    async fn passes_over_what_is_transient_and_nothing_else() {
        let busy = || PortError::Unavailable { port: "table", message: String::new() };
        let refused = || PortError::Refused { port: "table", message: String::new() };
        assert_eq!(waits(0, busy).await, (true, 1, vec![]));
        assert_eq!(waits(3, busy).await, (true, 4, vec![30, 60, 120]));
        assert_eq!(waits(9, busy).await, (false, 5, vec![30, 60, 120, 240]));
        assert_eq!(waits(9, refused).await, (false, 1, vec![]));
    }
}
