//! Secrets, by reference.

use super::PortError;
use crate::BoxFuture;
use std::fmt;

/// A secret text. `Debug` hides it; there is no `Display` and no serialisation.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The vault. A reference is a path such as `tenants/<id>/credential`, chosen by the caller, deterministic.
pub trait Vault: Send + Sync {
    /// Keeps `secret` under `reference` where nothing is kept there; what is there already stays and is no error, so
    /// that a repeated step keeps the first secret. Once `Ok`, it survives a crash.
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>>;

    /// The secret under `reference`, or [`PortError::NotFound`].
    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>>;

    /// Replaces the secret under `reference`, or [`PortError::NotFound`].
    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>>;

    /// Forgets it; a missing one is no error. Once `Ok`, it is gone for good.
    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>>;
}
