//! A clock that a test moves, and ids that count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tenantry_core::ports::{Clock, Ids};
use tenantry_core::{BoxFuture, Timestamp};
use tokio::sync::watch;

pub(crate) struct TestClock(watch::Sender<Timestamp>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Timestamp::from_millis(1_700_000_000_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.saturating_add(by));
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut times = self.0.subscribe();
        Box::pin(async move {
            // The sender lives as long as the world that the test holds.
            let _ = times.wait_for(|now| *now >= at).await;
        })
    }
}

/// Ids and "chance" that count up, so that a second draw always differs from the first.
#[derive(Default)]
pub(crate) struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn next(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + (7 << 76))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let draw = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = draw[place % draw.len()] ^ u8::try_from(place).unwrap_or(0xff);
        }
    }
}
