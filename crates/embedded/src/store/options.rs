//! How a store is opened.

use std::sync::Arc;

/// What the process exits with after an I/O error on the log.
pub const FATAL_EXIT_CODE: i32 = 70;

/// Sizes and limits of a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Threads that read, each with a connection of its own.
    pub readers: usize,
    /// Most requests of one commit.
    pub batch_requests_max: usize,
    /// Most requests in line; the next one is answered `Overloaded`.
    pub queued_requests_max: usize,
    /// Pages (of 8 KiB) in the log from which on the writer moves them into the database file.
    pub checkpoint_pages: u64,
    /// What tests hang in.
    pub hooks: StoreHooks,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            readers: 3,
            batch_requests_max: 2_048,
            queued_requests_max: 65_536,
            checkpoint_pages: 2_048,
            hooks: StoreHooks::default(),
        }
    }
}

/// Called by the writer before each COMMIT.
pub type BeforeCommit = Arc<dyn Fn() -> rusqlite::Result<()> + Send + Sync>;

/// Called with a message where the process must end.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Places where tests look into the writer, or break it.
#[derive(Clone)]
pub struct StoreHooks {
    /// Runs before each COMMIT; an error stands for what COMMIT answered.
    pub before_commit: Option<BeforeCommit>,
    /// Ends the process. Where it returns, the store answers nothing any more: every waiting and later request is
    /// `Closed`.
    pub fatal: Fatal,
}

impl Default for StoreHooks {
    fn default() -> Self {
        Self { before_commit: None, fatal: Arc::new(end_process) }
    }
}

impl std::fmt::Debug for StoreHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreHooks")
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "after a failed fsync nothing is known of what is on disk: no destructor may write, and no answer may leave"
)]
fn end_process(message: &str) {
    eprintln!("tenantry: {message}");
    std::process::exit(FATAL_EXIT_CODE);
}
