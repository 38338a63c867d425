//! The table in memory: conditions, indexes, expiry, request tokens, limits; and faults on demand.

use super::{ManualClock, lock};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Clock, Commit, CommitError, Condition, Item, Page, PortError, Query, QueryRange, Table,
};
use tenantry_core::{BoxFuture, Timestamp};

type Items = BTreeMap<Key, Item>;

#[derive(Default)]
struct State {
    items: Items,
    /// What index queries see while visibility is delayed.
    stale: Option<Items>,
    tokens: BTreeMap<String, Timestamp>,
    faults: VecDeque<(CommitError, bool)>,
    commits: u64,
    page_cap: Option<usize>,
}

/// The table. Each call yields once before it acts, so that callers of one thread interleave between a read and the
/// commit that builds on it.
pub struct MemoryTable {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

impl MemoryTable {
    /// Empty.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::new(State::default()) }
    }

    /// The next commit changes nothing and answers `error`.
    pub fn fail_next_commit(&self, error: CommitError) {
        lock(&self.state).faults.push_back((error, false));
    }

    /// The next commit is done (where its conditions hold), but answers `error`: an unknown outcome.
    pub fn lose_next_answer(&self, error: CommitError) {
        lock(&self.state).faults.push_back((error, true));
    }

    /// From now on index queries see the items as they are now, until [`MemoryTable::show_indexes`].
    pub fn delay_indexes(&self) {
        let mut state = lock(&self.state);
        state.stale = Some(state.items.clone());
    }

    /// Index queries see everything again.
    pub fn show_indexes(&self) {
        lock(&self.state).stale = None;
    }

    /// Pages hold at most so many items, whatever the query's limit.
    pub fn shorten_pages(&self, cap: usize) {
        lock(&self.state).page_cap = Some(cap);
    }

    /// Commits that changed something, so far.
    pub fn commits(&self) -> u64 {
        lock(&self.state).commits
    }

    /// Every item that has not expired, in the order of the keys.
    pub fn dump(&self) -> Vec<Item> {
        let now = self.clock.now();
        lock(&self.state).items.values().filter(|item| alive(item, now)).cloned().collect()
    }
}

fn alive(item: &Item, now: Timestamp) -> bool {
    item.expires_at_seconds.is_none_or(|at| at > now.as_seconds())
}

fn holds(condition: &Condition, item: Option<&Item>) -> bool {
    let attribute = |name: &str| item.and_then(|item| item.attributes.get(name));
    match condition {
        Condition::Exists => item.is_some(),
        Condition::NotExists => item.is_none(),
        Condition::Equals(name, value) => attribute(name) == Some(value),
        Condition::Differs(name, value) => attribute(name) != Some(value),
        Condition::AtMost(name, bound) => {
            attribute(name).and_then(Value::as_i64).is_some_and(|number| number <= *bound)
        }
        Condition::AtLeast(name, bound) => {
            attribute(name).and_then(Value::as_i64).is_some_and(|number| number >= *bound)
        }
        Condition::Missing(name) => attribute(name).is_none(),
    }
}

fn conditions(action: &Action) -> &[Condition] {
    match action {
        Action::Put { conditions, .. }
        | Action::Update { conditions, .. }
        | Action::Delete { conditions, .. }
        | Action::Check { conditions, .. } => conditions,
    }
}

fn apply(items: &mut Items, action: Action, now: Timestamp) {
    match action {
        Action::Put { item, .. } => {
            items.insert(item.key.clone(), item);
        }
        Action::Update { key, set, add, remove, indexes, .. } => {
            let old = items.remove(&key).filter(|item| alive(item, now));
            let mut item = old.unwrap_or_else(|| Item::new(key.clone(), Map::new()));
            item.attributes.extend(set);
            for (name, by) in add {
                let number = item.attributes.get(&name).and_then(Value::as_i64).unwrap_or(0);
                item.attributes.insert(name, (number + by).into());
            }
            for name in remove {
                item.attributes.shift_remove(&name);
            }
            for (index, place) in indexes {
                match place {
                    Some(place) => item.indexes.insert(index, place),
                    None => item.indexes.remove(&index),
                };
            }
            items.insert(key, item);
        }
        Action::Delete { key, .. } => {
            items.remove(&key);
        }
        Action::Check { .. } => {}
    }
}

impl State {
    fn commit(&mut self, commit: Commit, now: Timestamp) -> Result<(), CommitError> {
        commit.validate()?;
        if let Some(token) = &commit.request_token {
            if token.len() > 36 {
                let message = "a request token has at most 36 characters".to_owned();
                return Err(PortError::Refused { port: "table", message }.into());
            }
            let seen = self.tokens.get(token);
            if seen.is_some_and(|at| now.saturating_since(*at) < Duration::from_secs(600)) {
                return Ok(());
            }
        }
        for (index, action) in commit.actions.iter().enumerate() {
            let item = self.items.get(action.key()).filter(|item| alive(item, now));
            if !conditions(action).iter().all(|condition| holds(condition, item)) {
                return Err(CommitError::ConditionFailed { index });
            }
        }
        if let Some(token) = commit.request_token {
            self.tokens.insert(token, now);
        }
        for action in commit.actions {
            apply(&mut self.items, action, now);
        }
        self.commits += 1;
        Ok(())
    }

    fn query(&self, query: &Query, now: Timestamp) -> Page {
        let mut found: Vec<(&str, &Item)> = match &query.range {
            QueryRange::Primary(range) => self
                .items
                .values()
                .filter(|item| item.key.pk() == range.pk() && item.key.sk().starts_with(range.sk_prefix()))
                .map(|item| (item.key.sk(), item))
                .collect(),
            QueryRange::Index { index, pk, sk_prefix } => self
                .stale
                .as_ref()
                .unwrap_or(&self.items)
                .values()
                .filter_map(|item| item.indexes.get(index).map(|place| (place, item)))
                .filter(|(place, _)| place.pk == *pk && place.sk.starts_with(sk_prefix.as_str()))
                .map(|(place, item)| (place.sk.as_str(), item))
                .collect(),
        };
        found.retain(|(sk, item)| {
            let after = query.after.as_deref();
            let beyond = after.is_none_or(|after| if query.descending { *sk < after } else { *sk > after });
            beyond && alive(item, now)
        });
        found.sort_by(|a, b| if query.descending { b.0.cmp(a.0) } else { a.0.cmp(b.0) });
        let limit = query.limit.min(self.page_cap.unwrap_or(usize::MAX)).max(1);
        let next = (found.len() > limit).then(|| found[limit - 1].0.to_owned());
        found.truncate(limit);
        Page { items: found.into_iter().map(|(_, item)| item.clone()).collect(), next }
    }
}

impl Table for MemoryTable {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let now = self.clock.now();
            Ok(lock(&self.state).items.get(key).filter(|item| alive(item, now)).cloned())
        })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(lock(&self.state).query(&query, self.clock.now()))
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut state = lock(&self.state);
            match state.faults.pop_front() {
                Some((error, false)) => Err(error),
                Some((error, true)) => state.commit(commit, self.clock.now()).and(Err(error)),
                None => state.commit(commit, self.clock.now()),
            }
        })
    }
}
