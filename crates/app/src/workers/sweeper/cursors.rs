//! Wakes the deliveries whose cursor lies behind what was published and that wait for nothing: their message was lost,
//! such as by a purge of the queue or as a dead letter.
//!
//! One run does a part. Where the next one goes on stands in the sweeper's row, so that it gets through however short
//! its processes live, and so that of several sweepers one at a time compares.

use super::super::error::WorkerError;
use super::super::rows;
use super::super::webhooks::cursor::Cursor;
use super::super::webhooks::news;
use super::{PAGE_ITEMS, send};
use crate::Ports;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::Subscription;
use tenantry_core::ports::{Action, Condition, Item, Query};
use tenantry_core::{SubscriptionId, TenantId, Timestamp};

/// Cursors that one run compares with what was published.
const CURSORS_MAX: usize = 2_000;
/// The name of the row.
const WORKER: &str = "cursor-comparison";

/// Where the comparison goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scan {
    /// When the next one begins.
    next_at: Timestamp,
    /// Where the one that has begun goes on.
    place: Option<Place>,
    /// Writes so far.
    revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Place {
    subscription_id: SubscriptionId,
    /// The sort key of its cursor that was looked at last.
    after: String,
}

impl Scan {
    /// Writes the row, unless somebody else has; answers whether it was written.
    async fn write(
        &mut self,
        ports: &Ports,
        next_at: Timestamp,
        place: Option<Place>,
    ) -> Result<bool, WorkerError> {
        let condition = match self.revision {
            0 => Condition::NotExists,
            revision => rows::equals("revision", revision),
        };
        *self = Scan { next_at, place, revision: self.revision + 1 };
        let item = Item::of(Key::worker(WORKER), self);
        rows::commit_if(ports, vec![Action::put_if(item, vec![condition])]).await
    }
}

/// Compares some cursors where it is time to, and answers how many deliveries were woken.
pub(super) async fn compare(ports: &Ports, every: Duration) -> Result<u64, WorkerError> {
    let now = ports.clock.now();
    let row = ports.table.get(&Key::worker(WORKER)).await?;
    let mut scan: Scan = row.map(|item| item.record()).transpose()?.unwrap_or_default();
    let mut place = scan.place.clone();
    if place.is_none() && now < scan.next_at {
        return Ok(0);
    }
    // Claimed before it is begun: another sweeper leaves this part alone.
    let next_at = if place.is_none() { now.saturating_add(every) } else { scan.next_at };
    if !scan.write(ports, next_at, place.clone()).await? {
        return Ok(0);
    }
    let mut pass = Pass { ports, budget: CURSORS_MAX, published: BTreeMap::new(), woken: 0 };
    let mut rest = None;
    for subscription in subscriptions(ports).await? {
        let after = match &place {
            Some(place) if subscription < place.subscription_id => continue,
            Some(place) if subscription == place.subscription_id => Some(place.after.clone()),
            _ => None,
        };
        place = None;
        if let Some(after) = pass.subscription(&subscription, after).await? {
            rest = Some(Place { subscription_id: subscription, after });
            break;
        }
    }
    if scan.place != rest {
        scan.write(ports, next_at, rest).await?;
    }
    Ok(pass.woken)
}

async fn subscriptions(ports: &Ports) -> Result<Vec<SubscriptionId>, WorkerError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = ports.table.query(Query::primary(Range::subscriptions(), PAGE_ITEMS).after(after)).await?;
        for item in &page.items {
            found.push(item.record::<Subscription>()?.subscription_id);
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// One run's part of a comparison.
struct Pass<'a> {
    ports: &'a Ports,
    /// Cursors that may still be compared.
    budget: usize,
    /// What is known of the tenants' published events.
    published: BTreeMap<TenantId, u64>,
    woken: u64,
}

impl Pass<'_> {
    /// Compares one subscription's cursors; where the budget ends before them, the sort key to go on after.
    async fn subscription(
        &mut self,
        subscription: &SubscriptionId,
        mut after: Option<String>,
    ) -> Result<Option<String>, WorkerError> {
        loop {
            let query = Query::primary(Range::delivery_cursors(subscription), PAGE_ITEMS).after(after);
            let page = self.ports.table.query(query).await?;
            let mut messages = Vec::new();
            for item in &page.items {
                let cursor: Cursor = item.record()?;
                if cursor.due_at().is_none()
                    && self.published(&cursor.tenant_id).await? > cursor.delivered_sequence
                {
                    messages.push(news(subscription, &cursor.tenant_id, cursor.delivered_sequence + 1));
                }
            }
            self.woken += messages.len() as u64;
            send(&*self.ports.queues.webhooks, messages).await?;
            self.budget = self.budget.saturating_sub(page.items.len());
            match page.next {
                Some(next) if self.budget == 0 => return Ok(Some(next)),
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
    }

    async fn published(&mut self, tenant: &TenantId) -> Result<u64, WorkerError> {
        if let Some(known) = self.published.get(tenant) {
            return Ok(*known);
        }
        let found = rows::published_sequence(self.ports, tenant).await?;
        self.published.insert(tenant.clone(), found);
        Ok(found)
    }
}
