//! JSONata, as Step Functions has it.
//!
//! The interpreter is our own ([`engine`]): those that there are read the clock and chance by themselves, check their
//! limits by the clock and only between calls, and count no memory, so that one expression can take minutes and
//! gigabytes, or end the process. Here every evaluation has fuel and a budget of bytes, and gives the same twice.
//! Around it: what an expression may refer to ([`compile`]) and what is bound for it ([`evaluate`]).

mod analyse;
mod compile;
mod engine;
mod evaluate;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod suite;

pub(crate) use analyse::Needs;
pub(crate) use compile::{CompileError, compile};
pub(crate) use engine::ast::Node;
pub use evaluate::{JsonataEvaluator, Spent};

/// The bounds of every evaluation. The bytes are those that live at once by the engine's own count; with what it does
/// not count (compiled regular expressions, stack, what dates and pictures take) an evaluation stays below 64 MiB.
const LIMITS: engine::Limits =
    engine::Limits { fuel: 5_000_000, bytes: 48 * 1024 * 1024, depth: 3_000, sequence_length: 1_000_000 };

#[cfg(test)]
mod tests;
#[cfg(test)]
mod words;
