//! A history as Step Functions wrote it, rather than as the SDK's types hold it.
//!
//! The port's details are the API's own JSON. The SDK has a type for each of forty kinds of details and writes none of
//! them as JSON again; what a newer API adds would be lost on the way. The answer's text has it all.

use super::executions::damaged;
use super::redact::hide_tokens;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};
use tenantry_core::ports::{HistoryEvent, PortError};
use tenantry_core::{ExecutionId, Timestamp};

/// Keeps the text of the last answer to a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Body(Arc<Mutex<Vec<u8>>>);

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        Ok(())
    }
}

#[derive(Deserialize)]
struct Answer {
    events: Vec<Event>,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: u64,
    #[serde(default)]
    previous_event_id: u64,
    /// Seconds since the Unix epoch.
    timestamp: f64,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// The events that the answer holds.
pub(super) fn events(id: &ExecutionId, body: &Body) -> Result<Vec<HistoryEvent>, PortError> {
    let body = body.0.lock().unwrap_or_else(PoisonError::into_inner);
    read(&body).map_err(|error| damaged(format!("the history of {id}: {error}")))
}

fn read(body: &[u8]) -> Result<Vec<HistoryEvent>, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(answer.events.into_iter().map(HistoryEvent::from).collect())
}

impl From<Event> for HistoryEvent {
    fn from(event: Event) -> Self {
        let Event { id, previous_event_id, timestamp, event_type, mut details } = event;
        // Members that are not there stand as null in some answers.
        details.retain(|_, detail| !detail.is_null());
        let mut details = Value::Object(details);
        hide_tokens(&mut details);
        HistoryEvent {
            id,
            previous_id: previous_event_id,
            timestamp: Timestamp::from_millis((timestamp * 1_000.0).round() as i64),
            event_type,
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_keeps_what_the_api_gave() {
        let body = json!({"events": [
            {"id": 2, "previousEventId": 1, "timestamp": 1_700_000_000.007, "type": "PassStateEntered",
             "stateEnteredEventDetails": {"name": "P", "input": "{}", "inputDetails": {"truncated": false}}},
            {"id": 3, "timestamp": 1_700_000_001, "type": "Brandnew", "brandnewEventDetails": {"a": [1]}, "other": null},
        ]});
        let events = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(events[0].timestamp.as_millis(), 1_700_000_000_007);
        assert_eq!((events[0].id, events[0].previous_id), (2, 1));
        assert_eq!(
            events[0].details["stateEnteredEventDetails"]["inputDetails"],
            json!({"truncated": false})
        );
        assert_eq!((events[1].event_type.as_str(), events[1].previous_id), ("Brandnew", 0));
        assert_eq!(events[1].details, json!({"brandnewEventDetails": {"a": [1]}}));
        assert!(read(b"").is_err() && read(b"{}").is_err());
    }
}
