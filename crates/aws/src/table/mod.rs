//! The one table, on DynamoDB: keys and indexes as `schema/table.json` has them, an item's attributes as the table's own
//! top-level attributes under their own names.
//!
//! **Invariants.** An item that has expired is seen by no read and no condition, whether or not DynamoDB has deleted it.
//! Names and values stand in expressions by placeholders alone. A write whose outcome is unknown is sent again only
//! under a client token.

mod commit;
mod conditions;
mod error;
mod expression;
mod items;
mod names;
mod pages;
mod tokens;
mod values;
mod verdict;
mod write;

use crate::Clients;
use crate::call::{Calls, Repeat};
use expression::Placeholders;
use pages::Plan;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Clock, Commit, CommitError, Item, Page, PortError, Query, Table};
use tokens::Tokens;

const PORT: &str = "table";

/// The table.
pub struct AwsTable {
    clients: Arc<Clients>,
    calls: Calls,
    clock: Arc<dyn Clock>,
    name: String,
    tokens: Tokens,
}

impl AwsTable {
    /// The table of that name.
    pub fn new(clients: Arc<Clients>, calls: Calls, name: impl Into<String>) -> Self {
        let clock = Arc::clone(calls.clock());
        Self { clients, calls, clock, name: name.into(), tokens: Tokens::default() }
    }

    /// Lets items expire by another clock than that by which calls are retried: for tests that move it.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, PortError> {
        let request = self
            .clients
            .dynamodb()
            .get_item()
            .table_name(&self.name)
            .set_key(Some(items::key(key)))
            .consistent_read(true);
        let answer = self.calls.send(Repeat::Safe, || request.clone().send()).await;
        let stored = answer.map_err(|error| self.failed("get", &error))?.item;
        let now = self.clock.now().as_seconds();
        let alive = stored.filter(|stored| items::expiry(stored).is_none_or(|at| at > now));
        alive.map(items::item).transpose()
    }

    async fn page(&self, query: Query) -> Result<Page, PortError> {
        let Some(plan) = Plan::of(query) else { return Ok(Page::default()) };
        let mut placeholders = Placeholders::default();
        let condition = plan.condition(&mut placeholders);
        let mut request = self
            .clients
            .dynamodb()
            .query()
            .table_name(&self.name)
            .set_index_name(plan.index.map(str::to_owned))
            // Indexes have no other reads.
            .consistent_read(plan.index.is_none())
            .key_condition_expression(condition)
            .set_expression_attribute_names(placeholders.names())
            .set_expression_attribute_values(placeholders.values())
            .scan_index_forward(!plan.descending)
            .limit(plan.asked());
        loop {
            let answer = self.calls.send(Repeat::Safe, || request.clone().send()).await;
            let answer = answer.map_err(|error| self.failed("query", &error))?;
            let now = self.clock.now().as_seconds();
            let last = answer.last_evaluated_key;
            if let Some(page) = plan.page(answer.items.unwrap_or_default(), last.as_ref(), now)? {
                return Ok(page);
            }
            // All of it had expired.
            request = request.set_exclusive_start_key(last);
        }
    }
}

impl std::fmt::Debug for AwsTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsTable").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Table for AwsTable {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        Box::pin(self.read(key))
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(self.page(query))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(commit::run(self, commit))
    }
}
