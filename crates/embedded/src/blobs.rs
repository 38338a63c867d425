//! Large objects, each one file under `blobs/`.
//!
//! A key's segments are folders and its last one is a file. File names end in `=`, which no key can hold, so that `a`
//! and `a/b` can both be there; drafts lie in `=drafts`, which no key can name.

use crate::OpenError;
use crate::lock::sync_folder;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tenantry_core::ports::{Blob, BlobPage, Blobs, PortError};
use tenantry_core::{BoxFuture, Timestamp, limits};

const PORT: &str = "blobs";
const DRAFTS: &str = "=drafts";

/// The blobs of one data folder.
#[derive(Debug, Clone)]
pub struct EmbeddedBlobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    drafts: AtomicU64,
    // Held while folders come and go, so that no writer loses the folder that it just made.
    folders: Mutex<()>,
}

impl EmbeddedBlobs {
    /// The blobs under `folder`/blobs; drafts that a crash left are removed.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let root = folder.join("blobs");
        let drafts = root.join(DRAFTS);
        let prepare = || {
            private_folders(&drafts)?;
            for draft in std::fs::read_dir(&drafts)? {
                std::fs::remove_file(draft?.path())?;
            }
            sync_folder(&root)?;
            sync_folder(folder)
        };
        prepare().map_err(OpenError::io("prepare the blobs in", &root))?;
        Ok(Self { inner: Arc::new(Inner { root, drafts: AtomicU64::new(0), folders: Mutex::new(()) }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        let unavailable = |message: String| PortError::Unavailable { port: PORT, message };
        done.map_err(|error| unavailable(error.to_string()))?.map_err(|error| unavailable(error.to_string()))
    }
}

fn private_folders(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Inner {
    fn file(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}="))
    }

    fn put(&self, key: &str, bytes: &[u8]) -> std::io::Result<()> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = self.root.join(DRAFTS).join(number.to_string());
        let written = self.write_draft(&draft, bytes).and_then(|()| self.publish(&draft, key));
        if written.is_err() {
            // What cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(&draft);
        }
        written
    }

    fn write_draft(&self, draft: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn publish(&self, draft: &Path, key: &str) -> std::io::Result<()> {
        let target = self.file(key);
        {
            let _held = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(folder) = target.parent() {
                private_folders(folder)?;
            }
            std::fs::rename(draft, &target)?;
        }
        self.sync_up(&target)
    }

    /// Makes a file's name durable, and the names of the folders above it.
    fn sync_up(&self, file: &Path) -> std::io::Result<()> {
        let above = file.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        for folder in above {
            match sync_folder(folder) {
                // Deleted since, with everything in it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn get(&self, key: &str) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.file(key)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, key: &str) -> std::io::Result<()> {
        let file = self.file(key);
        {
            let _held = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            match std::fs::remove_file(&file) {
                Ok(()) => {}
                Err(error) if is_absent(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            let above = file.ancestors().skip(1).take_while(|folder| *folder != self.root);
            for folder in above {
                // Fails where it is not empty, which ends the walk.
                if std::fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        self.sync_up(&file)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> std::io::Result<BlobPage> {
        let mut items = Vec::new();
        self.walk(prefix, after, limit + 1, &mut items)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = more.then(|| items.last().map(|blob: &Blob| blob.key.clone())).flatten();
        Ok(BlobPage { items, next })
    }

    /// Collects, in the order of the keys, up to `wanted` blobs under `prefix` whose keys are greater than `after`.
    fn walk(
        &self,
        prefix: &str,
        after: Option<&str>,
        wanted: usize,
        found: &mut Vec<Blob>,
    ) -> std::io::Result<()> {
        let entries = match std::fs::read_dir(self.root.join(prefix)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            match name.strip_suffix('=') {
                Some(blob) => names.push(blob.to_owned()),
                // With its divider a folder sorts as its keys do.
                None if Blob::check_key(&name).is_ok() => names.push(format!("{name}/")),
                None => {}
            }
        }
        names.sort_unstable();
        for name in names {
            if found.len() >= wanted {
                break;
            }
            let key = format!("{prefix}{name}");
            let passed = after.is_some_and(|after| key.as_str() <= after);
            if name.ends_with('/') {
                // A passed folder may still hold keys behind `after`, where `after` lies in it.
                if !passed || after.is_some_and(|after| after.starts_with(&key)) {
                    self.walk(&key, after, wanted, found)?;
                }
            } else if !passed && let Some(blob) = self.look(key)? {
                found.push(blob);
            }
        }
        Ok(())
    }

    fn look(&self, key: String) -> std::io::Result<Option<Blob>> {
        let metadata = match std::fs::metadata(self.file(&key)) {
            Ok(metadata) => metadata,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let millis = metadata.mtime().saturating_mul(1_000).saturating_add(metadata.mtime_nsec() / 1_000_000);
        Ok(Some(Blob { key, bytes: metadata.len(), modified_at: Timestamp::from_millis(millis) }))
    }
}

/// Also where a part of the path is a file, or a name is longer than the file system takes.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl Blobs for EmbeddedBlobs {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            Blob::check_key(key)?;
            let key = key.to_owned();
            self.blocking(move |inner| inner.put(&key, &bytes)).await
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        Box::pin(async move {
            Blob::check_key(key)?;
            let key = key.to_owned();
            self.blocking(move |inner| inner.get(&key)).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        Box::pin(async move {
            Blob::check_prefix(prefix)?;
            let prefix = prefix.to_owned();
            let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
            self.blocking(move |inner| inner.list(&prefix, after.as_deref(), limit)).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            Blob::check_key(key)?;
            let key = key.to_owned();
            self.blocking(move |inner| inner.delete(&key)).await
        })
    }
}
