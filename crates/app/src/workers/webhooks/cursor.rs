//! How far a tenant's events were delivered to a subscription.

use super::super::error::WorkerError;
use super::super::rows;
use crate::Ports;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::Subscription;
use tenantry_core::ports::{Action, Condition, Index, Item, PortError, Query};
use tenantry_core::{SubscriptionId, TenantId, Timestamp};
use tenantry_events::Envelope;

/// How long after its time a waiting cursor is the sweeper's: its own delayed message should have come by then.
const GRACE: Duration = Duration::from_secs(15);

/// The row `CURSOR#<tenant>` of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursor {
    /// The subscription.
    pub(crate) subscription_id: SubscriptionId,
    /// The tenant.
    pub(crate) tenant_id: TenantId,
    /// Every event up to this one was acknowledged, is a dead letter, or is none of the subscription's.
    pub(crate) delivered_sequence: u64,
    /// Tries of the next event so far.
    #[serde(rename = "try")]
    pub(crate) tries: u64,
    /// When the next try is due, where the last one failed.
    pub(crate) next_attempt_at: Option<Timestamp>,
    /// Who delivers now.
    pub(crate) lease_owner: Option<String>,
    /// Until when nobody else may.
    pub(crate) lease_until: Option<Timestamp>,
    /// Writes so far; 0 for a row that is not there yet.
    pub(crate) revision: u64,
    /// When it was written.
    pub(crate) updated_at: Timestamp,
}

impl Cursor {
    pub(crate) fn key(&self) -> Key {
        Key::delivery_cursor(&self.subscription_id, &self.tenant_id)
    }

    /// When the sweeper is to wake the sender, if nothing else has by then: where a lease runs out, its owner is dead.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.lease_until.or(self.next_attempt_at.map(|at| at.saturating_add(GRACE)))
    }

    /// The cursor as it will be, and its write, which fails where anyone else wrote since this one was read.
    pub(super) fn change(&self, now: Timestamp, edit: impl FnOnce(&mut Cursor)) -> (Cursor, Action) {
        let mut after = self.clone();
        edit(&mut after);
        after.revision = self.revision + 1;
        after.updated_at = now;
        let mut item = Item::of(after.key(), &after);
        if let Some(at) = after.due_at() {
            item.indexes.insert(Index::One, rows::due_place(&after.tenant_id, at, &after.key()));
        }
        let condition = match self.revision {
            0 => Condition::NotExists,
            revision => rows::equals("revision", revision),
        };
        (after, Action::put_if(item, vec![condition]))
    }
}

/// The cursor; a first one stands before the first event that occurred when the subscription was there already.
pub(super) async fn load(
    ports: &Ports,
    subscription: &Subscription,
    tenant: &TenantId,
    published: u64,
) -> Result<Cursor, WorkerError> {
    let key = Key::delivery_cursor(&subscription.subscription_id, tenant);
    if let Some(item) = ports.table.get(&key).await? {
        return Ok(item.record()?);
    }
    let delivered_sequence = last_before(ports, tenant, subscription.created_at, published).await?;
    Ok(Cursor {
        subscription_id: subscription.subscription_id.clone(),
        tenant_id: tenant.clone(),
        delivered_sequence,
        tries: 0,
        next_attempt_at: None,
        lease_owner: None,
        lease_until: None,
        revision: 0,
        updated_at: ports.clock.now(),
    })
}

/// The number of the last published event before the first that occurred at `since` or later.
async fn last_before(
    ports: &Ports,
    tenant: &TenantId,
    since: Timestamp,
    published: u64,
) -> Result<u64, PortError> {
    let mut after = None;
    loop {
        let page = ports.table.query(Query::primary(Range::events(tenant), 100).after(after)).await?;
        for item in &page.items {
            let event: Envelope = item.record()?;
            if event.occurred_at >= since {
                return Ok((event.sequence - 1).min(published));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(published);
        }
    }
}
