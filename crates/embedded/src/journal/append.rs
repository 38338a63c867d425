//! Appending: what is done at the call, what on the writer's thread, and what after the commit.

use super::own_key::OwnKey;
use super::schema::by_key;
use super::sessions::Session;
use super::{EmbeddedJournal, unwritten};
use crate::data_keys::EmbeddedDataKeys;
use crate::queue::{EmbeddedQueues, Enqueued, QueueName, enqueue_in};
use crate::store::{Abort, WriteError};
use rusqlite::{OptionalExtension as _, Transaction, named_params};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::ports::{ExecutionStatus, KeyPurpose, OutgoingMessage};
use tenantry_core::{BoxFuture, ExecutionId, TenantId, Timestamp};
use tenantry_engine::{ClosedExecution, Entry, ExecutionKey, JournalError, StartedExecution};
use tokio::sync::oneshot;

type Outcome = Result<Kept, JournalError>;

/// An entry in line.
struct Pending {
    key: ExecutionKey,
    session: Arc<Session>,
    started: Option<StartedExecution>,
    payload: Payload,
    checkpoint: bool,
    closed: Option<ClosedExecution>,
    reopened: bool,
    queues: EmbeddedQueues,
    keys: EmbeddedDataKeys,
    own: OwnKey,
    now: Timestamp,
}

enum Payload {
    /// As it goes into the row.
    Ready(Vec<u8>),
    /// To be sealed within the write, because the key, or the tenant, is not in memory.
    Plain(Vec<u8>),
}

/// What a kept entry led to.
#[derive(Default)]
struct Kept {
    tenant: Option<TenantId>,
    /// Whether the tenant's key had to be looked up within the write.
    key_was_cold: bool,
    announcement: Option<Enqueued>,
}

/// What a row is sealed for: no row can be passed off as another execution's.
pub(super) fn seal_context(key: ExecutionKey) -> String {
    format!("journal {key}")
}

impl EmbeddedJournal {
    pub(super) fn put_in_line(&self, entry: Entry) -> BoxFuture<'static, Result<(), JournalError>> {
        let session = match self.session_of(&entry) {
            Ok(session) => session,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let first = entry.started.is_some() || entry.reopened;
        let closes = entry.closed.is_some();
        let key = entry.execution;
        let pending = Pending {
            key,
            payload: self.seal(&session, key, entry.payload),
            session: Arc::clone(&session),
            started: entry.started,
            checkpoint: entry.checkpoint,
            closed: entry.closed,
            reopened: entry.reopened,
            queues: self.queues.clone(),
            keys: self.keys.clone(),
            own: self.own.clone(),
            now: self.queues.now(),
        };
        let (answer, answered) = oneshot::channel();
        let journal = self.clone();
        let land = move |outcome: Outcome| {
            let _ = answer.send(journal.land(key, &session, first, closes, outcome));
        };
        if first {
            self.queues
                .store()
                .write_then(move |tx| pending.write(tx), move |written| land(written.map_err(unwritten)));
        } else {
            self.queues.store().write_unguarded_then(
                move |tx| match pending.write(tx) {
                    Ok(kept) => Ok(Ok(kept)),
                    Err(Abort::Refused(error)) => Ok(Err(error)),
                    Err(Abort::Sqlite(error)) => Err(error),
                },
                move |written| land(written.map_err(unavailable).and_then(|outcome| outcome)),
            );
        }
        let keys = self.keys.clone();
        Box::pin(async move {
            let kept = answered
                .await
                .unwrap_or_else(|_| Err(JournalError::Unavailable("the store is closed".to_owned())))?;
            if let Some(tenant) = kept.tenant.filter(|_| kept.key_was_cold)
                && let Err(error) = keys.warm(&tenant, KeyPurpose::Records).await
            {
                // The entry is kept; the next one looks the key up again.
                tracing::warn!(%error, "a tenant's key could not be brought into memory");
            }
            Ok(())
        })
    }

    /// The session that an entry belongs to; begins it with the first one.
    fn session_of(&self, entry: &Entry) -> Result<Arc<Session>, JournalError> {
        let key = entry.execution;
        if entry.closed.as_ref().is_some_and(|closed| closed.status == ExecutionStatus::Running) {
            return Err(JournalError::Refused(format!("execution {key} cannot be closed as running")));
        }
        if i64::try_from(key).is_err() {
            return Err(JournalError::Refused(format!("{key} is too great for an execution's number")));
        }
        let session = match (&entry.started, entry.reopened) {
            (None, false) => self
                .sessions
                .get(key)
                .ok_or_else(|| JournalError::Refused(format!("execution {key} is not open")))?,
            (started, _) => {
                let session =
                    started.as_ref().map_or_else(Session::default, |s| Session::of(s.tenant_id.clone()));
                self.sessions
                    .begin(key, session)
                    .ok_or_else(|| JournalError::Refused(format!("execution {key} is open already")))?
            }
        };
        if session.is_broken() { Err(broken(key)) } else { Ok(session) }
    }

    fn seal(&self, session: &Session, key: ExecutionKey, plain: Vec<u8>) -> Payload {
        match session.tenant() {
            Some(None) => Payload::Ready(self.own.seal(key, &plain)),
            Some(Some(tenant)) => {
                match self.keys.seal_cached(tenant, KeyPurpose::Records, &seal_context(key), &plain) {
                    Some(sealed) => Payload::Ready(sealed),
                    None => Payload::Plain(plain),
                }
            }
            None => Payload::Plain(plain),
        }
    }

    /// On the writer's thread, after the batch's end and before anything is answered.
    fn land(
        &self,
        key: ExecutionKey,
        session: &Arc<Session>,
        first: bool,
        closes: bool,
        outcome: Outcome,
    ) -> Outcome {
        match outcome {
            Ok(mut kept) => {
                session.learn_tenant(kept.tenant.clone());
                self.queues.announce(kept.announcement.take());
                if closes {
                    self.sessions.end(key, session);
                }
                Ok(kept)
            }
            Err(error) => {
                session.break_off();
                if first {
                    self.sessions.end(key, session);
                }
                Err(error)
            }
        }
    }
}

fn broken(key: ExecutionKey) -> JournalError {
    JournalError::Unavailable(format!(
        "an earlier entry of execution {key} was not kept: read the execution again"
    ))
}

fn unavailable(error: WriteError<Infallible>) -> JournalError {
    JournalError::Unavailable(error.to_string())
}

impl Pending {
    /// Refuses before it writes, unless it is an execution's first entry.
    fn write(self, tx: &Transaction<'_>) -> Result<Kept, Abort<JournalError>> {
        if self.session.is_broken() {
            return Err(Abort::Refused(broken(self.key)));
        }
        let session = Arc::clone(&self.session);
        // Before the next entry in line is looked at, which may be in the same batch.
        self.append(tx).inspect_err(|_| session.break_off())
    }

    fn append(self, tx: &Transaction<'_>) -> Result<Kept, Abort<JournalError>> {
        let key = self.key;
        let prev = match &self.started {
            Some(started) => Some(start(tx, key, started)?),
            None if self.reopened => Some(reopen(tx, key)?),
            None => None,
        };
        let tenant = match self.session.tenant() {
            Some(tenant) => tenant.clone(),
            None => tenant_of(tx, key)?,
        };
        let mut kept = Kept { tenant, ..Kept::default() };
        let payload = match (self.payload, &kept.tenant) {
            (Payload::Ready(payload), _) => payload,
            (Payload::Plain(plain), None) => self.own.seal(key, &plain),
            (Payload::Plain(plain), Some(tenant)) => {
                kept.key_was_cold = true;
                self.keys.seal_in(tx, tenant, KeyPurpose::Records, &seal_context(key), &plain).map_err(
                    |abort| match abort {
                        Abort::Refused(error) => Abort::Refused(by_key(error)),
                        Abort::Sqlite(error) => Abort::Sqlite(error),
                    },
                )?
            }
        };
        let seq = match prev {
            Some(prev) => insert(tx, key, prev, self.checkpoint, &payload)?,
            None => insert_behind_last(tx, key, self.checkpoint, &payload)?,
        };
        match &self.closed {
            Some(closed) => {
                close(tx, key, seq, closed)?;
                kept.announcement = announce(tx, key, closed, &self.queues, self.now)?;
            }
            None if prev.is_some() => {
                tx.prepare_cached("INSERT INTO open_executions (key, last_seq) VALUES (?1, ?2)")?
                    .execute((key, seq))?;
            }
            None => {
                tx.prepare_cached("UPDATE open_executions SET last_seq = ?2 WHERE key = ?1")?
                    .execute((key, seq))?;
            }
        }
        Ok(kept)
    }
}

/// Makes the record of an execution that begins; its row before, which is none.
fn start(
    tx: &Transaction<'_>,
    key: ExecutionKey,
    started: &StartedExecution,
) -> Result<i64, Abort<JournalError>> {
    let made = tx
        .prepare_cached(
            "INSERT INTO executions (key, workflow, name, tenant_id, status, started_at, redrive_count,
                                     definition_hash, input_hash, last_seq)
             VALUES (:key, :workflow, :name, :tenant_id, :status, :started_at, 0, :definition_hash, :input_hash, 0)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":key": key,
            ":workflow": started.id.workflow(),
            ":name": started.id.name(),
            ":tenant_id": started.tenant_id.as_ref().map(TenantId::as_str),
            ":status": ExecutionStatus::Running.as_str(),
            ":started_at": started.at.as_millis(),
            ":definition_hash": started.definition_hash,
            ":input_hash": started.input_hash,
        })?;
    if made > 0 {
        return Ok(0);
    }
    let name_taken = tx
        .prepare_cached("SELECT 1 FROM executions WHERE workflow = ?1 AND name = ?2")?
        .exists((started.id.workflow(), started.id.name()))?;
    Err(Abort::Refused(if name_taken {
        JournalError::NameTaken
    } else {
        JournalError::Refused(format!("the number {key} belongs to another execution"))
    }))
}

/// Opens the record of a closed execution again; its row before.
fn reopen(tx: &Transaction<'_>, key: ExecutionKey) -> Result<i64, Abort<JournalError>> {
    tx.prepare_cached(
        "UPDATE executions SET status = ?2, ended_at = NULL, redrive_count = redrive_count + 1
         WHERE key = ?1 AND ended_at IS NOT NULL RETURNING last_seq",
    )?
    .query_row((key, ExecutionStatus::Running.as_str()), |row| row.get(0))
    .optional()?
    .ok_or_else(|| Abort::Refused(JournalError::Refused(format!("there is no closed execution {key}"))))
}

fn tenant_of(tx: &Transaction<'_>, key: ExecutionKey) -> Result<Option<TenantId>, Abort<JournalError>> {
    let tenant: Option<Option<String>> = tx
        .prepare_cached("SELECT tenant_id FROM executions WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    let tenant = tenant.flatten().map(|id| id.parse::<TenantId>()).transpose();
    tenant.map_err(|error| Abort::Refused(JournalError::Damaged(format!("execution {key}: {error}"))))
}

fn insert(
    tx: &Transaction<'_>,
    key: ExecutionKey,
    prev: i64,
    checkpoint: bool,
    payload: &[u8],
) -> Result<i64, Abort<JournalError>> {
    tx.prepare_cached("INSERT INTO journal (execution, prev, checkpoint, payload) VALUES (?1, ?2, ?3, ?4)")?
        .execute((key, prev, checkpoint, payload))?;
    Ok(tx.last_insert_rowid())
}

fn insert_behind_last(
    tx: &Transaction<'_>,
    key: ExecutionKey,
    checkpoint: bool,
    payload: &[u8],
) -> Result<i64, Abort<JournalError>> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO journal (execution, prev, checkpoint, payload)
             SELECT key, last_seq, ?2, ?3 FROM open_executions WHERE key = ?1",
        )?
        .execute((key, checkpoint, payload))?;
    if inserted == 0 {
        return Err(Abort::Refused(JournalError::Refused(format!("execution {key} is not open"))));
    }
    Ok(tx.last_insert_rowid())
}

fn close(
    tx: &Transaction<'_>,
    key: ExecutionKey,
    seq: i64,
    closed: &ClosedExecution,
) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM open_executions WHERE key = ?1")?.execute([key])?;
    tx.prepare_cached("UPDATE executions SET status = ?2, ended_at = ?3, last_seq = ?4 WHERE key = ?1")?
        .execute((key, closed.status.as_str(), closed.at.as_millis(), seq))
        .map(drop)
}

/// Tells the `execution-status` queue how an execution ended. Express executions and the children of Map Runs are of no
/// operation, and may be many: nobody is told of them.
fn announce(
    tx: &Transaction<'_>,
    key: ExecutionKey,
    closed: &ClosedExecution,
    queues: &EmbeddedQueues,
    now: Timestamp,
) -> Result<Option<Enqueued>, Abort<JournalError>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        execution_id: &'a ExecutionId,
        status: ExecutionStatus,
        tenant_id: &'a Option<TenantId>,
    }
    let found = tx
        .prepare_cached(&format!("SELECT {} FROM executions e WHERE e.key = ?1", super::schema::COLUMNS))?
        .query([key])?
        .next()?
        .map(super::schema::stored)
        .transpose()?;
    let Some(found) = found else {
        return Err(Abort::Sqlite(rusqlite::Error::QueryReturnedNoRows));
    };
    let summary = found.summary;
    if summary.id.express().is_some() || summary.id.map_run_child().is_some() {
        return Ok(None);
    }
    let body = Body { execution_id: &summary.id, status: closed.status, tenant_id: &summary.tenant_id };
    let outgoing = OutgoingMessage {
        body: serde_json::to_string(&body).expect("ids and a word can be written as JSON"),
        group: summary.tenant_id.as_ref().map_or_else(|| summary.id.to_string(), TenantId::to_string),
        delay: Duration::ZERO,
    };
    // Sealed here, because only the row tells whose it is: some microseconds, once an execution.
    Ok(Some(enqueue_in(tx, &queues.seal(QueueName::ExecutionStatus, outgoing), now)?))
}
