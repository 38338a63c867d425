//! The outbox relay: what a commit left in the outbox reaches the bus and the `operations` queue.
//!
//! **Level-triggered:** a run looks at what is there, not at what it was told. A crash between publishing and marking
//! repeats the publication, which the bus skips by the event's id. **No hole:** the events come from the tenant's own
//! rows after the high-water mark, never from the index, which may be stale and in any order.

mod deliver;
mod plan;

pub(super) use plan::{await_start, operation_message};

#[cfg(test)]
mod tests;

use super::error::WorkerError;
use super::schedule::doubled;
use crate::Ports;
use crate::http::retry::Transient as _;
use futures::StreamExt as _;
use plan::{Pending, Plan};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenantry_core::keys::{INDEX_SHARDS, Key, index};
use tenantry_core::ports::{Index, Query};
use tenantry_core::{TenantId, Timestamp, limits};

/// Most tenants of one run; what is beyond comes with the next one, at once.
const TENANTS_MAX: usize = 1_000;
/// Rows of one page of the outbox index.
const PAGE_ITEMS: usize = 200;
/// Tenants whose rows are read at once.
const PLANS_IN_FLIGHT: usize = 16;
/// Batches that are published and marked at once.
const BATCHES_IN_FLIGHT: usize = 4;
/// How often one call looks again at a tenant that has more to do. Each look publishes up to 50 events.
const ROUNDS_MAX: usize = 20;
/// A tenant that fails is left out for at most this long.
const SKIP_MAX: Duration = Duration::from_secs(300);

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayRun {
    /// Events that were published and marked.
    pub published: u64,
    /// Operations that were sent and marked.
    pub sent: u64,
    /// Tenants that failed; they are tried again after a while.
    pub failed: u64,
    /// Whether more is there to be done at once.
    pub more: bool,
}

/// What one look at some tenants did.
#[derive(Default)]
struct Round {
    run: RelayRun,
    /// Tenants for which there may be more to do now.
    again: BTreeSet<TenantId>,
    /// Tenants that failed.
    failed: BTreeSet<TenantId>,
}

impl Round {
    fn fail(&mut self, tenant: &TenantId) {
        self.run.failed += 1;
        self.failed.insert(tenant.clone());
    }
}

/// A tenant that failed.
struct Skip {
    failures: u32,
    until: Timestamp,
}

/// The relay.
pub struct Relay {
    ports: Ports,
    operation_resend_after: Duration,
    skips: Mutex<HashMap<TenantId, Skip>>,
}

impl Relay {
    /// A relay. An operation that was sent and has no execution `operation_resend_after` later is due for the sweeper.
    pub fn new(ports: Ports, operation_resend_after: Duration) -> Self {
        Self { ports, operation_resend_after, skips: Mutex::default() }
    }

    /// Looks through the outbox once. An error means that the outbox could not be read; what fails for one tenant is
    /// counted and logged, and stops no other.
    pub async fn run_once(&self) -> Result<RelayRun, WorkerError> {
        let pending = self.pending().await?;
        let beyond = pending.len() > TENANTS_MAX;
        let Round { mut run, again, .. } = self.round(pending.into_iter().take(TENANTS_MAX)).await;
        // Only a run that got on may ask for the next one at once.
        run.more = (beyond || !again.is_empty()) && run.published + run.sent > 0;
        Ok(run)
    }

    /// Does what there is to do for the tenants of these rows, which were seen to enter the outbox. That is a hint
    /// only: what is done follows from the tenants' own rows, as in [`Relay::run_once`], and other rows are passed
    /// over. Nothing more is begun after `until`.
    ///
    /// Answers what was done, and those of `keys` whose tenant failed or was not finished: they are to come again, or
    /// the next [`Relay::run_once`] finds them.
    pub async fn run_for(&self, keys: &[Key], until: Timestamp) -> (RelayRun, BTreeSet<Key>) {
        let mut pending: BTreeMap<TenantId, Pending> = BTreeMap::new();
        for (tenant, entry) in keys.iter().filter_map(plan::read_key) {
            pending.entry(tenant).or_default().add(entry);
        }
        let mut total = RelayRun::default();
        let mut failed = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            if pending.is_empty() || self.ports.clock.now() >= until {
                break;
            }
            let round = self.round(pending.clone()).await;
            total.published += round.run.published;
            total.sent += round.run.sent;
            total.failed += round.run.failed;
            pending.retain(|tenant, _| round.again.contains(tenant) && !round.failed.contains(tenant));
            failed.extend(round.failed);
        }
        total.more = !pending.is_empty();
        failed.extend(pending.into_keys());
        let unfinished = |key: &&Key| plan::read_key(key).is_some_and(|(tenant, _)| failed.contains(&tenant));
        (total, keys.iter().filter(unfinished).cloned().collect())
    }

    async fn round(&self, pending: impl IntoIterator<Item = (TenantId, Pending)>) -> Round {
        let mut round = Round::default();
        let plans: Vec<(TenantId, Result<Plan, WorkerError>)> = futures::stream::iter(pending)
            .map(|(tenant, pending)| async move {
                let plan = plan::make(&self.ports, &tenant, pending, self.operation_resend_after).await;
                (tenant, plan)
            })
            .buffer_unordered(PLANS_IN_FLIGHT)
            .collect()
            .await;
        let mut good = Vec::with_capacity(plans.len());
        for (tenant, plan) in plans {
            match plan {
                Ok(plan) => {
                    if let Some(hole) = &plan.hole {
                        self.skip(&tenant, hole, &mut round);
                    }
                    if !plan.is_empty() {
                        good.push(plan);
                    }
                }
                Err(error) => self.failed(&tenant, &error, &mut round),
            }
        }
        let outcomes: Vec<deliver::Outcome> = futures::stream::iter(batches(good))
            .map(|batch| deliver::deliver(&self.ports, batch))
            .buffer_unordered(BATCHES_IN_FLIGHT)
            .concat()
            .await;
        for outcome in outcomes {
            match outcome.result {
                Ok((published, sent)) => {
                    round.run.published += published;
                    round.run.sent += sent;
                    if !outcome.hole {
                        self.skips().remove(&outcome.tenant);
                    }
                    if outcome.again {
                        round.again.insert(outcome.tenant);
                    }
                }
                Err(error) => self.failed(&outcome.tenant, &error, &mut round),
            }
        }
        round
    }

    fn skips(&self) -> MutexGuard<'_, HashMap<TenantId, Skip>> {
        self.skips.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An outage is nobody's fault: the next round tries again. Anything else is the tenant's own.
    fn failed(&self, tenant: &TenantId, error: &WorkerError, round: &mut Round) {
        if error.is_transient() {
            round.fail(tenant);
            tracing::warn!(%tenant, %error, "the relay could not do a tenant's part now");
        } else {
            self.skip(tenant, error, round);
        }
    }

    fn skip(&self, tenant: &TenantId, error: &dyn std::fmt::Display, round: &mut Round) {
        round.fail(tenant);
        let now = self.ports.clock.now();
        let mut skips = self.skips();
        let skip = skips.entry(tenant.clone()).or_insert(Skip { failures: 0, until: now });
        skip.failures = skip.failures.saturating_add(1);
        let wait = doubled(Duration::from_secs(1), skip.failures, SKIP_MAX);
        skip.until = now.saturating_add(wait);
        tracing::error!(
            %tenant, %error, failures = skip.failures, wait_seconds = wait.as_secs(),
            "the relay leaves a tenant out for a while"
        );
    }

    /// What the outbox index shows, by tenant, but for tenants that are left out now.
    async fn pending(&self) -> Result<BTreeMap<TenantId, Pending>, WorkerError> {
        let shards = futures::future::try_join_all((0..INDEX_SHARDS).map(|shard| self.shard(shard))).await?;
        let now = self.ports.clock.now();
        let mut pending = BTreeMap::new();
        for (tenant, found) in shards.into_iter().flatten() {
            pending.entry(tenant).or_insert_with(Pending::default).merge(found);
        }
        let skips = self.skips();
        pending.retain(|tenant, _| skips.get(tenant).is_none_or(|skip| skip.until <= now));
        Ok(pending)
    }

    async fn shard(&self, shard: u64) -> Result<Vec<(TenantId, Pending)>, WorkerError> {
        let mut found: Vec<(TenantId, Pending)> = Vec::new();
        let mut after = None;
        loop {
            let query = Query::index(Index::One, index::outbox(shard), PAGE_ITEMS).after(after);
            let page = self.ports.table.query(query).await?;
            for item in &page.items {
                match plan::read_entry(item) {
                    Ok((tenant, entry)) => match found.last_mut() {
                        Some((last, pending)) if *last == tenant => pending.add(entry),
                        _ => {
                            let mut pending = Pending::default();
                            pending.add(entry);
                            found.push((tenant, pending));
                        }
                    },
                    // It names no tenant, so it can hold up nobody else; it stays where an operator can see it.
                    Err(error) => tracing::error!(%error, "the outbox holds a row that cannot be read"),
                }
            }
            // One row of a tenant's events is enough: they are read from its own rows. So a tenant with thousands
            // of them costs one page here. `$` follows `#`.
            let last = found.last().filter(|(_, pending)| pending.events_seen >= PAGE_ITEMS / 2);
            after = match (page.next, last) {
                (None, _) => return Ok(found),
                (Some(next), Some((tenant, _))) => Some(next.max(format!("{tenant}#EVENT$"))),
                (next, None) => next,
            };
            if found.len() > TENANTS_MAX * 2 {
                return Ok(found);
            }
        }
    }
}

/// Plans, packed so that one commit marks each pack.
fn batches(plans: Vec<Plan>) -> Vec<Vec<Plan>> {
    let mut batches: Vec<Vec<Plan>> = Vec::new();
    let mut room = 0;
    for plan in plans {
        let size = plan.steps.len();
        match batches.last_mut() {
            Some(batch) if size <= room => {
                room -= size;
                batch.push(plan);
            }
            _ => {
                room = limits::COMMIT_ACTIONS_MAX.saturating_sub(size);
                batches.push(vec![plan]);
            }
        }
    }
    batches
}
