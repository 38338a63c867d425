//! The ports and the journal on one machine: one SQLite file, one data folder, one process.

mod blobs;
mod data_keys;
mod error;
mod home;
mod key_cache;
pub mod lock;
mod seal;
pub mod store;
mod sweep;
mod system;
mod table;
mod vault;

pub use blobs::EmbeddedBlobs;
pub use data_keys::EmbeddedDataKeys;
pub use error::OpenError;
pub use home::{EmbeddedHome, HomeOptions};
pub use seal::MASTER_KEY_FILE;
pub use store::{Store, StoreOptions};
pub use sweep::Sweeper;
pub use system::{SystemClock, SystemIds};
pub use table::EmbeddedTable;
pub use vault::EmbeddedVault;
