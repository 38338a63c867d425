//! Reads plans and cells, and refuses what could never be sold or placed, at start and not at a customer's sign-up.

use super::{Catalogue, Cell, Plan};
use crate::model::Isolation;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a quota's name may end in.
const QUOTA_UNITS: [&str; 9] =
    ["Count", "Bytes", "Milliseconds", "Seconds", "Days", "PerSecond", "PerMinute", "PerDay", "PerMonth"];

/// Longest name of a plan, a cell or a region, in characters.
const NAME_LENGTH_MAX: usize = 63;

/// Why plans and cells cannot be used. Each says which file or entry, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Not the JSON that it should be.
    #[error("{file}: {message} (line {line}, column {column})")]
    Malformed {
        /// `schema/cells.json`, or which plan.
        file: String,
        /// What is wrong.
        message: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Well formed, but it cannot be meant.
    #[error("{place}: {message}")]
    Invalid {
        /// The plan, the cell, or the file.
        place: String,
        /// What is wrong and what to change.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CellsFile {
    default_region: String,
    cells: Vec<Cell>,
}

impl Catalogue {
    /// Reads the text of `schema/cells.json` (`{defaultRegion, cells: […]}`) and of each file in `schema/plans`.
    ///
    /// # Errors
    /// The first thing that is malformed, doubled, empty, or that could never be placed.
    pub fn from_json(cells: &str, plans: &[&str]) -> Result<Self, CatalogueError> {
        let file: CellsFile = read("schema/cells.json", cells)?;
        let mut catalogue =
            Catalogue { plans: BTreeMap::new(), cells: file.cells, default_region: file.default_region };
        for (place, text) in plans.iter().enumerate() {
            let plan: Plan = read(&format!("plan {} of {}", place + 1, plans.len()), text)?;
            if let Some(twin) = catalogue.plans.insert(plan.name.clone(), plan) {
                return invalid(format!("plan {}", twin.name), "the name stands in two plan files");
            }
        }
        catalogue.validate()?;
        Ok(catalogue)
    }

    fn validate(&self) -> Result<(), CatalogueError> {
        let mut names = BTreeSet::new();
        for cell in &self.cells {
            let place = format!("cell {:?}", cell.name);
            name_is_plain(&place, &cell.name)?;
            name_is_plain(&place, &cell.region)?;
            isolations_are_a_set(&place, &cell.isolations)?;
            units_fit(&place, cell.capacity_units)?;
            if !names.insert(&cell.name) {
                return invalid(place, "the name stands in two entries; each cell has its own");
            }
        }
        if !self.has_region(&self.default_region) {
            let message = format!("defaultRegion is {:?}, where no cell lies", self.default_region);
            return invalid("schema/cells.json", message);
        }
        if self.plans.is_empty() {
            return invalid("schema/plans", "there is no plan; a tenant needs one");
        }
        self.plans.values().try_for_each(|plan| self.validate_plan(plan))
    }

    fn validate_plan(&self, plan: &Plan) -> Result<(), CatalogueError> {
        let place = format!("plan {:?}", plan.name);
        name_is_plain(&place, &plan.name)?;
        isolations_are_a_set(&place, &plan.isolations)?;
        for isolation in &plan.isolations {
            let word = isolation.as_str();
            let Some(units) = plan.capacity_units.get(isolation) else {
                return invalid(place, format!("capacityUnits does not say what one {word} tenant takes"));
            };
            units_fit(&place, *units)?;
            let fits = |cell: &Cell| cell.isolations.contains(isolation) && cell.capacity_units >= *units;
            if !self.cells.iter().any(fits) {
                let message =
                    format!("no cell serves {word} and holds {units} units; add one, or drop {word}");
                return invalid(place, message);
            }
        }
        if let Some(extra) = plan.capacity_units.keys().find(|one| !plan.isolations.contains(one)) {
            let message = format!("capacityUnits names {}, which isolations does not", extra.as_str());
            return invalid(place, message);
        }
        let unitless = |name: &&String| !QUOTA_UNITS.iter().any(|unit| name.ends_with(unit));
        if let Some(name) = plan.entitlements.quotas.keys().find(unitless) {
            let message =
                format!("the quota {name:?} must end in its unit, one of {}", QUOTA_UNITS.join(", "));
            return invalid(place, message);
        }
        Ok(())
    }
}

fn read<'a, T: Deserialize<'a>>(file: &str, text: &'a str) -> Result<T, CatalogueError> {
    serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        // serde_json ends its sentence with the place, which has fields of its own here.
        let message = full.rfind(" at line ").map_or(full.as_str(), |end| &full[..end]).to_owned();
        CatalogueError::Malformed {
            file: file.to_owned(),
            message,
            line: error.line(),
            column: error.column(),
        }
    })
}

fn invalid<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, CatalogueError> {
    Err(CatalogueError::Invalid { place: place.into(), message: message.into() })
}

fn name_is_plain(place: &str, name: &str) -> Result<(), CatalogueError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let rule = format!("1 to {NAME_LENGTH_MAX} lower-case letters, digits, hyphens or underscores");
    invalid(place, format!("{name:?} is not a name of {rule}"))
}

fn isolations_are_a_set(place: &str, isolations: &[Isolation]) -> Result<(), CatalogueError> {
    let distinct: BTreeSet<_> = isolations.iter().collect();
    if isolations.is_empty() {
        return invalid(place, "isolations is empty; name at least one of pool, bridge, silo");
    }
    if distinct.len() != isolations.len() {
        return invalid(place, "isolations names one twice");
    }
    Ok(())
}

fn units_fit(place: &str, units: u64) -> Result<(), CatalogueError> {
    // The table counts in signed numbers, and adding two of these must not overflow.
    if (1..=u64::from(u32::MAX)).contains(&units) {
        return Ok(());
    }
    invalid(place, format!("capacityUnits is {units}; it must be from 1 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELLS: &str = r#"{"defaultRegion": "eu", "cells": [
        {"name": "a", "region": "eu", "isolations": ["pool"], "capacityUnits": 10},
        {"name": "b", "region": "us", "isolations": ["pool", "silo"], "capacityUnits": 100}]}"#;
    const PLAN: &str = r#"{"name": "free", "title": "Free", "isolations": ["pool"], "capacityUnits": {"pool": 1},
        "entitlements": {"quotas": {"userCount": 3, "storageBytes": null}, "features": {"sso": false}}}"#;

    #[test]
    fn reads_what_is_right() {
        let catalogue = Catalogue::from_json(CELLS, &[PLAN]).unwrap();
        assert_eq!(catalogue.regions(), ["eu", "us"]);
        assert_eq!(catalogue.plan("free").unwrap().capacity_units[&Isolation::Pool], 1);
    }

    #[test]
    fn each_fault_is_named() {
        let cases = [
            (CELLS.replace("\"name\": \"b\"", "\"name\": \"a\""), PLAN.to_owned(), "stands in two entries"),
            (
                CELLS.replace("\"defaultRegion\": \"eu\"", "\"defaultRegion\": \"asia\""),
                PLAN.to_owned(),
                "asia",
            ),
            (CELLS.replace(", \"capacityUnits\": 10}", "}"), PLAN.to_owned(), "line 2"),
            (CELLS.replace("\"capacityUnits\": 10}", "\"capacityUnits\": 0}"), PLAN.to_owned(), "from 1 to"),
            (CELLS.replace("[\"pool\"]", "[]"), PLAN.to_owned(), "isolations is empty"),
            (CELLS.replace("\"name\": \"a\"", "\"name\": \"A b\""), PLAN.to_owned(), "not a name"),
            (CELLS.replace("\"name\": \"a\"", "\"nom\": \"a\""), PLAN.to_owned(), "schema/cells.json"),
            (CELLS.to_owned(), PLAN.replace("{\"pool\": 1}", "{}"), "one pool tenant takes"),
            (CELLS.to_owned(), PLAN.replace("\"pool\": 1}", "\"pool\": 101}"), "no cell serves pool"),
            (CELLS.to_owned(), PLAN.replace("\"pool\": 1}", "\"pool\": 1, \"silo\": 1}"), "names silo"),
            (CELLS.to_owned(), PLAN.replace("[\"pool\"]", "[\"pool\", \"pool\"]"), "twice"),
            (CELLS.to_owned(), PLAN.replace("userCount", "users"), "must end in its unit"),
            (CELLS.to_owned(), PLAN.replace("\"title\"", "\"titel\""), "plan 1 of 1"),
        ];
        for (cells, plan, expected) in cases {
            let message = Catalogue::from_json(&cells, &[&plan]).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} should contain {expected:?}");
        }
        assert!(Catalogue::from_json(CELLS, &[]).is_err());
        let twice = Catalogue::from_json(CELLS, &[PLAN, PLAN]).unwrap_err().to_string();
        assert!(twice.contains("two plan files"), "{twice}");
    }
}
