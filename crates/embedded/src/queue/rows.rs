//! The rows of messages and dead letters, and what is done to them within a write.

use super::bodies::{Sealed, SealedBody};
use super::index::{Entry, Settled};
use super::name::QueueName;
use super::receipt::{NONCE_BYTES, Receipt};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};
use std::time::Duration;
use tenantry_core::ports::{DeadLetter, DeadReason, Message};
use tenantry_core::{MessageId, Timestamp};

/// `seq` is never used twice, so that a late answer about a deleted message cannot meet another one. Times are
/// milliseconds since the Unix epoch. The body, sealed, stands last: it may fill pages of its own. `body_key` has one row.
pub(super) const SCHEMA: &[&str] = &["CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    message_group TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    nonce BLOB,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE dead_letters (
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    message_group TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    died_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    reason_code TEXT NOT NULL,
    reason_message TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (queue, id)
) STRICT;
CREATE INDEX dead_letters_by_age ON dead_letters (queue, died_at, id);
CREATE TABLE body_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    wrapped BLOB NOT NULL
) STRICT"];

/// The code of a message that was received too often.
pub(super) const MAX_RECEIVES: &str = "max_receives";

/// A message ready to be written: with its id, and its body sealed for it.
#[derive(Debug)]
pub(crate) struct SealedMessage {
    pub(super) queue: QueueName,
    pub(super) id: MessageId,
    pub(crate) group: String,
    pub(super) delay: Duration,
    pub(super) body: SealedBody,
}

impl SealedMessage {
    pub(crate) fn id(&self) -> &MessageId {
        &self.id
    }
}

/// A message in a queue's rows, on its way into the index in memory: give it to
/// [`super::EmbeddedQueues::announce`] once its transaction is committed.
#[derive(Debug)]
#[must_use = "a message that is not announced after its commit is not received before the next start"]
pub(crate) struct Enqueued {
    pub(super) queue: QueueName,
    pub(super) entry: Entry,
}

/// Puts a message into its queue within a write of its own or another part's.
pub(crate) fn enqueue_in(
    tx: &Transaction<'_>,
    message: &SealedMessage,
    now: Timestamp,
) -> rusqlite::Result<Enqueued> {
    let SealedMessage { queue, id, group, delay, body } = message;
    insert(tx, *queue, id, group, body, now, now.saturating_add(*delay))
}

fn insert(
    tx: &Transaction<'_>,
    queue: QueueName,
    id: &MessageId,
    group: &str,
    body: &SealedBody,
    sent_at: Timestamp,
    visible_at: Timestamp,
) -> rusqlite::Result<Enqueued> {
    tx.prepare_cached(
        "INSERT INTO messages (queue, id, message_group, sent_at, visible_at, receive_count, body)
         VALUES (:queue, :id, :group, :sent_at, :visible_at, 0, :body)",
    )?
    .execute(named_params! {
        ":queue": queue.as_str(),
        ":id": id.as_str(),
        ":group": group,
        ":sent_at": sent_at.as_millis(),
        ":visible_at": visible_at.as_millis(),
        ":body": body.as_bytes(),
    })?;
    let entry =
        Entry { seq: tx.last_insert_rowid(), group: group.to_owned(), sent_at, visible_at, received: false };
    Ok(Enqueued { queue, entry })
}

/// Puts a dead letter back into its queue.
pub(crate) fn requeue_in(
    tx: &Transaction<'_>,
    queue: QueueName,
    letter: &Sealed<DeadLetter>,
    now: Timestamp,
) -> rusqlite::Result<Enqueued> {
    let DeadLetter { id, group, sent_at, .. } = &letter.envelope;
    insert(tx, queue, id, group, &letter.body, *sent_at, now)
}

/// What became of one message that was to be received.
#[derive(Debug)]
pub(super) enum Taken {
    Message(Sealed<Message>, Settled),
    DeadLetter(MessageId),
    Not(Settled),
}

/// Receives one message: raises its count, hides it and gives it a new receipt; or makes it a dead letter.
pub(super) fn take(
    tx: &Transaction<'_>,
    queue: QueueName,
    seq: i64,
    nonce: [u8; NONCE_BYTES],
    visibility: Duration,
    now: Timestamp,
) -> rusqlite::Result<Taken> {
    let visible_at = tx
        .prepare_cached("SELECT visible_at FROM messages WHERE seq = ?1")?
        .query_row([seq], |row| time(row, 0))
        .optional()?;
    match visible_at {
        None => return Ok(Taken::Not(Settled::Gone)),
        Some(visible_at) if visible_at > now => return Ok(Taken::Not(Settled::Hidden(visible_at))),
        Some(_) => {}
    }
    let until = now.saturating_add(visibility);
    let Sealed { envelope: message, body } = tx
        .prepare_cached(
            "UPDATE messages SET receive_count = receive_count + 1, visible_at = ?2, nonce = ?3 WHERE seq = ?1
             RETURNING id, message_group, receive_count, sent_at, body",
        )?
        .query_row((seq, until.as_millis(), nonce), |row| {
            let envelope = Message {
                id: message_id(row, 0)?,
                receipt: Receipt { seq, nonce }.to_string(),
                group: row.get(1)?,
                receive_count: row.get(2)?,
                sent_at: time(row, 3)?,
                body: String::new(),
            };
            Ok(Sealed { envelope, body: SealedBody::of_row(row.get(4)?) })
        })?;
    if message.receive_count <= queue.max_receives() {
        return Ok(Taken::Message(Sealed { envelope: message, body }, Settled::Received(until)));
    }
    let letter = DeadLetter {
        queue: queue.as_str().to_owned(),
        receive_count: message.receive_count - 1,
        reason: DeadReason {
            code: MAX_RECEIVES.to_owned(),
            message: format!(
                "It was received {} times and never deleted: whoever handled it failed each time, or was cut off.",
                message.receive_count - 1
            ),
        },
        id: message.id,
        body: String::new(),
        group: message.group,
        sent_at: message.sent_at,
        died_at: now,
    };
    let letter = Sealed { envelope: letter, body };
    bury_in(tx, &letter)?;
    tx.prepare_cached("DELETE FROM messages WHERE seq = ?1")?.execute([seq])?;
    Ok(Taken::DeadLetter(letter.envelope.id))
}

/// Whether the receipt was good, and its message is deleted now.
pub(super) fn delete(tx: &Transaction<'_>, queue: QueueName, receipt: Receipt) -> rusqlite::Result<bool> {
    let deleted = tx
        .prepare_cached("DELETE FROM messages WHERE seq = ?1 AND nonce = ?2 AND queue = ?3")?
        .execute((receipt.seq, receipt.nonce, queue.as_str()))?;
    Ok(deleted > 0)
}

/// Whether the receipt was good, and its message is hidden until then now.
pub(super) fn hide(
    tx: &Transaction<'_>,
    queue: QueueName,
    receipt: Receipt,
    until: Timestamp,
) -> rusqlite::Result<bool> {
    let hidden = tx
        .prepare_cached("UPDATE messages SET visible_at = ?4 WHERE seq = ?1 AND nonce = ?2 AND queue = ?3")?
        .execute((receipt.seq, receipt.nonce, queue.as_str(), until.as_millis()))?;
    Ok(hidden > 0)
}

/// Shows again what an earlier process had received: whoever held it died with that process. Their counts stay.
pub(super) fn show_in_flight(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    tx.execute(
        "UPDATE messages SET visible_at = ?1 WHERE nonce IS NOT NULL AND visible_at > ?1",
        [now.as_millis()],
    )
}

/// All messages of all queues, with their queues' names, in the order of sending.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<(String, Entry)>> {
    connection
        .prepare("SELECT queue, seq, message_group, sent_at, visible_at, receive_count > 0 FROM messages ORDER BY seq")?
        .query_map([], |row| {
            let entry = Entry {
                seq: row.get(1)?,
                group: row.get(2)?,
                sent_at: time(row, 3)?,
                visible_at: time(row, 4)?,
                received: row.get(5)?,
            };
            Ok((row.get(0)?, entry))
        })?
        .collect()
}

/// Writes a dead letter down, unless it is there already.
pub(crate) fn bury_in(tx: &Transaction<'_>, letter: &Sealed<DeadLetter>) -> rusqlite::Result<()> {
    let Sealed { envelope: letter, body } = letter;
    tx.prepare_cached(
        "INSERT INTO dead_letters (queue, id, message_group, sent_at, died_at, receive_count, reason_code,
                                   reason_message, body)
         VALUES (:queue, :id, :group, :sent_at, :died_at, :receive_count, :code, :message, :body)
         ON CONFLICT (queue, id) DO NOTHING",
    )?
    .execute(named_params! {
        ":queue": letter.queue,
        ":id": letter.id.as_str(),
        ":group": letter.group,
        ":sent_at": letter.sent_at.as_millis(),
        ":died_at": letter.died_at.as_millis(),
        ":receive_count": letter.receive_count,
        ":code": letter.reason.code,
        ":message": letter.reason.message,
        ":body": body.as_bytes(),
    })
    .map(drop)
}

/// The columns that [`dead_letter`] reads, in its order.
pub(crate) const DEAD_LETTER_COLUMNS: &str =
    "queue, id, message_group, sent_at, died_at, receive_count, reason_code, reason_message, body";

pub(crate) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<Sealed<DeadLetter>> {
    let envelope = DeadLetter {
        queue: row.get(0)?,
        id: message_id(row, 1)?,
        group: row.get(2)?,
        sent_at: time(row, 3)?,
        died_at: time(row, 4)?,
        receive_count: row.get(5)?,
        reason: DeadReason { code: row.get(6)?, message: row.get(7)? },
        body: String::new(),
    };
    Ok(Sealed { envelope, body: SealedBody::of_row(row.get(8)?) })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

fn message_id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
