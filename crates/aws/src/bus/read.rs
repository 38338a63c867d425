//! Reading the archive: its shards merged into one order, or one tenant's events by their pointers.

use super::archive::{Archive, EventPointer, EventRow, READS_IN_FLIGHT, number_of, shard_of};
use super::position::{Position, SHARDS};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::VecDeque;
use tenantry_core::TenantId;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{BusEvent, EventFilter, PortError, Query};

/// Most rows that one read looks at: where a filter matches little, pages are short rather than reads long.
const SCAN_ROWS_MAX: usize = 2_000;

/// Most rows of a shard that are asked for at once.
const PAGE_ITEMS_MAX: usize = 250;

/// How near to a shard's end its rows are read themselves. A query may see one row of a commit and not yet another:
/// among rows whose numbers are dense that is noticed, among pointers it is not. Far behind the end every commit is
/// whole.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation>
const UNSETTLED: u64 = 256;

const POINTERS_PER_PAGE: usize = 1_000;

/// What one read found.
#[derive(Debug)]
pub(super) struct Scan {
    /// Each event with the position after it.
    pub(super) found: Vec<(Position, BusEvent)>,
    /// Up to where it looked.
    pub(super) read_up_to: Position,
    /// Whether rows lie beyond that.
    pub(super) more: bool,
}

/// One shard while it is read.
struct Shard {
    number: usize,
    rows: VecDeque<(u64, EventRow)>,
    /// Up to where rows were asked for.
    asked: u64,
    /// Nothing beyond this number is wanted.
    end: u64,
    exhausted: bool,
}

impl Shard {
    fn new(number: usize, after: u64, end: u64) -> Self {
        Self { number, rows: VecDeque::new(), asked: after, end, exhausted: after >= end }
    }

    /// Asks for further rows where none is left.
    async fn fill(&mut self, archive: &Archive, limit: usize) -> Result<(), PortError> {
        if self.exhausted || !self.rows.is_empty() {
            return Ok(());
        }
        let shard = number_of(self.number);
        let after = Key::archive(shard, self.asked).sk().to_owned();
        let page =
            archive.table.query(Query::primary(Range::archive(shard), limit).after(Some(after))).await?;
        let mut whole = true;
        for item in &page.items {
            // A number that is not the next one: the one before belongs to a commit that is just becoming seen.
            whole = item.key == Key::archive(shard, self.asked + 1);
            if !whole || self.asked >= self.end {
                break;
            }
            self.asked += 1;
            self.rows.push_back((self.asked, item.record()?));
        }
        self.exhausted = !whole || page.next.is_none() || self.asked >= self.end;
        Ok(())
    }
}

impl Archive {
    /// Reads on after a position, up to `limit` events that the filter takes, and nothing beyond `end`.
    pub(super) async fn scan(
        &self,
        after: Position,
        filter: &EventFilter,
        limit: usize,
        end: Option<Position>,
    ) -> Result<Scan, PortError> {
        let mut scan = Scan { found: Vec::new(), read_up_to: after, more: false };
        let ends = end.map_or([u64::MAX; SHARDS], |end| end.0);
        let shards: Vec<Shard> = match &filter.tenant_id {
            None => (0..SHARDS).map(|shard| Shard::new(shard, after.0[shard], ends[shard])).collect(),
            Some(tenant) => {
                let own = self.tenant(tenant, after, filter, limit, ends, &mut scan).await?;
                if scan.found.len() >= limit {
                    return Ok(scan);
                }
                vec![own]
            }
        };
        self.merge(shards, filter, limit, &mut scan).await?;
        Ok(scan)
    }

    /// Finds a tenant's events up to where the archive is settled, and answers its shard from there on. The other shards
    /// hold none of its events: they count as read.
    async fn tenant(
        &self,
        tenant: &TenantId,
        after: Position,
        filter: &EventFilter,
        limit: usize,
        ends: [u64; SHARDS],
        scan: &mut Scan,
    ) -> Result<Shard, PortError> {
        let own = shard_of(tenant);
        let heads = self.end().await?;
        for shard in (0..SHARDS).filter(|shard| *shard != own) {
            scan.read_up_to.0[shard] = heads.0[shard].min(ends[shard]).max(after.0[shard]);
        }
        let settled = heads.0[own].saturating_sub(UNSETTLED).min(ends[own]);
        if settled <= after.0[own] {
            return Ok(Shard::new(own, after.0[own], ends[own]));
        }
        let mut numbers = self.numbers(tenant).await?;
        numbers.retain(|number| (after.0[own] + 1..=settled).contains(number));
        numbers.sort_unstable();
        let rows: Vec<Option<(u64, EventRow)>> = futures::stream::iter(numbers)
            .map(|number| self.row(own, number))
            .buffered(READS_IN_FLIGHT)
            .try_collect()
            .await?;
        for (number, row) in rows.into_iter().flatten() {
            scan.read_up_to.0[own] = number;
            if filter.event_type.as_ref().is_none_or(|wanted| row.event_type == *wanted) {
                scan.found.push((scan.read_up_to, row.event()?));
            }
            if scan.found.len() >= limit {
                // Some of its shard is unread: whether it is the tenant's, the next page tells.
                scan.more = number < heads.0[own].min(ends[own]);
                return Ok(Shard::new(own, number, number));
            }
        }
        scan.read_up_to.0[own] = settled;
        Ok(Shard::new(own, settled, ends[own]))
    }

    /// The numbers of a tenant's events.
    async fn numbers(&self, tenant: &TenantId) -> Result<Vec<u64>, PortError> {
        let (mut numbers, mut after) = (Vec::new(), None);
        loop {
            let range = Range::archive_pointers(tenant);
            let page = self.table.query(Query::primary(range, POINTERS_PER_PAGE).after(after)).await?;
            for item in &page.items {
                numbers.push(item.record::<EventPointer>()?.number);
            }
            after = page.next;
            if after.is_none() {
                return Ok(numbers);
            }
        }
    }

    async fn row(&self, shard: usize, number: u64) -> Result<Option<(u64, EventRow)>, PortError> {
        let item = self.table.get(&Key::archive(number_of(shard), number)).await?;
        item.map(|item| Ok((number, item.record()?))).transpose()
    }

    async fn merge(
        &self,
        mut shards: Vec<Shard>,
        filter: &EventFilter,
        limit: usize,
        scan: &mut Scan,
    ) -> Result<(), PortError> {
        let page = (limit - scan.found.len() + 1).min(PAGE_ITEMS_MAX);
        for _ in 0..SCAN_ROWS_MAX {
            futures::future::try_join_all(shards.iter_mut().map(|shard| shard.fill(self, page))).await?;
            if scan.found.len() >= limit {
                break;
            }
            let next = shards
                .iter_mut()
                .filter(|shard| !shard.rows.is_empty())
                .min_by(|a, b| a.rows[0].1.order().cmp(&b.rows[0].1.order()));
            let Some(shard) = next else { break };
            let Some((number, row)) = shard.rows.pop_front() else { break };
            scan.read_up_to.0[shard.number] = number;
            let taken = filter.event_type.as_ref().is_none_or(|wanted| row.event_type == *wanted)
                && filter.tenant_id.as_ref().is_none_or(|wanted| row.tenant_id == *wanted);
            if taken {
                scan.found.push((scan.read_up_to, row.event()?));
            }
        }
        scan.more = shards.iter().any(|shard| !shard.rows.is_empty() || !shard.exhausted);
        Ok(())
    }
}
