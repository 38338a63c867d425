//! Sign-up: a tenant is known, and its provisioning is on its way, in one commit.

use super::commit::{contention, refused};
use super::idempotency::{Answer, Once};
use super::status::Facts;
use super::views::{OperationView, TenantView};
use super::{App, Principal, slug, validate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::model::{Operation, OperationKind, OperationPhase, Tenant, TenantStatus};
use tenantry_core::ports::{Action, CommitError, KeyPurpose};
use tenantry_core::{Error, ErrorCode, OperationId, Result, TenantId, Timestamp};
use tenantry_events::TenantRegistered;
use tenantry_events::ledger::{Change, operation_item, operation_pointer_item, pointer_item};

/// Slugs that are tried where the name's own is taken.
const SLUG_TRIES: usize = 8;

/// A sign-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateTenant)]
pub struct NewTenant {
    /// The display name: 1 to 100 printable characters.
    #[schema(min_length = 1, max_length = 100, example = "Acme")]
    pub name: String,
    /// What is bought: the name of a plan.
    #[schema(example = "pro")]
    pub plan: String,
    /// The first administrator's e-mail address.
    #[schema(max_length = 254, example = "root@acme.example")]
    pub admin_email: String,
    /// The name in addresses, unique; made from the name where it is left out.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", example = "acme")]
    pub slug: Option<String>,
    /// Where its data is to live; the home's default region where it is left out.
    #[serde(default)]
    #[schema(example = "eu-west-1")]
    pub region: Option<String>,
    /// `pool`, `bridge` or `silo`, as far as the plan offers it; the plan's first where it is left out.
    #[serde(default)]
    #[schema(example = "pool")]
    pub isolation: Option<String>,
    /// The caller's own id, unique.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    pub external_id: Option<String>,
    /// The caller's own notes: at most 50 entries, keys of at most 64 and values of at most 512 characters.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What a sign-up made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Registered {
    /// The tenant.
    pub tenant: TenantView,
    /// The operation that provisions it: follow it until it has ended.
    pub operation: OperationView,
}

/// What a part of the commit claims, so that its failed condition can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Answer,
    Slug,
    ExternalId,
    Record,
}

struct Draft {
    tenant: Tenant,
    operation: Operation,
    actions: Vec<(Claim, Action)>,
}

impl App {
    /// Registers a tenant and queues its provisioning. Once it answers, tenant, slug, external id, operation, audit
    /// entry, event and the remembered answer are durable together.
    ///
    /// Errors: those of the fields, [`ErrorCode::SlugTaken`], [`ErrorCode::ExternalIdTaken`].
    pub async fn register_tenant(
        &self,
        by: &Principal,
        once: Once<'_, Registered>,
        request: &NewTenant,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        let checked = validate::tenant(request, &self.ports.catalogue)?;
        let stem = slug::stem(&request.name);
        for tried in 0..SLUG_TRIES {
            let slug = request.slug.clone().unwrap_or_else(|| self.made_slug(&stem, tried));
            let draft = self.draft(by, request, &checked, slug)?;
            let tenant_id = draft.tenant.tenant_id.clone();
            let registered = draft.view(self.now());
            let (answer, remembering) = self.remember(&once, Some(&tenant_id), &registered).await?;
            let mut claims = Vec::new();
            let mut actions = Vec::new();
            let first = remembering.map(|action| (Claim::Answer, action));
            for (claim, action) in first.into_iter().chain(draft.actions) {
                claims.push(claim);
                actions.push(action);
            }
            let Err(error) = self.commit(actions).await else { return Ok(answer) };
            if once.idempotency.is_some() && !matches!(error, CommitError::Port(_)) {
                // Nothing was written for this tenant, so its key seals nothing.
                self.ports.data_keys.destroy(&tenant_id, KeyPurpose::Records).await?;
            }
            let CommitError::ConditionFailed { index } = error else { return Err(refused(error)) };
            match claims.get(index) {
                Some(Claim::Answer) => return self.twin(once.idempotency).await,
                Some(Claim::Slug) if request.slug.is_none() => {}
                Some(Claim::Slug) => return Err(self.slug_taken(&draft.tenant.slug).await),
                Some(Claim::ExternalId) => return Err(self.external_id_taken(request).await),
                _ => return Err(refused(error)),
            }
        }
        Err(contention())
    }

    fn draft(
        &self,
        by: &Principal,
        request: &NewTenant,
        checked: &validate::CheckedTenant,
        slug: String,
    ) -> Result<Draft> {
        let ids = &*self.ports.ids;
        let now = self.now();
        let tenant_id = TenantId::from_uuid(ids.next());
        let operation_id = OperationId::from_uuid(ids.next());
        let tenant = Tenant {
            tenant_id: tenant_id.clone(),
            name: request.name.clone(),
            slug,
            plan: request.plan.clone(),
            isolation: checked.isolation,
            region: checked.region.clone(),
            cell: None,
            status: TenantStatus::Registered,
            status_since: now,
            operation_id: Some(operation_id.clone()),
            generation: 1,
            revision: 0,
            sequence: 0,
            admin_email: request.admin_email.clone(),
            external_id: request.external_id.clone(),
            metadata: request.metadata.clone(),
            created_at: now,
            updated_at: now,
        };
        let operation = Operation {
            operation_id: operation_id.clone(),
            tenant_id,
            kind: OperationKind::Provision,
            phase: OperationPhase::Queued,
            attempt: 1,
            generation: 1,
            requested_by: by.to_string(),
            created_at: now,
            updated_at: now,
            ended_at: None,
            error: None,
            attempt_end: None,
            revision: 1,
        };
        let event = TenantRegistered {
            operation_id,
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            plan: tenant.plan.clone(),
            isolation: tenant.isolation,
            region: tenant.region.clone(),
            external_id: tenant.external_id.clone(),
        };
        let (tenant, ledger) = Change::register(tenant)
            .emit(event)
            .audit("tenant.register", &by.to_string(), None)
            .build(ids, now)?;

        let pointer = |key| Action::create(pointer_item(key, &tenant.tenant_id));
        let mut actions = vec![(Claim::Slug, pointer(Key::slug(&tenant.slug)))];
        if let Some(external_id) = &tenant.external_id {
            actions.push((Claim::ExternalId, pointer(Key::external_id(external_id))));
        }
        let rows = [operation_item(&operation, true), operation_pointer_item(&operation)];
        actions.extend(rows.into_iter().map(|item| (Claim::Record, Action::create(item))));
        actions.extend(ledger.into_iter().map(|action| (Claim::Record, action)));
        Ok(Draft { tenant, operation, actions })
    }

    /// The address of the tenant that a pointer names.
    async fn holder(&self, key: Key) -> Option<String> {
        let item = self.ports.table.get(&key).await.ok().flatten()?;
        item.attributes.get("tenantId")?.as_str().map(|id| format!("/v1/tenants/{id}"))
    }

    async fn slug_taken(&self, slug: &str) -> Error {
        let detail = format!(
            "The slug {slug:?} belongs to another tenant. Choose another one, or leave it out to have one made from \
             the name."
        );
        let error = Error::new(ErrorCode::SlugTaken, detail).with_field("/slug");
        match self.holder(Key::slug(slug)).await {
            Some(holder) => error.with_existing(holder),
            None => error,
        }
    }

    async fn external_id_taken(&self, request: &NewTenant) -> Error {
        let detail = "Another tenant has this external id. Where it is the same customer, use that tenant.";
        let error = Error::new(ErrorCode::ExternalIdTaken, detail).with_field("/externalId");
        let external_id = request.external_id.as_deref().unwrap_or_default();
        match self.holder(Key::external_id(external_id)).await {
            Some(holder) => error.with_existing(holder),
            None => error,
        }
    }
}

impl Draft {
    fn view(&self, now: Timestamp) -> Registered {
        let facts = Facts { operation: self.operation.clone(), rows: Vec::new(), buried: false };
        Registered {
            tenant: TenantView::new(self.tenant.clone(), Some(&facts), now),
            operation: OperationView::new(&facts, now),
        }
    }
}
