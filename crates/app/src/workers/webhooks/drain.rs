//! Delivers what is next for one subscription and tenant, in order, under a lease.

use super::super::error::WorkerError;
use super::super::rows;
use super::attempt::{self, Attempt};
use super::cursor::{self, Cursor};
use super::lost::{self, Lost};
use super::{Subscriber, WebhookSettings, label};
use crate::Ports;
use crate::http::HttpClient;
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::DeliveryOutcome;
use tenantry_core::ports::{Action, Query};
use tenantry_core::{TenantId, Timestamp};
use tenantry_events::Envelope;
use tenantry_events::envelope::event_bridge_json;

/// Events that are read at once.
const EVENTS_MAX: usize = 50;
/// What a lease must still hold beyond the longest call.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Nothing is left to deliver of what was published, up to this event.
    UpToDate { published: u64 },
    /// More was published than one run reads.
    More,
    /// A try failed; the next one is due after this time.
    Retry(Duration),
    /// A try failed earlier, and the next one is not due yet.
    Waiting,
    /// Somebody else delivers, for at most this long.
    Busy(Duration),
}

/// What a run works on.
pub(super) struct Drain<'a> {
    pub(super) ports: &'a Ports,
    pub(super) http: &'a HttpClient,
    pub(super) settings: &'a WebhookSettings,
    pub(super) subscriber: &'a Subscriber,
    pub(super) tenant: &'a TenantId,
}

/// The next published events.
struct Batch {
    /// Those that the subscription asked for.
    wanted: Vec<Envelope>,
    /// The last one that was read, wanted or not.
    read_up_to: u64,
    more: bool,
}

/// Somebody else has written the cursor: this run has lost its lease.
const LOST_LEASE: Drained = Drained::Busy(Duration::from_secs(1));

impl Drain<'_> {
    pub(super) async fn run(&self) -> Result<Drained, WorkerError> {
        let published = rows::published_sequence(self.ports, self.tenant).await?;
        let cursor = cursor::load(self.ports, &self.subscriber.record, self.tenant, published).await?;
        let now = self.now();
        if let Some(until) = cursor.lease_until.filter(|until| *until > now && !self.is_void(&cursor)) {
            return Ok(Drained::Busy(until.saturating_since(now)));
        }
        if cursor.next_attempt_at.is_some_and(|at| at > now) {
            return Ok(Drained::Waiting);
        }
        let batch = self.read(cursor.delivered_sequence, published).await?;
        if batch.wanted.is_empty() {
            return self.pass_over(&cursor, &batch, published).await;
        }
        let leased = self.lease_until();
        let (cursor, action) = cursor.change(now, |cursor| self.take_lease(cursor, leased));
        if !rows::commit_if(self.ports, vec![action]).await? {
            return Ok(LOST_LEASE);
        }
        self.deliver(cursor, batch, published).await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn lease_until(&self) -> Timestamp {
        self.now().saturating_add(self.settings.lease)
    }

    fn take_lease(&self, cursor: &mut Cursor, until: Timestamp) {
        cursor.lease_owner = Some(self.settings.owner.clone());
        cursor.lease_until = Some(until);
    }

    /// A lease of ours is of a run that was cut off: within the process one run at a time is held by other means.
    fn is_void(&self, cursor: &Cursor) -> bool {
        self.settings.sole_process || cursor.lease_owner.as_deref() == Some(self.settings.owner.as_str())
    }

    async fn read(&self, delivered: u64, published: u64) -> Result<Batch, WorkerError> {
        let mut batch = Batch { wanted: Vec::new(), read_up_to: delivered, more: false };
        let mut after = Some(Key::event(self.tenant, delivered).sk().to_owned());
        let mut seen = 0;
        loop {
            let query = Query::primary(Range::events(self.tenant), EVENTS_MAX - seen).after(after);
            let page = self.ports.table.query(query).await?;
            for item in &page.items {
                let event: Envelope = item.record()?;
                if event.sequence > published {
                    return Ok(batch);
                }
                batch.read_up_to = event.sequence;
                if self.subscriber.pattern.matches(&event_bridge_json(&event.to_bus_event())) {
                    batch.wanted.push(event);
                }
                seen += 1;
            }
            after = page.next;
            if after.is_none() || seen >= EVENTS_MAX {
                batch.more = batch.read_up_to < published;
                return Ok(batch);
            }
        }
    }

    /// Nothing of what was read is wanted: the cursor passes over it, so that it does not look like news again.
    async fn pass_over(
        &self,
        cursor: &Cursor,
        batch: &Batch,
        published: u64,
    ) -> Result<Drained, WorkerError> {
        if batch.read_up_to > cursor.delivered_sequence || cursor.lease_until.is_some() {
            let (_, action) = cursor.change(self.now(), |cursor| advance(cursor, batch.read_up_to));
            if !rows::commit_if(self.ports, vec![action]).await? {
                return Ok(LOST_LEASE);
            }
        }
        Ok(if batch.more { Drained::More } else { Drained::UpToDate { published } })
    }

    async fn deliver(
        &self,
        mut cursor: Cursor,
        batch: Batch,
        published: u64,
    ) -> Result<Drained, WorkerError> {
        let last = batch.wanted.len() - 1;
        for (place, event) in batch.wanted.iter().enumerate() {
            let call_max = self.http.settings().total_timeout + LEASE_MARGIN;
            if cursor.lease_until.is_none_or(|until| until.saturating_since(self.now()) < call_max) {
                let until = self.lease_until();
                let (renewed, action) = cursor.change(self.now(), |cursor| self.take_lease(cursor, until));
                if !rows::commit_if(self.ports, vec![action]).await? {
                    return Ok(LOST_LEASE);
                }
                cursor = renewed;
            }
            let attempt = attempt::send(self.ports, self.http, self.subscriber, event, false).await?;
            let tries = cursor.tries + 1;
            // The last one takes what nobody wanted along, and ends the lease.
            let up_to = if place == last { batch.read_up_to } else { event.sequence };
            let lease = (place != last).then(|| self.lease_until());
            let go_on = |cursor: &mut Cursor| {
                advance(cursor, up_to);
                if let Some(until) = lease {
                    self.take_lease(cursor, until);
                }
            };
            if attempt.acknowledged() {
                let (after, action) = cursor.change(self.now(), go_on);
                let log = self.log(&attempt, event, tries, DeliveryOutcome::Delivered, None);
                if !rows::commit_if(self.ports, vec![action, log]).await? {
                    return Ok(LOST_LEASE);
                }
                cursor = after;
                continue;
            }
            if let Some(planned) = self.settings.retries.wait_after(tries, &*self.ports.ids) {
                return self.put_off(&cursor, event, &attempt, tries, planned).await;
            }
            let (after, action) = cursor.change(self.now(), go_on);
            let log = self.log(&attempt, event, tries, DeliveryOutcome::DeadLetter, None);
            let lost = Lost { subscriber: self.subscriber, event, attempt: &attempt, tries };
            lost::bury(self.ports, &lost).await?;
            if !lost::commit(self.ports, &lost, action, log).await? {
                return Ok(LOST_LEASE);
            }
            cursor = after;
        }
        Ok(if batch.more { Drained::More } else { Drained::UpToDate { published } })
    }

    /// The event stays next, and is tried again later.
    async fn put_off(
        &self,
        cursor: &Cursor,
        event: &Envelope,
        attempt: &Attempt,
        tries: u64,
        planned: Duration,
    ) -> Result<Drained, WorkerError> {
        let wait = attempt.wait(planned);
        let next = self.now().saturating_add(wait);
        tracing::info!(
            deliveries = label(self.subscriber, self.tenant), event = %event.event_id, tries,
            error = attempt.error, next_attempt_at = %next, "an event was not acknowledged"
        );
        let (_, action) = cursor.change(self.now(), |cursor| {
            // What lies before the event is not the subscription's.
            advance(cursor, event.sequence - 1);
            cursor.tries = tries;
            cursor.next_attempt_at = Some(next);
        });
        let log = self.log(attempt, event, tries, DeliveryOutcome::Failed, Some(next));
        if !rows::commit_if(self.ports, vec![action, log]).await? {
            return Ok(LOST_LEASE);
        }
        Ok(Drained::Retry(wait))
    }

    fn log(
        &self,
        attempt: &Attempt,
        event: &Envelope,
        tries: u64,
        outcome: DeliveryOutcome,
        next: Option<Timestamp>,
    ) -> Action {
        attempt.log(self.subscriber, event, tries, outcome, false, next)
    }
}

/// Everything up to `sequence` is done with; the lease ends.
fn advance(cursor: &mut Cursor, sequence: u64) {
    cursor.delivered_sequence = sequence;
    cursor.tries = 0;
    cursor.next_attempt_at = None;
    cursor.lease_owner = None;
    cursor.lease_until = None;
}
