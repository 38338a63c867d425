//! The one table: items by partition and sort key, three sparse indexes, and an all-or-nothing commit.

use super::PortError;
use crate::keys::{Key, Range};
use crate::{BoxFuture, limits};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One of the three sparse indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// By status; also the outbox and due rows.
    One,
    /// By plan.
    Two,
    /// By region and cell.
    Three,
}

impl Index {
    /// All three.
    pub const ALL: [Index; 3] = [Index::One, Index::Two, Index::Three];

    /// 1, 2 or 3.
    pub fn number(self) -> u8 {
        match self {
            Index::One => 1,
            Index::Two => 2,
            Index::Three => 3,
        }
    }
}

/// An item's place in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKey {
    /// The index's partition key, made by [`crate::keys::index`].
    pub pk: String,
    /// The index's sort key; unique within its partition by its maker's care.
    pub sk: String,
}

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The primary key.
    pub key: Key,
    /// Its places in the indexes.
    pub indexes: BTreeMap<Index, IndexKey>,
    /// Seconds since the Unix epoch after which the item is no longer seen, and some time later deleted.
    pub expires_at_seconds: Option<i64>,
    /// Everything else. Names are free: reserved words of a store are the adapter's business.
    pub attributes: Map<String, Value>,
}

impl Item {
    /// An item in no index, that never expires.
    pub fn new(key: Key, attributes: Map<String, Value>) -> Self {
        Self { key, indexes: BTreeMap::new(), expires_at_seconds: None, attributes }
    }

    /// An item whose attributes are `record`'s fields.
    ///
    /// # Panics
    /// Where `record` does not serialise to a JSON object: a fault of the program.
    pub fn of<T: serde::Serialize>(key: Key, record: &T) -> Self {
        match serde_json::to_value(record) {
            Ok(Value::Object(attributes)) => Self::new(key, attributes),
            other => panic!("a record must serialise to an object, not {other:?}"),
        }
    }

    /// Puts the item into an index.
    #[must_use]
    pub fn with_index(mut self, index: Index, pk: String, sk: String) -> Self {
        self.indexes.insert(index, IndexKey { pk, sk });
        self
    }

    /// Lets the item expire.
    #[must_use]
    pub fn expiring_at(mut self, seconds: i64) -> Self {
        self.expires_at_seconds = Some(seconds);
        self
    }

    /// The record that the attributes hold.
    pub fn record<T: serde::de::DeserializeOwned>(&self) -> Result<T, PortError> {
        serde_json::from_value(Value::Object(self.attributes.clone())).map_err(|error| PortError::Damaged {
            port: "table",
            message: format!("{} {}: {error}", self.key.pk(), self.key.sk()),
        })
    }

    /// The item's size as the limits count it: keys and attributes as JSON text, in bytes. An upper bound of what
    /// DynamoDB counts.
    pub fn size_bytes(&self) -> usize {
        let indexes: usize = self.indexes.values().map(|key| key.pk.len() + key.sk.len()).sum();
        let attributes = serde_json::to_string(&self.attributes).map_or(0, |text| text.len());
        self.key.pk().len() + self.key.sk().len() + indexes + attributes
    }
}

/// What must hold of the item as it is before the commit. A missing item has no attributes.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The item exists (and has not expired).
    Exists,
    /// It does not (or has expired).
    NotExists,
    /// The attribute exists and equals the value.
    Equals(String, Value),
    /// The attribute is missing or differs from the value.
    Differs(String, Value),
    /// The attribute is a number and at most this.
    AtMost(String, i64),
    /// The attribute is a number and at least this.
    AtLeast(String, i64),
    /// The attribute is missing.
    Missing(String),
}

/// One part of a commit. An item may stand in one action only.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Writes the whole item.
    Put {
        /// The item.
        item: Item,
        /// All must hold.
        conditions: Vec<Condition>,
    },
    /// Changes some attributes; makes the item where it is missing (unless a condition forbids).
    Update {
        /// The item's key.
        key: Key,
        /// Attributes to write.
        set: Map<String, Value>,
        /// Numbers to add to; a missing one counts as 0. At most one of `set`, `add`, `remove` names an attribute.
        add: BTreeMap<String, i64>,
        /// Attributes to remove.
        remove: Vec<String>,
        /// Indexes to enter (`Some`) or leave (`None`); others stay.
        indexes: BTreeMap<Index, Option<IndexKey>>,
        /// All must hold.
        conditions: Vec<Condition>,
    },
    /// Deletes the item; a missing one is no error (unless a condition forbids).
    Delete {
        /// The item's key.
        key: Key,
        /// All must hold.
        conditions: Vec<Condition>,
    },
    /// Only checks.
    Check {
        /// The item's key.
        key: Key,
        /// All must hold.
        conditions: Vec<Condition>,
    },
}

impl Action {
    /// Writes the whole item, whatever was there.
    pub fn put(item: Item) -> Self {
        Action::Put { item, conditions: Vec::new() }
    }

    /// Writes the item where there is none.
    pub fn create(item: Item) -> Self {
        Action::Put { item, conditions: vec![Condition::NotExists] }
    }

    /// Writes the item where all conditions hold.
    pub fn put_if(item: Item, conditions: Vec<Condition>) -> Self {
        Action::Put { item, conditions }
    }

    /// The key of the item that this acts on.
    pub fn key(&self) -> &Key {
        match self {
            Action::Put { item, .. } => &item.key,
            Action::Update { key, .. } | Action::Delete { key, .. } | Action::Check { key, .. } => key,
        }
    }
}

/// All of these, or none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// The parts; an error names one by its place.
    pub actions: Vec<Action>,
    /// A commit with the token of one that succeeded less than ten minutes ago changes nothing and answers `Ok`
    /// (DynamoDB's `ClientRequestToken`). At most 36 characters.
    pub request_token: Option<String>,
}

impl Commit {
    /// A commit without a request token.
    pub fn of(actions: Vec<Action>) -> Self {
        Self { actions, request_token: None }
    }

    /// Holds the limits that both homes share: at most 100 actions, each item once, 400 KB an item, 4 MB in all.
    pub fn validate(&self) -> Result<(), CommitError> {
        let refused = |message: String| Err(CommitError::Port(PortError::Refused { port: "table", message }));
        if self.actions.is_empty() || self.actions.len() > limits::COMMIT_ACTIONS_MAX {
            return refused(format!(
                "a commit has 1 to {} actions, not {}",
                limits::COMMIT_ACTIONS_MAX,
                self.actions.len()
            ));
        }
        let mut keys: Vec<&Key> = self.actions.iter().map(Action::key).collect();
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return refused(format!("{} {} stands in two actions", pair[0].pk(), pair[0].sk()));
        }
        let mut total = 0;
        for action in &self.actions {
            let size = match action {
                Action::Put { item, .. } => item.size_bytes(),
                Action::Update { set, .. } => serde_json::to_string(set).map_or(0, |text| text.len()),
                Action::Delete { .. } | Action::Check { .. } => 0,
            };
            if size > limits::ITEM_BYTES_MAX {
                let key = action.key();
                return refused(format!("{} {} has {size} bytes", key.pk(), key.sk()));
            }
            total += size;
        }
        if total > limits::COMMIT_BYTES_MAX {
            return refused(format!("the commit has {total} bytes"));
        }
        Ok(())
    }
}

/// Why a commit changed nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A condition of the action at this place does not hold; the first one, where there are several.
    #[error("a condition of action {index} does not hold")]
    ConditionFailed {
        /// The place of the action.
        index: usize,
    },
    /// Another commit was in the way: try again.
    #[error("another commit was in the way")]
    Conflict,
    /// The store; after [`PortError::Unavailable`] the outcome is unknown and the caller reads again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryRange {
    /// Items of one partition whose sort key begins with a prefix; always up to date.
    Primary(Range),
    /// Items of one partition of an index whose index sort key begins with a prefix; may be stale.
    Index {
        /// The index.
        index: Index,
        /// Its partition.
        pk: String,
        /// The prefix; empty for all.
        sk_prefix: String,
    },
}

/// A page of items in the order of their sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What.
    pub range: QueryRange,
    /// Only sort keys strictly after this one (before it, where `descending`); the primary sort key, or the index's.
    pub after: Option<String>,
    /// From the greatest to the smallest.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// The first page of a primary range.
    pub fn primary(range: Range, limit: usize) -> Self {
        Self { range: QueryRange::Primary(range), after: None, descending: false, limit }
    }

    /// The first page of an index's partition.
    pub fn index(index: Index, pk: String, limit: usize) -> Self {
        let range = QueryRange::Index { index, pk, sk_prefix: String::new() };
        Self { range, after: None, descending: false, limit }
    }

    /// Goes on after a sort key.
    #[must_use]
    pub fn after(mut self, sk: Option<String>) -> Self {
        self.after = sk;
        self
    }

    /// From the greatest to the smallest.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }
}

/// A page. It may be shorter than asked for though more follows: only `next` tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// The sort key to go on after; `None` at the end.
    pub next: Option<String>,
}

/// The table. Reads by primary key see every earlier commit; reads of an index may be stale. Expired items are never
/// seen.
pub trait Table: Send + Sync {
    /// The item, as of the last commit.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>>;

    /// A page of items.
    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>>;

    /// All actions or none. Once `Ok`, they survive a crash of the process and of the machine.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(slug: &str, bytes: usize) -> Action {
        let mut attributes = Map::new();
        attributes.insert("a".into(), Value::String("x".repeat(bytes)));
        Action::put(Item::new(Key::slug(slug), attributes))
    }

    #[test]
    fn limits_hold() {
        let ok = |actions: Vec<Action>| Commit::of(actions).validate().is_ok();
        assert!(!ok(vec![]));
        assert!(ok((0..100).map(|n| put(&n.to_string(), 1)).collect()));
        assert!(!ok((0..101).map(|n| put(&n.to_string(), 1)).collect()));
        assert!(!ok(vec![put("a", 1), put("a", 2)]));
        assert!(ok(vec![put("a", 400 * 1024 - 200)]));
        assert!(!ok(vec![put("a", 400 * 1024)]));
        assert!(!ok((0..11).map(|n| put(&n.to_string(), 400 * 1024 - 200)).collect()));
    }
}
