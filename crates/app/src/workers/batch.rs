//! One batch of messages that somebody else received: handled side by side and settled, but for the deletion, which
//! whoever received them does.

use super::consume::{Handler, put_off, replace};
use super::error::WorkerError;
use crate::Ports;
use futures::future::{Either, select};
use futures::{FutureExt as _, StreamExt as _};
use std::panic::AssertUnwindSafe;
use tenantry_core::Timestamp;
use tenantry_core::ports::{Message, Queue};

/// How a batch is worked on.
pub struct Batch<'a> {
    /// The ports.
    pub ports: &'a Ports,
    /// The queue's name.
    pub queue_name: &'a str,
    /// The queue that the messages came from.
    pub queue: &'a dyn Queue,
    /// Who handles them.
    pub handler: &'a dyn Handler,
    /// Messages that are worked on at once.
    pub in_flight_max: usize,
    /// Nothing is begun after this, and what is not finished by then is cut off.
    pub until: Timestamp,
}

impl Batch<'_> {
    /// Handles the messages. Answers the places of those that are to come again: their handler failed or panicked
    /// (then they are hidden for a while), or the time was up. All others are done with, and to be deleted.
    pub async fn run(&self, messages: &[Message]) -> Vec<usize> {
        let ends: Vec<(usize, bool)> = futures::stream::iter(0..messages.len())
            .map(|place| async move { (place, self.one(&messages[place]).await) })
            .buffer_unordered(self.in_flight_max.max(1))
            .collect()
            .await;
        let mut failed: Vec<usize> =
            ends.into_iter().filter_map(|(place, done)| (!done).then_some(place)).collect();
        failed.sort_unstable();
        failed
    }

    /// Whether the message is done with.
    async fn one(&self, message: &Message) -> bool {
        if self.ports.clock.now() >= self.until {
            tracing::warn!(queue = self.queue_name, message = %message.id, "no time is left to begin with a message");
            return false;
        }
        // A panic is one message's, never the batch's.
        let work = AssertUnwindSafe(self.settled(message)).catch_unwind();
        match select(Box::pin(work), self.ports.clock.sleep_until(self.until)).await {
            Either::Left((Ok(Ok(())), _)) => return true,
            Either::Left((Ok(Err(error)), _)) => self.failed(message, &error).await,
            Either::Left((Err(_), _)) => self.failed(message, &"its handler panicked").await,
            Either::Right(_) => {
                tracing::warn!(queue = self.queue_name, message = %message.id, "a message was cut off: the time is up");
            }
        }
        false
    }

    async fn settled(&self, message: &Message) -> Result<(), WorkerError> {
        let disposition = self.handler.handle(message).await?;
        Ok(replace(self.ports, self.queue_name, self.queue, message, disposition).await?)
    }

    async fn failed(&self, message: &Message, error: &(dyn std::fmt::Display + Sync)) {
        tracing::warn!(queue = self.queue_name, message = %message.id, %error, "a worker failed at a message");
        // Where even this fails, the message comes again by itself.
        if let Err(error) = put_off(self.ports, self.queue, message).await {
            tracing::warn!(queue = self.queue_name, message = %message.id, %error, "a message could not be put off");
        }
    }
}
