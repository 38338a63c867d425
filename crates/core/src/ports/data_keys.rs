//! Keys per tenant: what seals a tenant's data at rest, and what destroying makes unreadable.

use super::PortError;
use crate::{BoxFuture, TenantId};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Seals what the control plane itself keeps of the tenant (payloads, causes, stored answers). Made with the first
    /// use, lives as long as the record, so that the history of a failed provisioning stays readable.
    Records,
    /// The tenant's own data key: the resource that provisioning makes and compensation destroys.
    Data,
}

impl KeyPurpose {
    /// The word in the key's row.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyPurpose::Records => "records",
            KeyPurpose::Data => "data",
        }
    }
}

/// Keys per tenant and purpose. A key never leaves its adapter; rows hold it wrapped.
pub trait DataKeys: Send + Sync {
    /// Makes the key where there is none; an existing one stays and is no error. Once `Ok`, it survives a crash.
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>>;

    /// Seals `plain`. The purpose, the tenant and `context` must be given again to open it. [`PortError::NotFound`]
    /// where there is no key.
    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>>;

    /// Opens what [`DataKeys::seal`] made. [`PortError::Damaged`] where it was altered or sealed for another tenant,
    /// purpose or context; [`PortError::NotFound`] where there is no key.
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>>;

    /// Whether there is a key.
    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>>;

    /// Destroys the key; a missing one is no error. Once `Ok`, nothing that it sealed can be opened again.
    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>>;
}
