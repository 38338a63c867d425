//! The deployed stack under the emulator.
//!
//! **Invariants.** What is deployed is what is shipped: the release build of the bootstrap, and `terraform/` itself. The
//! stack is applied once per version of both, on an empty emulator; every case then gets an emulator of its own that
//! continues from a copy of that state, so that cases can break what they like. Nothing listens but on loopback.

pub mod aws;
pub mod build;
pub mod code;
pub mod contract;
pub mod inventory;
pub mod policies;
pub mod prepared;
pub mod report;
pub mod seeds;
pub mod serve;
pub mod stack;
pub mod terraform;
