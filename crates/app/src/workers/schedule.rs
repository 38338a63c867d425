//! How long to wait between tries.

use crate::http::chance;
use std::time::Duration;
use tenantry_core::ports::Ids;

/// A fixed list of waits, each spread a little so that receivers that failed together are not called together.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySchedule {
    /// The wait after the first try, after the second, and so on; one try more than there are waits.
    pub waits: Vec<Duration>,
    /// How far a wait is spread, as a share of it: 0.2 makes 5 s something between 4 s and 6 s.
    pub jitter: f64,
}

impl RetrySchedule {
    /// Tries in all.
    pub fn tries_max(&self) -> u64 {
        self.waits.len() as u64 + 1
    }

    /// The wait after so many tries (from 1); `None` where there is no other try.
    pub fn wait_after(&self, tries: u64, ids: &dyn Ids) -> Option<Duration> {
        let place = usize::try_from(tries.saturating_sub(1)).ok()?;
        self.waits.get(place).map(|wait| spread(*wait, self.jitter, ids))
    }
}

/// `wait` times a number between 1 − `jitter` and 1 + `jitter`.
pub(super) fn spread(wait: Duration, jitter: f64, ids: &dyn Ids) -> Duration {
    wait.mul_f64((1.0 + jitter * (2.0 * chance(ids) - 1.0)).max(0.0))
}

/// `first`, doubled for each of `failures` after the first, at most `longest`.
pub(super) fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    #[test]
    fn waits_are_spread_and_end() {
        let memory = Memory::new();
        let schedule =
            RetrySchedule { waits: vec![Duration::from_secs(5), Duration::from_secs(30)], jitter: 0.2 };
        assert_eq!(schedule.tries_max(), 3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let wait = schedule.wait_after(1, &*memory.ids).unwrap();
            assert!((4.0..=6.0).contains(&wait.as_secs_f64()), "{wait:?}");
            seen.insert(wait);
        }
        assert!(seen.len() > 50, "no spread");
        assert!(schedule.wait_after(2, &*memory.ids).unwrap() >= Duration::from_secs(24));
        assert_eq!(schedule.wait_after(3, &*memory.ids), None);
        assert_eq!(schedule.wait_after(u64::MAX, &*memory.ids), None);
    }

    #[test]
    fn doubling_is_bounded() {
        let s = Duration::from_secs;
        let waits: Vec<_> = [0, 1, 2, 3, 6, 7, u32::MAX].map(|n| doubled(s(1), n, s(60))).to_vec();
        assert_eq!(waits, [s(1), s(1), s(2), s(4), s(32), s(60), s(60)]);
    }
}
