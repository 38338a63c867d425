//! Time and chance from the system: the `Clock` and `Ids` of both homes. The only place that asks for them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenantry_core::ports::{Clock, Ids};
use tenantry_core::{BoxFuture, Timestamp};

/// The system has no source of random bytes: nothing secret can be made, so nothing may be started.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the system gives no random bytes: {0}")]
pub struct NoRandomness(pub String);

/// The longest single sleep: the wall clock may be set, and a suspended machine's timers stand still, so the time is
/// looked at again this often.
const SLEEP_SLICE: Duration = Duration::from_secs(5);

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods, reason = "this is the Clock port's one implementation from the system")]
fn wall_millis() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(wall_millis())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let left = at.saturating_since(SystemClock.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(SLEEP_SLICE)).await;
            }
        })
    }
}

/// Ids and chance from the system.
///
/// Ids are UUIDv7 made monotonic by method 2 of RFC 9562 section 6.2: within one millisecond, and while the clock
/// stands behind an id that was given out, the 74 random bits are raised by a random amount.
#[derive(Debug)]
pub struct SystemIds {
    last: Mutex<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    millis: u64,
    tail: u128,
}

const TAIL_BITS: u32 = 74;

impl SystemIds {
    /// Asks the system for random bytes once, so that one which has none is found at the start.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new() -> Result<Self, NoRandomness> {
        random(&mut [0u8; 16]).map_err(|error| NoRandomness(error.to_string()))?;
        Ok(Self { last: Mutex::new(Last { millis: 0, tail: 0 }) })
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the Ids port's one implementation from the system")]
fn random(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

impl Ids for SystemIds {
    fn next(&self) -> uuid::Uuid {
        let mut chance = [0u8; 16];
        self.fill(&mut chance);
        let millis = u64::try_from(wall_millis()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = after(*last, millis, u128::from_le_bytes(chance));
        uuid_v7(*last)
    }

    fn fill(&self, bytes: &mut [u8]) {
        // The system had random bytes at the start; a key or token made without them would be worse than a panic.
        random(bytes).expect("the system's source of random bytes, once there, does not go away");
    }
}

/// The next id's parts: greater than `last`, at `millis` where that is later.
fn after(last: Last, millis: u64, chance: u128) -> Last {
    // The top bit stays free at first, so that raising within a millisecond has room.
    let fresh = chance & ((1 << (TAIL_BITS - 1)) - 1);
    if millis > last.millis {
        return Last { millis, tail: fresh };
    }
    let raised = last.tail + 1 + (chance >> 96);
    if raised >> TAIL_BITS == 0 {
        Last { millis: last.millis, tail: raised }
    } else {
        Last { millis: last.millis + 1, tail: fresh }
    }
}

/// The layout of RFC 9562 section 5.7: 48 bits of time, version 7, 12 bits, variant 2, 62 bits.
fn uuid_v7(parts: Last) -> uuid::Uuid {
    let time = u128::from(parts.millis & 0xFFFF_FFFF_FFFF) << 80;
    let high = (parts.tail >> 62) << 64;
    let low = parts.tail & ((1 << 62) - 1);
    uuid::Uuid::from_u128(time | (7 << 76) | high | (2 << 62) | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_a_version_7_greater_than_the_last() {
        let ids = SystemIds::new().unwrap();
        let mut last = uuid::Uuid::nil();
        for _ in 0..20_000 {
            let next = ids.next();
            assert!(next > last, "{next} after {last}");
            assert_eq!((next.get_version_num(), next.get_variant()), (7, uuid::Variant::RFC4122));
            last = next;
        }
    }

    #[test]
    fn ids_rise_over_a_clock_that_goes_back_and_over_a_full_tail() {
        let full = Last { millis: 1_000, tail: (1 << TAIL_BITS) - 1 };
        let next = after(full, 900, u128::MAX);
        assert_eq!(next.millis, 1_001);
        assert!(uuid_v7(next) > uuid_v7(full));
        let back = after(next, 5, 0);
        assert_eq!((back.millis, back.tail), (1_001, next.tail + 1));
        assert_eq!(after(back, 2_000, 7).millis, 2_000);
    }

    #[test]
    fn the_time_stands_where_rfc_9562_puts_it() {
        // The example of RFC 9562, appendix A.6.
        let parts = Last { millis: 0x017F_22E2_79B0, tail: (0xCC3 << 62) | 0x18C4_DC0C_0C07_398F };
        assert_eq!(uuid_v7(parts).to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[tokio::test]
    async fn a_past_time_is_not_waited_for() {
        SystemClock.sleep_until(SystemClock.now()).await;
        SystemClock.sleep_until(Timestamp::from_millis(0)).await;
    }
}
