//! The drain of the dead-letter queues: what died there is written down, where operators look, redrive and edit.

use super::event::BatchAnswer;
use super::invocation::{Invocation, Invoke, answer, read};
use super::step::annotations;
use super::trace::Tracer;
use crate::dead_letters::AwsDeadLetters;
use crate::queue::message_of_record;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use futures::future::{Either, join_all, select};
use lambda_runtime::Diagnostic;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{Clock, Queues};

/// What the name of a queue's dead-letter queue ends in, after the queue's own.
const SUFFIX: &str = "-dead-letters";

/// The drain's function.
pub(super) struct DeadLettersFunction {
    pub(super) letters: AwsDeadLetters,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracer: Tracer,
}

/// The queue that the dead-letter queue of that ARN serves: `…:<prefix>-<queue>-dead-letters`.
fn queue_of(arn: &str) -> Option<&'static str> {
    let name = arn.rsplit(':').next()?.strip_suffix(SUFFIX)?;
    Queues::NAMES.into_iter().find(|queue| {
        name.strip_suffix(queue).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('-'))
    })
}

impl DeadLettersFunction {
    /// Whether the message is written down.
    async fn one(&self, record: &SqsMessage, invocation: &Invocation) -> bool {
        let arn = record.event_source_arn.as_deref().unwrap_or_default();
        let Some(queue) = queue_of(arn) else {
            tracing::error!(
                arn,
                "a message died in a queue that is none of ours: check the function's triggers"
            );
            return false;
        };
        let message = message_of_record(record);
        let ids = annotations(&serde_json::from_str::<Value>(&message.body).unwrap_or_default());
        let tenant = ids.get("tenant").and_then(Value::as_str);
        let operation = ids.get("operation").and_then(Value::as_str);
        tracing::warn!(queue, message = %message.id, tenant, operation, "a message died in its queue");
        let subsegment = self.tracer.begin(invocation.trace.as_ref(), "dead letter", ids.clone());
        let work = Box::pin(self.letters.drain(queue, message));
        let written = match select(work, self.clock.sleep_until(invocation.until)).await {
            Either::Left((Ok(()), _)) => true,
            Either::Left((Err(error), _)) => {
                tracing::error!(queue, %error, "a dead letter could not be written down; it stays where it is");
                false
            }
            Either::Right(_) => false,
        };
        subsegment.end(!written);
        written
    }
}

impl Invoke for DeadLettersFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            let event: SqsEvent = read(event, "a batch of an SQS queue")?;
            let written = join_all(event.records.iter().map(|record| self.one(record, invocation))).await;
            let failed = event.records.iter().zip(written).filter(|(_, written)| !written);
            let identifier = |(record, _): (&SqsMessage, bool)| record.message_id.clone().unwrap_or_default();
            answer(&BatchAnswer::failed(failed.map(identifier)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_queue_tells_whose_it_is() {
        for queue in Queues::NAMES {
            let arn = format!("arn:aws:sqs:eu-west-1:123456789012:acme-prod-{queue}-dead-letters");
            assert_eq!(queue_of(&arn), Some(queue));
        }
        for arn in ["", "arn:aws:sqs:eu-west-1:1:acme-relay-dead-letters", "a:b:myoperations-dead-letters"] {
            assert_eq!(queue_of(arn), None, "{arn}");
        }
    }
}
