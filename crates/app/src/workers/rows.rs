//! Small reads and writes of rows that several workers need.

use super::error::WorkerError;
use crate::Ports;
use crate::http::retry::{RetryPolicy, retry};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::keys::{Key, index};
use tenantry_core::model::Operation;
use tenantry_core::ports::{Action, Commit, CommitError, Condition, Index, IndexKey, PortError};
use tenantry_core::{TenantId, Timestamp};

/// The attribute of the relay's row.
pub(super) const PUBLISHED_SEQUENCE: &str = "publishedSequence";

/// How far the tenant's events were published; 0 for none.
pub(super) async fn published_sequence(ports: &Ports, tenant: &TenantId) -> Result<u64, PortError> {
    let Some(item) = ports.table.get(&Key::relay(tenant)).await? else { return Ok(0) };
    item.attributes.get(PUBLISHED_SEQUENCE).and_then(Value::as_u64).ok_or_else(|| PortError::Damaged {
        port: "table",
        message: format!("{} RELAY holds no {PUBLISHED_SEQUENCE}", item.key.pk()),
    })
}

/// The operation's row.
pub(super) async fn operation(ports: &Ports, key: &Key) -> Result<Option<Operation>, PortError> {
    ports.table.get(key).await?.map(|item| item.record()).transpose()
}

/// A commit that is tried again where another one was in the way.
pub(super) async fn commit(ports: &Ports, actions: Vec<Action>) -> Result<(), CommitError> {
    let commit = Commit::of(actions);
    retry(&*ports.clock, &*ports.ids, &RetryPolicy::SHORT, || ports.table.commit(commit.clone())).await
}

/// [`commit`]; `false` where a condition did not hold: someone else was faster.
pub(super) async fn commit_if(ports: &Ports, actions: Vec<Action>) -> Result<bool, WorkerError> {
    match commit(ports, actions).await {
        Ok(()) => Ok(true),
        Err(CommitError::ConditionFailed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An update, before it names what it changes.
pub(super) fn update(key: Key, conditions: Vec<Condition>) -> Action {
    Action::Update {
        key,
        set: Map::new(),
        add: BTreeMap::new(),
        remove: Vec::new(),
        indexes: BTreeMap::new(),
        conditions,
    }
}

/// Lets an update move the row's place in index One.
pub(super) fn index_one(mut action: Action, place: Option<IndexKey>) -> Action {
    if let Action::Update { indexes, .. } = &mut action {
        indexes.insert(Index::One, place);
    }
    action
}

/// Lets an update write an attribute.
pub(super) fn set(mut action: Action, name: &str, value: impl Into<Value>) -> Action {
    if let Action::Update { set, .. } = &mut action {
        set.insert(name.to_owned(), value.into());
    }
    action
}

/// Lets an update count the row's writes.
pub(super) fn raise_revision(mut action: Action) -> Action {
    if let Action::Update { add, .. } = &mut action {
        add.insert("revision".to_owned(), 1);
    }
    action
}

/// The condition that an attribute has a value.
pub(super) fn equals(name: &str, value: impl Into<Value>) -> Condition {
    Condition::Equals(name.to_owned(), value.into())
}

/// The place of a tenant's row among those that are due: ordered by time, unique by its own key.
pub(super) fn due_place(tenant: &TenantId, at: Timestamp, key: &Key) -> IndexKey {
    IndexKey { pk: index::due(index::shard(tenant)), sk: format!("{at}#{}#{}", key.pk(), key.sk()) }
}

/// The time of a place that [`due_place`] made.
pub(super) fn due_time(place: &IndexKey) -> Option<Timestamp> {
    place.sk.split('#').next().and_then(Timestamp::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_places_sort_by_time_and_tell_it() {
        let tenant: TenantId = "tnt_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        let at = |millis| due_place(&tenant, Timestamp::from_millis(millis), &Key::tenant(&tenant));
        assert_eq!(due_time(&at(1_700_000_000_007)), Some(Timestamp::from_millis(1_700_000_000_007)));
        assert!(at(999_999_999_999).sk < at(1_700_000_000_007).sk);
        assert_eq!(due_time(&IndexKey { pk: String::new(), sk: "x".into() }), None);
    }
}
