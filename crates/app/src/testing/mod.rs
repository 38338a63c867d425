//! Small honest ports in memory, for tests of the use cases, the workers and the HTTP API.
//!
//! Honest: conditions, indexes, limits, expiry, receipts, visibility and dead letters behave as the ports' contracts
//! say; only crashes are left to the adapters' own tests. Compiled for tests and under the feature `testing`.

mod bus;
mod clock;
mod queue;
mod sealed;
mod table;
mod workflows;

pub use bus::MemoryBus;
pub use clock::{ManualClock, SequentialIds};
pub use queue::{MemoryDeadLetters, MemoryQueue};
pub use sealed::{MemoryBlobs, MemoryDataKeys, MemoryVault};
pub use table::MemoryTable;
pub use workflows::{MemoryTaskTokens, MemoryWorkflows};

use crate::Ports;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tenantry_core::model::{Catalogue, Cell, Entitlements, Isolation, Plan};
use tenantry_core::ports::Queues;

/// A poisoned lock only means that another test thread failed while it held it: the data is still good to read.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One home in memory: the ports, and each adapter itself for what the ports do not offer to tests.
#[derive(Clone)]
pub struct Memory {
    /// The table.
    pub table: Arc<MemoryTable>,
    /// The `operations` queue.
    pub operations: Arc<MemoryQueue>,
    /// The `integrations` queue.
    pub integrations: Arc<MemoryQueue>,
    /// The `webhooks` queue.
    pub webhooks: Arc<MemoryQueue>,
    /// The `execution-status` queue.
    pub execution_status: Arc<MemoryQueue>,
    /// The dead letters.
    pub dead_letters: Arc<MemoryDeadLetters>,
    /// The bus.
    pub bus: Arc<MemoryBus>,
    /// The state machines.
    pub workflows: Arc<MemoryWorkflows>,
    /// Answers to waiting tasks.
    pub task_tokens: Arc<MemoryTaskTokens>,
    /// System secrets.
    pub vault: Arc<MemoryVault>,
    /// Keys per tenant.
    pub data_keys: Arc<MemoryDataKeys>,
    /// Large objects.
    pub blobs: Arc<MemoryBlobs>,
    /// The clock; moved by hand.
    pub clock: Arc<ManualClock>,
    /// Ids and chance, the same in every run.
    pub ids: Arc<SequentialIds>,
    /// Plans and cells.
    pub catalogue: Arc<Catalogue>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty home at 2026-01-01T00:00:00Z with [`catalogue`].
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let ids = Arc::new(SequentialIds::new(clock.clone()));
        let dead_letters = Arc::new(MemoryDeadLetters::default());
        let queue = |name| Arc::new(MemoryQueue::new(name, clock.clone(), ids.clone(), dead_letters.clone()));
        let (operations, integrations) = (queue("operations"), queue("integrations"));
        let (webhooks, execution_status) = (queue("webhooks"), queue("execution-status"));
        Self {
            table: Arc::new(MemoryTable::new(clock.clone())),
            bus: Arc::new(MemoryBus::new(webhooks.clone())),
            workflows: Arc::new(MemoryWorkflows::new(clock.clone())),
            task_tokens: Arc::new(MemoryTaskTokens::default()),
            vault: Arc::new(MemoryVault::default()),
            data_keys: Arc::new(MemoryDataKeys::default()),
            blobs: Arc::new(MemoryBlobs::new(clock.clone())),
            catalogue: Arc::new(catalogue()),
            operations,
            integrations,
            webhooks,
            execution_status,
            dead_letters,
            clock,
            ids,
        }
    }

    /// The ports.
    pub fn ports(&self) -> Ports {
        Ports {
            table: self.table.clone(),
            queues: Queues {
                operations: self.operations.clone(),
                integrations: self.integrations.clone(),
                webhooks: self.webhooks.clone(),
                execution_status: self.execution_status.clone(),
            },
            dead_letters: self.dead_letters.clone(),
            bus: self.bus.clone(),
            workflows: self.workflows.clone(),
            task_tokens: self.task_tokens.clone(),
            vault: self.vault.clone(),
            data_keys: self.data_keys.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            catalogue: self.catalogue.clone(),
        }
    }
}

/// Two plans (`starter`: pool; `pro`: pool or bridge) and two cells in `eu-west-1`, one in `us-east-1`.
pub fn catalogue() -> Catalogue {
    let plan = |name: &str, isolations: &[Isolation]| Plan {
        name: name.to_owned(),
        title: name.to_uppercase(),
        isolations: isolations.to_vec(),
        capacity_units: isolations.iter().map(|isolation| (*isolation, 1)).collect(),
        entitlements: Entitlements {
            quotas: BTreeMap::from([("seats_max".to_owned(), Some(5))]),
            features: BTreeMap::from([("sso".to_owned(), name == "pro")]),
        },
    };
    let cell = |name: &str, region: &str| Cell {
        name: name.to_owned(),
        region: region.to_owned(),
        isolations: vec![Isolation::Pool, Isolation::Bridge],
        capacity_units: 100,
    };
    Catalogue {
        plans: [plan("starter", &[Isolation::Pool]), plan("pro", &[Isolation::Pool, Isolation::Bridge])]
            .into_iter()
            .map(|plan| (plan.name.clone(), plan))
            .collect(),
        cells: vec![cell("cell-1", "eu-west-1"), cell("cell-2", "eu-west-1"), cell("cell-3", "us-east-1")],
        default_region: "eu-west-1".to_owned(),
    }
}
