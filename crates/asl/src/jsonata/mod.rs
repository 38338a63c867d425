//! JSONata, as Step Functions has it, on `jsonata-core`.
//!
//! The library reads the clock and chance by itself, checks its limits only between calls, and may panic on odd
//! pictures. So [`compile`] rewrites each expression once ([`harden`]), [`evaluate`] binds only what it reads, replaces
//! the impure functions, bounds every value that grows, and turns a panic into an error.

mod analyse;
mod compile;
mod convert;
mod evaluate;
mod functions;
mod harden;

pub(crate) use analyse::Needs;
pub(crate) use compile::{CompileError, compile};
pub use evaluate::JsonataEvaluator;
pub(crate) use harden::RESERVED;

/// Largest value that an expression may build on its way, in bytes of its JSON: sixteen times the payload limit.
pub(crate) const INTERMEDIATE_BYTES_MAX: usize = 16 * crate::limits::PAYLOAD_BYTES_MAX;
/// Longest evaluation.
const EVALUATION_MS_MAX: u64 = 2_000;
/// Deepest nesting of calls.
const STACK_DEPTH_MAX: usize = 3_000;
/// Longest sequence that a query may give.
const SEQUENCE_LENGTH_MAX: usize = 100_000;

#[cfg(test)]
mod tests;
