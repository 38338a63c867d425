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

/// Longest key: S3's limit, <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const KEY_BYTES_MAX: usize = 1_024;
/// Longest segment: what a file system takes, less the mark that the embedded home puts behind it, so that a key means
/// the same in both homes.
const SEGMENT_BYTES_MAX: usize = 254;

impl Blob {
    /// Whether `key` follows the rule of [`Blob::key`].
    ///
    /// # Errors
    /// [`PortError::Refused`], with the rule.
    pub fn check_key(key: &str) -> Result<(), PortError> {
        if key.len() <= KEY_BYTES_MAX && key.split('/').all(is_segment) {
            return Ok(());
        }
        Err(refused(format!(
            "{:?} is not a key: segments of 1 to {SEGMENT_BYTES_MAX} letters, digits, dots, underscores and hyphens, \
             divided by `/`, none of them `.` or `..`, {KEY_BYTES_MAX} bytes in all",
            key.chars().take(100).collect::<String>()
        )))
    }

    /// Whether `prefix` is empty, or a key with a `/` behind it.
    ///
    /// # Errors
    /// [`PortError::Refused`], with the rule.
    pub fn check_prefix(prefix: &str) -> Result<(), PortError> {
        match prefix.strip_suffix('/') {
            _ if prefix.is_empty() => Ok(()),
            Some(folder) => Self::check_key(folder),
            None => Err(refused(format!("{prefix:?} is not a prefix: it must end in `/`"))),
        }
    }
}

fn is_segment(segment: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=SEGMENT_BYTES_MAX).contains(&segment.len())
        && segment != "."
        && segment != ".."
        && segment.bytes().all(known)
}

fn refused(message: String) -> PortError {
    PortError::Refused { port: "blobs", message }
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
