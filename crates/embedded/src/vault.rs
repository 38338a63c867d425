//! Secrets, sealed under the master key in the one database.

use crate::OpenError;
use crate::store::{Abort, Store};
use rusqlite::OptionalExtension as _;
use std::convert::Infallible;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{Ids, PortError, Secret, Vault};
use tenantry_seal::SealingKey;

const PORT: &str = "vault";

const SCHEMA: &[&str] =
    &["CREATE TABLE secrets (reference TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID"];

/// The vault. A secret can be opened only under its own reference.
#[derive(Clone)]
pub struct EmbeddedVault {
    store: Store,
    master: SealingKey,
    ids: Arc<dyn Ids>,
}

impl EmbeddedVault {
    pub(crate) fn open(store: Store, master: SealingKey, ids: Arc<dyn Ids>) -> Result<Self, OpenError> {
        store.migrate("secrets", SCHEMA)?;
        Ok(Self { store, master, ids })
    }

    fn seal(&self, reference: &str, secret: &Secret) -> Vec<u8> {
        self.master.seal(&*self.ids, &[PORT, reference], secret.expose().as_bytes())
    }
}

impl std::fmt::Debug for EmbeddedVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedVault")
    }
}

fn missing(reference: &str) -> PortError {
    PortError::NotFound { port: PORT, what: format!("secret {reference}") }
}

impl Vault for EmbeddedVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        let (key, sealed) = (reference.to_owned(), self.seal(reference, &secret));
        let write = self.store.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO secrets (reference, sealed) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute((key, sealed))?;
            Ok::<_, Abort<Infallible>>(())
        });
        Box::pin(async move { write.await.map_err(|error| error.into_port(PORT)) })
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        let key = reference.to_owned();
        let read = self.store.read_here(move |connection| {
            let sealed: Option<Vec<u8>> = connection
                .prepare_cached("SELECT sealed FROM secrets WHERE reference = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            Ok::<_, Abort<Infallible>>(sealed)
        });
        Box::pin(async move {
            let sealed = read.await.map_err(|error| error.into_port(PORT))?;
            let sealed = sealed.ok_or_else(|| missing(reference))?;
            let damaged = || PortError::Damaged { port: PORT, message: format!("secret {reference}") };
            let plain = self.master.open(&[PORT, reference], &sealed).map_err(|_| damaged())?;
            String::from_utf8(plain).map(Secret::new).map_err(|_| damaged())
        })
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        let (key, sealed) = (reference.to_owned(), self.seal(reference, &secret));
        let write = self.store.write(move |tx| {
            let changed = tx
                .prepare_cached("UPDATE secrets SET sealed = ?2 WHERE reference = ?1")?
                .execute((&key, sealed))?;
            if changed == 0 { Err(Abort::Refused(missing(&key))) } else { Ok(()) }
        });
        Box::pin(async move { write.await.map_err(|error| error.into_port(PORT)) })
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        let key = reference.to_owned();
        let write = self.store.write(move |tx| {
            tx.prepare_cached("DELETE FROM secrets WHERE reference = ?1")?.execute([key])?;
            Ok::<_, Abort<Infallible>>(())
        });
        Box::pin(async move { write.await.map_err(|error| error.into_port(PORT)) })
    }
}
