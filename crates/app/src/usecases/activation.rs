//! The token with which the first administrator takes a tenant over.

use super::commit::{contention, refused};
use super::idempotency::{Answer, Once};
use super::operations::check_revision;
use super::{App, Principal, token_hash};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::TenantStatus;
use tenantry_core::ports::{Action, CommitError, Condition, Item};
use tenantry_core::{Error, ErrorCode, Result, TenantId, Timestamp};
use tenantry_events::ledger::AuditEntry;

/// How long a token holds: a working week's end lies in between.
const VALID: Duration = Duration::from_secs(72 * 3600);

// No `Debug`, because it holds the token.
/// An activation token, shown once.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activation {
    /// The tenant.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Whom it is for.
    pub admin_email: String,
    /// The token. Shown only here; it voids the one before.
    #[schema(example = "act_…")]
    pub activation_token: String,
    /// Until when it holds.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl App {
    /// Makes an activation token of an active tenant and voids the last one. Only its hash is kept.
    ///
    /// Errors: [`ErrorCode::TenantNotFound`], [`ErrorCode::IllegalTransition`] (not active),
    /// [`ErrorCode::RevisionMismatch`].
    pub async fn activation(
        &self,
        by: &Principal,
        once: Once<'_, Activation>,
        id: &TenantId,
        if_match: Option<u64>,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        let tenant = self.tenant_record(id).await?;
        check_revision(if_match, tenant.revision)?;
        if tenant.status != TenantStatus::Active {
            let detail = format!(
                "The tenant is {}; an activation token is made once it is active.",
                tenant.status.as_str()
            );
            return Err(Error::new(ErrorCode::IllegalTransition, detail));
        }
        let now = self.now();
        let token = self.new_token("act_");
        let expires_at = now.saturating_add(VALID);
        let shown = Activation {
            tenant_id: id.clone(),
            admin_email: tenant.admin_email.clone(),
            activation_token: token.expose().to_owned(),
            expires_at,
        };
        let (answer, remembering) = self.remember(&once, Some(id), &shown).await?;
        let first = usize::from(remembering.is_some());
        let row = json!({
            "tokenHash": token_hash(token.expose()),
            "email": tenant.admin_email,
            "createdAt": now,
            "expiresAt": expires_at,
        });
        let status = serde_json::Value::from(TenantStatus::Active.as_str());
        let still_active = vec![Condition::Equals("status".to_owned(), status)];
        let audit = AuditEntry::new("tenant.activation_token", &by.to_string()).at(now);
        let actions = [
            Action::Check { key: Key::tenant(id), conditions: still_active },
            Action::put(Item::of(Key::activation(id), &row).expiring_at(expires_at.as_seconds())),
            Action::put(audit.item(id, &self.ports.ids.next().to_string())),
        ];
        match self.commit(remembering.into_iter().chain(actions).collect()).await {
            Ok(()) => Ok(answer),
            Err(CommitError::ConditionFailed { index }) if index < first => self.twin(once.idempotency).await,
            Err(CommitError::ConditionFailed { .. }) => Err(contention()),
            Err(error) => Err(refused(error)),
        }
    }
}
