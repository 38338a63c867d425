//! Messages as SQS has them: which texts it takes, how a group is written, and how a received one is read.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::types::MessageSystemAttributeName as Attribute;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tenantry_core::limits::{DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX};
use tenantry_core::ports::{Message, OutgoingMessage};
use tenantry_core::{MessageId, Timestamp};

/// The message attribute that carries an earlier id.
pub(super) const ID_ATTRIBUTE: &str = "tenantryId";

/// Longest group.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const GROUP_LENGTH_MAX: usize = 128;

/// Whether SQS takes a message, or why not.
pub(super) fn check(message: &OutgoingMessage) -> Result<(), String> {
    let OutgoingMessage { body, delay, .. } = message;
    if body.is_empty() {
        return Err("a message is empty; SQS takes 1 byte and more".to_owned());
    }
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(format!("a message has {} bytes, the most are {MESSAGE_BYTES_MAX}", body.len()));
    }
    if let Some(found) = body.chars().find(|c| !is_carried(*c)) {
        return Err(format!(
            "a message holds the character U+{:04X}, which SQS does not carry; JSON can escape it",
            u32::from(found)
        ));
    }
    if delay.as_millis() > u128::from(DELAY_SECONDS_MAX) * 1_000 {
        return Err(format!("a delay has {delay:?}, the longest is {DELAY_SECONDS_MAX} s"));
    }
    Ok(())
}

/// `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn is_carried(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A group as SQS takes it: visible ASCII; all else, and `%`, percent-encoded. Or why it takes it not.
pub(super) fn encode_group(group: &str) -> Result<String, String> {
    let mut out = String::with_capacity(group.len());
    for byte in group.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    if out.len() > GROUP_LENGTH_MAX {
        return Err(format!("a group has {} characters, the most are {GROUP_LENGTH_MAX}", out.len()));
    }
    Ok(out)
}

/// The group that was written so. What others wrote, such as a state machine, is read as it stands.
fn decode_group(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Our id of a message: the UUID that SQS gave it. SQS does not promise that it is one, so that another text is hashed
/// into one: the same at every receipt.
pub(super) fn id_of(message_id: &str) -> MessageId {
    MessageId::from_uuid(message_id.parse().unwrap_or_else(|_| {
        let hash: [u8; 32] = Sha256::digest(message_id).into();
        uuid::Builder::from_custom_bytes(std::array::from_fn(|n| hash[n])).into_uuid()
    }))
}

/// What a received message says, in whatever form it came.
struct Received<'a> {
    message_id: &'a str,
    kept_id: Option<&'a str>,
    receive_count: Option<&'a str>,
    sent_timestamp: Option<&'a str>,
    group: Option<&'a str>,
}

impl Received<'_> {
    fn message(&self, receipt: String, body: String) -> Message {
        let kept = self.kept_id.and_then(|id| id.parse().ok());
        let sent_at = self.sent_timestamp.and_then(|text| text.parse().ok()).unwrap_or_default();
        Message {
            id: kept.unwrap_or_else(|| id_of(self.message_id)),
            receipt,
            body,
            group: decode_group(self.group.unwrap_or_default()),
            receive_count: self.receive_count.and_then(|text| text.parse().ok()).unwrap_or(1),
            sent_at: Timestamp::from_millis(sent_at),
        }
    }
}

/// A message as the SDK received it. Its system attributes must have been asked for.
pub fn message_of_sdk(message: aws_sdk_sqs::types::Message) -> Message {
    let attribute = |name| message.attributes().and_then(|all| all.get(&name)).map(String::as_str);
    let kept = message.message_attributes().and_then(|all| all.get(ID_ATTRIBUTE));
    let received = Received {
        message_id: message.message_id().unwrap_or_default(),
        kept_id: kept.and_then(|value| value.string_value()),
        receive_count: attribute(Attribute::ApproximateReceiveCount),
        sent_timestamp: attribute(Attribute::SentTimestamp),
        group: attribute(Attribute::MessageGroupId),
    };
    received.message(
        message.receipt_handle().unwrap_or_default().to_owned(),
        message.body().unwrap_or_default().to_owned(),
    )
}

/// A message as Lambda hands it to a function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
pub fn message_of_record(record: &SqsMessage) -> Message {
    let attribute = |name: &str| record.attributes.get(name).map(String::as_str);
    let kept = record.message_attributes.get(ID_ATTRIBUTE);
    let received = Received {
        message_id: record.message_id.as_deref().unwrap_or_default(),
        kept_id: kept.and_then(|value| value.string_value.as_deref()),
        receive_count: attribute("ApproximateReceiveCount"),
        sent_timestamp: attribute("SentTimestamp"),
        group: attribute("MessageGroupId"),
    };
    received
        .message(record.receipt_handle.clone().unwrap_or_default(), record.body.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn outgoing(body: &str) -> OutgoingMessage {
        OutgoingMessage { body: body.to_owned(), group: String::new(), delay: Duration::ZERO }
    }

    #[test]
    fn texts_that_sqs_does_not_carry_are_refused_with_the_character() {
        for good in ["{}", "\t\n\r \u{7f}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}"] {
            assert_eq!(check(&outgoing(good)), Ok(()));
        }
        for (bad, name) in
            [("\u{0}", "U+0000"), ("a\u{b}", "U+000B"), ("\u{fffe}", "U+FFFE"), ("\u{ffff}", "U+FFFF")]
        {
            assert!(check(&outgoing(bad)).unwrap_err().contains(name), "{bad:?}");
        }
        assert!(check(&outgoing("")).is_err());
        // What a JSON writer makes of control characters is carried.
        assert_eq!(check(&outgoing(&json!("\u{0}\u{1f}").to_string())), Ok(()));
    }

    #[test]
    fn groups_come_back_as_they_were_and_foreign_ones_as_they_stand() {
        for group in ["", "tnt_01", "sub_1#tnt_2", "group #1", "ünïcode 🔑", "100%", "%41", "\u{0}\n"] {
            let written = encode_group(group).unwrap();
            assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written}");
            assert_eq!(decode_group(&written), group);
        }
        assert_eq!(encode_group("sub_1#tnt_2").unwrap(), "sub_1#tnt_2", "ours need no escape");
        for foreign in ["%", "%4", "%zz", "%FF", "50%-off"] {
            assert_eq!(decode_group(foreign), foreign);
        }
        assert!(encode_group(&"x".repeat(128)).is_ok());
        assert!(encode_group(&"x".repeat(129)).is_err());
        assert!(encode_group(&" ".repeat(43)).is_err(), "as it is written");
    }

    #[test]
    fn ids_are_the_messages_own_or_the_kept_ones() {
        let uuid = "0197f3a0-2222-4333-8444-555566667777";
        let record: SqsMessage = serde_json::from_value(json!({
            "messageId": uuid, "receiptHandle": "r", "body": "{}",
            "attributes": {
                "ApproximateReceiveCount": "3", "SentTimestamp": "1767225600123", "MessageGroupId": "a%20b",
            },
            "messageAttributes": {},
        }))
        .unwrap();
        let message = message_of_record(&record);
        assert_eq!(message.id, MessageId::from_uuid(uuid.parse().unwrap()));
        assert_eq!(
            (message.receipt.as_str(), message.body.as_str(), message.group.as_str()),
            ("r", "{}", "a b")
        );
        assert_eq!((message.receive_count, message.sent_at.as_millis()), (3, 1_767_225_600_123));

        let kept = MessageId::from_uuid(uuid::Uuid::from_u128(7));
        let mut redriven = record;
        let attribute = json!({"stringValue": kept, "dataType": "String"});
        redriven
            .message_attributes
            .insert(ID_ATTRIBUTE.to_owned(), serde_json::from_value(attribute).unwrap());
        assert_eq!(message_of_record(&redriven).id, kept);

        assert_eq!(id_of("no uuid"), id_of("no uuid"));
        assert_ne!(id_of("no uuid"), id_of("another"));
    }
}
