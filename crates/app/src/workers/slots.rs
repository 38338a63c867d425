//! Turns per receiver, so that one slow receiver cannot take all of a worker's hands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

struct Receiver {
    turns: Arc<Semaphore>,
    /// Those who have a turn, and those who wait for one.
    users: usize,
}

/// At most so many turns at once per key, and so many waiting for one; who comes later is sent away.
pub(super) struct Slots {
    turns_max: usize,
    waiting_max: usize,
    receivers: Mutex<HashMap<String, Receiver>>,
}

/// One turn; it ends when this is dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    key: String,
    turn: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(turns_max: usize) -> Self {
        // Three rounds of waiting: with calls of at most 10 s a message waits half a minute at the longest.
        Self { turns_max, waiting_max: turns_max * 3, receivers: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Receiver>> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; `None` where too many wait already.
    pub(super) async fn take(&self, key: &str) -> Option<Slot<'_>> {
        let turns = {
            let mut receivers = self.lock();
            let receiver = receivers
                .entry(key.to_owned())
                .or_insert_with(|| Receiver { turns: Arc::new(Semaphore::new(self.turns_max)), users: 0 });
            if receiver.users >= self.turns_max + self.waiting_max {
                return None;
            }
            receiver.users += 1;
            receiver.turns.clone()
        };
        // Made before the wait, so that a wait that is cut off is taken back too.
        let mut slot = Slot { slots: self, key: key.to_owned(), turn: None };
        slot.turn = turns.acquire_owned().await.ok();
        Some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.turn = None;
        let mut receivers = self.slots.lock();
        if let Some(receiver) = receivers.get_mut(&self.key) {
            receiver.users -= 1;
            if receiver.users == 0 {
                receivers.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn turns_are_per_key_and_waiting_is_bounded() {
        let slots = Slots::new(2);
        let first = slots.take("a").await.unwrap();
        let _second = slots.take("a").await.unwrap();
        let mut waiting: Vec<_> = (0..6).map(|_| Box::pin(slots.take("a"))).collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none(), "a third turn was given");
        }
        assert!(slots.take("a").await.is_none(), "too many wait");
        assert!(slots.take("b").await.is_some(), "another key waits for none");
        drop(first);
        assert!(waiting.remove(0).await.is_some());
        drop(waiting);
        assert!(slots.take("a").now_or_never().is_some_and(|slot| slot.is_some()));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_key_without_users() {
        let slots = Slots::new(1);
        drop(slots.take("a").await);
        assert!(slots.lock().is_empty());
    }
}
