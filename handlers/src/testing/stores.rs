//! Table, vault and data keys in memory, behind one switch that makes them fail at a write.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tenantry_core::ports::{
    Action, Commit, CommitError, Condition, DataKeys, Item, KeyPurpose, Page, PortError, Query, QueryRange,
    Secret, Table, Vault,
};
use tenantry_core::{BoxFuture, TenantId};
use tokio::sync::Barrier;

/// Where the world ends: with the write of that number, before or after it takes effect. From then on nothing
/// answers, as if the process were gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Before(usize),
    After(usize),
}

#[derive(Default)]
struct State {
    rows: BTreeMap<(String, String), Item>,
    secrets: BTreeMap<String, Secret>,
    keys: BTreeMap<(TenantId, KeyPurpose), u64>,
    keys_made: u64,
    fault: Option<Fault>,
    writes: usize,
    gone: bool,
    vault_hangs: bool,
    meeting: Option<(Arc<Barrier>, usize)>,
}

#[derive(Default)]
pub(crate) struct Stores(Mutex<State>);

fn lost(port: &'static str) -> PortError {
    PortError::Unavailable { port, message: "the test took it away".into() }
}

impl State {
    /// Counts a write and carries it out, or ends the world.
    fn write<T>(&mut self, port: &'static str, effect: impl FnOnce(&mut Self) -> T) -> Result<T, PortError> {
        if self.gone {
            return Err(lost(port));
        }
        let number = self.writes;
        self.writes += 1;
        if self.fault == Some(Fault::Before(number)) {
            self.gone = true;
            return Err(lost(port));
        }
        let outcome = effect(self);
        if self.fault == Some(Fault::After(number)) {
            self.gone = true;
            return Err(lost(port));
        }
        Ok(outcome)
    }
}

impl Stores {
    /// Arms a fault and counts writes anew.
    pub(crate) fn arm(&self, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.fault, state.writes, state.gone) = (Some(fault), 0, false);
    }

    /// Brings everything back; whether the world had ended.
    pub(crate) fn mend(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        std::mem::take(&mut state.gone)
    }

    pub(crate) fn let_vault_hang(&self, hangs: bool) {
        self.0.lock().unwrap().vault_hangs = hangs;
    }

    /// The next so many reads of a cell's row wait for each other: all see the same, before any of them writes.
    pub(crate) fn let_cell_readers_meet(&self, readers: usize) {
        self.0.lock().unwrap().meeting = Some((Arc::new(Barrier::new(readers)), readers));
    }

    fn meeting(&self, pk: &str) -> Option<Arc<Barrier>> {
        let mut state = self.0.lock().unwrap();
        let (barrier, open) =
            state.meeting.as_mut().filter(|(_, open)| *open > 0 && pk.starts_with("CELL#"))?;
        *open -= 1;
        Some(barrier.clone())
    }

    pub(crate) fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    pub(crate) fn rows(&self) -> BTreeMap<(String, String), Map<String, Value>> {
        let state = self.0.lock().unwrap();
        state.rows.iter().map(|(key, item)| (key.clone(), item.attributes.clone())).collect()
    }

    pub(crate) fn secrets(&self) -> BTreeMap<String, String> {
        let state = self.0.lock().unwrap();
        state.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned())).collect()
    }

    pub(crate) fn keys(&self) -> Vec<(TenantId, KeyPurpose)> {
        self.0.lock().unwrap().keys.keys().cloned().collect()
    }
}

fn holds(condition: &Condition, item: Option<&Item>) -> bool {
    let attribute = |name: &str| item.and_then(|item| item.attributes.get(name));
    match condition {
        Condition::Exists => item.is_some(),
        Condition::NotExists => item.is_none(),
        Condition::Equals(name, value) => attribute(name) == Some(value),
        Condition::Differs(name, value) => attribute(name) != Some(value),
        Condition::AtMost(name, most) => attribute(name).and_then(Value::as_i64).is_some_and(|n| n <= *most),
        Condition::AtLeast(name, least) => {
            attribute(name).and_then(Value::as_i64).is_some_and(|n| n >= *least)
        }
        Condition::Missing(name) => attribute(name).is_none(),
    }
}

fn apply(rows: &mut BTreeMap<(String, String), Item>, actions: Vec<Action>) -> Result<(), CommitError> {
    let place = |action: &Action| (action.key().pk().to_owned(), action.key().sk().to_owned());
    for (index, action) in actions.iter().enumerate() {
        let (Action::Put { conditions, .. }
        | Action::Update { conditions, .. }
        | Action::Delete { conditions, .. }
        | Action::Check { conditions, .. }) = action;
        let item = rows.get(&place(action));
        if !conditions.iter().all(|condition| holds(condition, item)) {
            return Err(CommitError::ConditionFailed { index });
        }
    }
    for action in actions {
        let place = place(&action);
        match action {
            Action::Put { item, .. } => {
                rows.insert(place, item);
            }
            Action::Delete { .. } => {
                rows.remove(&place);
            }
            Action::Check { .. } => {}
            Action::Update { key, set, add, remove, indexes, .. } => {
                let item = rows.entry(place).or_insert_with(|| Item::new(key, Map::new()));
                item.attributes.extend(set);
                for (name, by) in add {
                    let now = item.attributes.get(&name).and_then(Value::as_i64).unwrap_or(0);
                    item.attributes.insert(name, Value::from(now + by));
                }
                for name in remove {
                    item.attributes.remove(&name);
                }
                for (index, key) in indexes {
                    match key {
                        Some(key) => item.indexes.insert(index, key),
                        None => item.indexes.remove(&index),
                    };
                }
            }
        }
    }
    Ok(())
}

impl Table for Stores {
    fn get<'a>(
        &'a self,
        key: &'a tenantry_core::keys::Key,
    ) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        Box::pin(async move {
            let (item, gone) = {
                let state = self.0.lock().unwrap();
                (state.rows.get(&(key.pk().to_owned(), key.sk().to_owned())).cloned(), state.gone)
            };
            if let Some(meeting) = self.meeting(key.pk()) {
                meeting.wait().await;
            }
            if gone { Err(lost("table")) } else { Ok(item) }
        })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(async move {
            let state = self.0.lock().unwrap();
            if state.gone {
                return Err(lost("table"));
            }
            let QueryRange::Primary(range) = &query.range else {
                panic!("steps read no index: it may be stale")
            };
            let after = query.after.as_deref().unwrap_or("");
            let mut found = state.rows.iter().filter(|((pk, sk), _)| {
                pk == range.pk()
                    && sk.starts_with(range.sk_prefix())
                    && (query.after.is_none() || sk.as_str() > after)
            });
            // Short pages, as a store may answer them.
            let items: Vec<Item> =
                found.by_ref().take(query.limit.min(7)).map(|(_, item)| item.clone()).collect();
            let next = found.next().and(items.last()).map(|item| item.key.sk().to_owned());
            Ok(Page { items, next })
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            commit.validate()?;
            let mut state = self.0.lock().unwrap();
            state.write("table", |state| apply(&mut state.rows, commit.actions))?
        })
    }
}

impl Vault for Stores {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if self.0.lock().unwrap().vault_hangs {
                std::future::pending::<()>().await;
            }
            let mut state = self.0.lock().unwrap();
            state.write("vault", |state| {
                state.secrets.entry(reference.to_owned()).or_insert(secret);
            })
        })
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        Box::pin(async move {
            let state = self.0.lock().unwrap();
            let missing = || PortError::NotFound { port: "vault", what: "secret".into() };
            state.secrets.get(reference).cloned().ok_or_else(missing)
        })
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            state.write("vault", |state| {
                state.secrets.insert(reference.to_owned(), secret);
            })
        })
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            state.write("vault", |state| {
                state.secrets.remove(reference);
            })
        })
    }
}

/// Which key sealed it, for whom, and the text: enough to tell a right opening from a wrong one.
fn envelope(key: u64, tenant: &TenantId, purpose: KeyPurpose, context: &str, plain: &[u8]) -> Vec<u8> {
    let mut sealed = format!("{key} {tenant} {} {context}\n", purpose.as_str()).into_bytes();
    sealed.extend(plain.iter().map(|byte| byte ^ 0x5a));
    sealed
}

impl DataKeys for Stores {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            state.write("data keys", |state| {
                state.keys_made += 1;
                state.keys.entry((tenant.clone(), purpose)).or_insert(state.keys_made);
            })
        })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let state = self.0.lock().unwrap();
            let missing = || PortError::NotFound { port: "data keys", what: "key".into() };
            let key = *state.keys.get(&(tenant.clone(), purpose)).ok_or_else(missing)?;
            Ok(envelope(key, tenant, purpose, context, plain))
        })
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let state = self.0.lock().unwrap();
            let missing = || PortError::NotFound { port: "data keys", what: "key".into() };
            let key = *state.keys.get(&(tenant.clone(), purpose)).ok_or_else(missing)?;
            let head = envelope(key, tenant, purpose, context, b"");
            let body = sealed.strip_prefix(head.as_slice());
            body.map(|body| body.iter().map(|byte| byte ^ 0x5a).collect())
                .ok_or_else(|| PortError::Damaged { port: "data keys", message: "sealed by another".into() })
        })
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().keys.contains_key(&(tenant.clone(), purpose))) })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            state.write("data keys", |state| {
                state.keys.remove(&(tenant.clone(), purpose));
            })
        })
    }
}
