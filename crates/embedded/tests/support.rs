//! Homes and stores in temporary folders.

use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tenantry_contract::ManualClock;
use tenantry_embedded::{EmbeddedHome, HomeOptions};

/// A home in a folder of its own, and the folder, which goes with it.
pub(crate) fn home(clock: ManualClock) -> (EmbeddedHome, TempDir) {
    home_with(HomeOptions { clock: Some(Arc::new(clock)), ..HomeOptions::default() })
}

/// As [`home`], with options.
pub(crate) fn home_with(options: HomeOptions) -> (EmbeddedHome, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (EmbeddedHome::open(dir.path(), options).unwrap(), dir)
}

/// A copy of a data folder as a crash at this moment would leave it: the files' bytes, and no process that holds it.
pub(crate) fn crashed(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}
