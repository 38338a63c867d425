//! The contract suites of the ports. Each is generic over a factory that makes a fresh, empty adapter, and holds every
//! sentence of the port's documentation against it; both homes' own tests call them.

mod blobs;
mod bus;
mod clock;
mod data_keys;
mod dead_letters;
mod made;
mod messaging;
mod queue;
mod table;
mod vault;
mod workflows;

pub use blobs::blobs_suite;
pub use bus::bus_suite;
pub use clock::{ManualClock, Time};
pub use data_keys::data_keys_suite;
pub use dead_letters::dead_letters_suite;
pub use made::Made;
pub use messaging::{Delivery, Messaging};
pub use queue::queue_suite;
pub use table::{table_suite, table_tokens_suite};
pub use vault::vault_suite;
pub use workflows::{PASSING, StateMachines, WAITING, workflow_definition, workflows_suite};
