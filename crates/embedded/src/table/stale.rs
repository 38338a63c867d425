//! A mode for tests in which index reads lag behind, as a distributed store's do.

use super::query::Span;
use super::rows::{self, COLUMNS};
use crate::store::Abort;
use rusqlite::Connection;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Item, Page, PortError};

type Changes = Vec<(Key, Option<Item>)>;

/// The items as index reads see them: some commits old. Each index read lets one more commit be seen, so that what
/// waits for an item sees it in the end.
pub(super) struct StaleIndexes {
    lag_commits: usize,
    state: Mutex<State>,
}

struct State {
    seen: BTreeMap<Key, Item>,
    hidden: VecDeque<Changes>,
}

impl State {
    fn show_one(&mut self) {
        for (key, item) in self.hidden.pop_front().unwrap_or_default() {
            match item {
                Some(item) => self.seen.insert(key, item),
                None => self.seen.remove(&key),
            };
        }
    }
}

impl StaleIndexes {
    pub(super) fn load(connection: &Connection, lag_commits: usize) -> Result<Self, Abort<PortError>> {
        let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM items"))?;
        let mut rows = statement.query([])?;
        let mut seen = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let item = rows::item(row)?.item;
            seen.insert(item.key.clone(), item);
        }
        Ok(Self { lag_commits, state: Mutex::new(State { seen, hidden: VecDeque::new() }) })
    }

    /// To be called in the order of the commits.
    pub(super) fn committed(&self, changes: Changes) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hidden.push_back(changes);
        while state.hidden.len() > self.lag_commits {
            state.show_one();
        }
    }

    pub(super) fn page(&self, span: &Span, now: Timestamp) -> Page {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let page = page_of(&state.seen, span, now);
        state.show_one();
        page
    }
}

fn page_of(seen: &BTreeMap<Key, Item>, span: &Span, now: Timestamp) -> Page {
    let inside = |sk: &str| {
        sk >= span.from.as_str()
            && span.until.as_deref().is_none_or(|until| sk < until)
            && span.after.as_deref().is_none_or(|after| if span.descending { sk < after } else { sk > after })
    };
    let mut items: Vec<Item> = seen
        .values()
        .filter(|item| item.expires_at_seconds.is_none_or(|at| at > now.as_seconds()))
        .filter(|item| {
            span.index.and_then(|index| item.indexes.get(&index)).is_some_and(|key| key.pk == span.pk)
        })
        .filter(|item| inside(span.sort_key(item)))
        .cloned()
        .collect();
    items.sort_by(|a, b| span.sort_key(a).cmp(span.sort_key(b)));
    if span.descending {
        items.reverse();
    }
    let more = items.len() > span.limit;
    items.truncate(span.limit);
    let next = items.last().filter(|_| more).map(|item| span.sort_key(item).to_owned());
    Page { items, next }
}
