//! One invocation: until when it may go on, who asked, and what may go wrong with it as a whole.

use super::trace::TraceHeader;
use lambda_runtime::{Context, Diagnostic};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::time::Duration;
use tenantry_core::{BoxFuture, Timestamp};

/// What is left of an invocation's time when its work is cut off: enough to write the answer.
const MARGIN: Duration = Duration::from_millis(500);

/// The error of an event that is not of the kind that the function takes.
pub(super) const MALFORMED: &str = "Event.Malformed";
/// The error of a function that cannot do its work now; the same event may succeed later.
pub(super) const UNAVAILABLE: &str = "Store.Unavailable";

/// One invocation.
pub(super) struct Invocation {
    /// Lambda's id of it.
    pub(super) request_id: String,
    /// Nothing is begun after this.
    pub(super) until: Timestamp,
    /// Where its subsegments belong, where it is traced.
    pub(super) trace: Option<TraceHeader>,
}

impl Invocation {
    pub(super) fn of(context: &Context) -> Self {
        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let margin = MARGIN.as_millis() as i64;
        Self {
            request_id: context.request_id.clone(),
            until: Timestamp::from_millis(deadline.saturating_sub(margin)),
            trace: context.xray_trace_id.as_deref().and_then(TraceHeader::parse),
        }
    }
}

/// What a function does with an event.
pub(super) trait Invoke: Send + Sync + 'static {
    /// Answers an event; an error is the whole invocation's.
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>>;
}

/// An error, by the name that a state machine's `ErrorEquals` sees; `message` holds no secret.
pub(super) fn failure(name: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: name.to_owned(), error_message: message.into() }
}

/// Reads the event as what the function takes.
pub(super) fn read<T: DeserializeOwned>(event: &RawValue, what: &str) -> Result<T, Diagnostic> {
    serde_json::from_str(event.get()).map_err(|error| {
        // Only the place: the words may quote the event, and that may hold a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        failure(MALFORMED, format!("the event is not {what} ({place}): check the function's trigger"))
    })
}

/// Writes the answer.
pub(super) fn answer<T: serde::Serialize>(value: &T) -> Result<Box<RawValue>, Diagnostic> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| failure("Tenantry.Internal", format!("the answer cannot be written: {error}")))
}
