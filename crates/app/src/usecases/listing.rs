//! The list of tenants: a merge over the partitions of an index, in the order of the tenants' ids.
//!
//! A cursor is the last key that was looked at, so that pages hold together though tenants move between partitions
//! while someone reads. Indexes may be stale: each candidate is read again by its primary key.

use super::facts::READS_AT_ONCE;
use super::views::TenantView;
use super::{App, Listing, PageRequest};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::VecDeque;
use tenantry_core::keys::{INDEX_SHARDS, Key, index};
use tenantry_core::model::{Catalogue, Tenant, TenantStatus};
use tenantry_core::ports::{Index, Query, QueryRange};
use tenantry_core::{Result, TenantId};

/// Most candidates that one request looks at; a page may then be short though more follows.
const CANDIDATES_MAX: usize = 2_000;

/// Which tenants. All that are named must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantFilter {
    /// In this state.
    pub status: Option<TenantStatus>,
    /// Of this plan.
    pub plan: Option<String>,
    /// In this region.
    pub region: Option<String>,
    /// In this cell.
    pub cell: Option<String>,
}

impl TenantFilter {
    fn holds(&self, tenant: &Tenant) -> bool {
        self.status.is_none_or(|status| tenant.status == status)
            && self.plan.as_ref().is_none_or(|plan| tenant.plan == *plan)
            && self.region.as_ref().is_none_or(|region| tenant.region == *region)
            && (self.cell.is_none() || tenant.cell == self.cell)
    }

    /// What a cursor is bound to.
    fn query(&self) -> String {
        format!("tenants {self:?}")
    }

    /// The partitions to merge: of the index that leaves the fewest candidates.
    fn streams(&self, catalogue: &Catalogue) -> Vec<Stream> {
        let shards = 0..INDEX_SHARDS;
        let by_status = |status: TenantStatus| {
            shards
                .clone()
                .map(move |shard| Stream::new(Index::One, index::status(status, shard), String::new()))
        };
        let cell_region = self.cell.as_ref().and_then(|cell| {
            let known = catalogue.cells.iter().find(|known| known.name == *cell);
            self.region.clone().or_else(|| known.map(|known| known.region.clone()))
        });
        match (self.status, &self.cell, cell_region, &self.plan, &self.region) {
            (_, Some(cell), Some(region), ..) => shards
                .map(|shard| Stream::new(Index::Three, index::region(&region, shard), format!("{cell}#")))
                .collect(),
            // Most tenants are active: every other state is rare.
            (Some(status), ..) if status != TenantStatus::Active => by_status(status).collect(),
            (.., Some(plan), _) => {
                shards.map(|shard| Stream::new(Index::Two, index::plan(plan, shard), String::new())).collect()
            }
            (.., Some(region)) => shards
                .map(|shard| Stream::new(Index::Three, index::region(region, shard), String::new()))
                .collect(),
            (Some(status), ..) => by_status(status).collect(),
            _ => TenantStatus::ALL.iter().flat_map(|status| by_status(*status)).collect(),
        }
    }
}

/// One partition of an index, read piece by piece. Its keys are the index's sort keys without the prefix.
struct Stream {
    index: Index,
    pk: String,
    prefix: String,
    /// Keys that were read and not yet taken, ascending.
    waiting: VecDeque<String>,
    read_up_to: Option<String>,
    ended: bool,
}

impl Stream {
    fn new(index: Index, pk: String, prefix: String) -> Self {
        Self { index, pk, prefix, waiting: VecDeque::new(), read_up_to: None, ended: false }
    }

    /// Reads on where nothing waits.
    async fn fill(&mut self, app: &App, piece: usize) -> Result<()> {
        while self.waiting.is_empty() && !self.ended {
            let range =
                QueryRange::Index { index: self.index, pk: self.pk.clone(), sk_prefix: self.prefix.clone() };
            let after = self.read_up_to.as_ref().map(|key| format!("{}{key}", self.prefix));
            let page = app.ports.table.query(Query { range, after, descending: false, limit: piece }).await?;
            for item in &page.items {
                let key = item.indexes.get(&self.index).and_then(|place| place.sk.strip_prefix(&self.prefix));
                self.waiting.extend(key.map(str::to_owned));
            }
            match page.next {
                Some(next) => self.read_up_to = Some(next[self.prefix.len().min(next.len())..].to_owned()),
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

async fn fill_all(streams: &mut [Stream], app: &App, piece: usize) -> Result<()> {
    futures::future::try_join_all(streams.iter_mut().map(|stream| stream.fill(app, piece))).await.map(|_| ())
}

/// Takes the least key of all streams, everywhere it stands: a stale index may show a tenant in two partitions.
fn take_least(streams: &mut [Stream]) -> Option<String> {
    let least = streams.iter().filter_map(|stream| stream.waiting.front()).min()?.clone();
    for stream in streams {
        if stream.waiting.front() == Some(&least) {
            stream.waiting.pop_front();
        }
    }
    Some(least)
}

impl App {
    /// A page of tenants with their status, in the order of their ids (of cell and id, where only the region is
    /// named).
    pub async fn tenants(&self, filter: &TenantFilter, page: &PageRequest) -> Result<Listing<TenantView>> {
        let limit = page.limit()?;
        let query = filter.query();
        let mut last = page.after(&query)?;
        let mut streams = filter.streams(&self.ports.catalogue);
        for stream in &mut streams {
            stream.read_up_to.clone_from(&last);
        }
        // Four shards of one state usually share the load.
        let piece = limit / 4 + 8;
        let (mut found, mut looked_at, mut more) = (Vec::new(), 0, true);
        while more && found.len() < limit && looked_at < CANDIDATES_MAX {
            let mut candidates = Vec::new();
            while candidates.len() < limit - found.len() {
                fill_all(&mut streams, self, piece).await?;
                match take_least(&mut streams) {
                    Some(key) => candidates.push(key),
                    None => {
                        more = false;
                        break;
                    }
                }
            }
            looked_at += candidates.len();
            last = candidates.last().cloned().or(last);
            found.extend(self.fresh(&candidates, filter).await?);
        }
        if more {
            fill_all(&mut streams, self, piece).await?;
            more = streams.iter().any(|stream| !stream.waiting.is_empty());
        }
        let items = self.tenant_views(found).await?;
        Ok(Listing::new(items, &query, last.as_deref().filter(|_| more)))
    }

    /// The candidates as they are now, without those that no longer match.
    async fn fresh(&self, candidates: &[String], filter: &TenantFilter) -> Result<Vec<Tenant>> {
        let id = |key: &String| key.rsplit_once('#').map_or(key.as_str(), |(_, id)| id).parse().ok();
        let ids: Vec<TenantId> = candidates.iter().filter_map(id).collect();
        let items: Vec<_> = stream::iter(ids)
            .map(|id| async move { self.ports.table.get(&Key::tenant(&id)).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let tenants =
            items.into_iter().flatten().map(|item| item.record::<Tenant>()).collect::<Result<Vec<_>, _>>()?;
        Ok(tenants.into_iter().filter(|tenant| filter.holds(tenant)).collect())
    }
}
