//! Sealing at rest: XChaCha20-Poly1305 under random nonces, and the master key's file.
//!
//! A sealed text is one byte of format, 24 bytes of nonce, then the ciphertext with its tag
//! (<https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha>: with 192 bits, random nonces never meet).

use crate::OpenError;
use crate::lock::{DataFolder, sync_folder};
use crate::store::{Abort, Store, WriteError};
use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use rusqlite::{OptionalExtension as _, Transaction};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use tenantry_core::ports::Ids;
use zeroize::Zeroizing;

/// The master key's file within the data folder: 32 random bytes, readable by their owner alone.
pub const MASTER_KEY_FILE: &str = "master.key";

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// What is longer by than the plain text.
pub(crate) const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// A key's raw bytes, wiped when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// The sealed text was altered, or sealed for something else, or under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unopenable;

/// A key that seals and opens. `Debug` shows nothing of it; its bytes are wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct SealingKey(XChaCha20Poly1305);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

/// The parts of what a text is sealed for, so joined that no two lists of parts make the same bytes.
fn associated(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

impl SealingKey {
    pub(crate) fn new(bytes: &KeyBytes) -> Self {
        Self(XChaCha20Poly1305::new((&**bytes).into()))
    }

    /// A new key's bytes.
    pub(crate) fn generate(ids: &dyn Ids) -> KeyBytes {
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        ids.fill(&mut *bytes);
        bytes
    }

    /// Seals `plain` for `parts`, which must be given again to open it.
    pub(crate) fn seal(&self, ids: &dyn Ids, parts: &[&str], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_BYTES];
        ids.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = self
            .0
            .encrypt_inout_detached(&XNonce::from(nonce), &associated(parts), (&mut sealed[start..]).into())
            .expect("a text of memory's size is shorter than the cipher's 256 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what [`SealingKey::seal`] made for the same `parts`.
    pub(crate) fn open(&self, parts: &[&str], sealed: &[u8]) -> Result<Vec<u8>, Unopenable> {
        let (format, rest) = sealed.split_first().ok_or(Unopenable)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Unopenable)?;
        if *format != FORMAT {
            return Err(Unopenable);
        }
        let mut plain = text.to_vec();
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &associated(parts),
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Unopenable)?;
        Ok(plain)
    }
}

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
        let plain = Zeroizing::new(plain);
        let bytes = plain.as_slice().try_into().map_err(|_| Unopenable)?;
        Ok((SealingKey::new(&Zeroizing::new(bytes)), false))
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
    let bytes: KeyBytes = Zeroizing::new(
        bytes
            .as_slice()
            .try_into()
            .map_err(|_| refused("is not 32 bytes long: put it back from your backup"))?,
    );
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tenantry_system::SystemIds;

    fn key() -> (SystemIds, SealingKey) {
        let ids = SystemIds::new().unwrap();
        let bytes = SealingKey::generate(&ids);
        (ids, SealingKey::new(&bytes))
    }

    #[test]
    fn opens_only_what_it_was_sealed_for() {
        let (ids, key) = key();
        let sealed = key.seal(&ids, &["a", "bc"], b"text");
        assert_eq!(key.open(&["a", "bc"], &sealed).unwrap(), b"text");
        for parts in [&["ab", "c"][..], &["a"], &["a", "bc", ""], &[], &["bc", "a"]] {
            assert_eq!(key.open(parts, &sealed), Err(Unopenable), "{parts:?}");
        }
        assert_eq!(self::key().1.open(&["a", "bc"], &sealed), Err(Unopenable));
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let (ids, key) = key();
        assert_ne!(key.seal(&ids, &[], b"text"), key.seal(&ids, &[], b"text"));
    }

    proptest! {
        #[test]
        fn any_change_is_found(plain: Vec<u8>, at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index) {
            let (ids, key) = key();
            let sealed = key.seal(&ids, &["p"], &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
            prop_assert_eq!(key.open(&["p"], &sealed).unwrap(), plain);
            let mut altered = sealed.clone();
            altered[at.index(sealed.len())] ^= 1 << bit;
            prop_assert_eq!(key.open(&["p"], &altered), Err(Unopenable));
            prop_assert_eq!(key.open(&["p"], &sealed[..cut.index(sealed.len())]), Err(Unopenable));
        }
    }
}
