//! A tenant and the one table of legal moves between its states.

use crate::{OperationId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a tenant is kept apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Shares everything.
    Pool,
    /// Shares compute, has its own data.
    Bridge,
    /// Shares nothing.
    Silo,
}

impl Isolation {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::Pool => "pool",
            Isolation::Bridge => "bridge",
            Isolation::Silo => "silo",
        }
    }
}

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Known, nothing made yet.
    Registered,
    /// Being made.
    Provisioning,
    /// In use.
    Active,
    /// Changing plan or version.
    Upgrading,
    /// Access is cut, data is kept.
    Suspended,
    /// Being taken down.
    Offboarding,
    /// Taken down; retention runs.
    Offboarded,
    /// Nothing is left but this record.
    Purged,
    /// Everything made was undone; the slug is kept.
    ProvisioningFailed,
}

impl TenantStatus {
    /// All states.
    pub const ALL: &'static [TenantStatus] = &[
        TenantStatus::Registered,
        TenantStatus::Provisioning,
        TenantStatus::Active,
        TenantStatus::Upgrading,
        TenantStatus::Suspended,
        TenantStatus::Offboarding,
        TenantStatus::Offboarded,
        TenantStatus::Purged,
        TenantStatus::ProvisioningFailed,
    ];

    /// The legal moves; every other one is refused.
    pub const MOVES: &'static [(TenantStatus, TenantStatus)] = &[
        (TenantStatus::Registered, TenantStatus::Provisioning),
        (TenantStatus::Provisioning, TenantStatus::Active),
        (TenantStatus::Provisioning, TenantStatus::ProvisioningFailed),
        (TenantStatus::ProvisioningFailed, TenantStatus::Provisioning),
        (TenantStatus::ProvisioningFailed, TenantStatus::Purged),
        (TenantStatus::Active, TenantStatus::Upgrading),
        (TenantStatus::Upgrading, TenantStatus::Active),
        (TenantStatus::Active, TenantStatus::Suspended),
        (TenantStatus::Suspended, TenantStatus::Active),
        (TenantStatus::Active, TenantStatus::Offboarding),
        (TenantStatus::Suspended, TenantStatus::Offboarding),
        (TenantStatus::Offboarding, TenantStatus::Offboarded),
        (TenantStatus::Offboarded, TenantStatus::Purged),
    ];

    /// Whether a tenant in this state may move to `next`.
    pub fn may_become(self, next: TenantStatus) -> bool {
        Self::MOVES.contains(&(self, next))
    }

    /// The word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            TenantStatus::Registered => "registered",
            TenantStatus::Provisioning => "provisioning",
            TenantStatus::Active => "active",
            TenantStatus::Upgrading => "upgrading",
            TenantStatus::Suspended => "suspended",
            TenantStatus::Offboarding => "offboarding",
            TenantStatus::Offboarded => "offboarded",
            TenantStatus::Purged => "purged",
            TenantStatus::ProvisioningFailed => "provisioning_failed",
        }
    }

    /// The state that the word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == word)
    }
}

/// The record of a tenant: the row `METADATA` of its partition.
///
/// `generation` is the number of attempts begun so far; a write by a step is conditional on its own, so that an old
/// execution can never move a tenant backwards. `revision` counts writes and is the `ETag`. `sequence` is the
/// number of the last event; events have no holes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The id.
    pub tenant_id: TenantId,
    /// The display name.
    pub name: String,
    /// The name in addresses; unique.
    pub slug: String,
    /// What was bought: the name of a file in `schema/plans`.
    pub plan: String,
    /// How far it is kept apart.
    pub isolation: Isolation,
    /// Where its data lives.
    pub region: String,
    /// The cell that serves it, once placed.
    pub cell: Option<String>,
    /// The state.
    pub status: TenantStatus,
    /// Since when.
    pub status_since: Timestamp,
    /// The lifecycle operation that holds the tenant.
    pub operation_id: Option<OperationId>,
    /// Attempts begun so far.
    pub generation: u64,
    /// Writes so far.
    pub revision: u64,
    /// Events so far.
    pub sequence: u64,
    /// The first administrator's address.
    pub admin_email: String,
    /// The caller's own id; unique.
    pub external_id: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json() {
        for status in TenantStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(TenantStatus::parse(status.as_str()), Some(*status));
        }
        assert_eq!(TenantStatus::parse("Active"), None);
    }

    #[test]
    fn nothing_leaves_purged_and_every_other_state_is_left() {
        for from in TenantStatus::ALL {
            let leaves = TenantStatus::ALL.iter().any(|to| from.may_become(*to));
            assert_eq!(leaves, *from != TenantStatus::Purged, "{from:?}");
            assert!(!from.may_become(*from));
        }
    }
}
