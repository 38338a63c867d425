//! The schema, in pieces that each part of the adapter brings up to date by itself.

use super::{Abort, Store, WriteError};
use crate::OpenError;
use rusqlite::{OptionalExtension as _, Transaction};

pub(super) fn prepare(store: &Store) -> Result<(), OpenError> {
    let piece = "schema_pieces";
    store
        .write_now(|tx| {
            tx.execute_batch(
                "CREATE TABLE IF NOT EXISTS schema_pieces (name TEXT PRIMARY KEY, version INTEGER NOT NULL)
                 STRICT, WITHOUT ROWID",
            )
            .map_err(Abort::<OpenError>::Sqlite)
        })
        .map_err(|error| failed(piece, error))
}

pub(super) fn migrate(
    store: &Store,
    piece: &'static str,
    steps: &'static [&'static str],
) -> Result<(), OpenError> {
    store.write_now(move |tx| bring_up(tx, piece, steps)).map_err(|error| failed(piece, error))
}

fn bring_up(tx: &Transaction<'_>, piece: &str, steps: &[&str]) -> Result<(), Abort<OpenError>> {
    let found: i64 = tx
        .query_row("SELECT version FROM schema_pieces WHERE name = ?1", [piece], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Abort::Refused(OpenError::Newer { piece: piece.to_owned(), found, known }));
    }
    let done = usize::try_from(found).unwrap_or(0);
    for step in &steps[done..] {
        tx.execute_batch(step)?;
    }
    if found < known {
        tx.execute(
            "INSERT INTO schema_pieces (name, version) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version",
            (piece, known),
        )?;
    }
    Ok(())
}

fn failed(piece: &str, error: WriteError<OpenError>) -> OpenError {
    match error {
        WriteError::Refused(error) => error,
        error => OpenError::Schema { piece: piece.to_owned(), message: error.to_string() },
    }
}
