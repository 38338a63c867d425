//! The access key: made at the first start, kept in the vault.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use tenantry_core::ports::{Ids, PortError, Secret, Vault};

/// Where the vault keeps it.
const REFERENCE: &str = "system/aws-access-key";
/// RFC 4648 base32, as AWS's key ids have it.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An access key. `Debug` shows its id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    id: String,
    secret: Secret,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    secret: String,
}

impl AccessKey {
    /// A key of this id and secret.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: Secret::new(secret) }
    }

    /// The one that the vault keeps; the first time a fresh one.
    ///
    /// # Errors
    /// The vault's; [`PortError::Damaged`] where it keeps something else.
    pub async fn kept(vault: &dyn Vault, ids: &dyn Ids) -> Result<Self, PortError> {
        let kept = match vault.resolve(REFERENCE).await {
            Err(PortError::NotFound { .. }) => {
                let fresh = Self::fresh(ids);
                let stored = Stored { id: fresh.id, secret: fresh.secret.expose().to_owned() };
                let text = serde_json::to_string(&stored).expect("two texts are JSON");
                vault.store(REFERENCE, Secret::new(text)).await?;
                vault.resolve(REFERENCE).await?
            }
            kept => kept?,
        };
        let stored: Stored = serde_json::from_str(kept.expose()).map_err(|_| PortError::Damaged {
            port: "vault",
            message: format!(
                "what is kept under {REFERENCE} is no access key; restore the data folder from a backup"
            ),
        })?;
        Ok(Self::new(stored.id, stored.secret))
    }

    /// In AWS's form: an id of 20 characters and a secret of 40.
    fn fresh(ids: &dyn Ids) -> Self {
        let mut random = [0_u8; 46];
        ids.fill(&mut random);
        let (id, secret) = random.split_at(16);
        let id: String = id.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect();
        Self::new(format!("AKIA{id}"), STANDARD.encode(secret))
    }

    /// `aws_access_key_id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `aws_secret_access_key`: for signatures, and for whoever may see the data folder.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}
