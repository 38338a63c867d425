//! Keys per tenant and purpose: made by KMS, wrapped in the table, bound to tenant and purpose by the encryption context.
//!
//! What a backup holds: the table's point-in-time recovery keeps the wrapped key of a destroyed one for as long as it
//! reaches back (at most 35 days), and a restored table brings it back. See `docs/deploy.md`.

mod keyring;

pub(crate) use keyring::{CurrentKey, Keyring, Place};

use crate::Clients;
use crate::call::Calls;
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::ports::{DataKeys, KeyPurpose, PortError, Table};
use tenantry_core::{BoxFuture, TenantId};
use tenantry_seal::tenant_parts;

const PORT: &str = "data keys";

/// The data keys. Clones share the keys in memory.
///
/// [`DataKeys::destroy`] deletes the row, and the row is read, consistently, before each use of its key: once it is
/// `Ok`, no process seals or opens anything more with that key. Its bytes may lie in the memory of other processes for
/// up to five minutes, where nothing uses them.
#[derive(Clone)]
pub struct AwsDataKeys {
    keyring: Arc<Keyring>,
}

impl std::fmt::Debug for AwsDataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsDataKeys")
    }
}

impl AwsDataKeys {
    /// Data keys under the KMS key of that ARN, with their rows in `table`.
    pub fn new(clients: Arc<Clients>, calls: Calls, table: Arc<dyn Table>, kms_key: &str) -> Self {
        Self { keyring: Arc::new(Keyring::new(PORT, clients, calls, table, kms_key.to_owned())) }
    }

    pub(crate) fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    async fn current(&self, tenant: &TenantId, purpose: KeyPurpose) -> Result<CurrentKey, PortError> {
        let context = context(tenant, purpose);
        let place = place(tenant, purpose, &context);
        let found = self.keyring.find(&place).await?;
        found.ok_or(PortError::NotFound { port: PORT, what: place.what })
    }
}

fn context(tenant: &TenantId, purpose: KeyPurpose) -> [(&'static str, &str); 2] {
    [("tenantId", tenant.as_str()), ("purpose", purpose.as_str())]
}

fn place<'a>(tenant: &TenantId, purpose: KeyPurpose, context: &'a [(&'a str, &'a str)]) -> Place<'a> {
    let what = format!("{} key of {tenant}", purpose.as_str());
    Place { row: Key::data_key(tenant, purpose.as_str()), context, what }
}

/// Does something with the place of a tenant's key.
macro_rules! at {
    ($keys:expr, $method:ident, $tenant:expr, $purpose:expr) => {{
        let context = context($tenant, $purpose);
        $keys.keyring.$method(&place($tenant, $purpose, &context)).await
    }};
}

impl AwsDataKeys {
    /// The tenant's data key, where it has one.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        purpose: KeyPurpose,
    ) -> Result<Option<CurrentKey>, PortError> {
        at!(self, find, tenant, purpose)
    }
}

impl DataKeys for AwsDataKeys {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { at!(self, create, tenant, purpose) })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let current = self.current(tenant, purpose).await?;
            let ids = self.keyring.calls().ids();
            Ok(current.key.seal(ids.as_ref(), &tenant_parts(tenant, purpose, context), plain))
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
            let current = self.current(tenant, purpose).await?;
            current.key.open(&tenant_parts(tenant, purpose, context), sealed).map_err(|_| {
                let message = format!(
                    "a text sealed for {tenant} ({context}) was altered, or sealed for something else or by a key that \
                     was destroyed"
                );
                PortError::Damaged { port: PORT, message }
            })
        })
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { at!(self, exists, tenant, purpose) })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { at!(self, destroy, tenant, purpose) })
    }
}
