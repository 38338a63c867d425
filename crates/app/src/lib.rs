//! Use cases and workers over ports alone, the same in both homes.

pub mod http;
mod ports;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod usecases;
pub mod workers;

pub use ports::Ports;
