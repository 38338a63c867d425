//! The table, metered.

use crate::dynamodb;
use crate::meter::{Call, Meter};
use crate::prices::Unit;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Commit, CommitError, Index, Item, Page, PortError, Query, QueryRange, Table,
};

/// A table whose calls are counted as `crates/aws` makes them: one plain write where a commit has one action and no
/// request token, else a transaction.
pub struct MeteredTable {
    inner: Arc<dyn Table>,
    meter: Meter,
}

/// Reads and writes of an adapter's own rows.
impl Meter {
    /// A strongly consistent GetItem of so many bytes.
    pub fn get_row(&self, bytes: f64) {
        self.table_key();
        self.add(Unit::DynamodbReadUnits, dynamodb::consistent_read_units(bytes));
        self.wait(Call::Read);
    }

    /// A write of one row.
    pub fn put_row(&self, bytes: f64) {
        self.table_key();
        self.add(Unit::DynamodbWriteUnits, dynamodb::write_units(bytes, false));
        self.wait(Call::Write);
    }

    /// A transaction over rows of so many bytes each.
    pub fn transact_rows(&self, rows: &[f64]) {
        self.table_key();
        let units = rows.iter().map(|bytes| dynamodb::write_units(*bytes, true)).sum();
        self.add(Unit::DynamodbWriteUnits, units);
        self.wait(Call::Transaction);
    }

    /// DynamoDB asks KMS for the table's key on behalf of a caller that it has not seen for some minutes.
    fn table_key(&self) {
        if self.first("the key of the table") {
            self.add(Unit::KmsRequests, 1.0);
        }
    }
}

impl MeteredTable {
    /// Counts what reaches `inner`.
    pub fn new(inner: Arc<dyn Table>, meter: Meter) -> Self {
        Self { inner, meter }
    }

    async fn items(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, PortError> {
        let mut items = Vec::with_capacity(keys.len());
        for key in keys {
            items.push(self.inner.get(key).await?);
        }
        Ok(items)
    }

    async fn counted(&self, commit: Commit) -> Result<(), CommitError> {
        self.meter.table_key();
        let keys: Vec<Key> = commit.actions.iter().map(|action| action.key().clone()).collect();
        let writes: Vec<bool> =
            commit.actions.iter().map(|action| !matches!(action, Action::Check { .. })).collect();
        let transactional = keys.len() > 1 || commit.request_token.is_some() || writes == [false];
        let before = self.items(&keys).await?;
        let done = self.inner.commit(commit).await;
        let after = if done.is_ok() { self.items(&keys).await? } else { before.clone() };
        let mut units = 0.0;
        let mut told = Vec::new();
        for (((key, before), after), writes) in keys.iter().zip(&before).zip(&after).zip(writes) {
            let bytes = |item: &Option<Item>| item.as_ref().map_or(0.0, dynamodb::item_bytes);
            // A check is billed as a write that changes nothing, and so is a write whose condition fails.
            units += dynamodb::write_units(bytes(before).max(bytes(after)), transactional);
            if writes && done.is_ok() {
                units += dynamodb::index_write_units(before.as_ref(), after.as_ref());
                if in_outbox(after.as_ref()) && !in_outbox(before.as_ref()) {
                    told.push(key.clone());
                }
            }
        }
        self.meter.add(Unit::DynamodbWriteUnits, units);
        self.meter.wait(if transactional { Call::Transaction } else { Call::Write });
        if !told.is_empty() {
            self.meter.tell_relay(told);
        }
        done
    }
}

/// What the filter of the stream's event source mapping lets through.
fn in_outbox(item: Option<&Item>) -> bool {
    item.and_then(|item| item.indexes.get(&Index::One)).is_some_and(|place| place.pk.starts_with("OUTBOX#"))
}

impl Table for MeteredTable {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        Box::pin(async move {
            let item = self.inner.get(key).await?;
            self.meter.get_row(item.as_ref().map_or(0.0, dynamodb::item_bytes));
            Ok(item)
        })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(async move {
            let consistent = matches!(query.range, QueryRange::Primary(_));
            let page = self.inner.query(query).await?;
            let bytes = page.items.iter().map(dynamodb::item_bytes).sum();
            self.meter.table_key();
            let units = if consistent {
                dynamodb::consistent_read_units(bytes)
            } else {
                dynamodb::index_read_units(bytes)
            };
            self.meter.add(Unit::DynamodbReadUnits, units);
            self.meter.wait(Call::Read);
            Ok(page)
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.counted(commit))
    }
}
