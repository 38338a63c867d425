//! The data folder: made for its owner alone, and held by one process at a time.
//!
//! The lock is the system's (`flock`), so it falls with the process however that ends; the file itself stays.

use crate::OpenError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The lock file's name within the data folder. It holds the pid of the last holder, as text.
pub const LOCK_FILE: &str = "tenantry.lock";

/// A data folder that this process holds. Dropping it lets the folder go.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    // Held open, because closing it lets the lock go.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder (0700) where it is missing, and takes it for this process.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another process, or another part of this one, holds it; [`OpenError::Io`] where it
    /// cannot be made or locked.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(OpenError::io("make the data folder", path))?;
        let path = path.canonicalize().map_err(OpenError::io("find the data folder", path))?;
        let lock_path = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(OpenError::io("open the lock file", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { folder: path, holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Io { action: "lock", path: lock_path, source });
            }
        }
        let write_pid = |lock: &mut File| {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            lock.write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        // Only for the message that another process gives: a full disk must not keep this one from serving reads.
        if let Err(error) = write_pid(&mut lock) {
            tracing::warn!(%error, path = %lock_path.display(), "cannot write the lock file's text");
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.path.join(crate::store::DATABASE_FILE)
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let pid = lock.take(32).read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok());
    match pid {
        Some(pid) if pid == std::process::id() => format!("this process ({pid}) already"),
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

/// Makes what was created, renamed or removed in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
