//! The model test: generated machines run on the engine, which is killed now and then, and on the pure interpreter
//! alone. Under the same sequence of time and chance their histories must be the same.

mod chance;
mod generate;
mod run;

pub use generate::{Machine, machine};
pub use run::{Fault, Findings, check};
