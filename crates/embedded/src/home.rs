//! One data folder, opened: all that this crate implements, wired to one store.

use crate::OpenError;
use crate::blobs::EmbeddedBlobs;
use crate::bus::EmbeddedBus;
use crate::data_keys::EmbeddedDataKeys;
use crate::dead_letters::EmbeddedDeadLetters;
use crate::documents::EmbeddedDocuments;
use crate::journal::EmbeddedJournal;
use crate::lock::DataFolder;
use crate::queue::EmbeddedQueues;
use crate::seal;
use crate::store::{Store, StoreOptions};
use crate::sweep::Sweeper;
use crate::table::EmbeddedTable;
use crate::vault::EmbeddedVault;
use std::path::Path;
use std::sync::Arc;
use tenantry_core::ports::{Clock, Ids};
use tenantry_system::{SystemClock, SystemIds};

/// How a home is opened. The default is what `serve` uses; tests put in a clock of their own.
#[derive(Clone, Default)]
pub struct HomeOptions {
    /// The store's sizes.
    pub store: StoreOptions,
    /// The clock; the system's where `None`.
    pub clock: Option<Arc<dyn Clock>>,
    /// Ids and chance; the system's where `None`.
    pub ids: Option<Arc<dyn Ids>>,
    /// For tests: index reads lag so many commits behind.
    pub stale_index_commits: Option<usize>,
}

/// The ports of one machine. Cheap to clone; the data folder is held until the last clone, and every part of it, is
/// dropped.
#[derive(Clone)]
pub struct EmbeddedHome {
    /// The store that all of them share.
    pub store: Store,
    /// The table.
    pub table: Arc<EmbeddedTable>,
    /// The vault.
    pub vault: Arc<EmbeddedVault>,
    /// Keys per tenant.
    pub data_keys: Arc<EmbeddedDataKeys>,
    /// Large objects.
    pub blobs: Arc<EmbeddedBlobs>,
    /// The queues.
    pub queues: EmbeddedQueues,
    /// The dead letters of all queues.
    pub dead_letters: EmbeddedDeadLetters,
    /// The bus.
    pub bus: EmbeddedBus,
    /// The registry's documents.
    pub documents: EmbeddedDocuments,
    /// The engine's journal.
    pub journal: EmbeddedJournal,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
}

impl EmbeddedHome {
    /// Takes the data folder and opens everything in it; makes what is missing at a first start.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(dir: &Path, options: HomeOptions) -> Result<Self, OpenError> {
        let clock = options.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids: Arc<dyn Ids> = match options.ids {
            Some(ids) => ids,
            None => Arc::new(SystemIds::new()?),
        };
        let folder = DataFolder::take(dir)?;
        // Before the database: a key is only ever made where there is nothing yet that another one sealed.
        let master = seal::master_key(&folder, &*ids)?;
        let store = Store::open_in(folder, options.store)?;
        seal::check_master_key(&store, &master, &*ids)?;
        let table = match options.stale_index_commits {
            None => EmbeddedTable::open(store.clone(), Arc::clone(&clock))?,
            Some(lag) => EmbeddedTable::open_with_stale_indexes(store.clone(), Arc::clone(&clock), lag)?,
        };
        let data_keys = EmbeddedDataKeys::open(store.clone(), master.clone(), Arc::clone(&ids))?;
        let queues =
            EmbeddedQueues::open(store.clone(), master.clone(), Arc::clone(&clock), Arc::clone(&ids))?;
        Ok(Self {
            dead_letters: EmbeddedDeadLetters::new(queues.clone()),
            documents: EmbeddedDocuments::open(store.clone())?,
            bus: EmbeddedBus::open(queues.clone())?,
            journal: EmbeddedJournal::open(queues.clone(), data_keys.clone())?,
            queues,
            table: Arc::new(table),
            vault: Arc::new(EmbeddedVault::open(store.clone(), master, Arc::clone(&ids))?),
            data_keys: Arc::new(data_keys),
            blobs: Arc::new(EmbeddedBlobs::open(store.folder())?),
            store,
            clock,
            ids,
        })
    }

    /// What deletes expired rows; its [`Sweeper::run`] is one of the workers.
    pub fn sweeper(&self) -> Sweeper {
        Sweeper::new(self.store.clone(), Arc::clone(&self.clock))
    }
}
