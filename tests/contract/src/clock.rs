//! A clock that tests set, so that no suite waits for the wall.

use std::sync::Arc;
use std::time::Duration;
use tenantry_core::ports::Clock;
use tenantry_core::{BoxFuture, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(Timestamp::from_millis(1_767_225_600_000))
    }

    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Moves it on, and wakes who waits for a time that it passes.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = now.saturating_add(by));
    }

    /// Sets it, also back.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        let keep = self.now.clone();
        Box::pin(async move {
            // The sender is kept, so the wait can only end by the time.
            let _ = now.wait_for(|now| *now >= at).await;
            drop(keep);
        })
    }
}

/// How time passes for a suite.
#[derive(Clone)]
pub enum Time {
    /// By the adapter's own clock, which the suite moves.
    Manual(ManualClock),
    /// By itself: the suite waits.
    Real(Arc<dyn Clock>),
}

impl Time {
    /// Now, as the adapter sees it.
    pub fn now(&self) -> Timestamp {
        match self {
            Time::Manual(clock) => clock.now(),
            Time::Real(clock) => clock.now(),
        }
    }

    /// Lets `by` pass.
    pub async fn pass(&self, by: Duration) {
        match self {
            Time::Manual(clock) => clock.advance(by),
            Time::Real(clock) => clock.sleep_until(clock.now().saturating_add(by)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_when_the_time_has_come() {
        let clock = ManualClock::new();
        let start = clock.now();
        clock.sleep_until(start).await;
        let woken = tokio::spawn(clock.sleep_until(start.saturating_add(Duration::from_secs(2))));
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!woken.is_finished());
        clock.advance(Duration::from_secs(1));
        woken.await.unwrap();
    }
}
