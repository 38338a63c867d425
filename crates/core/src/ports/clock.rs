//! Time and chance.

use crate::{BoxFuture, Timestamp};

/// The clock.
pub trait Clock: Send + Sync {
    /// Now, by the wall.
    fn now(&self) -> Timestamp;

    /// Returns once the wall clock shows `at` or later; at once where it does already.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// Where ids and secrets come from.
pub trait Ids: Send + Sync {
    /// A new UUIDv7, greater than every earlier one of this process.
    fn next(&self) -> uuid::Uuid;

    /// Fills `bytes` from the system's secure source of chance.
    fn fill(&self, bytes: &mut [u8]);
}
