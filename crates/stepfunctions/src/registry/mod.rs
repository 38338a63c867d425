//! The registry: state machines with their versions and aliases, and activities. In memory, written through to
//! [`Documents`].
//!
//! **Invariant:** a change is visible only once it is durable.
//! **Invariant:** changes are decided one after the other, each upon what the one before left.

mod endings;
mod model;
mod resolve;
mod stored;

pub(crate) use endings::Endings;
pub(crate) use model::{
    Activity, Alias, Encryption, Kind, Machine, PastRevision, Revision, Route, Tags, Version,
};
pub use model::{LogLevel, Logging};
pub use stored::DamagedRegistry;

use crate::ApiError;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tenantry_asl::Definition;
use tenantry_core::ports::{Clock, Ids, PortError};
use tenantry_core::{Realm, Timestamp};
use tenantry_engine::Documents;

/// Why the registry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// What is stored is not what was written.
    #[error(transparent)]
    Damaged(#[from] DamagedRegistry),
    /// The store does not answer.
    #[error("the state machines' registry cannot be read: {0}")]
    Port(#[from] PortError),
}

/// The registry. Clones are the same one.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    documents: Arc<dyn Documents>,
    realm: Realm,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    state: RwLock<State>,
    /// Executions that have ended and are to be logged.
    endings: Endings,
    /// Held from a decision until it is durable and visible.
    deciding: tokio::sync::Mutex<()>,
}

/// All that is registered.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) machines: BTreeMap<String, Arc<Machine>>,
    pub(crate) activities: BTreeMap<String, Arc<Activity>>,
}

/// What a decision changes.
pub(crate) enum Edit {
    /// Nothing.
    Nothing,
    /// A machine is now as given; of its versions and aliases those that are named are written too.
    Machine(Box<MachineEdit>),
    /// A machine goes, with all that is its.
    DropMachine(String),
    /// An activity is now as given.
    Activity(Activity),
    /// An activity goes.
    DropActivity(String),
}

/// A machine as it is to be.
pub(crate) struct MachineEdit {
    pub(crate) machine: Machine,
    pub(crate) versions: Vec<u64>,
    pub(crate) aliases: Vec<String>,
}

impl MachineEdit {
    /// The machine itself, and none of its versions and aliases.
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, versions: Vec::new(), aliases: Vec::new() }
    }

    fn writes(&self) -> Vec<stored::Write> {
        let Machine { name, versions, aliases, .. } = &self.machine;
        let versions = self.versions.iter().map(|number| match versions.get(number) {
            Some(version) => stored::version(name, version),
            None => (stored::version_key(name, *number), None),
        });
        let aliases = self.aliases.iter().map(|alias| match aliases.get(alias) {
            Some(alias) => stored::alias(name, alias),
            None => (stored::alias_key(name, alias), None),
        });
        std::iter::once(stored::machine(&self.machine)).chain(versions).chain(aliases).collect()
    }
}

impl From<MachineEdit> for Edit {
    fn from(edit: MachineEdit) -> Self {
        Self::Machine(Box::new(edit))
    }
}

impl Registry {
    /// Reads everything from `documents`.
    ///
    /// # Errors
    /// The store does not answer, or holds what was not written by this.
    pub async fn open(
        documents: Arc<dyn Documents>,
        realm: Realm,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, RegistryError> {
        let stored::Loaded { machines, activities } = stored::load(&documents.all().await?)?;
        let machines = machines.into_iter().map(|(name, machine)| (name, Arc::new(machine))).collect();
        let activities = activities.into_iter().map(|(name, activity)| (name, Arc::new(activity))).collect();
        let state = RwLock::new(State { machines, activities });
        let (deciding, endings) = (tokio::sync::Mutex::default(), Endings::default());
        Ok(Self(Arc::new(Inner { documents, realm, clock, ids, state, endings, deciding })))
    }

    /// Shows workflows that come with the server as state machines, too; they cannot be changed over the wire. One that
    /// was registered under the same name is hidden by it.
    pub fn adopt(&self, workflows: Vec<(String, Arc<Definition>)>) {
        let now = self.0.clock.now();
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        for (name, definition) in workflows {
            if state.machines.get(&name).is_some_and(|known| !known.built_in) {
                tracing::warn!(
                    state_machine = name,
                    "a state machine of this name was registered; the built-in workflow hides it"
                );
            }
            let machine = Machine {
                name: name.clone(),
                kind: Kind::Standard,
                created_at: now,
                deleting: false,
                built_in: true,
                current: Revision {
                    id: None,
                    definition,
                    role_arn: self.built_in_role(),
                    logging: Logging::default(),
                    tracing: false,
                    encryption: Encryption::default(),
                    updated_at: now,
                },
                past: Vec::new(),
                last_version: 0,
                versions: BTreeMap::new(),
                aliases: BTreeMap::new(),
                tags: Tags::new(),
                created_with: (false, None),
            };
            state.machines.insert(name, Arc::new(machine));
        }
    }

    /// DescribeStateMachine must show a role, and these need none.
    fn built_in_role(&self) -> String {
        let Realm { partition, account, .. } = &self.0.realm;
        format!("arn:{partition}:iam::{account}:role/tenantry")
    }

    /// Where everything in it lives.
    pub fn realm(&self) -> &Realm {
        &self.0.realm
    }

    pub(crate) fn endings(&self) -> &Endings {
        &self.0.endings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Returns after `duration` of the registry's clock.
    pub(crate) async fn pause(&self, duration: Duration) {
        let until = self.now().saturating_add(duration);
        self.0.clock.sleep_until(until).await;
    }

    /// What chance grows from.
    pub(crate) fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.ids.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A fresh UUID, as text.
    pub(crate) fn uuid(&self) -> String {
        self.0.ids.next().to_string()
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine of an ARN without its version or alias.
    pub(crate) fn machine(&self, name: &str) -> Option<Arc<Machine>> {
        self.state().machines.get(name).cloned()
    }

    /// The activity of this name.
    pub(crate) fn activity(&self, name: &str) -> Option<Arc<Activity>> {
        self.state().activities.get(name).cloned()
    }

    /// Decides upon what is there, makes that durable, then visible.
    ///
    /// # Errors
    /// What `decide` refuses with; or the store's.
    pub(crate) async fn change<T>(
        &self,
        decide: impl FnOnce(&State) -> Result<(Edit, T), ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _deciding = self.0.deciding.lock().await;
        let (edit, answer, writes) = {
            let state = self.state();
            let (edit, answer) = decide(&state)?;
            let writes = match &edit {
                Edit::Nothing => Vec::new(),
                Edit::Machine(edit) => edit.writes(),
                Edit::DropMachine(name) => state
                    .machines
                    .get(name)
                    .map(|machine| stored::delete_machine(machine))
                    .unwrap_or_default(),
                Edit::Activity(activity) => vec![stored::activity(activity)],
                Edit::DropActivity(name) => vec![(stored::activity_key(name), None)],
            };
            (edit, answer, writes)
        };
        if !writes.is_empty() {
            self.0.documents.commit(writes).await?;
        }
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        match edit {
            Edit::Nothing => {}
            Edit::Machine(edit) => {
                state.machines.insert(edit.machine.name.clone(), Arc::new(edit.machine));
            }
            Edit::DropMachine(name) => {
                state.machines.remove(&name);
            }
            Edit::Activity(activity) => {
                state.activities.insert(activity.name.clone(), Arc::new(activity));
            }
            Edit::DropActivity(name) => {
                state.activities.remove(&name);
            }
        }
        Ok(answer)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Registry")
            .field("machines", &state.machines.len())
            .field("activities", &state.activities.len())
            .finish_non_exhaustive()
    }
}
