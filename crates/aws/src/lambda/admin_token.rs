//! The administrator's token: a system secret, made by whoever first needs it. Terraform makes the secret, empty; so the
//! token is in no state and in no plan.

use crate::functions::ADMIN_TOKEN;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use std::time::Duration;
use tenantry_api::{AdminToken, token_sha256};
use tenantry_core::ports::{Clock, Ids, PortError, Secret, Vault};
use tenantry_core::{BoxFuture, Timestamp};
use tokio::sync::Mutex;

/// How long a hash is good: a token that is rotated takes effect within this, and a busy API asks the vault once in it.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// The token's hash, read from the vault and kept for a short while. The token itself is not kept.
pub(super) struct VaultAdminToken {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    known: Mutex<Option<(Timestamp, [u8; 32])>>,
}

impl VaultAdminToken {
    pub(super) fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { vault, clock, ids, known: Mutex::new(None) }
    }

    async fn token(&self) -> Result<Secret, PortError> {
        match self.vault.resolve(ADMIN_TOKEN).await {
            Err(PortError::NotFound { .. }) => {}
            found => return found,
        }
        let mut bytes = [0_u8; 32];
        self.ids.fill(&mut bytes);
        let token = format!("tadm_{}", URL_SAFE_NO_PAD.encode(bytes));
        self.vault.store(ADMIN_TOKEN, Secret::new(token)).await?;
        tracing::info!("an admin token was made, because there was none");
        // Whoever was first: both read his.
        self.vault.resolve(ADMIN_TOKEN).await
    }
}

impl AdminToken for VaultAdminToken {
    fn sha256(&self) -> BoxFuture<'_, Result<[u8; 32], PortError>> {
        Box::pin(async move {
            let mut known = self.known.lock().await;
            let now = self.clock.now();
            if let Some((until, hash)) = *known
                && now < until
            {
                return Ok(hash);
            }
            let hash = token_sha256(self.token().await?.expose());
            *known = Some((now.saturating_add(GOOD_FOR), hash));
            Ok(hash)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_app::testing::Memory;

    #[tokio::test]
    async fn it_is_made_once_and_a_rotation_takes_effect_within_a_minute() {
        let memory = Memory::new();
        let made = || VaultAdminToken::new(memory.vault.clone(), memory.clock.clone(), memory.ids.clone());
        let token = made();
        let first = token.sha256().await.unwrap();
        assert_eq!(made().sha256().await.unwrap(), first, "the second process reads what the first made");
        let kept = memory.vault.resolve(ADMIN_TOKEN).await.unwrap();
        assert!(kept.expose().starts_with("tadm_") && kept.expose().len() == 48);
        assert_eq!(token_sha256(kept.expose()), first);

        memory.vault.rotate(ADMIN_TOKEN, Secret::new("other")).await.unwrap();
        assert_eq!(token.sha256().await.unwrap(), first);
        memory.clock.advance(GOOD_FOR);
        assert_eq!(token.sha256().await.unwrap(), token_sha256("other"));
    }
}
