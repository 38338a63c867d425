//! A commit: all actions or none, within one write of the store.

use super::conditions::holds;
use super::{PORT, rows};
use crate::store::Abort;
use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Commit, CommitError, Condition, Index, IndexKey, Item, PortError};
use tenantry_core::{Timestamp, limits};

/// How long a request token is remembered.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(crate) const REQUEST_TOKEN_LIFE: Duration = Duration::from_secs(600);

const REQUEST_TOKEN_LENGTH_MAX: usize = 36;

/// What begins the partitions of index One that the outbox relay reads.
const OUTBOX_PREFIX: &str = "OUTBOX#";

/// A commit that was validated, with the documents written out on the caller's thread.
pub(super) struct Prepared {
    actions: Vec<(Action, Option<String>)>,
    request_token: Option<String>,
    /// Whether an item enters the outbox.
    pub(super) to_outbox: bool,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Done {
    /// It changed these items: as they are now, or gone.
    Changed(Vec<(Key, Option<Item>)>),
    /// One of its token was done before.
    Repeated,
}

fn refused(message: String) -> CommitError {
    CommitError::Port(PortError::Refused { port: PORT, message })
}

pub(super) fn prepare(commit: Commit) -> Result<Prepared, CommitError> {
    commit.validate()?;
    if let Some(token) = &commit.request_token
        && !(1..=REQUEST_TOKEN_LENGTH_MAX).contains(&token.chars().count())
    {
        return Err(refused(format!("a request token has 1 to {REQUEST_TOKEN_LENGTH_MAX} characters")));
    }
    let mut to_outbox = false;
    let mut actions = Vec::with_capacity(commit.actions.len());
    for action in commit.actions {
        let document = match &action {
            Action::Put { item, .. } => {
                to_outbox |= item.indexes.get(&Index::One).is_some_and(is_outbox);
                Some(document(&item.attributes))
            }
            Action::Update { indexes, set, add, remove, key, .. } => {
                to_outbox |= indexes.get(&Index::One).and_then(Option::as_ref).is_some_and(is_outbox);
                check_names(key, set, add, remove)?;
                None
            }
            Action::Delete { .. } | Action::Check { .. } => None,
        };
        actions.push((action, document));
    }
    Ok(Prepared { actions, request_token: commit.request_token, to_outbox })
}

fn is_outbox(key: &IndexKey) -> bool {
    key.pk.starts_with(OUTBOX_PREFIX)
}

fn document(attributes: &Map<String, Value>) -> String {
    serde_json::to_string(attributes).expect("a map with text keys always serialises")
}

fn check_names(
    key: &Key,
    set: &Map<String, Value>,
    add: &BTreeMap<String, i64>,
    remove: &[String],
) -> Result<(), CommitError> {
    let mut names: Vec<&String> = set.keys().chain(add.keys()).chain(remove).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(refused(format!("{} {}: {:?} is changed twice", key.pk(), key.sk(), pair[0]))),
        None => Ok(()),
    }
}

/// Does the commit as of `now`. An error means that nothing of it may be kept.
pub(super) fn run(
    tx: &Transaction<'_>,
    prepared: Prepared,
    now: Timestamp,
) -> Result<Done, Abort<CommitError>> {
    if let Some(token) = &prepared.request_token
        && was_done(tx, token, now)?
    {
        return Ok(Done::Repeated);
    }
    let mut before = Vec::with_capacity(prepared.actions.len());
    for (index, (action, _)) in prepared.actions.iter().enumerate() {
        before.push(look(tx, action, now)?.ok_or(Abort::Refused(CommitError::ConditionFailed { index }))?);
    }
    let mut changed = Vec::with_capacity(prepared.actions.len());
    for ((action, document), old) in prepared.actions.into_iter().zip(before) {
        match action {
            Action::Put { item, .. } => {
                rows::write(tx, &item, document.as_deref().unwrap_or("{}"))?;
                changed.push((item.key.clone(), Some(item)));
            }
            Action::Update { key, set, add, remove, indexes, .. } => {
                let old = old.unwrap_or_else(|| Item::new(key.clone(), Map::new()));
                let item = updated(old, set, add, &remove, indexes).map_err(Abort::Refused)?;
                let document = self::document(&item.attributes);
                rows::write(tx, &item, &document)?;
                changed.push((key, Some(item)));
            }
            Action::Delete { key, .. } => {
                rows::delete(tx, &key)?;
                changed.push((key, None));
            }
            Action::Check { .. } => {}
        }
    }
    if let Some(token) = &prepared.request_token {
        tx.prepare_cached(
            "INSERT INTO request_tokens (token, at_millis) VALUES (?1, ?2)
             ON CONFLICT (token) DO UPDATE SET at_millis = excluded.at_millis",
        )?
        .execute((token, now.as_millis()))?;
    }
    Ok(Done::Changed(changed))
}

fn was_done(tx: &Transaction<'_>, token: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let at: Option<i64> = tx
        .prepare_cached("SELECT at_millis FROM request_tokens WHERE token = ?1")?
        .query_row([token], |row| row.get(0))
        .optional()?;
    Ok(at.is_some_and(|at| now.saturating_since(Timestamp::from_millis(at)) < REQUEST_TOKEN_LIFE))
}

/// The item that an action acts on, as it is before the commit (only where the action needs it); `None` where a
/// condition does not hold.
#[allow(clippy::option_option, reason = "the outer one is the verdict, the inner one the item")]
fn look(
    tx: &Transaction<'_>,
    action: &Action,
    now: Timestamp,
) -> Result<Option<Option<Item>>, Abort<CommitError>> {
    let (conditions, updates) = match action {
        Action::Update { conditions, .. } => (conditions, true),
        Action::Put { conditions, .. }
        | Action::Delete { conditions, .. }
        | Action::Check { conditions, .. } => (conditions, false),
    };
    if updates || conditions.iter().any(|condition| !is_about_existence(condition)) {
        let item = rows::find(tx, action.key(), now).map_err(port_error)?;
        let attributes = item.as_ref().map(|item| &item.attributes);
        let all = conditions.iter().all(|condition| holds(condition, attributes));
        return Ok(all.then_some(item));
    }
    if conditions.is_empty() {
        return Ok(Some(None));
    }
    let exists = rows::exists(tx, action.key(), now)?;
    let all = conditions.iter().all(|condition| matches!(condition, Condition::Exists) == exists);
    Ok(all.then_some(None))
}

fn is_about_existence(condition: &Condition) -> bool {
    matches!(condition, Condition::Exists | Condition::NotExists)
}

fn port_error(abort: Abort<PortError>) -> Abort<CommitError> {
    match abort {
        Abort::Refused(error) => Abort::Refused(CommitError::Port(error)),
        Abort::Sqlite(error) => Abort::Sqlite(error),
    }
}

fn updated(
    mut item: Item,
    set: Map<String, Value>,
    add: BTreeMap<String, i64>,
    remove: &[String],
    indexes: BTreeMap<Index, Option<IndexKey>>,
) -> Result<Item, CommitError> {
    item.attributes.extend(set);
    for (name, by) in add {
        let sum = match item.attributes.get(&name) {
            None => Some(Value::from(by)),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => number.checked_add(by).map(Value::from),
                None => number.as_f64().map(|number| Value::from(number + by as f64)),
            },
            Some(_) => None,
        };
        let sum = sum.ok_or_else(|| {
            let (pk, sk) = (item.key.pk(), item.key.sk());
            refused(format!("{pk} {sk}: {name:?} is no number that {by} can be added to"))
        })?;
        item.attributes.insert(name, sum);
    }
    for name in remove {
        item.attributes.shift_remove(name);
    }
    for (index, place) in indexes {
        match place {
            Some(place) => item.indexes.insert(index, place),
            None => item.indexes.remove(&index),
        };
    }
    let bytes = item.size_bytes();
    if bytes > limits::ITEM_BYTES_MAX {
        let (pk, sk) = (item.key.pk(), item.key.sk());
        return Err(refused(format!(
            "{pk} {sk} would have {bytes} bytes, at most {} are allowed",
            limits::ITEM_BYTES_MAX
        )));
    }
    Ok(item)
}
