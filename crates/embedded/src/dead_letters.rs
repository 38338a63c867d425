//! The dead letters of all queues: rows beside the messages, so that a message moves between both in one commit, and
//! with its body as it lies there sealed.

use crate::cursor;
use crate::queue::{
    DEAD_LETTER_COLUMNS, EmbeddedQueues, QueueName, Sealed, bury_in, check_limits, dead_letter, enqueue_in,
    requeue_in,
};
use crate::store::Abort;
use rusqlite::{OptionalExtension as _, Transaction};
use std::time::Duration;
use tenantry_core::limits::PAGE_ITEMS_MAX;
use tenantry_core::ports::{DeadLetter, DeadLetterPage, DeadLetters, OutgoingMessage, PortError};
use tenantry_core::{BoxFuture, MessageId};

const PORT: &str = "dead letters";

/// The dead letters. Clones share them.
///
/// Of a queue that there is not, there are none; none can be buried for it.
#[derive(Debug, Clone)]
pub struct EmbeddedDeadLetters {
    queues: EmbeddedQueues,
}

fn refused(message: impl Into<String>) -> PortError {
    PortError::Refused { port: PORT, message: message.into() }
}

/// Takes a dead letter out, within a write.
fn forget(
    tx: &Transaction<'_>,
    queue: QueueName,
    id: &MessageId,
) -> rusqlite::Result<Option<Sealed<DeadLetter>>> {
    tx.prepare_cached(&format!(
        "DELETE FROM dead_letters WHERE queue = ?1 AND id = ?2 RETURNING {DEAD_LETTER_COLUMNS}"
    ))?
    .query_row((queue.as_str(), id.as_str()), dead_letter)
    .optional()
}

/// The place in a queue's list after a letter: when it died, and which it is.
fn place_of(letter: &DeadLetter) -> String {
    format!("{} {}", letter.died_at.as_millis(), letter.id)
}

fn read_place(place: &str) -> Option<(i64, String)> {
    let (died_at, id) = place.split_once(' ')?;
    Some((died_at.parse().ok()?, id.to_owned()))
}

impl EmbeddedDeadLetters {
    /// The dead letters of these queues.
    pub fn new(queues: EmbeddedQueues) -> Self {
        Self { queues }
    }

    async fn page(
        &self,
        queue: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<DeadLetterPage, PortError> {
        let Some(queue) = QueueName::parse(queue) else { return Ok(DeadLetterPage::default()) };
        let list = format!("{PORT} of {queue}");
        let start = match after {
            None => (i64::MIN, String::new()),
            Some(after) => cursor::decode(&list, &after)
                .as_deref()
                .and_then(read_place)
                .ok_or_else(|| refused(cursor::FOREIGN))?,
        };
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let mut found = self
            .queues
            .store()
            .read(move |connection| {
                let found = connection
                    .prepare_cached(&format!(
                        "SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters
                         WHERE queue = ?1 AND (died_at, id) > (?2, ?3) ORDER BY died_at, id LIMIT ?4"
                    ))?
                    .query_map((queue.as_str(), start.0, start.1, limit + 1), dead_letter)?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok::<_, Abort<PortError>>(found)
            })
            .await
            .map_err(|error| error.into_port(PORT))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let items: Vec<_> = found.into_iter().map(|letter| self.queues.open_letter(letter)).collect();
        let next = if more { items.last().map(|last| cursor::encode(&list, &place_of(last))) } else { None };
        Ok(DeadLetterPage { items, next })
    }
}

impl DeadLetters for EmbeddedDeadLetters {
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), PortError>> {
        if QueueName::parse(&letter.queue).is_none() {
            let unknown = refused(format!("there is no queue {:?}", letter.queue));
            return Box::pin(std::future::ready(Err(unknown)));
        }
        let letter = self.queues.seal_letter(letter);
        Box::pin(self.queues.write_then(PORT, move |tx| Ok(bury_in(tx, &letter)?), |_, ()| {}))
    }

    fn list<'a>(
        &'a self,
        queue: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<DeadLetterPage, PortError>> {
        Box::pin(self.page(queue, after, limit))
    }

    fn get<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, PortError>> {
        let (queue, id) = (queue.to_owned(), id.clone());
        let read = self.queues.store().read(move |connection| {
            let found = connection
                .prepare_cached(&format!(
                    "SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters WHERE queue = ?1 AND id = ?2"
                ))?
                .query_row((queue, id.as_str()), dead_letter)
                .optional()?;
            Ok::<_, Abort<PortError>>(found)
        });
        Box::pin(async move {
            let found = read.await.map_err(|error| error.into_port(PORT))?;
            Ok(found.map(|letter| self.queues.open_letter(letter)))
        })
    }

    fn redrive<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        let Some(queue) = QueueName::parse(queue) else { return Box::pin(std::future::ready(Ok(false))) };
        let (id, clock) = (id.clone(), self.queues.clock().clone());
        let write = self.queues.write_then(
            PORT,
            move |tx| {
                let letter = forget(tx, queue, &id)?;
                Ok(letter.map(|letter| requeue_in(tx, queue, &letter, clock.now())).transpose()?.map(Some))
            },
            |queues, moved| queues.announce(moved.as_mut().and_then(Option::take)),
        );
        Box::pin(async move { write.await.map(|moved| moved.is_some()) })
    }

    fn edit<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
        body: String,
    ) -> BoxFuture<'a, Result<Option<MessageId>, PortError>> {
        let Some(queue) = QueueName::parse(queue) else { return Box::pin(std::future::ready(Ok(None))) };
        let message = OutgoingMessage { body, group: String::new(), delay: Duration::ZERO };
        if let Err(error) = check_limits(&message) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let mut message = self.queues.seal(queue, message);
        let (id, new_id, clock) = (id.clone(), message.id().clone(), self.queues.clock().clone());
        let write = self.queues.write_then(
            PORT,
            move |tx| {
                let Some(letter) = forget(tx, queue, &id)? else { return Ok(None) };
                message.group = letter.into_group();
                Ok(Some(Some(enqueue_in(tx, &message, clock.now())?)))
            },
            |queues, sent| queues.announce(sent.as_mut().and_then(Option::take)),
        );
        Box::pin(async move { write.await.map(|sent| sent.map(|_| new_id)) })
    }

    fn purge<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        let Some(queue) = QueueName::parse(queue) else { return Box::pin(std::future::ready(Ok(false))) };
        let id = id.clone();
        let write = self.queues.write_then(PORT, move |tx| Ok(forget(tx, queue, &id)?.is_some()), |_, _| {});
        Box::pin(write)
    }
}
