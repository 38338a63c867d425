//! The queues on SQS: standard queues, whose message groups make them fair.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
//!
//! **What SQS does not promise:** a message may come twice though it was deleted, a short poll may miss messages, depths
//! are approximate, and a message is hidden for whole seconds. Nothing over this port may need more. A message that was
//! received too often is moved by the queue's redrive policy to its dead-letter queue, from where
//! [`crate::dead_letters`] takes it.

mod message;

pub use message::{message_of_record, message_of_sdk};

use crate::batch::{self, Outcome};
use crate::call::{Calls, Repeat, is_throttling, port_error};
use crate::clients::Clients;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use futures::{StreamExt as _, TryStreamExt as _};
use message::{ID_ATTRIBUTE, check, encode_group, id_of};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::limits::{MESSAGE_BYTES_MAX, RECEIVE_MESSAGES_MAX, VISIBILITY_SECONDS_MAX};
use tenantry_core::ports::{Message, OutgoingMessage, PortError, Queue, QueueDepth};
use tenantry_core::{BoxFuture, MessageId};

const PORT: &str = "queue";

/// Most entries of one batch.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const BATCH_ENTRIES_MAX: usize = 10;
/// Batches of one send that are on their way at once.
const BATCHES_IN_FLIGHT: usize = 4;
/// The longest that one call waits for a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const WAIT_SECONDS_MAX: u64 = 20;
/// What an answer may take beyond the wait that was asked for.
const ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);

/// One queue.
#[derive(Clone)]
pub struct AwsQueue {
    clients: Arc<Clients>,
    calls: Calls,
    url: String,
}

impl std::fmt::Debug for AwsQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AwsQueue").field(&self.url).finish()
    }
}

fn refused(message: String) -> PortError {
    PortError::Refused { port: PORT, message }
}

/// Whole seconds, never fewer than asked for.
fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

fn visibility_seconds(visibility: Duration) -> Result<i32, PortError> {
    let seconds = seconds_up(visibility);
    i32::try_from(seconds).ok().filter(|_| seconds <= VISIBILITY_SECONDS_MAX).ok_or_else(|| {
        refused(format!(
            "a message cannot be hidden for {visibility:?}, the longest is {VISIBILITY_SECONDS_MAX} s"
        ))
    })
}

/// Whether the call failed because its receipt is not good any more, so that there is nothing to do. SQS has no word of
/// its own for it: the message is not in flight, is gone, or was received anew.
fn is_stale<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(service) = error else { return false };
    // Also with the query protocol's prefix: AWS.SimpleQueueService.MessageNotInflight.
    let code = service.err().code().unwrap_or_default();
    let says = service.err().message().unwrap_or_default();
    code.ends_with("MessageNotInflight")
        || code.ends_with("ReceiptHandleIsInvalid")
        || (code == "InvalidParameterValue" && says.contains("ReceiptHandle"))
}

impl AwsQueue {
    /// The queue of that address.
    pub fn new(clients: Arc<Clients>, calls: Calls, url: impl Into<String>) -> Self {
        Self { clients, calls, url: url.into() }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends one message that keeps an earlier id, so that a redriven message is the same one to whoever receives it.
    /// Where id and body together are too large, the message gets a new id: it must not be lost for its name.
    ///
    /// # Errors
    /// As [`Queue::send`].
    pub(crate) async fn send_again(
        &self,
        message: OutgoingMessage,
        id: &MessageId,
    ) -> Result<MessageId, PortError> {
        let fits = message.body.len() + ID_ATTRIBUTE.len() + "String".len() + id.as_str().len();
        let kept = (fits <= MESSAGE_BYTES_MAX).then(|| id.clone());
        let sent = self.send_all(vec![(message, kept.clone())]).await?;
        Ok(kept.or_else(|| sent.into_iter().next()).unwrap_or_else(|| id.clone()))
    }

    async fn send_all(
        &self,
        messages: Vec<(OutgoingMessage, Option<MessageId>)>,
    ) -> Result<Vec<MessageId>, PortError> {
        let entries = messages
            .into_iter()
            .map(|(message, id)| entry(message, id.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let sizes = entries.iter().map(|entry| entry.message_body().len());
        // The limit of a batch is now 1 MiB; this one is good everywhere, and our messages are small.
        let lengths = batch::runs(sizes, BATCH_ENTRIES_MAX, MESSAGE_BYTES_MAX);
        let sends = batch::cut(entries, lengths).into_iter().map(|entries| self.send_batch(entries));
        let sent: Vec<Vec<MessageId>> =
            futures::stream::iter(sends).buffered(BATCHES_IN_FLIGHT).try_collect().await?;
        Ok(sent.concat())
    }

    async fn send_batch(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<MessageId>, PortError> {
        let name = |entry: &SendMessageBatchRequestEntry| {
            format!("a message of group {:?}", entry.message_group_id().unwrap_or_default())
        };
        batch::complete(&self.calls, PORT, &entries, name, |left| self.send_once(left)).await
    }

    async fn send_once(
        &self,
        mut entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<Outcome<MessageId>>, PortError> {
        for (place, entry) in entries.iter_mut().enumerate() {
            entry.id = place.to_string();
        }
        let count = entries.len();
        // A message that comes twice is what at-least-once means; one that is lost is not.
        let send = || {
            let batch = self.clients.sqs().send_message_batch().queue_url(&self.url);
            batch.set_entries(Some(entries.clone())).send()
        };
        let answer = self
            .calls
            .send(Repeat::Safe, send)
            .await
            .map_err(|error| port_error(PORT, "sqs:SendMessageBatch", &error))?;
        let mut outcomes = vec![Outcome::Again("the answer leaves it out".to_owned()); count];
        for done in answer.successful() {
            if let Some(outcome) = place(done.id(), &mut outcomes) {
                *outcome = Outcome::Done(id_of(done.message_id()));
            }
        }
        for failed in answer.failed() {
            let why = format!("{}: {}", failed.code(), failed.message().unwrap_or("no message"));
            let again = !failed.sender_fault() || is_throttling(failed.code());
            if let Some(outcome) = place(failed.id(), &mut outcomes) {
                *outcome = if again { Outcome::Again(why) } else { Outcome::Refused(why) };
            }
        }
        Ok(outcomes)
    }

    async fn receive_once(
        &self,
        max: usize,
        visibility_seconds: i32,
        wait_seconds: u64,
    ) -> Result<Vec<Message>, PortError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(Duration::from_secs(wait_seconds) + ANSWER)
            .build();
        let receive = || {
            self.clients
                .sqs()
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(i32::try_from(max).unwrap_or(1))
                .visibility_timeout(visibility_seconds)
                .wait_time_seconds(i32::try_from(wait_seconds).unwrap_or(0))
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
                .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
                .message_attribute_names(ID_ATTRIBUTE)
                .customize()
                .config_override(aws_sdk_sqs::config::Builder::new().timeout_config(timeouts.clone()))
                .send()
        };
        let answer = self
            .calls
            .send(Repeat::Safe, receive)
            .await
            .map_err(|error| port_error(PORT, "sqs:ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(message_of_sdk).collect())
    }
}

fn place<'a, T>(id: &str, outcomes: &'a mut [T]) -> Option<&'a mut T> {
    outcomes.get_mut(id.parse::<usize>().ok()?)
}

/// The entry of a batch; its id is given by its place in each call.
fn entry(
    message: OutgoingMessage,
    id: Option<&MessageId>,
) -> Result<SendMessageBatchRequestEntry, PortError> {
    check(&message).map_err(refused)?;
    let group = encode_group(&message.group).map_err(refused)?;
    let id =
        id.map(|id| MessageAttributeValue::builder().data_type("String").string_value(id.as_str()).build());
    let id = id.transpose().map_err(|error| refused(error.to_string()))?;
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id("0")
        .message_body(message.body)
        .delay_seconds(i32::try_from(seconds_up(message.delay)).unwrap_or(0))
        .set_message_group_id((!group.is_empty()).then_some(group));
    if let Some(id) = id {
        entry = entry.message_attributes(ID_ATTRIBUTE, id);
    }
    entry.build().map_err(|error| refused(error.to_string()))
}

impl Queue for AwsQueue {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        Box::pin(self.send_all(messages.into_iter().map(|message| (message, None)).collect()))
    }

    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        Box::pin(async move {
            if !(1..=RECEIVE_MESSAGES_MAX).contains(&max) {
                return Err(refused(format!(
                    "one receive asks for {max} messages, it can be 1 to {RECEIVE_MESSAGES_MAX}"
                )));
            }
            let visibility = visibility_seconds(visibility)?;
            let clock = self.calls.clock();
            let deadline = clock.now().saturating_add(wait);
            loop {
                let left = deadline.saturating_since(clock.now());
                let messages =
                    self.receive_once(max, visibility, seconds_up(left).min(WAIT_SECONDS_MAX)).await?;
                if !messages.is_empty() || clock.now() >= deadline {
                    return Ok(messages);
                }
            }
        })
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let delete =
                || self.clients.sqs().delete_message().queue_url(&self.url).receipt_handle(receipt).send();
            match self.calls.send(Repeat::Safe, delete).await {
                Ok(_) => Ok(()),
                Err(error) if is_stale(&error) => Ok(()),
                Err(error) => Err(port_error(PORT, "sqs:DeleteMessage", &error)),
            }
        })
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let seconds = visibility_seconds(visibility)?;
            let extend = || {
                self.clients
                    .sqs()
                    .change_message_visibility()
                    .queue_url(&self.url)
                    .receipt_handle(receipt)
                    .visibility_timeout(seconds)
                    .send()
            };
            match self.calls.send(Repeat::Safe, extend).await {
                Ok(_) => Ok(()),
                Err(error) if is_stale(&error) => Ok(()),
                Err(error) => Err(port_error(PORT, "sqs:ChangeMessageVisibility", &error)),
            }
        })
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        Box::pin(async move {
            let ask = || {
                let names = Some(vec![Visible, InFlight, Delayed]);
                let ask = self.clients.sqs().get_queue_attributes().queue_url(&self.url);
                ask.set_attribute_names(names).send()
            };
            let answer = self
                .calls
                .send(Repeat::Safe, ask)
                .await
                .map_err(|error| port_error(PORT, "sqs:GetQueueAttributes", &error))?;
            let number = |name: &QueueAttributeName| {
                let text = answer.attributes().and_then(|attributes| attributes.get(name));
                text.and_then(|text| text.parse().ok()).ok_or_else(|| PortError::Damaged {
                    port: PORT,
                    message: format!("sqs:GetQueueAttributes answers no {name}"),
                })
            };
            Ok(QueueDepth {
                visible: number(&Visible)?,
                in_flight: number(&InFlight)?,
                delayed: number(&Delayed)?,
                oldest_age_ms: None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_whole_seconds_within_their_limits() {
        let millis = Duration::from_millis;
        assert_eq!([0, 1, 1_000, 1_001].map(|n| seconds_up(millis(n))), [0, 1, 1, 2]);
        assert_eq!(visibility_seconds(Duration::from_secs(VISIBILITY_SECONDS_MAX)).ok(), Some(43_200));
        assert!(visibility_seconds(Duration::from_secs(VISIBILITY_SECONDS_MAX) + millis(1)).is_err());
        assert!(visibility_seconds(Duration::MAX).is_err());
    }
}
