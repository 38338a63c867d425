//! The names of the errors that the interpreter itself gives, and what it never catches.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>

/// Matches every error that may be caught.
pub const ALL: &str = "States.ALL";
/// Matches every task error but the timeouts.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A task or an execution took too long.
pub const TIMEOUT: &str = "States.Timeout";
/// A task gave no sign of life for too long.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// An expression failed, or gave what the field cannot take.
pub const QUERY_EVALUATION: &str = "States.QueryEvaluationError";
/// A payload is too large.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// More of a distributed Map's items failed than it tolerates.
pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
/// A distributed Map could not read its items.
pub const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// A distributed Map could not write its results.
pub const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
/// The execution cannot go on; never caught.
pub const RUNTIME: &str = "States.Runtime";
/// A ResultPath or an ItemsPath cannot be applied to the input. What AWS's documentation calls
/// `States.ResultPathMatchFailure`; this is what it gives.
pub const REFERENCE_PATH_CONFLICT: &str = "States.ReferencePathConflict";
/// An intrinsic function in a payload template cannot do what it is asked for.
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
