//! Use cases and workers over ports alone, the same in both homes.

mod ports;
pub mod usecases;
pub mod workers;

pub use ports::Ports;
