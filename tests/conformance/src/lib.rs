//! The conformance runner: recorded behaviour of AWS against this product, in process and on a simulated clock.
//!
//! # How to use it
//!
//! ```text
//! cargo run --release --example conformance -- FILE...                    figures, failures, skips
//! cargo run --release --example conformance -- FILE --only 'jsonata'      only the cases whose name matches
//! cargo run --release --example conformance -- FILE --verbose NAME        one case: expected and found, whole
//! cargo run --release --example conformance -- FILE --json                everything, for machines
//! cargo run --release --example conformance -- FILE --record              writes the floor anew
//! ```
//!
//! `cargo run -p tenantry-conformance -- FILE...` is the same without the rest of the product, and builds quicker.
//!
//! A file's format is told by its fields. The columns: `result` (status and output; for calls the whole answer),
//! `types` (event types in order), `details` (every event), `code` and `words` (of errors). The exit code is 1 where a
//! file that the floor (`floor.json`) knows falls behind it: a count is lower, or a case fails that is no known failure.
//!
//! `tests/recorded.rs` does the same over the folder that `TENANTRY_CONFORMANCE` names, or `../shared/conformance`
//! beside the checkout. The recordings themselves are no part of this repository.
//!
//! Each case gets a fresh world: journal, clock, ids, Lambda functions, queues. A case that panics or hangs fails alone.

mod asl;
pub mod command;
pub mod compare;
pub mod file;
pub mod floor;
pub mod model;
pub mod outcome;
pub mod pure;
pub mod report;
pub mod runner;
mod stage;
mod suites;
pub mod world;

pub use file::{CaseFile, FileError};
pub use floor::Floor;
pub use report::FileReport;
pub use runner::{Options, run};
