//! Secrets by reference: `system/…` in Secrets Manager, everything else sealed in the table.
//!
//! Secrets Manager takes 0.40 USD a secret and month, as much as forty idle tenants. So it holds what operators look at
//! and rotate; a tenant's secrets are rows in its own partition, sealed by its data key, and so unreadable once that is
//! destroyed; those of services and subscriptions are sealed by a key of the deployment's.

use crate::Clients;
use crate::call::{Repeat, port_error};
use crate::data_keys::{AwsDataKeys, CurrentKey, Place};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Commit, CommitError, Condition, Item, KeyPurpose, PortError, Secret, Table, Vault,
};
use tenantry_core::{BoxFuture, TenantId};

const PORT: &str = "vault";

/// References below this are Secrets Manager's.
const SYSTEM: &str = "system/";

/// The version that the first secret of a reference becomes, the same in every process: Secrets Manager takes one text
/// for it, and refuses every other.
const FIRST_VERSION: &str = "tenantry-first-version-00000000000000001";

/// The purpose of the key that seals what is no tenant's: in its row's key and in its encryption context.
const SYSTEM_KEY_PURPOSE: &str = "vault";

/// The row's attributes: the sealed text, and which key sealed it.
const SEALED: &str = "sealed";
const KEY_MARK: &str = "keyMark";

/// Writes of one secret that may lose a race before the caller is told to try again.
const RACES_MAX: usize = 5;

/// The vault. A secret can be opened only under its own reference.
#[derive(Clone)]
pub struct AwsVault {
    clients: Arc<Clients>,
    data_keys: AwsDataKeys,
    table: Arc<dyn Table>,
    prefix: String,
}

impl std::fmt::Debug for AwsVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsVault")
    }
}

/// Where a reference's row lies, and whose key seals it.
struct Row {
    key: Key,
    tenant: Option<TenantId>,
}

/// A row as it was read.
struct Kept {
    sealed: String,
    mark: String,
}

fn row_of(reference: &str) -> Row {
    let tenants = reference.strip_prefix("tenants/").and_then(|rest| rest.split_once('/'));
    match tenants.and_then(|(id, name)| Some((id.parse::<TenantId>().ok()?, name))) {
        Some((tenant, name)) => Row { key: Key::tenant_secret(&tenant, name), tenant: Some(tenant) },
        None => Row { key: Key::secret(reference), tenant: None },
    }
}

fn system_key() -> Place<'static> {
    Place {
        row: Key::system_key(SYSTEM_KEY_PURPOSE),
        context: &[("purpose", SYSTEM_KEY_PURPOSE)],
        what: "key of the vault".to_owned(),
    }
}

fn missing(reference: &str) -> PortError {
    PortError::NotFound { port: PORT, what: format!("secret {reference}") }
}

fn damaged(reference: &str) -> PortError {
    PortError::Damaged { port: PORT, message: format!("secret {reference}") }
}

fn mark_text(current: &CurrentKey) -> String {
    STANDARD.encode(current.mark)
}

impl AwsVault {
    /// A vault whose Secrets Manager secrets are named `<prefix>/<reference>`.
    pub fn new(clients: Arc<Clients>, data_keys: AwsDataKeys, table: Arc<dyn Table>, prefix: &str) -> Self {
        Self { clients, data_keys, table, prefix: prefix.to_owned() }
    }

    /// The key that seals the row now; `None` where there is none.
    async fn key_of(&self, row: &Row) -> Result<Option<CurrentKey>, PortError> {
        match &row.tenant {
            Some(tenant) => self.data_keys.find(tenant, KeyPurpose::Data).await,
            None => self.data_keys.keyring().find(&system_key()).await,
        }
    }

    /// The key to seal the row with. A tenant's is made by its provisioning alone, the deployment's at its first use.
    async fn key_for(&self, row: &Row, reference: &str) -> Result<CurrentKey, PortError> {
        match row.tenant {
            Some(_) => self.key_of(row).await?.ok_or_else(|| no_key(row, reference)),
            None => self.data_keys.keyring().find_or_make(&system_key()).await,
        }
    }

    async fn kept(&self, row: &Row, reference: &str) -> Result<Option<Kept>, PortError> {
        let Some(item) = self.table.get(&row.key).await? else { return Ok(None) };
        let text = |name| item.attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text(SEALED), text(KEY_MARK)) {
            (Some(sealed), Some(mark)) => Ok(Some(Kept { sealed, mark })),
            _ => Err(damaged(reference)),
        }
    }

    fn item(&self, row: &Row, current: &CurrentKey, reference: &str, secret: &Secret) -> Item {
        let ids = self.data_keys.keyring().calls().ids();
        let sealed = current.key.seal(ids.as_ref(), &[PORT, reference], secret.expose().as_bytes());
        let mut attributes = Map::new();
        attributes.insert(SEALED.to_owned(), Value::String(STANDARD.encode(sealed)));
        attributes.insert(KEY_MARK.to_owned(), Value::String(mark_text(current)));
        Item::new(row.key.clone(), attributes)
    }

    /// Writes the row where it is still as it was read. Whether it was written.
    async fn write(&self, item: Item, before: Option<&Kept>) -> Result<bool, PortError> {
        let condition = match before {
            None => Condition::NotExists,
            Some(kept) => Condition::Equals(SEALED.to_owned(), Value::String(kept.sealed.clone())),
        };
        match self.table.commit(Commit::of(vec![Action::put_if(item, vec![condition])])).await {
            Ok(()) => Ok(true),
            Err(CommitError::ConditionFailed { .. } | CommitError::Conflict) => Ok(false),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    async fn store_row(&self, reference: &str, secret: Secret) -> Result<(), PortError> {
        let row = row_of(reference);
        let current = self.key_for(&row, reference).await?;
        for _ in 0..RACES_MAX {
            let kept = self.kept(&row, reference).await?;
            // What a destroyed key sealed is gone for good, though its row was left behind.
            if kept.as_ref().is_some_and(|kept| kept.mark == mark_text(&current)) {
                return Ok(());
            }
            if self.write(self.item(&row, &current, reference, &secret), kept.as_ref()).await? {
                return Ok(());
            }
        }
        Err(contended(reference))
    }

    async fn resolve_row(&self, reference: &str) -> Result<Secret, PortError> {
        let row = row_of(reference);
        let kept = self.kept(&row, reference).await?.ok_or_else(|| missing(reference))?;
        let current = self.key_of(&row).await?.filter(|current| mark_text(current) == kept.mark);
        let current = current.ok_or_else(|| missing(reference))?;
        let sealed = STANDARD.decode(&kept.sealed).map_err(|_| damaged(reference))?;
        let plain = current.key.open(&[PORT, reference], &sealed).map_err(|_| damaged(reference))?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| damaged(reference))
    }

    async fn rotate_row(&self, reference: &str, secret: Secret) -> Result<(), PortError> {
        let row = row_of(reference);
        for _ in 0..RACES_MAX {
            let kept = self.kept(&row, reference).await?.ok_or_else(|| missing(reference))?;
            let current = self.key_of(&row).await?.filter(|current| mark_text(current) == kept.mark);
            let current = current.ok_or_else(|| missing(reference))?;
            if self.write(self.item(&row, &current, reference, &secret), Some(&kept)).await? {
                return Ok(());
            }
        }
        Err(contended(reference))
    }

    async fn delete_row(&self, reference: &str) -> Result<(), PortError> {
        let delete = Action::Delete { key: row_of(reference).key, conditions: Vec::new() };
        match self.table.commit(Commit::of(vec![delete])).await {
            Ok(()) => Ok(()),
            Err(CommitError::Port(error)) => Err(error),
            Err(CommitError::Conflict | CommitError::ConditionFailed { .. }) => Err(contended(reference)),
        }
    }
}

fn no_key(row: &Row, reference: &str) -> PortError {
    let whose = row.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
    PortError::NotFound { port: PORT, what: format!("data key of {whose}, which seals {reference}") }
}

fn contended(reference: &str) -> PortError {
    let message = format!("others are writing secret {reference}; try again");
    PortError::Unavailable { port: PORT, message }
}

/// Secrets Manager.
impl AwsVault {
    fn name(&self, reference: &str) -> String {
        format!("{}/{reference}", self.prefix)
    }

    /// The current version's text; `None` where the secret is still empty, or not there.
    async fn current(&self, reference: &str) -> Result<Option<Secret>, PortError> {
        let name = self.name(reference);
        let calls = self.data_keys.keyring().calls();
        let get = || Box::pin(self.clients.secrets().get_secret_value().secret_id(&name).send());
        match calls.send(Repeat::Safe, get).await {
            Ok(answer) if answer.secret_binary.is_some() => Err(damaged(reference)),
            Ok(answer) => Ok(answer.secret_string.map(Secret::new)),
            Err(error) if has_code(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) => Err(port_error(PORT, "GetSecretValue", &error)),
        }
    }

    async fn put(
        &self,
        reference: &str,
        version: &str,
        secret: &Secret,
    ) -> Result<
        (),
        SdkError<aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError, HttpResponse>,
    > {
        let name = self.name(reference);
        let put = || {
            let call = self.clients.secrets().put_secret_value().secret_id(&name);
            Box::pin(call.client_request_token(version).secret_string(secret.expose()).send())
        };
        self.data_keys.keyring().calls().send(Repeat::Safe, put).await.map(drop)
    }

    /// The secret's current version decides, whatever its id: one that was rotated, or put there by an operator, stays.
    /// Only an empty secret takes the first version, of which there can be one.
    async fn store_system(&self, reference: &str, secret: Secret) -> Result<(), PortError> {
        if self.current(reference).await?.is_some() {
            return Ok(());
        }
        match self.put(reference, FIRST_VERSION, &secret).await {
            Ok(()) => Ok(()),
            // Another process was first, with another text.
            Err(error) if has_code(&error, "ResourceExistsException") => Ok(()),
            Err(error) => Err(self.put_failed(reference, &error)),
        }
    }

    async fn rotate_system(&self, reference: &str, secret: Secret) -> Result<(), PortError> {
        if self.current(reference).await?.is_none() {
            return Err(missing(reference));
        }
        let version = self.data_keys.keyring().calls().ids().next().to_string();
        self.put(reference, &version, &secret).await.map_err(|error| self.put_failed(reference, &error))
    }

    async fn delete_system(&self, reference: &str) -> Result<(), PortError> {
        let name = self.name(reference);
        let delete = || {
            let call = self.clients.secrets().delete_secret().secret_id(&name);
            Box::pin(call.force_delete_without_recovery(true).send())
        };
        match self.data_keys.keyring().calls().send(Repeat::Safe, delete).await {
            Ok(_) => Ok(()),
            Err(error) if has_code(&error, "ResourceNotFoundException") => Ok(()),
            Err(error) => Err(port_error(PORT, "DeleteSecret", &error)),
        }
    }

    fn put_failed<E>(&self, reference: &str, error: &SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if !has_code(error, "ResourceNotFoundException") {
            return port_error(PORT, "PutSecretValue", error);
        }
        let message = format!(
            "there is no Secrets Manager secret {}, which Terraform makes: apply the Terraform of this version",
            self.name(reference)
        );
        PortError::Refused { port: PORT, message }
    }
}

fn has_code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, code: &str) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.err().code() == Some(code))
}

impl Vault for AwsVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if reference.starts_with(SYSTEM) {
                self.store_system(reference, secret).await
            } else {
                self.store_row(reference, secret).await
            }
        })
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        Box::pin(async move {
            if reference.starts_with(SYSTEM) {
                self.current(reference).await?.ok_or_else(|| missing(reference))
            } else {
                self.resolve_row(reference).await
            }
        })
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if reference.starts_with(SYSTEM) {
                self.rotate_system(reference, secret).await
            } else {
                self.rotate_row(reference, secret).await
            }
        })
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if reference.starts_with(SYSTEM) {
                self.delete_system(reference).await
            } else {
                self.delete_row(reference).await
            }
        })
    }
}
