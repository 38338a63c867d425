//! Each event once and in order, out of deliveries that repeat and may overtake each other.

use crate::envelope::Envelope;
use std::collections::{BTreeMap, HashSet};
use tenantry_core::{EventId, TenantId};

/// What an inbox made of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// These are next, in order: the event itself, and those that had waited for it. Empty where it has to wait.
    InOrder(Vec<Envelope>),
    /// It came before: nothing is to be done, and 2xx is the answer.
    Repeat,
}

/// A hole in a tenant's events: what comes after it is held back until it is filled or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub tenant_id: TenantId,
    /// The first number that is missing.
    pub first_missing: u64,
    /// The last number that is missing.
    pub last_missing: u64,
    /// How many events wait behind it.
    pub waiting: usize,
}

/// Why an inbox could not take an event: answer 5xx, and it comes again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// As many wait as may.
    #[error(
        "{waiting} events of {tenant_id} wait for number {first_missing}. Ask for a replay of it, or give the gap up"
    )]
    Full {
        /// Whose.
        tenant_id: TenantId,
        /// The number that is missing.
        first_missing: u64,
        /// How many wait.
        waiting: usize,
    },
    /// The store behind it failed.
    #[error("the inbox's store failed: {0}. The event is not taken and will come again")]
    Store(String),
}

/// Tells repeats by `eventId` and sorts by `sequence`, tenant by tenant.
///
/// A subscription sees only the events that its pattern matches, and `sequence` counts all of them: subscribe to all
/// types of the tenants you follow where you need to tell a lost event from one you did not ask for.
pub trait Inbox: Send {
    /// Takes an event in. What it answers in order must be applied in that order before the request is answered 2xx.
    fn accept(&mut self, event: Envelope) -> Result<Received, InboxError>;

    /// The holes that hold events back now.
    fn gaps(&self) -> Vec<Gap>;

    /// Gives a tenant's first hole up (it was looked at: a dead letter, or not subscribed to): answers what can go on.
    fn skip_gap(&mut self, tenant: &TenantId) -> Result<Vec<Envelope>, InboxError>;
}

/// An inbox in memory. For tests, and for services that read their whole history again at each start; others
/// implement [`Inbox`] over their own database, in the transaction that applies the event.
#[derive(Debug)]
pub struct MemoryInbox {
    tenants: BTreeMap<TenantId, Stream>,
    waiting_max: usize,
}

#[derive(Debug, Default)]
struct Stream {
    /// The number after the last one given out; events start at 1.
    given: u64,
    /// From and to numbers that were given up: they may still arrive, late, and are then given out alone.
    skipped: Vec<(u64, u64)>,
    waiting: BTreeMap<u64, Envelope>,
    seen: HashSet<EventId>,
}

impl Default for MemoryInbox {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryInbox {
    /// Most events of one tenant that wait for a missing one, where nothing else is said.
    pub const WAITING_MAX: usize = 1_000;

    /// An inbox that expects every tenant's events from number 1 on.
    pub fn new() -> Self {
        Self { tenants: BTreeMap::new(), waiting_max: Self::WAITING_MAX }
    }

    /// Lets at most so many of a tenant's events wait.
    #[must_use]
    pub fn waiting_max(mut self, waiting_max: usize) -> Self {
        self.waiting_max = waiting_max;
        self
    }

    /// Expects a tenant's events only after this number, as where a service begins in the middle.
    pub fn start_after(&mut self, tenant: &TenantId, sequence: u64) {
        let stream = self.tenants.entry(tenant.clone()).or_default();
        stream.given = stream.given.max(sequence);
    }
}

impl Stream {
    /// Takes out what is next in order.
    fn ready(&mut self) -> Vec<Envelope> {
        let mut out = Vec::new();
        while let Some(next) = self.waiting.remove(&(self.given + 1)) {
            self.given += 1;
            out.push(next);
        }
        out
    }

    fn gap(&self, tenant: &TenantId) -> Option<Gap> {
        let (first_waiting, _) = self.waiting.first_key_value()?;
        Some(Gap {
            tenant_id: tenant.clone(),
            first_missing: self.given + 1,
            last_missing: first_waiting - 1,
            waiting: self.waiting.len(),
        })
    }
}

impl Inbox for MemoryInbox {
    fn accept(&mut self, event: Envelope) -> Result<Received, InboxError> {
        let stream = self.tenants.entry(event.tenant_id.clone()).or_default();
        let sequence = event.sequence;
        if stream.seen.contains(&event.event_id) {
            return Ok(Received::Repeat);
        }
        if sequence <= stream.given {
            // Older than the start, or given out under another id: not news. What was given up is.
            if !stream.skipped.iter().any(|(first, last)| (*first..=*last).contains(&sequence)) {
                return Ok(Received::Repeat);
            }
            stream.seen.insert(event.event_id.clone());
            return Ok(Received::InOrder(vec![event]));
        }
        if sequence > stream.given + 1 && stream.waiting.len() >= self.waiting_max {
            return Err(InboxError::Full {
                tenant_id: event.tenant_id,
                first_missing: stream.given + 1,
                waiting: stream.waiting.len(),
            });
        }
        stream.seen.insert(event.event_id.clone());
        stream.waiting.insert(sequence, event);
        Ok(Received::InOrder(stream.ready()))
    }

    fn gaps(&self) -> Vec<Gap> {
        self.tenants.iter().filter_map(|(tenant, stream)| stream.gap(tenant)).collect()
    }

    fn skip_gap(&mut self, tenant: &TenantId) -> Result<Vec<Envelope>, InboxError> {
        let Some(stream) = self.tenants.get_mut(tenant) else { return Ok(Vec::new()) };
        let Some(gap) = stream.gap(tenant) else { return Ok(Vec::new()) };
        stream.skipped.push((gap.first_missing, gap.last_missing));
        stream.given = gap.last_missing;
        Ok(stream.ready())
    }
}
