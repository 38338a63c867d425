//! The sweeper: what a lost message, a dead process or a long wait left behind is taken up again.
//!
//! Each row that waits for something lies in the index of due rows with the time at which somebody is to look; whoever
//! finishes with it takes it out. So a wake-up may be lost anywhere, and all that it costs is time.
//!
//! A sweeper remembers nothing between two runs but what its own row holds ([`cursors`]): several may run at once, and
//! each run may be another process's.

mod cursors;

use super::error::WorkerError;
use super::relay::{await_start, operation_message};
use super::rows;
use super::webhooks::cursor::Cursor;
use super::webhooks::news;
use crate::Ports;
use std::time::Duration;
use tenantry_core::keys::{INDEX_SHARDS, index};
use tenantry_core::model::{Operation, OperationPhase};
use tenantry_core::ports::{Action, Index, IndexKey, Item, OutgoingMessage, Query, Queue};
use tenantry_core::{Timestamp, limits};

/// Due rows of one shard that one run takes up.
const DUE_MAX: usize = 500;
/// Rows of one page.
const PAGE_ITEMS: usize = 100;
/// A woken cursor is looked at again after this, should the wake-up be lost too.
const CURSOR_AGAIN: Duration = Duration::from_secs(60);
/// The longest that an operation's message is not sent again.
const OPERATION_AGAIN_MAX: Duration = Duration::from_secs(3600);

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepRun {
    /// Operations whose message was sent again.
    pub operations: u64,
    /// Deliveries that were woken.
    pub deliveries: u64,
    /// Rows that were due for nothing any more.
    pub cleared: u64,
}

/// The sweeper.
pub struct Sweeper {
    ports: Ports,
    operation_resend_after: Duration,
    cursor_scan_every: Duration,
}

/// What a due row asks for.
enum Wake {
    Operation(OutgoingMessage, Action),
    Delivery(OutgoingMessage, Action),
    /// Nothing: it only is to be taken out.
    Nothing(Action),
}

impl Sweeper {
    /// A sweeper.
    pub fn new(ports: Ports, operation_resend_after: Duration, cursor_scan_every: Duration) -> Self {
        Self { ports, operation_resend_after, cursor_scan_every }
    }

    /// Takes up what is due, and from time to time compares the cursors with what was published.
    pub async fn run_once(&self) -> Result<SweepRun, WorkerError> {
        let mut run = SweepRun::default();
        for shard in 0..INDEX_SHARDS {
            self.due(shard, &mut run).await?;
        }
        run.deliveries += cursors::compare(&self.ports, self.cursor_scan_every).await?;
        Ok(run)
    }

    async fn due(&self, shard: u64, run: &mut SweepRun) -> Result<(), WorkerError> {
        let now = self.ports.clock.now();
        let mut after = None;
        let mut seen = 0;
        while seen < DUE_MAX {
            let query = Query::index(Index::One, index::due(shard), PAGE_ITEMS).after(after);
            let page = self.ports.table.query(query).await?;
            let mut wakes = Vec::new();
            for item in &page.items {
                let place = item.indexes.get(&Index::One);
                if place.and_then(rows::due_time).is_some_and(|at| at > now) {
                    return self.wake(wakes, run).await;
                }
                seen += 1;
                match self.look(item, now).await {
                    Ok(wake) => wakes.extend(wake),
                    // One bad row must not keep the others.
                    Err(error) => tracing::error!(
                        pk = item.key.pk(), sk = item.key.sk(), %error, "the sweeper cannot read a due row"
                    ),
                }
            }
            self.wake(wakes, run).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// What the row itself says; the index may be stale.
    async fn look(&self, shown: &Item, now: Timestamp) -> Result<Option<Wake>, WorkerError> {
        let Some(item) = self.ports.table.get(&shown.key).await? else { return Ok(None) };
        let due = item.indexes.get(&Index::One).filter(|place| place.pk.starts_with("DUE#"));
        if due.and_then(rows::due_time).is_none_or(|at| at > now) {
            return Ok(None);
        }
        if item.key.sk().starts_with("OPERATION#") {
            return Ok(Some(self.operation(&item.record()?, now)));
        }
        if item.key.sk().starts_with("CURSOR#") {
            return Ok(Some(delivery(&item.record()?, now)));
        }
        Err(WorkerError::Inconsistent("nobody knows what this row is due for".to_owned()))
    }

    fn operation(&self, operation: &Operation, now: Timestamp) -> Wake {
        if operation.phase != OperationPhase::Queued {
            return Wake::Nothing(self.leave(operation));
        }
        // The older, the rarer: what keeps it from being started will hardly pass in a minute.
        let age = now.saturating_since(operation.updated_at);
        let wait =
            age.clamp(self.operation_resend_after, OPERATION_AGAIN_MAX.max(self.operation_resend_after));
        tracing::warn!(operation = %operation.operation_id, age_seconds = age.as_secs(), "an operation is sent again");
        Wake::Operation(operation_message(operation), await_start(operation, now.saturating_add(wait)))
    }

    fn leave(&self, operation: &Operation) -> Action {
        let key = tenantry_core::keys::Key::operation(&operation.tenant_id, &operation.operation_id);
        rows::index_one(rows::update(key, vec![rows::equals("revision", operation.revision)]), None)
    }

    /// Sends the wake-ups, then puts the rows off: a crash in between only wakes twice.
    async fn wake(&self, wakes: Vec<Wake>, run: &mut SweepRun) -> Result<(), WorkerError> {
        let (mut operations, mut deliveries, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        for wake in wakes {
            match wake {
                Wake::Operation(message, action) => {
                    operations.push(message);
                    actions.push(action);
                }
                Wake::Delivery(message, action) => {
                    deliveries.push(message);
                    actions.push(action);
                }
                Wake::Nothing(action) => {
                    run.cleared += 1;
                    actions.push(action);
                }
            }
        }
        run.operations += operations.len() as u64;
        run.deliveries += deliveries.len() as u64;
        send(&*self.ports.queues.operations, operations).await?;
        send(&*self.ports.queues.webhooks, deliveries).await?;
        for chunk in actions.chunks(limits::COMMIT_ACTIONS_MAX) {
            if rows::commit_if(&self.ports, chunk.to_vec()).await? {
                continue;
            }
            // One of them has moved on; the others are still to be put off.
            for action in chunk {
                rows::commit_if(&self.ports, vec![action.clone()]).await?;
            }
        }
        Ok(())
    }
}

fn delivery(cursor: &Cursor, now: Timestamp) -> Wake {
    let message = news(&cursor.subscription_id, &cursor.tenant_id, cursor.delivered_sequence + 1);
    let place: IndexKey = rows::due_place(&cursor.tenant_id, now.saturating_add(CURSOR_AGAIN), &cursor.key());
    let conditions = vec![rows::equals("revision", cursor.revision)];
    let action = rows::index_one(rows::update(cursor.key(), conditions), Some(place));
    Wake::Delivery(message, action)
}

async fn send(queue: &dyn Queue, messages: Vec<OutgoingMessage>) -> Result<(), WorkerError> {
    if !messages.is_empty() {
        queue.send(messages).await?;
    }
    Ok(())
}
