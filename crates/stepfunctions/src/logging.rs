//! Execution logs: what a state machine's `loggingConfiguration` makes of a history.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>

use crate::registry::{LogLevel, Logging};
use serde_json::{Map, Value, json};
use tenantry_core::ports::HistoryEvent;

/// Members of an event's details that hold what an execution works on.
pub(crate) const EXECUTION_DATA: &[&str] = &[
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// An event as it is logged: `{id, type, details, previous_event_id, event_timestamp, execution_arn, redrive_count}`, all
/// but `details` as text, as CloudWatch Logs shows them. `None` where the level leaves it out.
pub fn entry(
    logging: &Logging,
    event: &HistoryEvent,
    execution_arn: &str,
    redrive_count: u32,
) -> Option<Value> {
    if !is_logged(logging.level, &event.event_type) {
        return None;
    }
    Some(json!({
        "id": event.id.to_string(),
        "type": event.event_type,
        "details": details(event, logging.include_execution_data),
        "previous_event_id": event.previous_id.to_string(),
        "event_timestamp": event.timestamp.as_millis().to_string(),
        "execution_arn": execution_arn,
        "redrive_count": redrive_count.to_string(),
    }))
}

/// What a history's events are logged as, in order.
pub fn entries(
    logging: &Logging,
    events: &[HistoryEvent],
    execution_arn: &str,
    redrive_count: u32,
) -> Vec<Value> {
    events.iter().filter_map(|event| entry(logging, event, execution_arn, redrive_count)).collect()
}

/// Whether a level logs events of a type. What failed, timed out or was stopped is logged from ERROR on; the end of the
/// execution itself from FATAL on. <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-log-level>
fn is_logged(level: LogLevel, event_type: &str) -> bool {
    let fatal = matches!(event_type, "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut");
    match level {
        LogLevel::All => true,
        LogLevel::Error => {
            fatal
                || event_type == "FailStateEntered"
                || ["Failed", "Aborted", "TimedOut"].iter().any(|end| event_type.ends_with(end))
        }
        LogLevel::Fatal => fatal,
        LogLevel::Off => false,
    }
}

/// The members of the event's one details object; data members only where they are asked for.
fn details(event: &HistoryEvent, with_data: bool) -> Value {
    let members =
        event.details.as_object().and_then(|details| details.values().next()).and_then(Value::as_object);
    let members = members.into_iter().flatten();
    let kept: Map<_, _> = members
        .filter(|(name, _)| with_data || !EXECUTION_DATA.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_core::Timestamp;

    fn logging(level: LogLevel, include_execution_data: bool) -> Logging {
        Logging { level, include_execution_data, destinations: None }
    }

    fn event(event_type: &str, details: Value) -> HistoryEvent {
        HistoryEvent {
            id: 2,
            previous_id: 1,
            timestamp: Timestamp::from_millis(1_700_000_000_000),
            event_type: event_type.to_owned(),
            details,
        }
    }

    #[test]
    fn levels() {
        for (event_type, all, error, fatal) in [
            ("ExecutionStarted", true, false, false),
            ("PassStateEntered", true, false, false),
            ("TaskScheduled", true, false, false),
            ("FailStateEntered", true, true, false),
            ("TaskFailed", true, true, false),
            ("LambdaFunctionTimedOut", true, true, false),
            ("MapIterationAborted", true, true, false),
            ("EvaluationFailed", true, true, false),
            ("ExecutionFailed", true, true, true),
            ("ExecutionAborted", true, true, true),
            ("ExecutionTimedOut", true, true, true),
            ("ExecutionSucceeded", true, false, false),
        ] {
            let found = [LogLevel::All, LogLevel::Error, LogLevel::Fatal, LogLevel::Off]
                .map(|level| is_logged(level, event_type));
            assert_eq!(found, [all, error, fatal, false], "{event_type}");
        }
    }

    #[test]
    fn data_is_there_only_where_it_is_asked_for() {
        let details = json!({"stateEnteredEventDetails": {
            "name": "A", "input": "{}", "inputDetails": {"truncated": false},
        }});
        let entered = event("PassStateEntered", details);
        let without = entry(&logging(LogLevel::All, false), &entered, "arn", 3).unwrap();
        assert_eq!(
            without,
            json!({
                "id": "2", "type": "PassStateEntered", "details": {"name": "A"}, "previous_event_id": "1",
                "event_timestamp": "1700000000000", "execution_arn": "arn", "redrive_count": "3",
            })
        );
        let with = entry(&logging(LogLevel::All, true), &entered, "arn", 0).unwrap();
        assert_eq!(with["details"]["input"], "{}");
        let bare =
            entry(&logging(LogLevel::All, true), &event("MapStateExited", json!({})), "arn", 0).unwrap();
        assert_eq!(bare["details"], json!({}));
    }
}
