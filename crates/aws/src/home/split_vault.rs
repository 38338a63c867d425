//! The vault of a function that may have been given only one half of it.

use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{PortError, Secret, Vault};

/// The deployment's own secrets here, all others there.
pub(super) struct SplitVault {
    pub(super) system: Arc<dyn Vault>,
    pub(super) other: Arc<dyn Vault>,
}

impl SplitVault {
    fn of(&self, reference: &str) -> &dyn Vault {
        if reference.starts_with("system/") { &*self.system } else { &*self.other }
    }
}

impl Vault for SplitVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.of(reference).store(reference, secret)
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        self.of(reference).resolve(reference)
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.of(reference).rotate(reference, secret)
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.of(reference).delete(reference)
    }
}
