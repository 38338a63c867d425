//! A clock that is moved by hand, and ids that are the same in every run.

use super::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::ports::{Clock, Ids};
use tenantry_core::{BoxFuture, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until a test moves it; sleepers wake when it passes their time.
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// At 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self { now: watch::Sender::new(Timestamp::from_millis(1_767_225_600_000)) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = now.saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and with it the test: the sleep must not end as if it were time.
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// UUIDv7s of the clock's milliseconds and a counter; "chance" is a fixed sequence (SplitMix64).
pub struct SequentialIds {
    clock: Arc<ManualClock>,
    state: Mutex<(u64, u64)>,
}

impl SequentialIds {
    /// The first id carries the number 1.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::new((0, 0)) }
    }
}

impl Ids for SequentialIds {
    fn next(&self) -> uuid::Uuid {
        let mut state = lock(&self.state);
        state.0 += 1;
        let millis = u128::from(self.clock.now().as_millis().unsigned_abs() & 0xffff_ffff_ffff);
        uuid::Uuid::from_u128((millis << 80) | (7 << 76) | (2 << 62) | u128::from(state.0))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut state = lock(&self.state);
        for byte in bytes {
            state.1 = state.1.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state.1;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z ^ (z >> 31)) as u8;
        }
    }
}
