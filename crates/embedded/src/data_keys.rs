//! Keys per tenant and purpose: random, wrapped by the master key with tenant and purpose as associated data.

use crate::OpenError;
use crate::store::{Abort, Store};
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use std::sync::Arc;
use tenantry_core::ports::{DataKeys, Ids, KeyPurpose, PortError};
use tenantry_core::{BoxFuture, TenantId};
use tenantry_seal::{KeyCache, SealingKey, key_bytes, tenant_parts};
use zeroize::Zeroizing;

const PORT: &str = "data keys";

/// Keys of each of the cache's two generations.
const GENERATION_KEYS_MAX: usize = 8_192;

type KeyName = (TenantId, KeyPurpose);

const SCHEMA: &[&str] = &["CREATE TABLE data_keys (
    tenant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, purpose)
) STRICT, WITHOUT ROWID"];

/// The data keys. Clones share one cache of unwrapped keys.
///
/// Beside the port, three ways to seal without waiting for a future, for rows that are sealed where they are written:
/// [`EmbeddedDataKeys::seal_cached`] from any thread, [`EmbeddedDataKeys::seal_in`] within a write, and
/// [`EmbeddedDataKeys::seal_sync`], which may block once per tenant.
#[derive(Clone)]
pub struct EmbeddedDataKeys {
    store: Store,
    master: SealingKey,
    ids: Arc<dyn Ids>,
    cache: Arc<KeyCache<KeyName>>,
}

impl std::fmt::Debug for EmbeddedDataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedDataKeys")
    }
}

fn no_key(tenant: &TenantId, purpose: KeyPurpose) -> PortError {
    PortError::NotFound { port: PORT, what: format!("{} key of {tenant}", purpose.as_str()) }
}

impl EmbeddedDataKeys {
    pub(crate) fn open(store: Store, master: SealingKey, ids: Arc<dyn Ids>) -> Result<Self, OpenError> {
        store.migrate("data_keys", SCHEMA)?;
        Ok(Self { store, master, ids, cache: Arc::new(KeyCache::new(GENERATION_KEYS_MAX)) })
    }

    /// The master key, for keys that are no tenant's.
    pub(crate) fn master(&self) -> &SealingKey {
        &self.master
    }

    pub(crate) fn ids(&self) -> &Arc<dyn Ids> {
        &self.ids
    }

    /// Seals with a key that is in memory; `None` where it is not. Never waits.
    pub fn seal_cached(
        &self,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let key = self.cache.get(&(tenant.clone(), purpose))?;
        Some(self.seal_with(&key, tenant, purpose, context, plain))
    }

    /// Seals within a write, making the key in the same transaction where there is none: it becomes durable with what
    /// it sealed, or not at all.
    ///
    /// # Errors
    /// SQLite's, and [`PortError::Damaged`] where the key's row is.
    pub fn seal_in(
        &self,
        tx: &Transaction<'_>,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, Abort<PortError>> {
        let key = match self.cache.get(&(tenant.clone(), purpose)) {
            Some(key) => key,
            // Not kept in memory: this transaction may yet be rolled back, and the key with it.
            None => match self.read_in(tx, tenant, purpose)? {
                Some(key) => key,
                None => self.make_in(tx, tenant, purpose)?,
            },
        };
        Ok(self.seal_with(&key, tenant, purpose, context, plain))
    }

    /// Opens within a read.
    ///
    /// # Errors
    /// SQLite's, and as [`DataKeys::open`].
    pub fn open_in(
        &self,
        connection: &Connection,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Abort<PortError>> {
        let key = match self.cache.get(&(tenant.clone(), purpose)) {
            Some(key) => Some(key),
            None => self.read_in(connection, tenant, purpose)?,
        };
        let key = key.ok_or_else(|| Abort::Refused(no_key(tenant, purpose)))?;
        open_with(&key, tenant, purpose, context, sealed).map_err(Abort::Refused)
    }

    /// Seals at once. Where the key is not in memory this **blocks** for a read, and where there is no [`KeyPurpose::Records`]
    /// key yet, for the commit that makes it. Not to be called within the store's own closures.
    ///
    /// # Errors
    /// As [`DataKeys::seal`].
    pub fn seal_sync(
        &self,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, PortError> {
        let mut key = self.find_sync(tenant, purpose)?;
        if key.is_none() && purpose == KeyPurpose::Records {
            let (keys, name) = (self.clone(), tenant.clone());
            self.store
                .write_now(move |tx| keys.ensure_in(tx, &name, purpose))
                .map_err(|error| error.into_port(PORT))?;
            key = self.find_sync(tenant, purpose)?;
        }
        let key = key.ok_or_else(|| no_key(tenant, purpose))?;
        Ok(self.seal_with(&key, tenant, purpose, context, plain))
    }

    /// Opens at once. Where the key is not in memory this **blocks** for a read. Not to be called within the store's own
    /// closures.
    ///
    /// # Errors
    /// As [`DataKeys::open`].
    pub fn open_sync(
        &self,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, PortError> {
        let key = self.find_sync(tenant, purpose)?.ok_or_else(|| no_key(tenant, purpose))?;
        open_with(&key, tenant, purpose, context, sealed)
    }

    /// Brings a key into memory, where there is one.
    ///
    /// # Errors
    /// [`PortError::Unavailable`] and [`PortError::Damaged`].
    pub async fn warm(&self, tenant: &TenantId, purpose: KeyPurpose) -> Result<(), PortError> {
        self.find(tenant, purpose).await.map(drop)
    }

    async fn find(&self, tenant: &TenantId, purpose: KeyPurpose) -> Result<Option<SealingKey>, PortError> {
        let name = (tenant.clone(), purpose);
        if let Some(key) = self.cache.get(&name) {
            return Ok(Some(key));
        }
        let keys = self.clone();
        self.store
            .read_here(move |connection| keys.load(connection, name))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    fn find_sync(&self, tenant: &TenantId, purpose: KeyPurpose) -> Result<Option<SealingKey>, PortError> {
        let name = (tenant.clone(), purpose);
        if let Some(key) = self.cache.get(&name) {
            return Ok(Some(key));
        }
        let keys = self.clone();
        self.store
            .read_now(move |connection| keys.load(connection, name))
            .map_err(|error| error.into_port(PORT))
    }

    /// On a reader, which sees only what is durable: so the key may be kept in memory.
    fn load(&self, connection: &Connection, name: KeyName) -> Result<Option<SealingKey>, Abort<PortError>> {
        // The snapshot that is read from here on must not be older than the epoch.
        let epoch = self.cache.epoch();
        let key = self.read_in(connection, &name.0, name.1)?;
        if let Some(key) = &key {
            self.cache.put(name, key.clone(), epoch);
        }
        Ok(key)
    }

    fn read_in(
        &self,
        connection: &Connection,
        tenant: &TenantId,
        purpose: KeyPurpose,
    ) -> Result<Option<SealingKey>, Abort<PortError>> {
        let wrapped: Option<Vec<u8>> = connection
            .prepare_cached("SELECT wrapped FROM data_keys WHERE tenant = ?1 AND purpose = ?2")?
            .query_row((tenant.as_str(), purpose.as_str()), |row| row.get(0))
            .optional()?;
        let Some(wrapped) = wrapped else { return Ok(None) };
        let damaged = || {
            Abort::Refused(PortError::Damaged {
                port: PORT,
                message: format!("the row of the {} key of {tenant}", purpose.as_str()),
            })
        };
        let plain =
            self.master.open(&[PORT, tenant.as_str(), purpose.as_str()], &wrapped).map_err(|_| damaged())?;
        let bytes = key_bytes(&Zeroizing::new(plain)).ok_or_else(damaged)?;
        Ok(Some(SealingKey::new(&bytes)))
    }

    fn make_in(
        &self,
        tx: &Transaction<'_>,
        tenant: &TenantId,
        purpose: KeyPurpose,
    ) -> rusqlite::Result<SealingKey> {
        let bytes = SealingKey::generate(&*self.ids);
        let wrapped = self.master.seal(&*self.ids, &[PORT, tenant.as_str(), purpose.as_str()], &*bytes);
        tx.prepare_cached("INSERT INTO data_keys (tenant, purpose, wrapped) VALUES (?1, ?2, ?3)")?
            .execute((tenant.as_str(), purpose.as_str(), wrapped))?;
        Ok(SealingKey::new(&bytes))
    }

    fn ensure_in(
        &self,
        tx: &Transaction<'_>,
        tenant: &TenantId,
        purpose: KeyPurpose,
    ) -> Result<(), Abort<PortError>> {
        if self.read_in(tx, tenant, purpose)?.is_none() {
            self.make_in(tx, tenant, purpose)?;
        }
        Ok(())
    }

    fn seal_with(
        &self,
        key: &SealingKey,
        tenant: &TenantId,
        purpose: KeyPurpose,
        context: &str,
        plain: &[u8],
    ) -> Vec<u8> {
        key.seal(&*self.ids, &tenant_parts(tenant, purpose, context), plain)
    }
}

fn open_with(
    key: &SealingKey,
    tenant: &TenantId,
    purpose: KeyPurpose,
    context: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, PortError> {
    key.open(&tenant_parts(tenant, purpose, context), sealed).map_err(|_| PortError::Damaged {
        port: PORT,
        message: format!("a text sealed for {tenant} ({context}) was altered, or sealed for something else"),
    })
}

impl DataKeys for EmbeddedDataKeys {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        let (keys, name) = (self.clone(), tenant.clone());
        let write = self.store.write(move |tx| keys.ensure_in(tx, &name, purpose));
        Box::pin(async move { write.await.map_err(|error| error.into_port(PORT)) })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let key = self.find(tenant, purpose).await?.ok_or_else(|| no_key(tenant, purpose))?;
            Ok(self.seal_with(&key, tenant, purpose, context, plain))
        })
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let key = self.find(tenant, purpose).await?.ok_or_else(|| no_key(tenant, purpose))?;
            open_with(&key, tenant, purpose, context, sealed)
        })
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(self.find(tenant, purpose).await?.is_some()) })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        let name = (tenant.clone(), purpose);
        let (answer, answered) = tokio::sync::oneshot::channel();
        let cache = Arc::clone(&self.cache);
        let row = name.clone();
        self.store.write_then(
            move |tx| {
                tx.prepare_cached("DELETE FROM data_keys WHERE tenant = ?1 AND purpose = ?2")?
                    .execute((row.0.as_str(), row.1.as_str()))?;
                Ok::<_, Abort<PortError>>(())
            },
            // On the writer's thread, so that the key falls out of memory also where nobody waits any more.
            move |result| {
                cache.destroy(&name);
                let _ = answer.send(result);
            },
        );
        Box::pin(async move {
            match answered.await {
                Ok(result) => result.map_err(|error| error.into_port(PORT)),
                Err(_) => {
                    Err(PortError::Unavailable { port: PORT, message: "the store is closed".to_owned() })
                }
            }
        })
    }
}
