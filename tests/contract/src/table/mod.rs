//! The table's contract.

mod basics;
mod concurrency;
mod expiry;
mod limits;
mod model;
mod queries;
mod updates;
mod values;

use crate::{Made, ManualClock, made::eventually};
use serde_json::{Map, Value, json};
use std::future::Future;
use std::sync::Arc;
use tenantry_core::TenantId;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Commit, CommitError, Item, PortError, Query, Table};

/// What the cases act on.
pub(crate) struct Subject {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) clock: ManualClock,
    made: Made<dyn Table>,
}

/// Holds every sentence of [`Table`]'s documentation against the adapter that `make` makes. The adapter must take its
/// time from the clock that it is given, but for how long it remembers request tokens ([`table_tokens_suite`]). Its
/// index reads may lag behind, as long as they see everything in the end.
pub async fn table_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Made<dyn Table>> + Send + 'static,
{
    let make = Arc::new(make);
    macro_rules! cases {
        ($($case:path),* $(,)?) => {
            $(
                eprintln!("table: {}", stringify!($case));
                let subject = Subject::made(&*make).await;
                $case(&subject).await;
                drop(subject.made);
            )*
        };
    }
    cases![
        basics::a_missing_item_is_none,
        basics::an_item_comes_back_as_it_was_put,
        basics::a_put_replaces_the_whole_item,
        basics::a_primary_read_sees_every_earlier_commit,
        basics::all_or_nothing,
        basics::the_first_failing_action_is_named,
        basics::a_delete_of_a_missing_item_is_no_error,
        basics::a_check_changes_nothing,
        basics::conditions_of_an_item,
        basics::a_missing_item_has_no_attributes,
        values::names_are_free,
        values::numbers_keep_their_value,
        values::equality_is_by_value,
        values::whatever_is_empty_or_deep_comes_back,
        updates::an_update_changes_what_it_names,
        updates::an_update_makes_a_missing_item,
        updates::an_update_moves_between_indexes,
        updates::an_attribute_is_named_once,
        updates::only_numbers_are_added_to,
        updates::an_update_that_only_takes_away,
        updates::conditions_see_what_was_before,
        limits::sizes,
        limits::an_update_cannot_outgrow_an_item,
        limits::request_tokens,
        limits::a_refused_commit_leaves_no_token,
        limits::every_commit_takes_a_token,
        queries::a_prefix_of_a_partition,
        queries::pages_in_both_directions,
        queries::keys_are_length_safe,
        queries::order_is_that_of_the_bytes,
        queries::indexes_are_sparse_and_ordered,
        queries::index_pages_in_both_directions,
        queries::a_prefix_of_an_index_after_any_key,
        queries::the_last_page_says_so,
        queries::an_index_follows_its_items,
        queries::many_large_items,
        expiry::an_expired_item_is_seen_nowhere,
        expiry::an_expired_item_is_no_condition,
        expiry::an_update_of_an_expired_item_starts_anew,
        expiry::an_expired_item_among_others,
        expiry::pages_pass_over_what_has_expired,
        concurrency::one_of_many_creates_wins,
        concurrency::a_bounded_counter_never_passes_its_bound,
        concurrency::commits_are_atomic_under_concurrency,
    ];
    eprintln!("table: model::random_commits");
    model::random_commits(make).await;
}

/// Of the adapter that `make` makes, that it forgets request tokens by the clock that it is given: what only an adapter
/// can do whose store has no clock of its own.
pub async fn table_tokens_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<dyn Table>>,
{
    limits::a_request_token_is_forgotten(&Subject::made(&make).await).await;
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

pub(crate) fn attributes(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(attributes) => attributes,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn item(key: Key, value: Value) -> Item {
    Item::new(key, attributes(value))
}

pub(crate) fn slug(name: &str) -> Item {
    item(Key::slug(name), json!({"name": name}))
}

impl Subject {
    async fn made<F, Fut>(make: &F) -> Self
    where
        F: Fn(ManualClock) -> Fut,
        Fut: Future<Output = Made<dyn Table>>,
    {
        let clock = ManualClock::new();
        let made = make(clock.clone()).await;
        Self { table: Arc::clone(&made.port), clock, made }
    }

    /// Commits, again where another commit was in the way.
    pub(crate) async fn commit(&self, actions: Vec<Action>) -> Result<(), CommitError> {
        commit(&*self.table, Commit::of(actions)).await
    }

    pub(crate) async fn put(&self, item: Item) {
        self.commit(vec![Action::put(item)]).await.expect("a put without conditions");
    }

    pub(crate) async fn get(&self, key: &Key) -> Option<Item> {
        self.table.get(key).await.expect("a read")
    }

    /// The attributes of an item that is there.
    pub(crate) async fn value(&self, key: &Key) -> Value {
        Value::Object(self.get(key).await.expect("the item").attributes)
    }

    /// All items of a query, page by page.
    pub(crate) async fn all(&self, query: Query) -> Vec<Item> {
        all(&*self.table, query).await
    }

    /// All items of an index query, once their number is right.
    pub(crate) async fn all_seen(&self, query: Query, count: usize) -> Vec<Item> {
        let ask = || self.all(query.clone());
        eventually("an index", ask, |items: &Vec<Item>| items.len() == count).await
    }
}

pub(crate) async fn commit(table: &dyn Table, commit: Commit) -> Result<(), CommitError> {
    loop {
        match table.commit(commit.clone()).await {
            Err(CommitError::Conflict) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

pub(crate) async fn all(table: &dyn Table, mut query: Query) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let page = table.query(query.clone()).await.expect("a query");
        assert!(page.items.len() <= query.limit, "{} items, limit {}", page.items.len(), query.limit);
        items.extend(page.items);
        match page.next {
            Some(next) => {
                assert_ne!(query.after.as_ref(), Some(&next), "the pages do not go on");
                query.after = Some(next);
            }
            None => return items,
        }
    }
}

pub(crate) fn is_refused(answer: &Result<(), CommitError>) -> bool {
    matches!(answer, Err(CommitError::Port(PortError::Refused { .. })))
}

pub(crate) fn failed_at(answer: &Result<(), CommitError>) -> Option<usize> {
    match answer {
        Err(CommitError::ConditionFailed { index }) => Some(*index),
        _ => None,
    }
}
