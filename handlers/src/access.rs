//! What a step uses of its ports, in words that hold in both homes. On AWS each word becomes permissions of the step's
//! own role; on one machine the same list binds, so that a step that needs more than it says fails in every test.

use crate::Ctx;
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Commit, CommitError, DataKeys, Item, KeyPurpose, Page, PortError, Query, Secret, Table, Vault,
};
use tenantry_core::{BoxFuture, TenantId};

/// One way to use a port. A commit uses one for each kind of action in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Reads an item of the table.
    TableGet,
    /// Reads a range of the table; steps read no index.
    TableQuery,
    /// Writes whole items.
    TablePut,
    /// Changes attributes of items.
    TableUpdate,
    /// Deletes items.
    TableDelete,
    /// Makes a commit depend on an item that it does not change.
    TableCheck,
    /// Makes a tenant's key.
    KeyCreate,
    /// Seals with a tenant's key.
    KeySeal,
    /// Opens with a tenant's key.
    KeyOpen,
    /// Looks whether a tenant has a key.
    KeyExists,
    /// Destroys a tenant's key.
    KeyDestroy,
    /// Keeps a secret.
    SecretStore,
    /// Reads a secret.
    SecretResolve,
    /// Replaces a secret.
    SecretRotate,
    /// Forgets a secret.
    SecretDelete,
}

impl Access {
    /// What an action of a commit uses.
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Put { .. } => Access::TablePut,
            Action::Update { .. } => Access::TableUpdate,
            Action::Delete { .. } => Access::TableDelete,
            Action::Check { .. } => Access::TableCheck,
        }
    }

    fn port(self) -> &'static str {
        match self {
            Access::TableGet
            | Access::TableQuery
            | Access::TablePut
            | Access::TableUpdate
            | Access::TableDelete
            | Access::TableCheck => "table",
            Access::KeyCreate
            | Access::KeySeal
            | Access::KeyOpen
            | Access::KeyExists
            | Access::KeyDestroy => "data keys",
            Access::SecretStore | Access::SecretResolve | Access::SecretRotate | Access::SecretDelete => {
                "vault"
            }
        }
    }
}

/// Asked before each use of a port; an `Err` says why it may not be.
pub type Watch = Arc<dyn Fn(Access) -> Result<(), String> + Send + Sync>;

/// The same ports, with `watch` asked before each use. What it refuses fails as [`PortError::Refused`] and does not
/// reach the port.
pub fn watched(ctx: &Ctx, watch: &Watch) -> Ctx {
    let (table, vault, keys) = (ctx.table.clone(), ctx.vault.clone(), ctx.data_keys.clone());
    Ctx {
        table: Arc::new(Watched { port: table, watch: watch.clone() }),
        vault: Arc::new(Watched { port: vault, watch: watch.clone() }),
        data_keys: Arc::new(Watched { port: keys, watch: watch.clone() }),
        ..ctx.clone()
    }
}

/// The ports, as far as the step says that it needs them.
pub(crate) fn limited(ctx: &Ctx, step: &'static str, allowed: &'static [Access]) -> Ctx {
    let watch: Watch = Arc::new(move |access| {
        if allowed.contains(&access) {
            return Ok(());
        }
        Err(format!("{step} does not say in the registry that it needs {access:?}"))
    });
    watched(ctx, &watch)
}

struct Watched<P: ?Sized> {
    port: Arc<P>,
    watch: Watch,
}

impl<P: ?Sized> Watched<P> {
    fn ask(&self, access: Access) -> Result<(), PortError> {
        (self.watch)(access).map_err(|message| PortError::Refused { port: access.port(), message })
    }

    fn if_allowed<'a, T: Send + 'a, E: From<PortError> + Send + 'a>(
        &'a self,
        access: Access,
        call: impl FnOnce(&'a P) -> BoxFuture<'a, Result<T, E>>,
    ) -> BoxFuture<'a, Result<T, E>> {
        match self.ask(access) {
            Ok(()) => call(&self.port),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        }
    }
}

impl Table for Watched<dyn Table> {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.if_allowed(Access::TableGet, |table| table.get(key))
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        self.if_allowed(Access::TableQuery, |table| table.query(query))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        match commit.actions.iter().try_for_each(|action| self.ask(Access::of(action))) {
            Ok(()) => self.port.commit(commit),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        }
    }
}

impl DataKeys for Watched<dyn DataKeys> {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.if_allowed(Access::KeyCreate, |keys| keys.create(tenant, purpose))
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.if_allowed(Access::KeySeal, |keys| keys.seal(tenant, purpose, context, plain))
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.if_allowed(Access::KeyOpen, |keys| keys.open(tenant, purpose, context, sealed))
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        self.if_allowed(Access::KeyExists, |keys| keys.exists(tenant, purpose))
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.if_allowed(Access::KeyDestroy, |keys| keys.destroy(tenant, purpose))
    }
}

impl Vault for Watched<dyn Vault> {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.if_allowed(Access::SecretStore, |vault| vault.store(reference, secret))
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        self.if_allowed(Access::SecretResolve, |vault| vault.resolve(reference))
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.if_allowed(Access::SecretRotate, |vault| vault.rotate(reference, secret))
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.if_allowed(Access::SecretDelete, |vault| vault.delete(reference))
    }
}
