//! The port: send, receive, delete, extend, depth.

use super::bodies::Sealed;
use super::index::Settled;
use super::lane::Found;
use super::name::QueueName;
use super::receipt::{NONCE_BYTES, Receipt};
use super::rows::{self, Taken};
use super::{EmbeddedQueues, PORT, check_limits};
use crate::store::Abort;
use std::pin::pin;
use std::time::Duration;
use tenantry_core::limits::{RECEIVE_MESSAGES_MAX, VISIBILITY_SECONDS_MAX};
use tenantry_core::ports::{Message, OutgoingMessage, PortError, Queue, QueueDepth};
use tenantry_core::{BoxFuture, MessageId};
use tokio::sync::oneshot;

/// One queue. Clones share it.
#[derive(Debug, Clone)]
pub struct EmbeddedQueue {
    queues: EmbeddedQueues,
    name: QueueName,
}

fn refused(message: String) -> PortError {
    PortError::Refused { port: PORT, message }
}

fn check_visibility(visibility: Duration) -> Result<(), PortError> {
    if visibility > Duration::from_secs(VISIBILITY_SECONDS_MAX) {
        return Err(refused(format!(
            "a message cannot be hidden for {visibility:?}, the longest is {VISIBILITY_SECONDS_MAX} s"
        )));
    }
    Ok(())
}

fn parse_receipt(text: &str) -> Result<Receipt, PortError> {
    text.parse().map_err(|_| refused("the receipt is malformed: it never was one of this queue's".to_owned()))
}

/// Messages on their way to a receiver. Where it does not fetch them, they are given back at once.
struct Parcel {
    queue: EmbeddedQueue,
    messages: Vec<Sealed<Message>>,
}

impl Parcel {
    /// The messages that can be opened. One that cannot stays hidden as if its receiver had failed, so that in the end
    /// it is a dead letter, and holds up no other.
    fn open(mut self) -> Vec<Message> {
        let (bodies, name) = (&self.queue.queues.inner.bodies, self.queue.name.as_str());
        std::mem::take(&mut self.messages)
            .into_iter()
            .filter_map(|message| {
                let opened = bodies.open_message(name, message);
                opened.inspect_err(|error| tracing::error!(%error, "a message was altered on disk")).ok()
            })
            .collect()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        for message in self.messages.drain(..) {
            if let Ok(receipt) = message.envelope.receipt.parse() {
                // In line with the call; nobody waits for it.
                drop(self.queue.hide(receipt, Duration::ZERO));
            }
        }
    }
}

impl EmbeddedQueue {
    pub(super) fn new(queues: EmbeddedQueues, name: QueueName) -> Self {
        Self { queues, name }
    }

    /// Which queue this is.
    pub fn name(&self) -> QueueName {
        self.name
    }

    /// Writes the receipt of claimed messages. What became of each is in the index before the answer.
    async fn take(&self, claimed: Vec<i64>, visibility: Duration) -> Result<Vec<Message>, PortError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.clone();
        let asked: Vec<(i64, [u8; NONCE_BYTES])> = claimed
            .iter()
            .map(|seq| {
                let mut nonce = [0; NONCE_BYTES];
                self.queues.inner.ids.fill(&mut nonce);
                (*seq, nonce)
            })
            .collect();
        let (clock, name) = (self.queues.clock().clone(), self.name);
        self.queues.store().write_then(
            move |tx| {
                // The time of the write, not of the call: the line may be long.
                let now = clock.now();
                asked
                    .into_iter()
                    .map(|(seq, nonce)| Ok((seq, rows::take(tx, name, seq, nonce, visibility, now)?)))
                    .collect::<Result<Vec<_>, Abort<PortError>>>()
            },
            move |taken| {
                // Whether or not anybody waits any more, the index follows the rows.
                let _ = answer.send(queue.settle(&claimed, taken.map_err(|error| error.into_port(PORT))));
            },
        );
        answered.await.unwrap_or_else(|_| Err(closed())).map(Parcel::open)
    }

    fn settle(
        &self,
        claimed: &[i64],
        taken: Result<Vec<(i64, Taken)>, PortError>,
    ) -> Result<Parcel, PortError> {
        let lane = self.queues.lane(self.name);
        let taken = taken.inspect_err(|_| lane.release(claimed))?;
        lane.settle(taken.iter().map(|(seq, taken)| match taken {
            Taken::Message(_, settled) | Taken::Not(settled) => (*seq, *settled),
            Taken::DeadLetter(_) => (*seq, Settled::Gone),
        }));
        let mut messages = Vec::new();
        for (_, taken) in taken {
            match taken {
                Taken::Message(message, _) => messages.push(message),
                Taken::DeadLetter(id) => {
                    tracing::warn!(queue = %self.name, message = %id, "received too often: it is a dead letter now");
                }
                Taken::Not(_) => {}
            }
        }
        Ok(Parcel { queue: self.clone(), messages })
    }

    fn hide(
        &self,
        receipt: Receipt,
        visibility: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send + 'static + use<> {
        let (clock, name) = (self.queues.clock().clone(), self.name);
        let write = self.queues.write_then(
            PORT,
            move |tx| {
                let until = clock.now().saturating_add(visibility);
                Ok(rows::hide(tx, name, receipt, until)?.then_some(until))
            },
            move |queues, hidden| {
                if let Some(until) = hidden {
                    queues.lane(name).hide(receipt.seq, *until, queues.now());
                }
            },
        );
        async move { write.await.map(drop) }
    }
}

fn closed() -> PortError {
    PortError::Unavailable { port: PORT, message: "the store is closed".to_owned() }
}

impl Queue for EmbeddedQueue {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        if let Err(error) = messages.iter().try_for_each(check_limits) {
            return Box::pin(std::future::ready(Err(error)));
        }
        if messages.is_empty() {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        let sealed: Vec<_> =
            messages.into_iter().map(|message| self.queues.seal(self.name, message)).collect();
        let ids: Vec<MessageId> = sealed.iter().map(|message| message.id.clone()).collect();
        let clock = self.queues.clock().clone();
        let write = self.queues.write_then(
            PORT,
            move |tx| {
                let now = clock.now();
                let enqueued = sealed.iter().map(|message| rows::enqueue_in(tx, message, now));
                Ok(enqueued.collect::<Result<Vec<_>, _>>()?)
            },
            |queues, enqueued| queues.announce(enqueued.drain(..)),
        );
        Box::pin(async move { write.await.map(|_| ids) })
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
            check_visibility(visibility)?;
            let (clock, lane) = (self.queues.clock(), self.queues.lane(self.name));
            let deadline = clock.now().saturating_add(wait);
            loop {
                let mut changed = pin!(lane.changed());
                // Before looking, so that no change falls between looking and waiting.
                changed.as_mut().enable();
                let now = clock.now();
                match lane.claim(max, now) {
                    Found::Messages(claimed) => {
                        let messages = self.take(claimed, visibility).await?;
                        if !messages.is_empty() {
                            return Ok(messages);
                        }
                    }
                    Found::NothingUntil(_) if now >= deadline => return Ok(Vec::new()),
                    Found::NothingUntil(due) => {
                        let wake = due.map_or(deadline, |due| due.min(deadline));
                        tokio::select! {
                            () = changed => {}
                            () = clock.sleep_until(wake) => {}
                        }
                    }
                }
            }
        })
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        let name = self.name;
        let write = parse_receipt(receipt).map(|receipt| {
            self.queues.write_then(
                PORT,
                move |tx| Ok(rows::delete(tx, name, receipt)?),
                move |queues, deleted| {
                    if *deleted {
                        queues.lane(name).remove(receipt.seq);
                    }
                },
            )
        });
        Box::pin(async move { write?.await.map(drop) })
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        let write = check_visibility(visibility)
            .and_then(|()| parse_receipt(receipt))
            .map(|receipt| self.hide(receipt, visibility));
        Box::pin(async move { write?.await })
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        let depth = self.queues.lane(self.name).depth(self.queues.now());
        Box::pin(std::future::ready(Ok(depth)))
    }
}
