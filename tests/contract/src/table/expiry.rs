//! Expired items are never seen.

use super::{Subject, attributes, failed_at, item, tenant};
use serde_json::json;
use std::time::Duration;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Action, Clock as _, Condition, Index, IndexKey, Item, Query};

/// An item that expires in ten seconds.
fn short_lived(subject: &Subject, sequence: u64) -> Item {
    item(Key::event(&tenant(1), sequence), json!({"n": 1}))
        .with_index(Index::Two, "TWO".to_owned(), format!("{sequence:03}"))
        .expiring_at(subject.clock.now().as_seconds() + 10)
}

pub(super) async fn an_expired_item_is_seen_nowhere(subject: &Subject) {
    let lasting =
        item(Key::event(&tenant(1), 2), json!({})).with_index(Index::Two, "TWO".to_owned(), "002".to_owned());
    for item in [short_lived(subject, 1), lasting.clone(), short_lived(subject, 3)] {
        subject.put(item).await;
    }
    let primary = || Query::primary(Range::events(&tenant(1)), 1);
    let index = || Query::index(Index::Two, "TWO".to_owned(), 1);
    subject.all_seen(index(), 3).await;
    subject.clock.advance(Duration::from_secs(9));
    assert!(subject.get(&Key::event(&tenant(1), 1)).await.is_some());
    assert_eq!(subject.all(primary()).await.len(), 3);
    subject.clock.advance(Duration::from_secs(2));
    assert_eq!(subject.get(&Key::event(&tenant(1), 1)).await, None);
    for query in [primary(), primary().descending(), index(), index().descending()] {
        assert_eq!(subject.all(query).await, std::slice::from_ref(&lasting));
    }
}

pub(super) async fn an_expired_item_is_no_condition(subject: &Subject) {
    let check = |condition| Action::Check { key: Key::event(&tenant(1), 1), conditions: vec![condition] };
    subject.put(short_lived(subject, 1)).await;
    subject.clock.advance(Duration::from_secs(11));
    for condition in [
        Condition::Exists,
        Condition::Equals("n".to_owned(), json!(1)),
        Condition::AtLeast("n".to_owned(), 0),
    ] {
        assert_eq!(failed_at(&subject.commit(vec![check(condition)]).await), Some(0));
    }
    for condition in [
        Condition::NotExists,
        Condition::Missing("n".to_owned()),
        Condition::Differs("n".to_owned(), json!(1)),
    ] {
        subject.commit(vec![check(condition)]).await.unwrap();
    }
    let delete = Action::Delete { key: Key::event(&tenant(1), 1), conditions: vec![Condition::Exists] };
    assert_eq!(failed_at(&subject.commit(vec![delete]).await), Some(0));
    let fresh = item(Key::event(&tenant(1), 1), json!({"new": true}));
    subject.commit(vec![Action::create(fresh.clone())]).await.unwrap();
    assert_eq!(subject.get(&fresh.key).await, Some(fresh.clone()));
    assert_eq!(failed_at(&subject.commit(vec![Action::create(fresh)]).await), Some(0));
}

pub(super) async fn an_update_of_an_expired_item_starts_anew(subject: &Subject) {
    subject.put(short_lived(subject, 1)).await;
    subject.clock.advance(Duration::from_secs(11));
    let update = Action::Update {
        key: Key::event(&tenant(1), 1),
        set: attributes(json!({"new": true})),
        add: [("n".to_owned(), 5)].into(),
        remove: vec![],
        indexes: [].into(),
        conditions: vec![Condition::NotExists],
    };
    subject.commit(vec![update]).await.unwrap();
    let fresh = item(Key::event(&tenant(1), 1), json!({"new": true, "n": 5}));
    assert_eq!(subject.get(&fresh.key).await, Some(fresh));
    subject.all_seen(Query::index(Index::Two, "TWO".to_owned(), 10), 0).await;
}

/// Several updates in one commit, of items that have expired, that are there and that are missing.
pub(super) async fn an_expired_item_among_others(subject: &Subject) {
    let key = |sequence| Key::event(&tenant(1), sequence);
    let update = |sequence, conditions: Vec<Condition>| Action::Update {
        key: key(sequence),
        set: attributes(json!({"new": true})),
        add: [("n".to_owned(), 5)].into(),
        remove: vec!["gone".to_owned()],
        indexes: [(Index::One, Some(place()))].into(),
        conditions,
    };
    for sequence in [1, 2] {
        subject.put(short_lived(subject, sequence)).await;
    }
    subject.put(item(key(3), json!({"n": 1, "gone": 1}))).await;
    subject.clock.advance(Duration::from_secs(11));
    let exists = || vec![Condition::Exists];
    let answer = subject.commit(vec![update(1, vec![]), update(2, exists()), update(9, exists())]).await;
    assert_eq!(failed_at(&answer), Some(1), "what has expired does not exist");
    let answer = subject.commit(vec![update(1, vec![]), update(3, vec![]), update(9, exists())]).await;
    assert_eq!(failed_at(&answer), Some(2), "what begins anew has not failed");
    assert_eq!(subject.get(&key(1)).await, None);
    assert_eq!(subject.value(&key(3)).await, json!({"n": 1, "gone": 1}));
    let missing = vec![Condition::Missing("n".to_owned()), Condition::Differs("n".to_owned(), json!(1))];
    let all =
        vec![update(1, missing), update(2, vec![]), update(3, vec![]), update(4, vec![Condition::NotExists])];
    subject.commit(all).await.unwrap();
    for (sequence, n) in [(1, 5), (2, 5), (3, 6), (4, 5)] {
        let mut expected = item(key(sequence), json!({"new": true, "n": n}));
        expected.indexes = [(Index::One, place())].into();
        assert_eq!(subject.get(&key(sequence)).await, Some(expected), "{sequence}");
    }
}

fn place() -> IndexKey {
    IndexKey { pk: "ONE".to_owned(), sk: "1".to_owned() }
}

pub(super) async fn pages_pass_over_what_has_expired(subject: &Subject) {
    for sequence in 1..=40 {
        subject.put(short_lived(subject, sequence)).await;
    }
    let last = item(Key::event(&tenant(1), 41), json!({})).with_index(
        Index::Two,
        "TWO".to_owned(),
        "041".to_owned(),
    );
    subject.put(last.clone()).await;
    let index = || Query::index(Index::Two, "TWO".to_owned(), 1);
    subject.all_seen(index(), 41).await;
    subject.clock.advance(Duration::from_secs(11));
    for limit in [1, 3, 100] {
        let primary = Query::primary(Range::events(&tenant(1)), limit);
        for query in [primary.clone(), primary.descending(), Query { limit, ..index() }] {
            assert_eq!(subject.all(query).await, std::slice::from_ref(&last));
        }
    }
}
