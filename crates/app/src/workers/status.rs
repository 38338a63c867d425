//! What a worker shows of itself: read by health and metrics.

use crate::http::sanitize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenantry_core::Timestamp;

/// Longest error text that is kept.
const ERROR_BYTES_MAX: usize = 1024;

/// The last error of a worker.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerFailure {
    /// When.
    pub at: Timestamp,
    /// What happened; for operators.
    pub message: String,
}

/// A worker's state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSnapshot {
    /// The worker's name, such as `outbox-relay`.
    pub name: &'static str,
    /// When it last finished a round or an item.
    pub last_run_at: Option<Timestamp>,
    /// Items done since the process started.
    pub processed_count: u64,
    /// Items or rounds that failed since the process started.
    pub failed_count: u64,
    /// The last failure; it stays after later successes, whose time is in `last_run_at`.
    pub last_error: Option<WorkerFailure>,
}

/// A worker's state. Cheap to clone; all clones show the same.
#[derive(Clone)]
pub struct WorkerStatus {
    inner: Arc<Mutex<WorkerSnapshot>>,
}

impl WorkerStatus {
    /// A worker that has not run yet.
    pub fn new(name: &'static str) -> Self {
        let inner =
            WorkerSnapshot { name, last_run_at: None, processed_count: 0, failed_count: 0, last_error: None };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, WorkerSnapshot> {
        // Each write leaves the snapshot whole, so a panic elsewhere while it was held does no harm.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state now.
    pub fn snapshot(&self) -> WorkerSnapshot {
        self.lock().clone()
    }

    /// The worker's name.
    pub fn name(&self) -> &'static str {
        self.lock().name
    }

    pub(super) fn ran(&self, at: Timestamp, items: u64) {
        let mut state = self.lock();
        state.last_run_at = Some(at);
        state.processed_count += items;
    }

    pub(super) fn failed(&self, at: Timestamp, error: &dyn std::fmt::Display) {
        let message = sanitize(&error.to_string(), ERROR_BYTES_MAX);
        let mut state = self.lock();
        state.last_run_at = Some(at);
        state.failed_count += 1;
        state.last_error = Some(WorkerFailure { at, message });
    }
}
