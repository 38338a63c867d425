//! Plans and cells: what was bought, and where it can run.

use super::Isolation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod load;
pub use load::CatalogueError;

/// Limits and features of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entitlements {
    /// Limits by name; a name ends in its unit. `null` is no limit.
    pub quotas: BTreeMap<String, Option<u64>>,
    /// Switched features.
    pub features: BTreeMap<String, bool>,
}

/// A plan: one file in `schema/plans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The name; the file's without its ending.
    pub name: String,
    /// For people.
    pub title: String,
    /// What a tenant may be given; the first is the default.
    pub isolations: Vec<Isolation>,
    /// How much of a cell one tenant takes, by isolation.
    pub capacity_units: BTreeMap<Isolation, u64>,
    /// Limits and features.
    pub entitlements: Entitlements,
}

/// A bounded slice that serves some tenants: one entry of `schema/cells.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cell {
    /// The name.
    pub name: String,
    /// The region.
    pub region: String,
    /// Isolations that it serves.
    pub isolations: Vec<Isolation>,
    /// How much it holds.
    pub capacity_units: u64,
}

/// Everything that is for sale, and where it can run. Built from `schema/` at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalogue {
    /// Plans by name.
    pub plans: BTreeMap<String, Plan>,
    /// Cells, in the order of preference.
    pub cells: Vec<Cell>,
    /// The region of a tenant whose sign-up names none.
    pub default_region: String,
}

impl Catalogue {
    /// The plan of that name.
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.get(name)
    }

    /// Whether any cell lies in `region`.
    pub fn has_region(&self, region: &str) -> bool {
        self.cells.iter().any(|cell| cell.region == region)
    }

    /// The regions, in the order of their first cell.
    pub fn regions(&self) -> Vec<&str> {
        let mut regions: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !regions.contains(&cell.region.as_str()) {
                regions.push(&cell.region);
            }
        }
        regions
    }
}
