//! Which message comes next: what one queue's rows say, kept in memory in the order in which it is asked for.
//!
//! **Invariants.** The rows are the truth, and each change here follows the commit of its row. A message that stands
//! here but has no row, or is hidden there for longer, is found out when it is claimed; a row without its message here
//! would be lost until the next start, so nothing is dropped but by what its row became. Every step is O(log n).
//!
//! Groups take turns, so a flood of one group delays only itself. A group that had nothing to receive for a whole round
//! is *fresh* and gets every second turn, so that its first message does not wait for a round of busy groups; it stays
//! in the round after it ran dry, so that sending one message at a time gains nothing. (The rule of new and old flows
//! of FQ-CoDel, RFC 8290 section 4.2, but alternating, so that a stream of fresh groups starves nobody.)

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use tenantry_core::Timestamp;
use tenantry_core::ports::QueueDepth;

/// What the index needs to know of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The row.
    pub(super) seq: i64,
    pub(super) group: String,
    pub(super) sent_at: Timestamp,
    pub(super) visible_at: Timestamp,
    /// Whether it was ever received: tells a message in flight from one whose delay runs.
    pub(super) received: bool,
}

/// What a claimed message's row became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was received, and is hidden until then.
    Received(Timestamp),
    /// It was not due after all, and is hidden until then.
    Hidden(Timestamp),
    /// It is not in the queue any more.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Ready { since: Timestamp },
    Hidden { until: Timestamp },
    Claimed { since: Timestamp },
}

#[derive(Debug)]
struct Slot {
    group: Arc<str>,
    sent_at: Timestamp,
    received: bool,
    place: Place,
}

#[derive(Debug, Default)]
struct Group {
    /// By the time since which they can be received, then in the order of sending.
    ready: BTreeSet<(Timestamp, i64)>,
    /// Whether the group stands in `fresh` or in `round`; it never stands in both, nor twice.
    has_turn: bool,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashMap<i64, Slot>,
    groups: HashMap<Arc<str>, Group>,
    fresh: VecDeque<Arc<str>>,
    round: VecDeque<Arc<str>>,
    last_was_fresh: bool,
    hidden: BTreeSet<(Timestamp, i64)>,
    ready_by_age: BTreeSet<(Timestamp, i64)>,
    in_flight: u64,
}

impl Index {
    /// Takes in a message; one that is here already is placed anew.
    pub(super) fn add(&mut self, entry: Entry, now: Timestamp) {
        self.remove(entry.seq);
        let group = match self.groups.get_key_value(entry.group.as_str()) {
            Some((group, _)) => Arc::clone(group),
            None => Arc::from(entry.group),
        };
        let place = if entry.visible_at <= now {
            Place::Ready { since: entry.visible_at }
        } else {
            Place::Hidden { until: entry.visible_at }
        };
        self.put(entry.seq, Slot { group, sent_at: entry.sent_at, received: entry.received, place });
    }

    /// Takes out a message that is not in the queue any more.
    pub(super) fn remove(&mut self, seq: i64) {
        self.lift(seq);
    }

    /// Makes receivable what is due.
    pub(super) fn promote(&mut self, now: Timestamp) {
        while let Some(&(until, seq)) = self.hidden.first()
            && until <= now
        {
            self.place(seq, Place::Ready { since: until });
        }
    }

    /// Picks up to `max` messages for one receipt. They count as in flight until they are settled or released.
    pub(super) fn claim(&mut self, max: usize, now: Timestamp) -> Vec<i64> {
        self.promote(now);
        let mut claimed = Vec::new();
        while claimed.len() < max
            && let Some((since, seq)) = self.next_ready()
        {
            self.place(seq, Place::Claimed { since });
            claimed.push(seq);
        }
        claimed
    }

    /// Says what became of a claimed message.
    pub(super) fn settle(&mut self, seq: i64, outcome: Settled) {
        match outcome {
            Settled::Received(until) => {
                if let Some(mut slot) = self.lift(seq) {
                    slot.received = true;
                    slot.place = Place::Hidden { until };
                    self.put(seq, slot);
                }
            }
            Settled::Hidden(until) => self.place(seq, Place::Hidden { until }),
            Settled::Gone => self.remove(seq),
        }
    }

    /// Gives back a claimed message of which nothing was written.
    pub(super) fn release(&mut self, seq: i64) {
        if let Some(Slot { place: Place::Claimed { since }, .. }) = self.slots.get(&seq) {
            let since = *since;
            self.place(seq, Place::Ready { since });
        }
    }

    /// Hides a message until then, or shows it where that is past. A claimed one is left: what its claim comes to is
    /// younger than this, or will find the row hidden.
    pub(super) fn hide(&mut self, seq: i64, until: Timestamp, now: Timestamp) {
        match self.slots.get(&seq).map(|slot| slot.place) {
            None | Some(Place::Claimed { .. }) => {}
            Some(_) if until <= now => self.place(seq, Place::Ready { since: until }),
            Some(_) => self.place(seq, Place::Hidden { until }),
        }
    }

    /// When the next hidden message becomes receivable.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(until, _)| *until)
    }

    /// How many messages can be received.
    pub(super) fn ready(&self) -> usize {
        self.ready_by_age.len()
    }

    pub(super) fn depth(&mut self, now: Timestamp) -> QueueDepth {
        self.promote(now);
        let oldest = self.ready_by_age.first().map_or(now, |(sent_at, _)| *sent_at);
        let visible = self.ready_by_age.len() as u64;
        QueueDepth {
            visible,
            in_flight: self.in_flight,
            delayed: (self.slots.len() as u64).saturating_sub(visible + self.in_flight),
            oldest_age_ms: Some(u64::try_from(now.saturating_since(oldest).as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// The next message in the order of turns.
    fn next_ready(&mut self) -> Option<(Timestamp, i64)> {
        loop {
            let from_fresh = !self.fresh.is_empty() && (!self.last_was_fresh || self.round.is_empty());
            let name = if from_fresh { self.fresh.pop_front() } else { self.round.pop_front() }?;
            let Some(group) = self.groups.get_mut(&name) else { continue };
            if let Some(first) = group.ready.first().copied() {
                self.last_was_fresh = from_fresh;
                self.round.push_back(name);
                return Some(first);
            }
            self.groups.remove(&name);
        }
    }

    fn place(&mut self, seq: i64, place: Place) {
        if let Some(mut slot) = self.lift(seq) {
            slot.place = place;
            self.put(seq, slot);
        }
    }

    fn put(&mut self, seq: i64, slot: Slot) {
        match slot.place {
            Place::Ready { since } => {
                self.ready_by_age.insert((slot.sent_at, seq));
                let group = self.groups.entry(Arc::clone(&slot.group)).or_default();
                group.ready.insert((since, seq));
                if !group.has_turn {
                    group.has_turn = true;
                    self.fresh.push_back(Arc::clone(&slot.group));
                }
            }
            Place::Hidden { until } => {
                self.hidden.insert((until, seq));
                self.in_flight += u64::from(slot.received);
            }
            Place::Claimed { .. } => self.in_flight += 1,
        }
        self.slots.insert(seq, slot);
    }

    fn lift(&mut self, seq: i64) -> Option<Slot> {
        let slot = self.slots.remove(&seq)?;
        match slot.place {
            Place::Ready { since } => {
                self.ready_by_age.remove(&(slot.sent_at, seq));
                // A group that runs dry keeps its place until its turn comes.
                if let Some(group) = self.groups.get_mut(&slot.group) {
                    group.ready.remove(&(since, seq));
                }
            }
            Place::Hidden { until } => {
                self.hidden.remove(&(until, seq));
                self.in_flight -= u64::from(slot.received);
            }
            Place::Claimed { .. } => self.in_flight -= 1,
        }
        Some(slot)
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
