//! What seals on one machine: the master key's file, and keys that the database keeps wrapped by it.

use crate::OpenError;
use crate::lock::{DataFolder, sync_folder};
use crate::store::{Abort, Store, WriteError};
use rusqlite::{OptionalExtension as _, Transaction};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use tenantry_core::ports::Ids;
use tenantry_seal::{KEY_BYTES, SealingKey, Unopenable, key_bytes};
use zeroize::Zeroizing;

/// The master key's file within the data folder: 32 random bytes, readable by their owner alone.
pub const MASTER_KEY_FILE: &str = "master.key";

/// The one key that `table` keeps wrapped by the master key in its only row; made within this write where it is missing.
/// Whether it was made.
///
/// # Errors
/// SQLite's; [`Unopenable`] where the row was altered.
pub(crate) fn kept_key_in(
    tx: &Transaction<'_>,
    table: &'static str,
    parts: &[&str],
    master: &SealingKey,
    ids: &dyn Ids,
) -> rusqlite::Result<Result<(SealingKey, bool), Unopenable>> {
    let wrapped: Option<Vec<u8>> =
        tx.query_row(&format!("SELECT wrapped FROM {table}"), [], |row| row.get(0)).optional()?;
    let Some(wrapped) = wrapped else {
        let bytes = SealingKey::generate(ids);
        let wrapped = master.seal(ids, parts, &*bytes);
        tx.execute(&format!("INSERT INTO {table} (id, wrapped) VALUES (1, ?1)"), [wrapped])?;
        return Ok(Ok((SealingKey::new(&bytes), true)));
    };
    Ok(master.open(parts, &wrapped).and_then(|plain| {
        let bytes = key_bytes(&Zeroizing::new(plain)).ok_or(Unopenable)?;
        Ok((SealingKey::new(&bytes), false))
    }))
}

/// The master key of the data folder; made where neither it nor a database is there.
///
/// # Errors
/// [`OpenError::MasterKey`] where it is missing though the database is there, or others may read it, or it is not 32
/// bytes long; [`OpenError::Io`].
pub(crate) fn master_key(folder: &DataFolder, ids: &dyn Ids) -> Result<SealingKey, OpenError> {
    let path = folder.path().join(MASTER_KEY_FILE);
    let refused = |problem: &str| OpenError::MasterKey { path: path.clone(), problem: problem.to_owned() };
    let mut file = match OpenOptions::new().read(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if std::fs::metadata(folder.database()).is_ok_and(|database| database.len() > 0) {
                return Err(refused(
                    "is missing, though the database is there: without it nothing that was sealed can be opened. \
                     Put it back from your backup, with mode 0600",
                ));
            }
            let bytes = SealingKey::generate(ids);
            write_new(folder.path(), &path, &*bytes)?;
            return Ok(SealingKey::new(&bytes));
        }
        Err(source) => return Err(OpenError::Io { action: "open the master key", path, source }),
    };
    let metadata = file.metadata().map_err(OpenError::io("look at the master key", &path))?;
    if !metadata.is_file() || metadata.mode() & 0o077 != 0 {
        return Err(refused("must be a file that only its owner can read: run `chmod 600` on it"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    // One byte more than a key has, so that a longer file is seen as such.
    std::io::Read::take(&mut file, KEY_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(OpenError::io("read the master key", &path))?;
    let bytes =
        key_bytes(&bytes).ok_or_else(|| refused("is not 32 bytes long: put it back from your backup"))?;
    Ok(SealingKey::new(&bytes))
}

/// Writes a file that appears whole or not at all, readable by its owner alone.
fn write_new(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        sync_folder(folder)
    };
    write().map_err(OpenError::io("write the master key", path))
}

const CHECK_SCHEMA: &[&str] =
    &["CREATE TABLE master_key_check (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL) STRICT"];
const CHECK_PARTS: &[&str] = &["master-key-check"];

/// Holds the master key against what it sealed in this database at the first start.
///
/// # Errors
/// [`OpenError::MasterKey`] where it is another key.
pub(crate) fn check_master_key(store: &Store, key: &SealingKey, ids: &dyn Ids) -> Result<(), OpenError> {
    store.migrate("master_key_check", CHECK_SCHEMA)?;
    let proof = key.seal(ids, CHECK_PARTS, b"");
    let key = key.clone();
    let opened = store.write_now(move |tx| {
        let stored: Option<Vec<u8>> =
            tx.query_row("SELECT sealed FROM master_key_check", [], |row| row.get(0)).optional()?;
        match stored {
            Some(stored) => key.open(CHECK_PARTS, &stored).map(drop).map_err(Abort::Refused),
            None => {
                tx.execute("INSERT INTO master_key_check (id, sealed) VALUES (1, ?1)", [proof])?;
                Ok(())
            }
        }
    });
    opened.map_err(|error| match error {
        WriteError::Refused(Unopenable) => OpenError::MasterKey {
            path: store.folder().join(MASTER_KEY_FILE),
            problem: "is not the one that sealed this database: put the right one back from your backup"
                .to_owned(),
        },
        error => OpenError::Schema { piece: "master_key_check".to_owned(), message: error.to_string() },
    })
}
