use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tenantry_core::ports::Clock;
use tenantry_core::{BoxFuture, Timestamp};

/// A clock that stands still until it is moved. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Mutex<Sim>>);

#[derive(Debug)]
struct Sim {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next: u64,
}

impl Default for SimClock {
    fn default() -> Self {
        let now = Timestamp::from_millis(1_750_000_000_000);
        Self(Arc::new(Mutex::new(Sim { now, sleepers: BTreeMap::new(), next: 0 })))
    }
}

impl SimClock {
    fn sim(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock and wakes whoever slept until then.
    pub fn advance(&self, duration: Duration) {
        let to = self.sim().now.saturating_add(duration);
        self.advance_to(to);
    }

    /// Moves the clock to the next moment that someone sleeps until; `false` where nobody sleeps.
    pub fn advance_to_next(&self) -> bool {
        let next = self.sim().sleepers.first_key_value().map(|((at, _), _)| *at);
        next.map(|at| self.advance_to(at)).is_some()
    }

    /// Until when the next sleeper sleeps.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.sim().sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    fn advance_to(&self, to: Timestamp) {
        let mut sim = self.sim();
        sim.now = sim.now.max(to);
        let now = sim.now;
        let later = sim.sleepers.split_off(&(Timestamp::from_millis(now.as_millis() + 1), 0));
        let woken = std::mem::replace(&mut sim.sleepers, later);
        drop(sim);
        woken.into_values().for_each(Waker::wake);
    }
}

struct Registration {
    clock: SimClock,
    key: (Timestamp, u64),
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.clock.sim().sleepers.remove(&self.key);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.sim().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let number = {
            let mut sim = clock.sim();
            sim.next += 1;
            sim.next
        };
        let registration = Registration { clock, key: (at, number) };
        Box::pin(poll_fn(move |context| {
            let mut sim = registration.clock.sim();
            if sim.now >= at {
                return Poll::Ready(());
            }
            sim.sleepers.insert(registration.key, context.waker().clone());
            Poll::Pending
        }))
    }
}
