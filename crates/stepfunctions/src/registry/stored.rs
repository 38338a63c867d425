//! The registry's documents: one for a machine, one for each of its versions and aliases, one for an activity.

use super::model::{
    Activity, Alias, Encryption, Kind, Logging, Machine, PastRevision, Revision, Tags, Version,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tenantry_asl::Definition;
use tenantry_core::Timestamp;
use tenantry_engine::Document;

/// Why what was stored cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRegistry {
    /// It is not what was written.
    #[error(
        "the document {key} of the state machines' registry is damaged: {message}; restore the data folder from a backup"
    )]
    Document {
        /// Which.
        key: String,
        /// What is wrong.
        message: String,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredRevision {
    id: Option<String>,
    definition: String,
    role_arn: String,
    logging: Logging,
    tracing: bool,
    encryption: Encryption,
    updated_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct StoredMachine {
    name: String,
    kind: Kind,
    created_at: Timestamp,
    deleting: bool,
    current: StoredRevision,
    past: Vec<PastRevision>,
    last_version: u64,
    tags: Tags,
    created_with: (bool, Option<String>),
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    machine: String,
    number: u64,
    description: Option<String>,
    created_at: Timestamp,
    revision: StoredRevision,
}

#[derive(Serialize, Deserialize)]
struct StoredAlias {
    machine: String,
    alias: Alias,
}

/// A document to write; `None` deletes it.
pub(super) type Write = (String, Option<String>);

// '/' is in no name, so that no key is another's prefix.
pub(super) fn machine_key(name: &str) -> String {
    format!("machine/{name}")
}

pub(super) fn version_key(machine: &str, number: u64) -> String {
    format!("version/{machine}/{number}")
}

pub(super) fn alias_key(machine: &str, alias: &str) -> String {
    format!("alias/{machine}/{alias}")
}

pub(super) fn activity_key(name: &str) -> String {
    format!("activity/{name}")
}

fn text(value: &impl Serialize) -> Option<String> {
    Some(serde_json::to_string(value).expect("names, numbers and texts are JSON"))
}

impl StoredRevision {
    fn of(revision: &Revision) -> Self {
        Self {
            id: revision.id.clone(),
            definition: revision.definition.text().to_owned(),
            role_arn: revision.role_arn.clone(),
            logging: revision.logging.clone(),
            tracing: revision.tracing,
            encryption: revision.encryption.clone(),
            updated_at: revision.updated_at,
        }
    }
}

/// The machine's own document: not its versions and aliases.
pub(super) fn machine(machine: &Machine) -> Write {
    let stored = StoredMachine {
        name: machine.name.clone(),
        kind: machine.kind,
        created_at: machine.created_at,
        deleting: machine.deleting,
        current: StoredRevision::of(&machine.current),
        past: machine.past.clone(),
        last_version: machine.last_version,
        tags: machine.tags.clone(),
        created_with: machine.created_with.clone(),
    };
    (machine_key(&machine.name), text(&stored))
}

pub(super) fn version(machine: &str, version: &Version) -> Write {
    let stored = StoredVersion {
        machine: machine.to_owned(),
        number: version.number,
        description: version.description.clone(),
        created_at: version.created_at,
        revision: StoredRevision::of(&version.revision),
    };
    (version_key(machine, version.number), text(&stored))
}

pub(super) fn alias(machine: &str, alias: &Alias) -> Write {
    let stored = StoredAlias { machine: machine.to_owned(), alias: alias.clone() };
    (alias_key(machine, &alias.name), text(&stored))
}

pub(super) fn activity(activity: &Activity) -> Write {
    (activity_key(&activity.name), text(activity))
}

/// Everything that is a machine's.
pub(super) fn delete_machine(machine: &Machine) -> Vec<Write> {
    let name = &machine.name;
    let versions = machine.versions.keys().map(|number| (version_key(name, *number), None));
    let aliases = machine.aliases.keys().map(|alias| (alias_key(name, alias), None));
    std::iter::once((machine_key(name), None)).chain(versions).chain(aliases).collect()
}

/// Texts that were parsed already: versions mostly share theirs with the machine.
#[derive(Default)]
struct Parsed(HashMap<String, Arc<Definition>>);

impl Parsed {
    fn revision(&mut self, key: &str, stored: StoredRevision) -> Result<Revision, DamagedRegistry> {
        let definition = match self.0.get(&stored.definition) {
            Some(known) => Arc::clone(known),
            None => {
                let parsed = tenantry_asl::parse(&stored.definition).map_err(|faults| {
                    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
                    damaged(key, faults.join("; "))
                })?;
                let parsed = Arc::new(parsed);
                self.0.insert(stored.definition, Arc::clone(&parsed));
                parsed
            }
        };
        Ok(Revision {
            id: stored.id,
            definition,
            role_arn: stored.role_arn,
            logging: stored.logging,
            tracing: stored.tracing,
            encryption: stored.encryption,
            updated_at: stored.updated_at,
        })
    }
}

fn damaged(key: &str, message: impl ToString) -> DamagedRegistry {
    DamagedRegistry::Document { key: key.to_owned(), message: message.to_string() }
}

fn read<T: for<'de> Deserialize<'de>>(document: &Document) -> Result<T, DamagedRegistry> {
    serde_json::from_str(&document.body).map_err(|error| damaged(&document.key, error))
}

/// What all documents say.
pub(super) struct Loaded {
    pub(super) machines: BTreeMap<String, Machine>,
    pub(super) activities: BTreeMap<String, Activity>,
}

/// Reads all documents.
pub(super) fn load(documents: &[Document]) -> Result<Loaded, DamagedRegistry> {
    let mut parsed = Parsed::default();
    let mut machines = BTreeMap::new();
    let mut activities = BTreeMap::new();
    let kind = |document: &Document| document.key.split('/').next().unwrap_or_default().to_owned();
    for document in documents.iter().filter(|document| kind(document) == "machine") {
        let stored: StoredMachine = read(document)?;
        let machine = Machine {
            name: stored.name.clone(),
            kind: stored.kind,
            created_at: stored.created_at,
            deleting: stored.deleting,
            built_in: false,
            current: parsed.revision(&document.key, stored.current)?,
            past: stored.past,
            last_version: stored.last_version,
            versions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            tags: stored.tags,
            created_with: stored.created_with,
        };
        machines.insert(stored.name, machine);
    }
    for document in documents {
        let machine = |name: &str, machines: &mut BTreeMap<String, Machine>| {
            machines.remove(name).ok_or_else(|| damaged(&document.key, "its state machine is not there"))
        };
        match kind(document).as_str() {
            "version" => {
                let stored: StoredVersion = read(document)?;
                let mut owner = machine(&stored.machine, &mut machines)?;
                let version = Version {
                    number: stored.number,
                    description: stored.description,
                    created_at: stored.created_at,
                    revision: parsed.revision(&document.key, stored.revision)?,
                };
                owner.versions.insert(version.number, Arc::new(version));
                machines.insert(stored.machine, owner);
            }
            "alias" => {
                let stored: StoredAlias = read(document)?;
                let mut owner = machine(&stored.machine, &mut machines)?;
                owner.aliases.insert(stored.alias.name.clone(), stored.alias);
                machines.insert(stored.machine, owner);
            }
            "activity" => {
                let stored: Activity = read(document)?;
                activities.insert(stored.name.clone(), stored);
            }
            "machine" => {}
            _ => return Err(damaged(&document.key, "nothing of this kind is known")),
        }
    }
    Ok(Loaded { machines, activities })
}
