//! What goes on by itself: one file per worker, over ports alone.
//!
//! Every worker is **level-triggered**: a message, a wake-up or a timer says *look*, and what is done follows from the
//! rows. Each is a core that handles one item or one round, and may be cut off anywhere and run again; and a thin loop
//! around it, which the AWS home replaces by its own triggers.

pub mod batch;
pub mod consume;
mod error;
pub mod execution_status;
pub mod integrations;
mod periodic;
pub mod reconciler;
pub mod relay;
mod rows;
mod schedule;
mod settings;
mod shutdown;
mod signing;
mod slots;
mod spawn;
pub mod start;
mod status;
pub mod sweeper;
pub mod webhooks;

#[cfg(test)]
mod tests;

pub use error::WorkerError;
pub use schedule::RetrySchedule;
pub use settings::WorkerSettings;
pub use shutdown::Shutdown;
pub use spawn::{Wakes, WorkerHandles, spawn_all};
pub use status::{WorkerFailure, WorkerSnapshot, WorkerStatus};
