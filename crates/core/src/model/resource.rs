//! Resources: the things made for a tenant.

use crate::{ResourceId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// The kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A place in a cell.
    Placement,
    /// The key prefix under which the tenant's data lives.
    Namespace,
    /// The data key.
    Key,
    /// A generated credential.
    Secret,
    /// The first administrator.
    Identity,
    /// The limits and features of the plan.
    QuotaSet,
    /// What a product service made.
    Integration,
}

impl ResourceKind {
    /// All kinds.
    pub const ALL: &'static [ResourceKind] = &[
        ResourceKind::Placement,
        ResourceKind::Namespace,
        ResourceKind::Key,
        ResourceKind::Secret,
        ResourceKind::Identity,
        ResourceKind::QuotaSet,
        ResourceKind::Integration,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceKind::Placement => "placement",
            ResourceKind::Namespace => "namespace",
            ResourceKind::Key => "key",
            ResourceKind::Secret => "secret",
            ResourceKind::Identity => "identity",
            ResourceKind::QuotaSet => "quota_set",
            ResourceKind::Integration => "integration",
        }
    }
}

/// Whether a resource is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    /// It is to be there, or is on its way.
    Pending,
    /// It is there.
    Ready,
    /// It is not there, or is on its way out.
    Absent,
}

/// One thing made for a tenant: the row `RESOURCE#<kind>#<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// The id.
    pub resource_id: ResourceId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The kind.
    pub kind: ResourceKind,
    /// The name, unique within tenant and kind; deterministic, so that a second run finds what the first made.
    pub name: String,
    /// What it should be.
    pub desired: ResourceState,
    /// What it was when last seen.
    pub observed: ResourceState,
    /// The tenant's generation that made it.
    pub generation: u64,
    /// References and settings; never a secret.
    pub spec: serde_json::Map<String, serde_json::Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
