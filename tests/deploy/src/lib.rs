//! The deployed stack under the emulator.

pub mod terraform;
