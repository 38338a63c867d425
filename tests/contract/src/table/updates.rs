//! Updates of parts of an item.

use super::{Subject, attributes, failed_at, is_refused, item, slug};
use serde_json::json;
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Condition, Index, IndexKey, Query};

/// An update of `slug("item")` that names nothing yet.
struct Update {
    set: serde_json::Value,
    add: Vec<(&'static str, i64)>,
    remove: Vec<&'static str>,
    indexes: Vec<(Index, Option<(&'static str, &'static str)>)>,
}

impl Default for Update {
    fn default() -> Self {
        Self { set: json!({}), add: vec![], remove: vec![], indexes: vec![] }
    }
}

impl Update {
    fn action(self) -> Action {
        let place = |(pk, sk): (&str, &str)| IndexKey { pk: pk.to_owned(), sk: sk.to_owned() };
        Action::Update {
            key: Key::slug("item"),
            set: attributes(self.set),
            add: self.add.into_iter().map(|(name, by)| (name.to_owned(), by)).collect(),
            remove: self.remove.into_iter().map(str::to_owned).collect(),
            indexes: self.indexes.into_iter().map(|(index, to)| (index, to.map(place))).collect(),
            conditions: vec![],
        }
    }
}

pub(super) async fn an_update_changes_what_it_names(subject: &Subject) {
    let before = item(Key::slug("item"), json!({"a": 1, "b": "old", "c": [1], "kept": {"x": 1}}))
        .with_index(Index::One, "ONE".to_owned(), "1".to_owned())
        .expiring_at(4_000_000_000);
    subject.put(before).await;
    let update = Update {
        set: json!({"b": "new", "size": {"y": null}}),
        add: vec![("a", 41), ("fresh", -3), ("zero", 0)],
        remove: vec!["c", "never there"],
        ..Update::default()
    };
    subject.commit(vec![update.action()]).await.unwrap();
    let after = item(
        Key::slug("item"),
        json!({"a": 42, "b": "new", "kept": {"x": 1}, "size": {"y": null}, "fresh": -3, "zero": 0}),
    )
    .with_index(Index::One, "ONE".to_owned(), "1".to_owned())
    .expiring_at(4_000_000_000);
    assert_eq!(subject.get(&Key::slug("item")).await, Some(after));
}

pub(super) async fn an_update_makes_a_missing_item(subject: &Subject) {
    let update = Update {
        set: json!({"a": 1}),
        add: vec![("n", 2)],
        remove: vec!["x"],
        indexes: vec![(Index::Two, Some(("TWO", "1"))), (Index::Three, None)],
    };
    subject.commit(vec![update.action()]).await.unwrap();
    let made = item(Key::slug("item"), json!({"a": 1, "n": 2})).with_index(
        Index::Two,
        "TWO".to_owned(),
        "1".to_owned(),
    );
    assert_eq!(subject.get(&Key::slug("item")).await, Some(made));
}

pub(super) async fn an_update_moves_between_indexes(subject: &Subject) {
    let before = item(Key::slug("item"), json!({}))
        .with_index(Index::One, "ONE".to_owned(), "1".to_owned())
        .with_index(Index::Two, "TWO".to_owned(), "1".to_owned());
    subject.put(before).await;
    let update = Update {
        indexes: vec![(Index::One, None), (Index::Three, Some(("THREE", "3")))],
        ..Update::default()
    };
    subject.commit(vec![update.action()]).await.unwrap();
    let places: BTreeMap<Index, IndexKey> = subject.get(&Key::slug("item")).await.unwrap().indexes;
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), [Index::Two, Index::Three]);
    for (index, pk, count) in [(Index::One, "ONE", 0), (Index::Two, "TWO", 1), (Index::Three, "THREE", 1)] {
        subject.all_seen(Query::index(index, pk.to_owned(), 10), count).await;
    }
}

pub(super) async fn an_attribute_is_named_once(subject: &Subject) {
    subject.put(slug("item")).await;
    let twice = [
        Update { set: json!({"a": 1}), add: vec![("a", 1)], ..Update::default() },
        Update { set: json!({"a": 1}), remove: vec!["a"], ..Update::default() },
        Update { add: vec![("a", 1)], remove: vec!["a"], ..Update::default() },
    ];
    for update in twice {
        let answer = subject.commit(vec![update.action()]).await;
        assert!(is_refused(&answer), "{answer:?}");
    }
    assert_eq!(subject.get(&Key::slug("item")).await, Some(slug("item")));
}

pub(super) async fn only_numbers_are_added_to(subject: &Subject) {
    for value in [json!("1"), json!(null), json!([1]), json!(true)] {
        let before = item(Key::slug("item"), json!({"n": value}));
        subject.put(before.clone()).await;
        let update = Update { add: vec![("n", 1)], ..Update::default() };
        let answer = subject.commit(vec![Action::put(slug("other")), update.action()]).await;
        assert!(is_refused(&answer), "{answer:?}");
        assert_eq!(subject.get(&Key::slug("item")).await, Some(before));
        assert_eq!(subject.get(&Key::slug("other")).await, None);
    }
}

pub(super) async fn an_update_that_only_takes_away(subject: &Subject) {
    let nothing = || Update { remove: vec!["x"], indexes: vec![(Index::One, None)], ..Update::default() };
    for update in [Update::default(), nothing()] {
        let gone = Action::Delete { key: Key::slug("item"), conditions: vec![] };
        subject.commit(vec![gone]).await.unwrap();
        subject.commit(vec![update.action()]).await.unwrap();
        assert_eq!(subject.get(&Key::slug("item")).await, Some(item(Key::slug("item"), json!({}))));
    }
    let place = (Index::One, "ONE".to_owned(), "1".to_owned());
    let before = item(Key::slug("item"), json!({"x": 1, "y": 2})).with_index(place.0, place.1, place.2);
    subject.put(before).await;
    subject.commit(vec![Update::default().action()]).await.unwrap();
    subject.commit(vec![nothing().action(), Action::put(slug("other"))]).await.unwrap();
    assert_eq!(subject.get(&Key::slug("item")).await, Some(item(Key::slug("item"), json!({"y": 2}))));
}

pub(super) async fn conditions_see_what_was_before(subject: &Subject) {
    subject.put(item(Key::slug("item"), json!({"n": 1, "t": "x"}))).await;
    let update = Update { set: json!({"t": "y"}), add: vec![("n", 1)], ..Update::default() };
    let Action::Update { key, set, add, remove, indexes, .. } = update.action() else { return };
    let conditions = vec![
        Condition::Equals("n".to_owned(), json!(1)),
        Condition::Equals("t".to_owned(), json!("x")),
        Condition::Missing("absent".to_owned()),
    ];
    let update = Action::Update { key, set, add, remove, indexes, conditions };
    subject.commit(vec![update.clone()]).await.unwrap();
    assert_eq!(subject.value(&Key::slug("item")).await, json!({"n": 2, "t": "y"}));
    assert_eq!(failed_at(&subject.commit(vec![update]).await), Some(0));
    assert_eq!(subject.value(&Key::slug("item")).await, json!({"n": 2, "t": "y"}));
}
