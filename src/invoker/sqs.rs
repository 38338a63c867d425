//! The queues of this home, as SQS.

use super::{LocalInvoker, text};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;
use tenantry_core::ports::{OutgoingMessage, PortError, Queues};
use tenantry_engine::TaskFailure;

impl LocalInvoker {
    /// `sqs:sendMessage`. The answer has the members of the integration.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html>
    pub(super) async fn send_message(&self, arguments: &Value) -> Result<Value, TaskFailure> {
        let url = text(arguments, "QueueUrl")?;
        // Both its name and an address that ends in it.
        let name = url.rsplit('/').next().unwrap_or(url);
        let queue = self.queues.get(name).ok_or_else(|| TaskFailure {
            error: "SQS.QueueDoesNotExistException".to_owned(),
            cause: Some(format!("There is no queue {name}; known are {}.", Queues::NAMES.join(", "))),
        })?;
        let body = match arguments.get("MessageBody") {
            Some(Value::String(text)) => text.clone(),
            Some(other) if !other.is_null() => other.to_string(),
            _ => {
                return Err(TaskFailure {
                    error: "SQS.AmazonSQSException".to_owned(),
                    cause: Some(format!(
                        "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; \
                         Error Code: MissingParameter; Request ID: {}; Proxy: null)",
                        self.request_id()
                    )),
                });
            }
        };
        let group = arguments.get("MessageGroupId").and_then(Value::as_str).unwrap_or(name).to_owned();
        let delay = arguments.get("DelaySeconds").and_then(Value::as_u64).unwrap_or(0);
        let digest = md5_hex(&body);
        let message = OutgoingMessage { body, group, delay: Duration::from_secs(delay) };
        match queue.send(vec![message]).await {
            Ok(ids) => {
                let id = ids.first().map(ToString::to_string).unwrap_or_default();
                Ok(json!({"MD5OfMessageBody": digest, "MessageId": id}))
            }
            Err(error) => Err(TaskFailure {
                error: match error {
                    PortError::Unavailable { .. } => "SQS.SdkClientException",
                    _ => "SQS.InvalidMessageContentsException",
                }
                .to_owned(),
                cause: Some(error.to_string()),
            }),
        }
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_known_digest() {
        // RFC 1321, appendix A.5.
        assert_eq!(super::md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
