//! Step Functions' limits. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>

/// Largest input or output of a state, task or execution, in bytes of UTF-8.
pub const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Largest sum of the variables that one Assign sets, in bytes of UTF-8.
pub const ASSIGN_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;
/// Largest sum of the variables of one scope, in bytes of UTF-8.
pub const VARIABLES_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Most history events of one execution.
pub const HISTORY_EVENTS_MAX: u64 = 25_000;
/// Largest definition, in bytes.
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;
/// Longest state name, in characters.
pub const STATE_NAME_LENGTH_MAX: usize = 80;
/// Longest variable name, in characters.
pub const VARIABLE_NAME_LENGTH_MAX: usize = 80;
/// Most iterations of an inline Map that run at once, whatever it asks for.
pub const INLINE_MAP_CONCURRENCY_MAX: u64 = 40;
/// Most children of a Map Run that run at once, whatever it asks for. Ours: AWS runs 10,000, on more than one machine.
pub const MAP_RUN_CONCURRENCY_MAX: u64 = 1_000;
/// Most bytes that the results of a Map Run may have together, and most that the inputs of its running children have.
/// Ours: both are held in memory.
pub const MAP_RUN_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest that an Express execution runs.
pub const EXPRESS_SECONDS_MAX: u64 = 300;
/// Largest number of seconds in a definition.
pub const SECONDS_MAX: u64 = 99_999_999;
/// Deepest nesting of a payload. Ours, not AWS's: what is journaled must be readable again, and readers of JSON stop at
/// 128 levels, of which the journal's own rows take some.
pub const PAYLOAD_DEPTH_MAX: usize = 100;
