//! The steps: one small file per step, and one const [`REGISTRY`].
//!
//! **Invariant:** a step sees only [`Ctx`]: never the environment, a socket or an SDK, and no clock or chance but
//! through it. It may run twice, be cut off anywhere and be replayed after a crash: the second run finds what the
//! first made, by deterministic names and conditional writes. Each file says why.

pub mod access;
mod call;
mod ctx;
pub mod error;
mod invoke;
mod progress;
pub mod registry;
mod resource;
mod run;
mod steps;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use call::{Call, Direction};
pub use ctx::{Ctx, RetryBound};
pub use error::StepError;
pub use invoke::invoke;
pub use progress::RUNNING_AFTER_MILLISECONDS;
pub use registry::{REGISTRY, Step, StepFn};
pub use run::Run;
