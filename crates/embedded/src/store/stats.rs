//! What the store counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Commits of the writer, each one fsync of the log.
    pub commits: u64,
    /// Write requests that were answered after a commit, refusals counted.
    pub requests: u64,
    /// Most requests of one commit.
    pub batch_requests_max: u64,
    /// Batches that failed whole, such as on a full disk.
    pub failed_batches: u64,
    /// Reads.
    pub reads: u64,
    /// Checkpoints of the log into the database file.
    pub checkpoints: u64,
    /// Pages in the log after the last commit.
    pub log_pages: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) batch_requests_max: AtomicU64,
    pub(super) failed_batches: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) log_pages: AtomicU64,
}

impl Counters {
    pub(super) fn committed(&self, requests: usize) {
        let requests = requests as u64;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.batch_requests_max.fetch_max(requests, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> StoreStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            commits: load(&self.commits),
            requests: load(&self.requests),
            batch_requests_max: load(&self.batch_requests_max),
            failed_batches: load(&self.failed_batches),
            reads: load(&self.reads),
            checkpoints: load(&self.checkpoints),
            log_pages: load(&self.log_pages),
        }
    }
}
