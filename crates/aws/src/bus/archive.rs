//! The archive's rows: which events are in, and putting events in.
//!
//! **Invariants.** A tenant's events all lie in its shard. One commit holds the events of one shard, a pointer for each,
//! and the shard's head, on the condition that the head is as it was read: so numbers are dense, and each event is
//! there once, whoever else publishes it at the same time.

use super::PORT;
use super::position::{Position, SHARDS};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_app::http::retry::{RetryPolicy, Transient, retry};
use tenantry_core::keys::{Key, index};
use tenantry_core::limits::COMMIT_ACTIONS_MAX;
use tenantry_core::ports::{
    Action, BusEvent, Clock, Commit, CommitError, Condition, Ids, Item, PortError, Table,
};
use tenantry_core::{EventId, TenantId, Timestamp};

/// Most events of one commit: two rows each, and the head.
const EVENTS_PER_COMMIT: usize = (COMMIT_ACTIONS_MAX - 1) / 2;
/// Most bytes of events in one commit: room is left for keys and the rest.
const BYTES_PER_COMMIT: usize = 3 * 1024 * 1024;
/// Rows that are asked for at once.
pub(super) const READS_IN_FLIGHT: usize = 16;
/// Tries against other publishers of the same shard.
const TRIES: RetryPolicy = RetryPolicy { tries_max: 16, ..RetryPolicy::SHORT };

const LAST: &str = "last";

/// An event's row. The detail is kept as text, so that its members keep their order and its numbers their form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRow {
    event_id: EventId,
    pub(super) tenant_id: TenantId,
    sequence: u64,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    source: String,
    occurred_at: Timestamp,
    detail: String,
    /// Ascends from publication to publication of one process, and by the clock between processes.
    publication: String,
    /// The event's place in its publication.
    place: u64,
}

impl EventRow {
    /// What shards are merged by when they are read: the order of publication, as far as one clock tells it.
    pub(super) fn order(&self) -> (&str, u64) {
        (&self.publication, self.place)
    }

    pub(super) fn event(self) -> Result<BusEvent, PortError> {
        let damaged =
            |error: serde_json::Error| PortError::Damaged { port: PORT, message: error.to_string() };
        Ok(BusEvent {
            source: self.source,
            detail_type: self.event_type,
            detail: serde_json::from_str(&self.detail).map_err(damaged)?,
            event_id: self.event_id,
            tenant_id: self.tenant_id,
            sequence: self.sequence,
            occurred_at: self.occurred_at,
        })
    }
}

/// Where a tenant's event of some sequence stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventPointer {
    event_id: EventId,
    pub(super) number: u64,
}

#[derive(Clone)]
pub(super) struct Archive {
    pub(super) table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A try to put events in.
struct Failed {
    error: PortError,
    again: bool,
}

impl Transient for Failed {
    fn is_transient(&self) -> bool {
        self.again
    }
}

impl From<PortError> for Failed {
    fn from(error: PortError) -> Self {
        Self { error, again: false }
    }
}

/// The shard of a tenant's events.
pub(super) fn shard_of(tenant: &TenantId) -> usize {
    usize::try_from(index::shard(tenant)).unwrap_or(0) % SHARDS
}

pub(super) fn number_of(shard: usize) -> u64 {
    shard as u64
}

fn taken(event: &BusEvent) -> PortError {
    let BusEvent { event_id, tenant_id, sequence, .. } = event;
    let message = format!("event {event_id} cannot be number {sequence} of {tenant_id}: another event is");
    PortError::Refused { port: PORT, message }
}

/// The events, each once.
///
/// # Errors
/// [`PortError::Refused`] where two events claim one number of a tenant.
pub(super) fn distinct(events: Vec<BusEvent>) -> Result<Vec<BusEvent>, PortError> {
    let mut seen: BTreeMap<(TenantId, u64), EventId> = BTreeMap::new();
    let mut distinct = Vec::with_capacity(events.len());
    for event in events {
        match seen.insert((event.tenant_id.clone(), event.sequence), event.event_id.clone()) {
            None => distinct.push(event),
            Some(id) if id == event.event_id => {}
            Some(_) => return Err(taken(&event)),
        }
    }
    Ok(distinct)
}

impl Archive {
    pub(super) fn new(table: Arc<dyn Table>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { table, clock, ids }
    }

    /// Those of the events that are not in the archive.
    ///
    /// # Errors
    /// [`PortError::Refused`] where another event has the number of one of them.
    pub(super) async fn missing(&self, events: Vec<BusEvent>) -> Result<Vec<BusEvent>, PortError> {
        let look = |event: BusEvent| async move {
            let key = Key::archive_pointer(&event.tenant_id, event.sequence);
            match self.table.get(&key).await? {
                None => Ok(Some(event)),
                Some(item) if item.record::<EventPointer>()?.event_id == event.event_id => Ok(None),
                Some(_) => Err(taken(&event)),
            }
        };
        let found: Vec<Option<BusEvent>> =
            futures::stream::iter(events).map(look).buffered(READS_IN_FLIGHT).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The last number of a shard; 0 in an empty one.
    pub(super) async fn head(&self, shard: usize) -> Result<u64, PortError> {
        let item = self.table.get(&Key::archive_head(number_of(shard))).await?;
        Ok(item.and_then(|item| item.attributes.get(LAST).and_then(Value::as_u64)).unwrap_or(0))
    }

    /// The end of the archive as it is now.
    pub(super) async fn end(&self) -> Result<Position, PortError> {
        let heads = futures::future::try_join_all((0..SHARDS).map(|shard| self.head(shard))).await?;
        Ok(Position(std::array::from_fn(|shard| heads.get(shard).copied().unwrap_or(0))))
    }

    /// Puts in those of the events that are not there yet, each tenant's in the given order.
    pub(super) async fn append(&self, events: Vec<BusEvent>) -> Result<(), PortError> {
        let publication = self.ids.next().to_string();
        let mut shards: [Vec<(u64, BusEvent)>; SHARDS] = Default::default();
        for (place, event) in (0..).zip(events) {
            shards[shard_of(&event.tenant_id)].push((place, event));
        }
        let appends = shards.into_iter().enumerate().map(|(shard, events)| {
            let publication = publication.as_str();
            async move { self.append_to(shard, publication, events).await }
        });
        futures::future::try_join_all(appends).await.map(drop)
    }

    async fn append_to(
        &self,
        shard: usize,
        publication: &str,
        events: Vec<(u64, BusEvent)>,
    ) -> Result<(), PortError> {
        let sizes = events.iter().map(|(_, event)| event.detail.to_string().len());
        let lengths = crate::batch::runs(sizes, EVENTS_PER_COMMIT, BYTES_PER_COMMIT);
        for events in crate::batch::cut(events, lengths) {
            let first = AtomicBool::new(true);
            let attempt =
                || self.try_append(shard, publication, &events, first.swap(false, Ordering::Relaxed));
            retry(self.clock.as_ref(), self.ids.as_ref(), &TRIES, attempt)
                .await
                .map_err(|failed| failed.error)?;
        }
        Ok(())
    }

    async fn try_append(
        &self,
        shard: usize,
        publication: &str,
        events: &[(u64, BusEvent)],
        first: bool,
    ) -> Result<(), Failed> {
        let mut new = events.to_vec();
        if !first {
            // Whoever was faster may have put in some, and so may an earlier try whose answer was lost.
            let missing = self.missing(events.iter().map(|(_, event)| event.clone()).collect()).await?;
            new.retain(|(_, event)| missing.iter().any(|other| other.event_id == event.event_id));
        }
        if new.is_empty() {
            return Ok(());
        }
        let last = self.head(shard).await?;
        match self.table.commit(Commit::of(actions(shard, last, publication, &new))).await {
            Ok(()) => Ok(()),
            Err(CommitError::Port(error @ PortError::Unavailable { .. })) => {
                Err(Failed { error, again: true })
            }
            Err(CommitError::Port(error)) => Err(Failed { error, again: false }),
            Err(busy) => {
                let message = format!("shard {shard} of the archive is busy: {busy}");
                Err(Failed { error: PortError::Unavailable { port: PORT, message }, again: true })
            }
        }
    }
}

/// The actions that put events after number `last` of a shard.
fn actions(shard: usize, last: u64, publication: &str, events: &[(u64, BusEvent)]) -> Vec<Action> {
    let as_read = match last {
        0 => Condition::NotExists,
        last => Condition::Equals(LAST.to_owned(), last.into()),
    };
    let head = Map::from_iter([(LAST.to_owned(), Value::from(last + events.len() as u64))]);
    let head = Item::new(Key::archive_head(number_of(shard)), head);
    let mut actions = vec![Action::put_if(head, vec![as_read])];
    for (number, (place, event)) in (last + 1..).zip(events) {
        let row = EventRow {
            event_id: event.event_id.clone(),
            tenant_id: event.tenant_id.clone(),
            sequence: event.sequence,
            event_type: event.detail_type.clone(),
            source: event.source.clone(),
            occurred_at: event.occurred_at,
            detail: event.detail.to_string(),
            publication: publication.to_owned(),
            place: *place,
        };
        let pointer = EventPointer { event_id: event.event_id.clone(), number };
        let pointer_key = Key::archive_pointer(&event.tenant_id, event.sequence);
        actions.push(Action::create(Item::of(Key::archive(number_of(shard), number), &row)));
        actions.push(Action::create(Item::of(pointer_key, &pointer)));
    }
    actions
}
