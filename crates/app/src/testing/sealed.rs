//! Vault, data keys and blobs in memory.

use super::{ManualClock, lock};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tenantry_core::ports::{Blob, BlobPage, Blobs, Clock, DataKeys, KeyPurpose, PortError, Secret, Vault};
use tenantry_core::{BoxFuture, TenantId, Timestamp};

/// The vault.
#[derive(Default)]
pub struct MemoryVault {
    secrets: Mutex<BTreeMap<String, Secret>>,
}

impl MemoryVault {
    /// Every reference that is kept, in order.
    pub fn references(&self) -> Vec<String> {
        lock(&self.secrets).keys().cloned().collect()
    }
}

fn missing(reference: &str) -> PortError {
    PortError::NotFound { port: "vault", what: format!("secret {reference}") }
}

impl Vault for MemoryVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.secrets).entry(reference.to_owned()).or_insert(secret);
            Ok(())
        })
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        Box::pin(async move { lock(&self.secrets).get(reference).cloned().ok_or_else(|| missing(reference)) })
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let mut secrets = lock(&self.secrets);
            *secrets.get_mut(reference).ok_or_else(|| missing(reference))? = secret;
            Ok(())
        })
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.secrets).remove(reference);
            Ok(())
        })
    }
}

/// Data keys. Sealing is a tag over tenant, purpose and context and a fixed mask over the text: enough to notice a
/// wrong key, purpose or context and to keep plain text out of the rows, and no cryptography.
#[derive(Default)]
pub struct MemoryDataKeys {
    keys: Mutex<BTreeSet<(TenantId, KeyPurpose)>>,
}

fn tag(tenant: &TenantId, purpose: KeyPurpose, context: &str, plain: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [tenant.as_str().as_bytes(), purpose.as_str().as_bytes(), context.as_bytes(), plain] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl MemoryDataKeys {
    /// The tenants that have a key, in order.
    pub fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = lock(&self.keys).iter().map(|(tenant, _)| tenant.clone()).collect();
        tenants.dedup();
        tenants
    }

    fn need(&self, tenant: &TenantId, purpose: KeyPurpose) -> Result<(), PortError> {
        if lock(&self.keys).contains(&(tenant.clone(), purpose)) {
            return Ok(());
        }
        let what = format!("{} key of {tenant}", purpose.as_str());
        Err(PortError::NotFound { port: "data keys", what })
    }
}

impl DataKeys for MemoryDataKeys {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.keys).insert((tenant.clone(), purpose));
            Ok(())
        })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            self.need(tenant, purpose)?;
            let mut sealed = tag(tenant, purpose, context, plain).to_vec();
            sealed.extend(plain.iter().map(|byte| byte ^ 0x5a));
            Ok(sealed)
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
            self.need(tenant, purpose)?;
            let damaged =
                || PortError::Damaged { port: "data keys", message: "the seal is broken".to_owned() };
            let (expected, masked) = sealed.split_at_checked(32).ok_or_else(damaged)?;
            let plain: Vec<u8> = masked.iter().map(|byte| byte ^ 0x5a).collect();
            if tag(tenant, purpose, context, &plain) == expected { Ok(plain) } else { Err(damaged()) }
        })
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(self.need(tenant, purpose).is_ok()) })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.keys).remove(&(tenant.clone(), purpose));
            Ok(())
        })
    }
}

/// Blobs.
pub struct MemoryBlobs {
    clock: Arc<ManualClock>,
    blobs: Mutex<BTreeMap<String, (Vec<u8>, Timestamp)>>,
}

impl MemoryBlobs {
    /// None.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, blobs: Mutex::default() }
    }
}

impl Blobs for MemoryBlobs {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.blobs).insert(key.to_owned(), (bytes, self.clock.now()));
            Ok(())
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        Box::pin(async move { Ok(lock(&self.blobs).get(key).map(|(bytes, _)| bytes.clone())) })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        Box::pin(async move {
            let blobs = lock(&self.blobs);
            let mut items: Vec<Blob> = blobs
                .iter()
                .filter(|(key, _)| key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after))
                .map(|(key, (bytes, at))| Blob {
                    key: key.clone(),
                    bytes: bytes.len() as u64,
                    modified_at: *at,
                })
                .collect();
            let next = (items.len() > limit.max(1)).then(|| items[limit.max(1) - 1].key.clone());
            items.truncate(limit.max(1));
            Ok(BlobPage { items, next })
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.blobs).remove(key);
            Ok(())
        })
    }
}
