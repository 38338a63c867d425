//! The loop of every worker that is fed by a queue: receive, handle several at once, settle.

use super::error::WorkerError;
use super::schedule::{doubled, spread};
use super::shutdown::Shutdown;
use super::status::WorkerStatus;
use crate::Ports;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::ports::{DeadLetter, DeadReason, Message, OutgoingMessage, PortError, Queue};
use tenantry_core::{BoxFuture, limits};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is done with: delete it.
    Done,
    /// Send this instead, then delete it. Unlike hiding it, this does not count as another receive.
    Instead(OutgoingMessage),
    /// Nobody can handle it: make it a dead letter, then delete it.
    Bury(DeadReason),
}

impl Disposition {
    /// A dead letter; `message` holds no secret.
    pub fn bury(code: &str, message: impl Into<String>) -> Self {
        Disposition::Bury(DeadReason { code: code.to_owned(), message: message.into() })
    }
}

/// What a worker does with one message of its queue. It may be cut off anywhere and called again.
pub trait Handler: Send + Sync + 'static {
    /// Handles a message.
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>>;
}

/// Does what the disposition says. A crash in between repeats some of it, and loses nothing.
pub async fn settle(
    ports: &Ports,
    queue_name: &str,
    queue: &dyn Queue,
    message: &Message,
    disposition: Disposition,
) -> Result<(), PortError> {
    replace(ports, queue_name, queue, message, disposition).await?;
    queue.delete(&message.receipt).await
}

/// [`settle`] without the deletion, which is the caller's: what is to stand in the message's place is durable then.
pub(super) async fn replace(
    ports: &Ports,
    queue_name: &str,
    queue: &dyn Queue,
    message: &Message,
    disposition: Disposition,
) -> Result<(), PortError> {
    match disposition {
        Disposition::Done => {}
        Disposition::Instead(outgoing) => {
            queue.send(vec![outgoing]).await?;
        }
        Disposition::Bury(reason) => {
            tracing::warn!(queue = queue_name, message = %message.id, code = reason.code, "a message became a dead letter");
            let letter = DeadLetter {
                queue: queue_name.to_owned(),
                id: message.id.clone(),
                body: message.body.clone(),
                group: message.group.clone(),
                receive_count: message.receive_count,
                reason,
                sent_at: message.sent_at,
                died_at: ports.clock.now(),
            };
            ports.dead_letters.bury(letter).await?;
        }
    }
    Ok(())
}

/// Hides a message that could not be handled for a while, the longer the more often it was received.
pub(super) async fn put_off(ports: &Ports, queue: &dyn Queue, message: &Message) -> Result<(), PortError> {
    let wait = doubled(Duration::from_secs(1), message.receive_count, Duration::from_secs(60));
    queue.extend(&message.receipt, spread(wait, 0.25, &*ports.ids)).await
}

/// A queue and how to work on it.
pub(super) struct Consumer {
    pub(super) ports: Ports,
    pub(super) queue_name: &'static str,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) status: WorkerStatus,
    pub(super) visibility: Duration,
    pub(super) receive_wait: Duration,
    pub(super) in_flight_max: usize,
}

impl Consumer {
    /// Runs until the shutdown, then finishes what was begun.
    pub(super) async fn run(self, mut shutdown: Shutdown) {
        let consumer = Arc::new(self);
        let slots = Arc::new(Semaphore::new(consumer.in_flight_max));
        let mut tasks = JoinSet::new();
        while !shutdown.is_requested() {
            while let Some(ended) = tasks.try_join_next() {
                consumer.report(ended);
            }
            let first = tokio::select! {
                permit = slots.clone().acquire_owned() => permit,
                () = shutdown.requested() => break,
            };
            let Ok(first) = first else { break };
            let max = limits::RECEIVE_MESSAGES_MAX.min(1 + slots.available_permits());
            // Never cut off: a receive that is dropped may have taken messages that nobody then handles.
            let received = consumer.queue.receive(max, consumer.visibility, consumer.receive_wait).await;
            let messages = match received {
                Ok(messages) => messages,
                Err(error) => {
                    consumer.failed(&error);
                    drop(first);
                    let clock = &consumer.ports.clock;
                    let later = clock.now().saturating_add(Duration::from_secs(1));
                    tokio::select! {
                        () = clock.sleep_until(later) => {}
                        () = shutdown.requested() => {}
                    }
                    continue;
                }
            };
            let mut permits = Some(first);
            for message in messages {
                if shutdown.is_requested() {
                    // Given back at once, so that the next life need not wait for it.
                    if let Err(error) = consumer.queue.extend(&message.receipt, Duration::ZERO).await {
                        consumer.failed(&error);
                    }
                    continue;
                }
                let permit = permits.take().or_else(|| slots.clone().try_acquire_owned().ok());
                let consumer = consumer.clone();
                tasks.spawn(async move {
                    let _permit = permit;
                    consumer.one(message).await;
                });
            }
        }
        while let Some(ended) = tasks.join_next().await {
            consumer.report(ended);
        }
    }

    async fn one(&self, message: Message) {
        let result = match self.handle(&message).await {
            Ok(disposition) => {
                let queue = self.queue.as_ref();
                settle(&self.ports, self.queue_name, queue, &message, disposition).await.map_err(Into::into)
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => self.status.ran(self.ports.clock.now(), 1),
            Err(error) => {
                self.failed(&error);
                // Where even this fails, the message comes again by itself.
                if let Err(error) = put_off(&self.ports, &*self.queue, &message).await {
                    self.failed(&error);
                }
            }
        }
    }

    /// Handles the message, and keeps it hidden for as long as that takes.
    async fn handle(&self, message: &Message) -> Result<Disposition, WorkerError> {
        let mut work = self.handler.handle(message);
        loop {
            let half = self.ports.clock.now().saturating_add(self.visibility / 2);
            tokio::select! {
                result = &mut work => return result,
                () = self.ports.clock.sleep_until(half) => {
                    // At the worst the message is handled twice at once, which every handler allows.
                    if let Err(error) = self.queue.extend(&message.receipt, self.visibility).await {
                        self.failed(&error);
                    }
                }
            }
        }
    }

    fn report(&self, ended: Result<(), tokio::task::JoinError>) {
        // The message of a handler that panicked comes again, and in the end is a dead letter.
        if let Err(error) = ended {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &dyn std::fmt::Display) {
        tracing::warn!(queue = self.queue_name, worker = self.status.name(), %error, "a worker failed at a message");
        self.status.failed(self.ports.clock.now(), error);
    }
}
