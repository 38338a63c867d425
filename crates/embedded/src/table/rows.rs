//! The table's rows: schema, and items read from them.

use crate::store::Abort;
use rusqlite::{OptionalExtension as _, Row};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Index, IndexKey, Item, PortError};

pub(super) const SCHEMA: &[&str] = &["
CREATE TABLE items (
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    document TEXT NOT NULL,
    expires_at INTEGER,
    pk1 TEXT, sk1 TEXT,
    pk2 TEXT, sk2 TEXT,
    pk3 TEXT, sk3 TEXT,
    PRIMARY KEY (pk, sk)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_1 ON items (pk1, sk1) WHERE pk1 IS NOT NULL;
CREATE INDEX items_2 ON items (pk2, sk2) WHERE pk2 IS NOT NULL;
CREATE INDEX items_3 ON items (pk3, sk3) WHERE pk3 IS NOT NULL;
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE request_tokens (
    token TEXT PRIMARY KEY,
    at_millis INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX request_tokens_at ON request_tokens (at_millis);
"];

/// The columns that [`item`] reads, in its order.
pub(super) const COLUMNS: &str = "pk, sk, document, expires_at, pk1, sk1, pk2, sk2, pk3, sk3";

/// Where an item's index keys stand among the columns of [`COLUMNS`].
pub(super) fn index_columns(index: Index) -> (usize, usize) {
    let pk = 2 + 2 * usize::from(index.number());
    (pk, pk + 1)
}

/// A row as it is stored.
pub(super) struct Stored {
    pub(super) item: Item,
    /// Length of the stored document, in bytes.
    pub(super) document_bytes: usize,
}

/// The item in a row of [`COLUMNS`].
pub(super) fn item(row: &Row<'_>) -> Result<Stored, Abort<PortError>> {
    let key = Key::from_stored(row.get(0)?, row.get(1)?);
    let document = row.get_ref(2)?.as_str().map_err(|error| damaged(&key, &error))?;
    let attributes: Map<String, Value> =
        serde_json::from_str(document).map_err(|error| damaged(&key, &error))?;
    let document_bytes = document.len();
    let mut indexes = BTreeMap::new();
    for index in Index::ALL {
        let (pk, sk) = index_columns(index);
        if let (Some(pk), Some(sk)) = (row.get(pk)?, row.get(sk)?) {
            indexes.insert(index, IndexKey { pk, sk });
        }
    }
    let item = Item { key, indexes, expires_at_seconds: row.get(3)?, attributes };
    Ok(Stored { item, document_bytes })
}

fn damaged(key: &Key, error: &dyn std::fmt::Display) -> Abort<PortError> {
    let message = format!("{} {}: {error}", key.pk(), key.sk());
    Abort::Refused(PortError::Damaged { port: super::PORT, message })
}

/// The item under `key`, where it is there and has not expired.
pub(super) fn find(
    connection: &rusqlite::Connection,
    key: &Key,
    now: Timestamp,
) -> Result<Option<Item>, Abort<PortError>> {
    let mut statement = connection.prepare_cached(
        "SELECT pk, sk, document, expires_at, pk1, sk1, pk2, sk2, pk3, sk3 FROM items
         WHERE pk = ?1 AND sk = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
    )?;
    let found =
        statement.query_row((key.pk(), key.sk(), now.as_seconds()), |row| Ok(item(row))).optional()?;
    found.transpose().map(|found| found.map(|stored| stored.item))
}

/// Whether an item is under `key` and has not expired; its document is not read.
pub(super) fn exists(connection: &rusqlite::Connection, key: &Key, now: Timestamp) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM items WHERE pk = ?1 AND sk = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
        )?
        .exists((key.pk(), key.sk(), now.as_seconds()))
}

/// Writes the whole item, whatever was there. `document` is its attributes as JSON text.
pub(super) fn write(connection: &rusqlite::Connection, item: &Item, document: &str) -> rusqlite::Result<()> {
    let place = |index: Index| match item.indexes.get(&index) {
        Some(key) => (Some(key.pk.as_str()), Some(key.sk.as_str())),
        None => (None, None),
    };
    let ((pk1, sk1), (pk2, sk2), (pk3, sk3)) = (place(Index::One), place(Index::Two), place(Index::Three));
    connection
        .prepare_cached(
            "INSERT INTO items (pk, sk, document, expires_at, pk1, sk1, pk2, sk2, pk3, sk3)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (pk, sk) DO UPDATE SET
                document = excluded.document, expires_at = excluded.expires_at,
                pk1 = excluded.pk1, sk1 = excluded.sk1, pk2 = excluded.pk2, sk2 = excluded.sk2,
                pk3 = excluded.pk3, sk3 = excluded.sk3",
        )?
        .execute((
            item.key.pk(),
            item.key.sk(),
            document,
            item.expires_at_seconds,
            pk1,
            sk1,
            pk2,
            sk2,
            pk3,
            sk3,
        ))
        .map(drop)
}

/// Deletes the item under `key`, where there is one.
pub(super) fn delete(connection: &rusqlite::Connection, key: &Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM items WHERE pk = ?1 AND sk = ?2")?
        .execute((key.pk(), key.sk()))
        .map(drop)
}
