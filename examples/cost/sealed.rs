//! Secrets and keys, metered as the adapters of `crates/aws` make their calls: keys lie wrapped in rows, which are read
//! at each use; what KMS unwrapped stays in the process for a while.

use crate::dynamodb::STORED_OVERHEAD_BYTES;
use crate::meter::{Call, Meter};
use crate::prices::Unit;
use std::sync::Arc;
use tenantry_core::ports::{DataKeys, KeyPurpose, PortError, Secret, Vault};
use tenantry_core::{BoxFuture, TenantId};

/// What KMS gives for a data key, in Base64.
const WRAPPED_BYTES: f64 = 250.0;

impl Meter {
    fn cell(&self, bytes: f64) -> f64 {
        self.prices().assumptions.cell_bytes.value + bytes
    }

    fn kms(&self) {
        self.add(Unit::KmsRequests, 1.0);
        self.wait(Call::Service);
    }

    /// A key is used: its row is read, and the process unwraps it once.
    fn use_key(&self, name: &str) {
        self.get_row(self.cell(WRAPPED_BYTES));
        if self.first(name) {
            self.kms();
        }
    }
}

fn key_name(tenant: &str, purpose: KeyPurpose) -> String {
    format!("{tenant}/{}", purpose.as_str())
}

/// The vault: `system/*` in Secrets Manager, everything else in sealed rows.
pub struct MeteredVault {
    inner: Arc<dyn Vault>,
    meter: Meter,
}

impl MeteredVault {
    /// Counts what reaches `inner`.
    pub fn new(inner: Arc<dyn Vault>, meter: Meter) -> Self {
        Self { inner, meter }
    }

    fn row(&self, reference: &str, secret_bytes: usize) -> f64 {
        self.meter.cell((reference.len() + secret_bytes) as f64)
    }

    /// A tenant's secrets are sealed by its data key, all others by one of the deployment's.
    fn use_key(&self, reference: &str) {
        let tenant = reference.strip_prefix("tenants/").and_then(|rest| rest.split_once('/'));
        match tenant {
            Some((tenant, _)) => self.meter.use_key(&key_name(tenant, KeyPurpose::Data)),
            None => self.meter.use_key("the key of the vault"),
        }
    }

    /// Secrets Manager asks KMS, as the secret lies under the customer key.
    fn secrets_manager(&self) {
        self.meter.add(Unit::SecretsManagerRequests, 1.0);
        self.meter.kms();
    }
}

fn is_system(reference: &str) -> bool {
    reference.starts_with("system/")
}

impl Vault for MeteredVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        if is_system(reference) {
            self.secrets_manager();
            self.secrets_manager();
        } else {
            self.use_key(reference);
            let bytes = self.row(reference, secret.expose().len());
            self.meter.get_row(bytes);
            self.meter.put_row(bytes);
            self.meter.keep(bytes + STORED_OVERHEAD_BYTES);
        }
        self.inner.store(reference, secret)
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        if !is_system(reference) {
            self.meter.get_row(self.row(reference, 64));
            self.use_key(reference);
        } else if self.meter.first(reference) {
            self.secrets_manager();
        }
        self.inner.resolve(reference)
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.get_row(self.row(reference, 64));
        self.use_key(reference);
        self.meter.put_row(self.row(reference, secret.expose().len()));
        self.inner.rotate(reference, secret)
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.put_row(self.row(reference, 64));
        self.inner.delete(reference)
    }
}

/// The data keys.
pub struct MeteredKeys {
    inner: Arc<dyn DataKeys>,
    meter: Meter,
}

impl MeteredKeys {
    /// Counts what reaches `inner`.
    pub fn new(inner: Arc<dyn DataKeys>, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl DataKeys for MeteredKeys {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let row = self.meter.cell(WRAPPED_BYTES);
            self.meter.get_row(row);
            if !self.inner.exists(tenant, purpose).await? {
                self.meter.kms();
                self.meter.put_row(row);
                self.meter.keep(row + STORED_OVERHEAD_BYTES);
                // Whoever made it holds it.
                self.meter.first(key_name(tenant.as_str(), purpose));
            }
            self.inner.create(tenant, purpose).await
        })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.meter.use_key(&key_name(tenant.as_str(), purpose));
        self.inner.seal(tenant, purpose, context, plain)
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.meter.use_key(&key_name(tenant.as_str(), purpose));
        self.inner.open(tenant, purpose, context, sealed)
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        self.meter.get_row(self.meter.cell(WRAPPED_BYTES));
        self.inner.exists(tenant, purpose)
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.put_row(self.meter.cell(WRAPPED_BYTES));
        self.inner.destroy(tenant, purpose)
    }
}
