//! What Lambda hands over of queues and streams, and what it wants to know of the parts that failed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;

/// The parts that are to come again; everything else is done with.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchAnswer {
    pub(super) batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemFailure {
    pub(super) item_identifier: String,
}

impl BatchAnswer {
    pub(super) fn failed(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| ItemFailure { item_identifier };
        Self { batch_item_failures: identifiers.into_iter().map(failure).collect() }
    }
}

/// Records of the table's stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamEvent {
    #[serde(rename = "Records")]
    pub(super) records: Vec<StreamRecord>,
}

/// One change of a row: nothing but its key is read, because the row itself is the truth.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
#[derive(Debug, Deserialize)]
pub(super) struct StreamRecord {
    #[serde(rename = "dynamodb")]
    change: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: BTreeMap<String, Text>,
    sequence_number: String,
}

#[derive(Debug, Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

impl StreamRecord {
    /// What a failure of this record is told by.
    pub(super) fn identifier(&self) -> &str {
        &self.change.sequence_number
    }

    /// The row's key.
    pub(super) fn key(&self) -> Option<Key> {
        let part = |name: &str| self.change.keys.get(name).map(|value| value.text.clone());
        Some(Key::from_stored(part("pk")?, part("sk")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stream_record_tells_its_row_and_its_number() {
        let event: StreamEvent = serde_json::from_value(json!({"Records": [{
            "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": {"pk": {"S": "TENANT#t"}, "sk": {"S": "EVENT#1"}}, "SequenceNumber": "111",
                "NewImage": {"sequence": {"N": "1"}}, "StreamViewType": "NEW_IMAGE", "SizeBytes": 26,
            },
        }]}))
        .unwrap();
        assert_eq!(event.records[0].identifier(), "111");
        assert_eq!(event.records[0].key(), Some(Key::from_stored("TENANT#t".into(), "EVENT#1".into())));
    }
}
