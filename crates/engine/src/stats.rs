//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the engine has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Executions that it holds: open, or closing.
    pub open_executions: u64,
    /// Events that were stepped.
    pub transitions: u64,
    /// Entries that were given to the journal.
    pub entries: u64,
    /// Tasks that were dispatched, repeats counted.
    pub dispatched: u64,
    /// Tasks that were dispatched again because an engine before this one ended under them.
    pub redispatched: u64,
    /// Timers that are set.
    pub timers_armed: u64,
    /// Open executions that stand still because the engine met a fault of its own; the log names each.
    pub faulted: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) transitions: Counter,
    pub(crate) entries: Counter,
    pub(crate) dispatched: Counter,
    pub(crate) redispatched: Counter,
    pub(crate) faulted: Counter,
}

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
