//! The bus of this home, as EventBridge.

use super::LocalInvoker;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenantry_core::ports::{BusEvent, PortError};
use tenantry_core::{EventId, TenantId, Timestamp};
use tenantry_engine::{TaskFailure, TaskRequest};

/// Why an entry is not taken, in EventBridge's form.
struct Refused {
    code: &'static str,
    message: String,
}

impl Refused {
    fn argument(message: impl Into<String>) -> Self {
        Self { code: "InvalidArgument", message: message.into() }
    }
}

impl LocalInvoker {
    /// `events:putEvents`. Entries that are refused fail the task, as in Step Functions; the others are published.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html>
    pub(super) async fn put_events(&self, request: &TaskRequest) -> Result<Value, TaskFailure> {
        let Some(bus) = &self.bus else { return Err(unavailable("there is no bus")) };
        let entries = request.arguments.get("Entries").and_then(Value::as_array);
        let entries =
            entries.filter(|entries| (1..=10).contains(&entries.len())).ok_or_else(|| TaskFailure {
                error: "EventBridge.ValidationException".to_owned(),
                cause: Some("Entries must be an array of 1 to 10 entries.".to_owned()),
            })?;
        let now = self.steps.clock.now();
        let read: Vec<_> =
            entries.iter().enumerate().map(|(index, entry)| event(request, index, entry, now)).collect();
        let events = read.iter().filter_map(|read| read.as_ref().ok()).cloned().collect();
        bus.publish(events).await.map_err(|error| match error {
            PortError::Unavailable { .. } => unavailable(&error.to_string()),
            error => TaskFailure {
                error: "EventBridge.ValidationException".to_owned(),
                cause: Some(error.to_string()),
            },
        })?;
        let refused = read.iter().filter(|read| read.is_err()).count();
        let entries: Vec<_> = read
            .into_iter()
            .map(|read| match read {
                Ok(event) => json!({"EventId": event.event_id}),
                Err(Refused { code, message }) => json!({"ErrorCode": code, "ErrorMessage": message}),
            })
            .collect();
        let answer = json!({"Entries": entries, "FailedEntryCount": refused});
        if refused == 0 {
            return Ok(answer);
        }
        Err(TaskFailure { error: "EventBridge.FailedEntry".to_owned(), cause: Some(answer.to_string()) })
    }
}

fn unavailable(why: &str) -> TaskFailure {
    TaskFailure { error: "EventBridge.SdkClientException".to_owned(), cause: Some(why.to_owned()) }
}

/// An entry as an event of this bus, which carries tenants' events: its detail names the tenant. An envelope keeps its
/// own id; another event gets one that is the same when the task is dispatched again.
fn event(request: &TaskRequest, index: usize, entry: &Value, now: Timestamp) -> Result<BusEvent, Refused> {
    let text = |field: &str| {
        entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| {
            Refused::argument(format!(
                "Parameter {field} is not valid. Reason: {field} is a required argument."
            ))
        })
    };
    let (source, detail_type) = (text("Source")?, text("DetailType")?);
    let detail = match entry.get("Detail") {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(detail) => Some(detail.clone()),
        None => {
            return Err(Refused::argument(
                "Parameter Detail is not valid. Reason: Detail is a required argument.",
            ));
        }
    };
    let Some(detail @ Value::Object(_)) = detail else {
        return Err(Refused { code: "MalformedDetail", message: "Detail is malformed.".to_owned() });
    };
    let tenant_id: TenantId =
        detail.get("tenantId").and_then(Value::as_str).and_then(|id| id.parse().ok()).ok_or_else(|| {
            Refused::argument(
                "The bus of this home carries tenants' events: Detail.tenantId must be the id of a tenant.",
            )
        })?;
    let event_id = match detail.get("eventId").and_then(Value::as_str).map(str::parse::<EventId>) {
        Some(Ok(id)) => id,
        _ => event_id(request, index),
    };
    let occurred_at =
        detail.get("occurredAt").and_then(Value::as_str).and_then(Timestamp::parse).unwrap_or(now);
    Ok(BusEvent {
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        sequence: detail.get("sequence").and_then(Value::as_u64).unwrap_or(0),
        detail,
        event_id,
        tenant_id,
        occurred_at,
    })
}

fn event_id(request: &TaskRequest, index: usize) -> EventId {
    let mut hash = Sha256::new();
    hash.update(b"tenantry events:putEvents");
    hash.update(request.task.to_be_bytes());
    hash.update((index as u64).to_be_bytes());
    hash.update(request.execution.to_string());
    let hash = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    EventId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(entry: Value) -> Result<BusEvent, Refused> {
        let request = TaskRequest {
            execution: "m~x".parse().unwrap(),
            state: "S".to_owned(),
            task: 3,
            resource: "arn:aws:states:::events:putEvents".to_owned(),
            arguments: json!({}),
        };
        event(&request, 0, &entry, Timestamp::from_millis(5))
    }

    #[test]
    fn entries_are_read_or_refused_in_eventbridges_words() {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(7));
        let good = json!({"Source": "s", "DetailType": "T", "Detail": {"tenantId": tenant}});
        let (one, two) = (request(good.clone()).ok().unwrap(), request(good.clone()).ok().unwrap());
        assert_eq!(one, two);
        assert_eq!((one.sequence, one.occurred_at), (0, Timestamp::from_millis(5)));
        let mut as_text = good.clone();
        as_text["Detail"] = json!(good["Detail"].to_string());
        assert_eq!(request(as_text).ok(), Some(one));
        for (field, value, code) in [
            ("Source", json!(null), "InvalidArgument"),
            ("DetailType", json!(""), "InvalidArgument"),
            ("Detail", json!("{"), "MalformedDetail"),
            ("Detail", json!("text"), "MalformedDetail"),
            ("Detail", json!([1]), "MalformedDetail"),
            ("Detail", json!({"tenantId": "x"}), "InvalidArgument"),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert_eq!(request(bad).err().map(|refused| refused.code), Some(code), "{field}");
        }
    }
}
