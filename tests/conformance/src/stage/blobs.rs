//! Objects in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tenantry_core::ports::{Blob, BlobPage, Blobs, Clock as _, PortError};
use tenantry_core::{BoxFuture, Timestamp};
use tenantry_engine::testing::SimClock;

type Objects = BTreeMap<String, (Vec<u8>, Timestamp)>;

/// Objects by key.
pub(crate) struct MemoryBlobs {
    clock: SimClock,
    objects: Mutex<Objects>,
}

impl MemoryBlobs {
    pub(crate) fn new(clock: SimClock) -> Self {
        Self { clock, objects: Mutex::default() }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        self.objects().insert(key.to_owned(), (bytes, self.clock.now()));
        Box::pin(async { Ok(()) })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        let found = self.objects().get(key).map(|(bytes, _)| bytes.clone());
        Box::pin(async { Ok(found) })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        let objects = self.objects();
        let mut found = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after))
            .map(|(key, (bytes, modified_at))| Blob {
                key: key.clone(),
                bytes: bytes.len() as u64,
                modified_at: *modified_at,
            });
        let items: Vec<Blob> = found.by_ref().take(limit).collect();
        let next = found.next().and_then(|_| items.last().map(|last| last.key.clone()));
        drop(found);
        drop(objects);
        Box::pin(async { Ok(BlobPage { items, next }) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.objects().remove(key);
        Box::pin(async { Ok(()) })
    }
}
