//! Large objects by key.

use super::PortError;
use crate::{BoxFuture, Timestamp};

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The key: segments of `A-Z a-z 0-9 . _ -` divided by `/`; no segment is `.` or `..`.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written.
    pub modified_at: Timestamp,
}

/// A page in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobPage {
    /// The objects.
    pub items: Vec<Blob>,
    /// The key to go on after; `None` at the end.
    pub next: Option<String>,
}

/// Large objects.
pub trait Blobs: Send + Sync {
    /// Writes an object whole; a reader sees the old one or the new one. Once `Ok`, it survives a crash.
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>>;

    /// The object, or `None`.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>>;

    /// A page of the objects whose key begins with `prefix` (empty, or ending in `/`).
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>>;

    /// Deletes it; a missing one is no error. Once `Ok`, it is gone.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>>;
}
