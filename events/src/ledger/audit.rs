//! One entry of a tenant's audit trail.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenantry_core::keys::Key;
use tenantry_core::model::Tenant;
use tenantry_core::ports::Item;
use tenantry_core::{OperationId, TenantId, Timestamp};

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done.
    Succeeded,
    /// It was tried.
    Failed,
    /// It was not allowed.
    Refused,
}

/// Who did what to a tenant, when and why: a row `AUDIT#<time>#<id>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `admin`, `tenantry`, or a service's id.
    pub actor: String,
    /// What, such as `tenant.register`.
    pub act: String,
    /// Why, in the actor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The operation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The fields that changed, as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Value>>,
    /// The fields that changed, as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Map<String, Value>>,
}

/// Fields that change with every write and so tell nothing.
const BOOKKEEPING: [&str; 4] = ["revision", "sequence", "updatedAt", "statusSince"];

impl AuditEntry {
    /// An act that was done.
    pub fn new(act: &str, actor: &str) -> Self {
        Self {
            at: Timestamp::default(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            reason: None,
            operation_id: None,
            outcome: AuditOutcome::Succeeded,
            before: None,
            after: None,
        }
    }

    /// When.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(mut self, reason: Option<&str>) -> Self {
        self.reason = reason.map(str::to_owned);
        self
    }

    /// The operation that it belongs to.
    #[must_use]
    pub fn operation(mut self, operation: Option<OperationId>) -> Self {
        self.operation_id = operation;
        self
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(mut self, outcome: AuditOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Takes down the fields in which the two differ; all of them, where the tenant is new.
    #[must_use]
    pub fn differences(mut self, before: Option<&Tenant>, after: &Tenant) -> Self {
        let fields = |tenant: &Tenant| match serde_json::to_value(tenant) {
            Ok(Value::Object(mut fields)) => {
                fields.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
                fields
            }
            _ => Map::new(),
        };
        let mut new = fields(after);
        let mut old = before.map(fields).unwrap_or_default();
        let same: Vec<String> = new
            .iter()
            .filter(|(name, value)| old.get(*name) == Some(value))
            .map(|(n, _)| n.clone())
            .collect();
        for name in same {
            new.remove(&name);
            old.remove(&name);
        }
        self.before = (!old.is_empty()).then_some(old);
        self.after = (!new.is_empty()).then_some(new);
        self
    }

    /// The row. `id` tells entries of one millisecond apart and makes a repeated write the same entry.
    pub fn item(&self, tenant: &TenantId, id: &str) -> Item {
        Item::of(Key::audit(tenant, self.at, id), self)
    }
}
