//! The timer wheel: one ordered set for all executions, and one task that sleeps until the earliest.
//!
//! What is set here is only a reminder. The truth is in the journal, from which [`crate::recovery`] sets it again.

use crate::engine::Inner;
use crate::journal::ExecutionKey;
use crate::live::Live;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tenantry_asl::{Timer, TimerKey};
use tenantry_core::Timestamp;
use tenantry_core::ports::Clock;
use tokio::sync::Notify;

/// Timers that are fired before others get their turn.
const FIRED_AT_ONCE_MAX: usize = 256;

/// A timer that is due: when it was set for, whose, and which.
pub(crate) type Due = (i64, ExecutionKey, TimerKey);

#[derive(Default)]
pub(crate) struct Wheel {
    set: Mutex<Set>,
    changed: Notify,
}

#[derive(Default)]
struct Set {
    due: BTreeSet<Due>,
    stopped: bool,
}

enum Next {
    Stopped,
    Nothing,
    At(i64),
}

impl Wheel {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets or moves a timer.
    pub(crate) fn arm(&self, key: ExecutionKey, live: &mut Live, timer: Timer) {
        let mut set = self.set();
        match live.armed.iter_mut().find(|armed| armed.key == timer.key) {
            Some(armed) => {
                set.due.remove(&(armed.at_ms, key, armed.key));
                armed.at_ms = timer.at_ms;
            }
            None => live.armed.push(timer),
        }
        let due = (timer.at_ms, key, timer.key);
        set.due.insert(due);
        let first = set.due.first() == Some(&due);
        drop(set);
        if first {
            self.changed.notify_one();
        }
    }

    /// Forgets a timer.
    pub(crate) fn disarm(&self, key: ExecutionKey, live: &mut Live, timer: TimerKey) {
        if let Some(index) = live.armed.iter().position(|armed| armed.key == timer) {
            let armed = live.armed.swap_remove(index);
            self.set().due.remove(&(armed.at_ms, key, armed.key));
        }
    }

    /// Forgets every timer of an execution.
    pub(crate) fn disarm_all(&self, key: ExecutionKey, live: &mut Live) {
        if live.armed.is_empty() {
            return;
        }
        let mut set = self.set();
        for armed in live.armed.drain(..) {
            set.due.remove(&(armed.at_ms, key, armed.key));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.set().due.len()
    }

    /// Fires nothing from now on.
    pub(crate) fn stop(&self) {
        self.set().stopped = true;
        self.changed.notify_one();
    }

    fn next(&self) -> Next {
        let set = self.set();
        match (set.stopped, set.due.first()) {
            (true, _) => Next::Stopped,
            (false, None) => Next::Nothing,
            (false, Some(&(at_ms, _, _))) => Next::At(at_ms),
        }
    }

    fn take_due(&self, now_ms: i64) -> Vec<Due> {
        let mut set = self.set();
        let mut due = Vec::new();
        while due.len() < FIRED_AT_ONCE_MAX && set.due.first().is_some_and(|(at_ms, _, _)| *at_ms <= now_ms) {
            due.extend(set.due.pop_first());
        }
        due
    }
}

/// Fires timers until the wheel is stopped or the engine is gone.
pub(crate) async fn turn(wheel: Arc<Wheel>, engine: Weak<Inner>, clock: Arc<dyn Clock>) {
    loop {
        match wheel.next() {
            Next::Stopped => return,
            Next::Nothing => wheel.changed.notified().await,
            Next::At(at_ms) if at_ms > clock.now().as_millis() => {
                tokio::select! {
                    () = clock.sleep_until(Timestamp::from_millis(at_ms)) => {}
                    () = wheel.changed.notified() => {}
                }
            }
            Next::At(_) => {
                let Some(engine) = engine.upgrade() else { return };
                for due in wheel.take_due(clock.now().as_millis()) {
                    engine.fire(due);
                }
                tokio::task::yield_now().await;
            }
        }
    }
}
