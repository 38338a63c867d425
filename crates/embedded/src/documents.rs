//! The documents of the registry of state machines, in one table of the one database.

use crate::OpenError;
use crate::store::{Abort, Store};
use std::convert::Infallible;
use tenantry_core::BoxFuture;
use tenantry_core::ports::PortError;
use tenantry_engine::{Document, Documents};

const PORT: &str = "documents";

const SCHEMA: &[&str] =
    &["CREATE TABLE documents (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID"];

/// The documents. Clones share them.
#[derive(Debug, Clone)]
pub struct EmbeddedDocuments {
    store: Store,
}

impl EmbeddedDocuments {
    pub(crate) fn open(store: Store) -> Result<Self, OpenError> {
        store.migrate(PORT, SCHEMA)?;
        Ok(Self { store })
    }
}

impl Documents for EmbeddedDocuments {
    fn all(&self) -> BoxFuture<'_, Result<Vec<Document>, PortError>> {
        let read = self.store.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT key, body FROM documents ORDER BY key")?;
            let rows = statement.query_map([], |row| Ok(Document { key: row.get(0)?, body: row.get(1)? }))?;
            Ok::<_, Abort<Infallible>>(rows.collect::<Result<Vec<_>, _>>()?)
        });
        Box::pin(async move { read.await.map_err(|error| error.into_port(PORT)) })
    }

    fn commit(&self, writes: Vec<(String, Option<String>)>) -> BoxFuture<'static, Result<(), PortError>> {
        let write = self.store.write(move |tx| {
            for (key, body) in writes {
                match body {
                    Some(body) => tx
                        .prepare_cached(
                            "INSERT INTO documents (key, body) VALUES (?1, ?2)
                             ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                        )?
                        .execute((key, body))?,
                    None => tx.prepare_cached("DELETE FROM documents WHERE key = ?1")?.execute([key])?,
                };
            }
            Ok::<_, Abort<Infallible>>(())
        });
        Box::pin(async move { write.await.map_err(|error| error.into_port(PORT)) })
    }
}
