use super::SimClock;
use crate::blob_key;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenantry_core::ports::{Blob, BlobPage, Blobs, Clock as _, PortError};
use tenantry_core::{BoxFuture, Timestamp};

type Objects = BTreeMap<String, (Vec<u8>, Timestamp)>;

/// Objects in memory, which outlive engines. Clones are the same store. A key that the port would refuse is a fault of the
/// caller's, and panics.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    clock: SimClock,
    page_items_max: usize,
    objects: Arc<Mutex<Objects>>,
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self::new(SimClock::default())
    }
}

impl MemoryBlobs {
    /// Nothing yet; `clock` tells when an object is written.
    pub fn new(clock: SimClock) -> Self {
        Self { clock, page_items_max: usize::MAX, objects: Arc::default() }
    }

    /// With pages of at most so many objects, whatever is asked for.
    #[must_use]
    pub fn with_pages_of(mut self, items: usize) -> Self {
        self.page_items_max = items;
        self
    }

    /// Puts an object into a bucket.
    pub fn insert(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.objects().insert(blob_key(bucket, key), (bytes.to_vec(), self.clock.now()));
    }

    /// Takes an object out of a bucket.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.objects().remove(&blob_key(bucket, key));
    }

    /// What an object of a bucket holds; `None` where there is no such object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.objects().get(&blob_key(bucket, key)).map(|(bytes, _)| bytes.clone())
    }

    /// The keys of all blobs.
    pub fn keys(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the port takes it ([`Blob::key`]).
pub(crate) fn is_blob_key(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    key.split('/')
        .all(|part| (1..=254).contains(&part.len()) && part != "." && part != ".." && part.bytes().all(plain))
}

fn check(key: &str) {
    assert!(is_blob_key(key), "{key} is no blob's key");
}

impl Blobs for MemoryBlobs {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        check(key);
        self.objects().insert(key.to_owned(), (bytes, self.clock.now()));
        Box::pin(async { Ok(()) })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        check(key);
        let found = self.objects().get(key).map(|(bytes, _)| bytes.clone());
        Box::pin(async { Ok(found) })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        assert!(prefix.is_empty() || prefix.ends_with('/'), "{prefix} is no prefix");
        let objects = self.objects();
        let mut found = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after))
            .map(|(key, (bytes, modified_at))| Blob {
                key: key.clone(),
                bytes: bytes.len() as u64,
                modified_at: *modified_at,
            });
        let items: Vec<Blob> = found.by_ref().take(limit.min(self.page_items_max)).collect();
        let next = found.next().and_then(|_| items.last().map(|last| last.key.clone()));
        Box::pin(async { Ok(BlobPage { items, next }) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        check(key);
        self.objects().remove(key);
        Box::pin(async { Ok(()) })
    }
}
