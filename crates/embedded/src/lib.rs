//! The ports and the journal on one machine: one SQLite file, one data folder, one process.

mod error;
pub mod lock;
pub mod store;

pub use error::OpenError;
pub use store::{Store, StoreOptions};
