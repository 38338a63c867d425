//! A whole definition, run from the command line with mocks: the same interpreter, with time that passes at once and
//! tasks that answer what a file says.

mod drive;
pub mod mocks;

pub use drive::{DryRun, Ended, Unmocked, dry_run};
