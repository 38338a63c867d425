//! The files beside the executions: patterns, the JSONata suite, definitions.

pub(crate) mod definitions;
pub(crate) mod jsonata;
pub(crate) mod patterns;
