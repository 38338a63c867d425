//! The ports and the journal on one machine: one SQLite file, one data folder, one process.
//!
//! **Invariants.** All writes go through the one [`Store`], which answers only after COMMIT. Secrets, data keys and what
//! they seal lie on disk only sealed. Time and chance come from `tenantry-system`.

mod blobs;
mod bus;
mod cursor;
mod data_keys;
mod dead_letters;
mod documents;
mod error;
mod home;
mod journal;
pub mod lock;
mod queue;
mod seal;
pub mod store;
mod sweep;
mod table;
mod vault;

pub use blobs::EmbeddedBlobs;
pub use bus::EmbeddedBus;
pub use data_keys::EmbeddedDataKeys;
pub use dead_letters::EmbeddedDeadLetters;
pub use documents::EmbeddedDocuments;
pub use error::OpenError;
pub use home::{EmbeddedHome, HomeOptions};
pub use journal::EmbeddedJournal;
pub use queue::{EmbeddedQueue, EmbeddedQueues, QueueName};
pub use seal::MASTER_KEY_FILE;
pub use store::{Store, StoreOptions};
pub use sweep::Sweeper;
pub use table::EmbeddedTable;
pub use vault::EmbeddedVault;
