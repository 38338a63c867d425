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
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenantry_core::keys::{INDEX_SHARDS, index};
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
        let mut run = RelayRun { more: pending.len() > TENANTS_MAX, ..RelayRun::default() };
        let plans: Vec<(TenantId, Result<Plan, WorkerError>)> =
            futures::stream::iter(pending.into_iter().take(TENANTS_MAX))
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
                        self.skip(&tenant, hole, &mut run);
                    }
                    if !plan.is_empty() {
                        good.push(plan);
                    }
                }
                Err(error) => self.failed(&tenant, &error, &mut run),
            }
        }
        let more = good.iter().any(|plan| plan.more);
        let outcomes: Vec<deliver::Outcome> = futures::stream::iter(batches(good))
            .map(|batch| deliver::deliver(&self.ports, batch))
            .buffer_unordered(BATCHES_IN_FLIGHT)
            .concat()
            .await;
        for outcome in outcomes {
            match outcome.result {
                Ok((published, sent)) => {
                    run.published += published;
                    run.sent += sent;
                    if !outcome.hole {
                        self.skips().remove(&outcome.tenant);
                    }
                }
                Err(error) => self.failed(&outcome.tenant, &error, &mut run),
            }
        }
        // Only a run that got on may ask for the next one at once.
        run.more = (run.more || more) && run.published + run.sent > 0;
        Ok(run)
    }

    fn skips(&self) -> MutexGuard<'_, HashMap<TenantId, Skip>> {
        self.skips.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An outage is nobody's fault: the next round tries again. Anything else is the tenant's own.
    fn failed(&self, tenant: &TenantId, error: &WorkerError, run: &mut RelayRun) {
        if error.is_transient() {
            run.failed += 1;
            tracing::warn!(%tenant, %error, "the relay could not do a tenant's part now");
        } else {
            self.skip(tenant, error, run);
        }
    }

    fn skip(&self, tenant: &TenantId, error: &dyn std::fmt::Display, run: &mut RelayRun) {
        run.failed += 1;
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
