//! One queue's index with its lock, and who waits for it.

use super::index::{Entry, Index, Settled};
use std::sync::{Mutex, PoisonError};
use tenantry_core::Timestamp;
use tenantry_core::ports::QueueDepth;
use tokio::sync::{Notify, futures::Notified};

/// What a receiver found.
pub(super) enum Found {
    /// These; they are claimed.
    Messages(Vec<i64>),
    /// None. At this time one becomes receivable, if nothing happens before.
    NothingUntil(Option<Timestamp>),
}

#[derive(Default)]
pub(super) struct Lane {
    index: Mutex<Index>,
    changed: Notify,
}

impl Lane {
    /// Completes once there may be more to receive than [`Lane::claim`] found after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn claim(&self, max: usize, now: Timestamp) -> Found {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = index.claim(max, now);
        if claimed.is_empty() { Found::NothingUntil(index.next_due()) } else { Found::Messages(claimed) }
    }

    pub(super) fn add(&self, entry: Entry, now: Timestamp) {
        self.change(|index| index.add(entry, now));
    }

    pub(super) fn remove(&self, seq: i64) {
        self.change(|index| index.remove(seq));
    }

    pub(super) fn hide(&self, seq: i64, until: Timestamp, now: Timestamp) {
        self.change(|index| index.hide(seq, until, now));
    }

    pub(super) fn settle(&self, outcomes: impl Iterator<Item = (i64, Settled)>) {
        self.change(|index| outcomes.for_each(|(seq, outcome)| index.settle(seq, outcome)));
    }

    pub(super) fn release(&self, claimed: &[i64]) {
        self.change(|index| claimed.iter().for_each(|seq| index.release(*seq)));
    }

    pub(super) fn depth(&self, now: Timestamp) -> QueueDepth {
        self.change(|index| index.depth(now))
    }

    /// Changes the index, and wakes whom that concerns: one receiver for one message more; all of them for more than
    /// one, and where something comes due earlier than they sleep.
    fn change<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let (ready, due) = (index.ready(), index.next_due());
        let value = change(&mut index);
        let more = index.ready().saturating_sub(ready);
        let earlier = index.next_due().is_some_and(|now_due| due.is_none_or(|due| now_due < due));
        drop(index);
        if more > 1 || earlier {
            self.changed.notify_waiters();
        }
        if more > 0 {
            // Also where all were woken: it leaves a permit for a receiver that comes in between.
            self.changed.notify_one();
        }
        value
    }
}
