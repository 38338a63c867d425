//! What Lambda hands over of queues and streams, and what it wants to know of the parts that failed.

use aws_lambda_events::sqs::SqsMessage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::ports::Message;
use tenantry_core::{MessageId, Timestamp};

/// The attribute that carries the id of a message that was sent again.
pub(super) const ID_ATTRIBUTE: &str = "tenantryId";

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

/// A message as the queue's own port would have received it; `None` where SQS left out what every message has.
pub(super) fn message(record: &SqsMessage) -> Option<Message> {
    let attribute = |name: &str| record.attributes.get(name);
    let number = |name: &str| attribute(name)?.parse::<i64>().ok();
    let earlier = record.message_attributes.get(ID_ATTRIBUTE).and_then(|value| value.string_value.as_deref());
    let id = match earlier.and_then(|id| id.parse().ok()) {
        Some(id) => id,
        None => MessageId::from_uuid(record.message_id.as_deref()?.parse().ok()?),
    };
    Some(Message {
        id,
        receipt: record.receipt_handle.clone()?,
        body: record.body.clone()?,
        group: attribute("MessageGroupId").cloned().unwrap_or_default(),
        receive_count: u32::try_from(number("ApproximateReceiveCount")?).ok()?,
        sent_at: Timestamp::from_millis(number("SentTimestamp")?),
    })
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
    use serde_json::{Value, json};

    fn record(edit: impl FnOnce(&mut Value)) -> SqsMessage {
        let mut record = json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEB", "body": "{}",
            "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1767225600007", "MessageGroupId": "g"},
            "messageAttributes": {},
        });
        edit(&mut record);
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn a_record_is_the_message_that_the_port_would_have_received() {
        let message = message(&record(|_| {})).unwrap();
        assert_eq!(message.id, MessageId::from_uuid("059f36b4-87a3-44ab-83d2-661975830a7d".parse().unwrap()));
        assert_eq!(
            (message.receive_count, message.group.as_str(), message.receipt.as_str()),
            (3, "g", "AQEB")
        );
        assert_eq!(message.sent_at, Timestamp::from_millis(1_767_225_600_007));
    }

    #[test]
    fn a_message_that_was_sent_again_keeps_its_id() {
        let earlier = "msg_01h455vb4pex5vsknk084sn02q";
        let sent_again = record(|record| {
            record["messageAttributes"][ID_ATTRIBUTE] = json!({"stringValue": earlier, "dataType": "String"});
        });
        assert_eq!(message(&sent_again).unwrap().id.as_str(), earlier);
    }

    #[test]
    fn a_record_without_what_every_message_has_is_none() {
        for path in ["messageId", "receiptHandle", "body", "attributes"] {
            let broken = record(|record| {
                record[path] = if path == "attributes" { json!({}) } else { Value::Null };
            });
            assert_eq!(message(&broken), None, "{path}");
        }
    }

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
