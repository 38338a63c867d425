//! Get, put, delete, check, conditions; all or nothing.

use super::{Subject, failed_at, item, slug, tenant};
use serde_json::json;
use tenantry_core::keys::{Key, index};
use tenantry_core::ports::{Action, Condition, Index};

pub(super) async fn a_missing_item_is_none(subject: &Subject) {
    assert_eq!(subject.get(&Key::slug("nobody")).await, None);
}

pub(super) async fn an_item_comes_back_as_it_was_put(subject: &Subject) {
    let value = json!({
        "name": "Ärger & Söhne 🦀", "status": "", "size": 0, "count": -1, "big": 9_007_199_254_740_993_u64,
        "half": 0.5, "yes": true, "nothing": null, "list": [1, "two", [3], {}], "nested": {"deep": {"er": []}},
        "quote": "\"\\\n\u{1}", "a.b": 1, "#": 2, ":v": 3
    });
    let written = item(Key::slug("everything"), value)
        .with_index(Index::One, "ONE#0".to_owned(), "a".to_owned())
        .with_index(Index::Three, "THREE#0".to_owned(), "ü#1".to_owned())
        .expiring_at(4_000_000_000);
    subject.put(written.clone()).await;
    assert_eq!(subject.get(&written.key).await, Some(written));
}

pub(super) async fn a_put_replaces_the_whole_item(subject: &Subject) {
    let key = Key::tenant(&tenant(1));
    let first = item(key.clone(), json!({"a": 1, "b": 2}))
        .with_index(Index::Two, index::plan("pro", 0), "x".to_owned())
        .expiring_at(4_000_000_000);
    subject.put(first).await;
    let second = item(key.clone(), json!({"b": 3}));
    subject.put(second.clone()).await;
    assert_eq!(subject.get(&key).await, Some(second));
}

pub(super) async fn a_primary_read_sees_every_earlier_commit(subject: &Subject) {
    let key = Key::relay(&tenant(1));
    for number in 0..100 {
        subject.put(item(key.clone(), json!({"n": number}))).await;
        let (table, key) = (subject.table.clone(), key.clone());
        let seen = tokio::spawn(async move { table.get(&key).await }).await.unwrap().unwrap().unwrap();
        assert_eq!(seen.attributes["n"], json!(number));
    }
}

pub(super) async fn all_or_nothing(subject: &Subject) {
    subject.put(slug("taken")).await;
    subject.put(slug("kept")).await;
    let answer = subject
        .commit(vec![
            Action::create(slug("free")),
            Action::Delete { key: Key::slug("kept"), conditions: vec![] },
            Action::create(slug("taken")),
        ])
        .await;
    assert_eq!(failed_at(&answer), Some(2), "{answer:?}");
    assert_eq!(subject.get(&Key::slug("free")).await, None);
    assert!(subject.get(&Key::slug("kept")).await.is_some());
    let all =
        vec![Action::create(slug("free")), Action::Delete { key: Key::slug("kept"), conditions: vec![] }];
    subject.commit(all).await.unwrap();
    assert!(subject.get(&Key::slug("free")).await.is_some());
    assert_eq!(subject.get(&Key::slug("kept")).await, None);
}

pub(super) async fn the_first_failing_action_is_named(subject: &Subject) {
    subject.put(slug("a")).await;
    let absent = |name: &str| Action::Check { key: Key::slug(name), conditions: vec![Condition::Exists] };
    let answer = subject
        .commit(vec![Action::put(slug("b")), absent("x"), Action::create(slug("a")), absent("y")])
        .await;
    assert_eq!(failed_at(&answer), Some(1), "{answer:?}");
    assert_eq!(subject.get(&Key::slug("b")).await, None);
}

pub(super) async fn a_delete_of_a_missing_item_is_no_error(subject: &Subject) {
    let delete = |conditions| vec![Action::Delete { key: Key::slug("a"), conditions }];
    subject.commit(delete(vec![])).await.unwrap();
    assert_eq!(failed_at(&subject.commit(delete(vec![Condition::Exists])).await), Some(0));
    subject.put(slug("a")).await;
    subject.commit(delete(vec![Condition::Exists])).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, None);
}

pub(super) async fn a_check_changes_nothing(subject: &Subject) {
    subject.put(slug("a")).await;
    let check = |name: &str, condition| Action::Check { key: Key::slug(name), conditions: vec![condition] };
    let checks = vec![check("a", Condition::Exists), check("b", Condition::NotExists)];
    subject.commit(checks).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, Some(slug("a")));
    assert_eq!(subject.get(&Key::slug("b")).await, None);
}

/// Each condition, on each kind of action.
pub(super) async fn conditions_of_an_item(subject: &Subject) {
    let key = Key::slug("item");
    let there = item(
        key.clone(),
        json!({"n": 5, "t": "x", "o": {"a": [1, {"b": 2}], "c": 3}, "null": null, "no": false}),
    );
    let name = |name: &str| name.to_owned();
    let holding = [
        Condition::Exists,
        Condition::Equals(name("n"), json!(5)),
        Condition::Equals(name("t"), json!("x")),
        Condition::Equals(name("no"), json!(false)),
        Condition::Equals(name("null"), json!(null)),
        Condition::Equals(name("o"), json!({"c": 3, "a": [1, {"b": 2}]})),
        Condition::Differs(name("n"), json!(6)),
        Condition::Differs(name("n"), json!("5")),
        Condition::Differs(name("absent"), json!(5)),
        Condition::AtMost(name("n"), 5),
        Condition::AtMost(name("n"), i64::MAX),
        Condition::AtLeast(name("n"), 5),
        Condition::AtLeast(name("n"), -1),
        Condition::Missing(name("absent")),
    ];
    let failing = [
        Condition::NotExists,
        Condition::Equals(name("n"), json!(6)),
        Condition::Equals(name("t"), json!("X")),
        Condition::Equals(name("absent"), json!(null)),
        Condition::Equals(name("o"), json!({"c": 3})),
        Condition::Differs(name("t"), json!("x")),
        Condition::AtMost(name("n"), 4),
        Condition::AtLeast(name("n"), 6),
        Condition::AtMost(name("t"), 9),
        Condition::AtLeast(name("absent"), 0),
        Condition::Missing(name("n")),
        Condition::Missing(name("null")),
    ];
    for (conditions, expected) in [(&holding[..], None), (&failing[..], Some(0))] {
        for condition in conditions {
            for action in every_action(&key, vec![Condition::Exists, condition.clone()]) {
                subject.put(there.clone()).await;
                let answer = subject.commit(vec![action.clone()]).await;
                assert_eq!(failed_at(&answer), expected, "{action:?}: {answer:?}");
                if expected.is_some() {
                    assert_eq!(subject.get(&key).await, Some(there.clone()), "{action:?}");
                }
            }
        }
    }
}

pub(super) async fn a_missing_item_has_no_attributes(subject: &Subject) {
    let key = Key::slug("missing");
    let name = || "n".to_owned();
    let holding = [Condition::NotExists, Condition::Differs(name(), json!(1)), Condition::Missing(name())];
    let failing = [
        Condition::Exists,
        Condition::Equals(name(), json!(null)),
        Condition::AtMost(name(), 1),
        Condition::AtLeast(name(), -1),
    ];
    for (conditions, expected) in [(&holding[..], None), (&failing[..], Some(0))] {
        for condition in conditions {
            for action in every_action(&key, vec![condition.clone()]) {
                let gone = Action::Delete { key: key.clone(), conditions: vec![] };
                subject.commit(vec![gone]).await.unwrap();
                let answer = subject.commit(vec![action.clone()]).await;
                assert_eq!(failed_at(&answer), expected, "{action:?}: {answer:?}");
            }
        }
    }
}

fn every_action(key: &Key, conditions: Vec<Condition>) -> [Action; 4] {
    let update = Action::Update {
        key: key.clone(),
        set: super::attributes(json!({"changed": true})),
        add: [("counter".to_owned(), 1)].into(),
        remove: vec!["t".to_owned()],
        indexes: [].into(),
        conditions: conditions.clone(),
    };
    [
        Action::Put { item: item(key.clone(), json!({"new": 1})), conditions: conditions.clone() },
        update,
        Action::Delete { key: key.clone(), conditions: conditions.clone() },
        Action::Check { key: key.clone(), conditions },
    ]
}
