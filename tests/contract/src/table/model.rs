//! Random commits against a model: a sorted map.

use super::{all, commit, tenant};
use crate::{Made, ManualClock, made::eventually};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{
    Action, Clock as _, Commit, CommitError, Condition, Index, IndexKey, Item, Query, Table,
};

const CASES: u32 = 48;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Action>),
    Advance(u64),
}

#[derive(Default)]
struct Model {
    items: BTreeMap<Key, Item>,
}

impl Model {
    /// An item that has not expired.
    fn get(&self, key: &Key, now: i64) -> Option<&Item> {
        self.items.get(key).filter(|item| item.expires_at_seconds.is_none_or(|at| at > now))
    }

    fn holds(&self, key: &Key, condition: &Condition, now: i64) -> bool {
        let item = self.get(key, now);
        let attribute = |name: &String| item.and_then(|item| item.attributes.get(name));
        let number = |name: &String| attribute(name).and_then(Value::as_i64);
        match condition {
            Condition::Exists => item.is_some(),
            Condition::NotExists => item.is_none(),
            Condition::Equals(name, value) => attribute(name) == Some(value),
            Condition::Differs(name, value) => attribute(name) != Some(value),
            Condition::AtMost(name, bound) => number(name).is_some_and(|n| n <= *bound),
            Condition::AtLeast(name, bound) => number(name).is_some_and(|n| n >= *bound),
            Condition::Missing(name) => attribute(name).is_none(),
        }
    }

    /// Where the first condition fails, or `None` and the change is made.
    fn commit(&mut self, actions: &[Action], now: i64) -> Option<usize> {
        let failed = actions.iter().position(|action| {
            let (Action::Put { conditions, .. }
            | Action::Update { conditions, .. }
            | Action::Delete { conditions, .. }
            | Action::Check { conditions, .. }) = action;
            !conditions.iter().all(|condition| self.holds(action.key(), condition, now))
        });
        if failed.is_some() {
            return failed;
        }
        for action in actions {
            match action {
                Action::Put { item, .. } => drop(self.items.insert(item.key.clone(), item.clone())),
                Action::Delete { key, .. } => drop(self.items.remove(key)),
                Action::Check { .. } => {}
                Action::Update { key, set, add, remove, indexes, .. } => {
                    let mut item =
                        self.get(key, now).cloned().unwrap_or_else(|| Item::new(key.clone(), Map::new()));
                    item.attributes.extend(set.clone());
                    for (name, by) in add {
                        let old = item.attributes.get(name).and_then(Value::as_i64).unwrap_or(0);
                        item.attributes.insert(name.clone(), (old + by).into());
                    }
                    for name in remove {
                        item.attributes.remove(name);
                    }
                    for (index, place) in indexes {
                        match place {
                            Some(place) => drop(item.indexes.insert(*index, place.clone())),
                            None => drop(item.indexes.remove(index)),
                        }
                    }
                    self.items.insert(key.clone(), item);
                }
            }
        }
        None
    }

    fn in_index(&self, index: Index, pk: &str, now: i64) -> Vec<Item> {
        let mut found: Vec<&Item> = self
            .items
            .values()
            .filter(|item| item.expires_at_seconds.is_none_or(|at| at > now))
            .filter(|item| item.indexes.get(&index).is_some_and(|place| place.pk == pk))
            .collect();
        found.sort_by_key(|item| &item.indexes[&index].sk);
        found.into_iter().cloned().collect()
    }
}

const KEYS: u64 = 6;
const PARTITIONS: [&str; 2] = ["P#0", "P#1"];

fn key(number: u64) -> Key {
    if number == KEYS - 1 { Key::slug("far") } else { Key::event(&tenant(u128::from(number % 2)), number) }
}

fn place(number: u64) -> impl Strategy<Value = IndexKey> {
    // The key's number makes the sort key unique, as the port asks.
    (0..PARTITIONS.len(), 0..3u8).prop_map(move |(pk, order)| IndexKey {
        pk: PARTITIONS[pk].to_owned(),
        sk: format!("{order}#{number}"),
    })
}

fn index() -> impl Strategy<Value = Index> {
    prop::sample::select(Index::ALL.to_vec())
}

/// Always a number, so that every update can add to it; and always a text. Both are called as stores call things of
/// their own.
const N: &str = "size";
const T: &str = "pk";

fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    (prop::option::of(-3i64..4), prop::option::of("[ab]{0,2}")).prop_map(|(n, t)| {
        let mut attributes = Map::new();
        attributes.extend(n.map(|n| (N.to_owned(), n.into())));
        attributes.extend(t.map(|t| (T.to_owned(), t.into())));
        attributes
    })
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let one = prop_oneof![
        Just(Condition::Exists),
        Just(Condition::NotExists),
        "[ab]{0,2}".prop_map(|t| Condition::Equals(T.into(), t.into())),
        (-3i64..4).prop_map(|n| Condition::Differs(N.into(), n.into())),
        (-3i64..4).prop_map(|n| Condition::AtMost(N.into(), n)),
        (-3i64..4).prop_map(|n| Condition::AtLeast(N.into(), n)),
        Just(Condition::Missing(T.into())),
    ];
    // Most without any, so that most commits succeed.
    prop_oneof![3 => Just(vec![]), 2 => prop::collection::vec(one, 1..3)]
}

fn action(number: u64, now: i64) -> impl Strategy<Value = Action> {
    let put = (
        attributes(),
        prop::collection::btree_map(index(), place(number), 0..3),
        prop::option::of(1i64..30),
        conditions(),
    )
        .prop_map(move |(attributes, indexes, life, conditions)| {
            let expires_at_seconds = life.map(|seconds| now + seconds);
            Action::Put {
                item: Item { key: key(number), indexes, expires_at_seconds, attributes },
                conditions,
            }
        });
    let update = (
        "[ab]{0,2}",
        prop::option::of(-2i64..3),
        any::<bool>(),
        prop::collection::btree_map(index(), prop::option::of(place(number)), 0..3),
        conditions(),
    )
        .prop_map(move |(text, by, remove, indexes, conditions)| Action::Update {
            key: key(number),
            set: if remove { Map::new() } else { Map::from_iter([(T.to_owned(), text.into())]) },
            add: by.map(|by| (N.to_owned(), by)).into_iter().collect(),
            remove: if remove { vec![T.to_owned()] } else { vec![] },
            indexes,
            conditions,
        });
    let delete = conditions().prop_map(move |conditions| Action::Delete { key: key(number), conditions });
    let check = conditions().prop_map(move |conditions| Action::Check { key: key(number), conditions });
    prop_oneof![4 => put, 4 => update, 2 => delete, 1 => check]
}

fn step(now: i64) -> impl Strategy<Value = Step> {
    let commit = prop::sample::subsequence((0..KEYS).collect::<Vec<_>>(), 1..4)
        .prop_flat_map(move |keys| keys.into_iter().map(|number| action(number, now)).collect::<Vec<_>>())
        .prop_map(Step::Commit);
    prop_oneof![6 => commit, 1 => (1u64..20).prop_map(Step::Advance)]
}

pub(super) async fn random_commits<F, Fut>(make: Arc<F>)
where
    F: Fn(ManualClock) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Made<dyn Table>> + Send + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let start = ManualClock::new().now().as_seconds();
        let mut runner =
            TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let steps = prop::collection::vec(step(start), 1..40);
        runner.run(&(steps, 1usize..5), |(steps, limit)| {
            runtime.block_on(async {
                let clock = ManualClock::new();
                let made = make(clock.clone()).await;
                follow(&*made.port, &clock, steps, limit).await
            })
        })
    };
    let outcome = tokio::task::spawn_blocking(run).await.expect("the runner");
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

async fn follow(
    table: &dyn Table,
    clock: &ManualClock,
    steps: Vec<Step>,
    limit: usize,
) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Advance(seconds) => clock.advance(Duration::from_secs(seconds)),
            Step::Commit(actions) => {
                let now = clock.now().as_seconds();
                let expected = model.commit(&actions, now);
                match commit(table, Commit::of(actions.clone())).await {
                    Ok(()) => prop_assert_eq!(None, expected, "{:?}", actions),
                    Err(CommitError::ConditionFailed { index }) => {
                        prop_assert_eq!(Some(index), expected, "{:?}", actions);
                    }
                    Err(error) => return Err(TestCaseError::fail(format!("{actions:?}: {error}"))),
                }
            }
        }
        let now = clock.now().as_seconds();
        for number in 0..KEYS {
            let found = table.get(&key(number)).await.expect("a read");
            prop_assert_eq!(found.as_ref(), model.get(&key(number), now));
        }
    }
    let now = clock.now().as_seconds();
    for number in [0, 1] {
        let expected: Vec<Item> = (0..KEYS - 1)
            .filter(|n| n % 2 == number)
            .filter_map(|n| model.get(&key(n), now).cloned())
            .collect();
        let query = Query::primary(Range::events(&tenant(u128::from(number))), limit);
        prop_assert_eq!(&all(table, query.clone()).await, &expected);
        let backwards: Vec<Item> = expected.into_iter().rev().collect();
        prop_assert_eq!(all(table, query.descending()).await, backwards);
    }
    for index in Index::ALL {
        for pk in PARTITIONS {
            let expected = model.in_index(index, pk, now);
            let query = Query::index(index, pk.to_owned(), limit);
            let backwards: Vec<Item> = expected.iter().rev().cloned().collect();
            for (query, expected) in [(query.clone(), expected), (query.descending(), backwards)] {
                eventually("an index", || all(table, query.clone()), |found| *found == expected).await;
            }
        }
    }
    Ok(())
}
