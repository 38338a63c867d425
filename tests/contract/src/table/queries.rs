//! Pages of a partition and of an index.

use super::{Subject, all, item, slug, tenant};
use serde_json::json;
use tenantry_core::keys::{Key, Range, index};
use tenantry_core::model::{ResourceKind, TenantStatus};
use tenantry_core::ports::{Action, Index, IndexKey, Item, Query, QueryRange};

fn sks(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.key.sk()).collect()
}

async fn put_events(subject: &Subject, of: u128, count: u64) -> Vec<Item> {
    let events: Vec<Item> =
        (1..=count).map(|n| item(Key::event(&tenant(of), n), json!({"sequence": n}))).collect();
    for chunk in events.chunks(50) {
        subject.commit(chunk.iter().cloned().map(Action::put).collect()).await.unwrap();
    }
    events
}

pub(super) async fn a_prefix_of_a_partition(subject: &Subject) {
    let events = put_events(subject, 1, 12).await;
    put_events(subject, 2, 3).await;
    subject.put(item(Key::tenant(&tenant(1)), json!({}))).await;
    subject.put(item(Key::relay(&tenant(1)), json!({}))).await;
    assert_eq!(subject.all(Query::primary(Range::events(&tenant(1)), 100)).await, events);
    let everything = subject.all(Query::primary(Range::tenant(&tenant(1)), 100)).await;
    assert_eq!(everything.len(), 14);
    assert!(everything.is_sorted_by(|a, b| a.key < b.key));
    assert_eq!(subject.all(Query::primary(Range::events(&tenant(3)), 100)).await, []);
    assert_eq!(subject.all(Query::primary(Range::operations(&tenant(1)), 100)).await, []);
}

pub(super) async fn pages_in_both_directions(subject: &Subject) {
    let events = put_events(subject, 1, 12).await;
    let backwards: Vec<Item> = events.iter().rev().cloned().collect();
    for limit in [1, 2, 5, 11, 12, 13, 1_000] {
        let query = Query::primary(Range::events(&tenant(1)), limit);
        assert_eq!(subject.all(query.clone()).await, events, "limit {limit}");
        assert_eq!(subject.all(query.descending()).await, backwards, "limit {limit}");
    }
    let after = |sk: &str| Query::primary(Range::events(&tenant(1)), 100).after(Some(sk.to_owned()));
    let fifth = events[4].key.sk();
    assert_eq!(subject.all(after(fifth)).await, events[5..]);
    assert_eq!(subject.all(after(fifth).descending()).await, backwards[8..]);
    let between = format!("{fifth}!");
    assert_eq!(subject.all(after(&between)).await, events[5..], "a key that is not there");
    assert_eq!(subject.all(after(&between).descending()).await, backwards[7..]);
    assert_eq!(subject.all(after("A")).await, events, "before the range");
    assert_eq!(subject.all(after("Z")).await, [], "behind the range");
    assert_eq!(subject.all(after("A").descending()).await, []);
    assert_eq!(subject.all(after("Z").descending()).await, backwards);
}

pub(super) async fn keys_are_length_safe(subject: &Subject) {
    let names = ["a", "ab", "a#b", "a%23b", "a/b", "", "ä", "A", "a "];
    for name in names {
        subject.put(slug(name)).await;
        for kind in ResourceKind::ALL {
            let key = Key::resource(&tenant(1), *kind, name);
            subject.put(item(key, json!({"kind": kind.as_str(), "name": name}))).await;
        }
    }
    for name in names {
        assert_eq!(subject.get(&Key::slug(name)).await, Some(slug(name)));
    }
    for kind in ResourceKind::ALL {
        let found = subject.all(Query::primary(Range::resources_of(&tenant(1), *kind), 100)).await;
        assert_eq!(found.len(), names.len(), "{kind:?}");
        assert!(found.iter().all(|item| item.attributes["kind"] == json!(kind.as_str())), "{found:?}");
    }
    let all = subject.all(Query::primary(Range::resources(&tenant(1)), 7)).await;
    assert_eq!(all.len(), names.len() * ResourceKind::ALL.len());
}

pub(super) async fn order_is_that_of_the_bytes(subject: &Subject) {
    let mut names = ["Z", "a", "ab", "a-", "ä", "z", "\u{FFFD}", "\u{10000}", "0", "10", "9", "~"];
    for name in names {
        subject.put(item(Key::resource(&tenant(1), ResourceKind::QuotaSet, name), json!({}))).await;
    }
    names.sort_unstable_by_key(|name| name.as_bytes());
    let expected: Vec<Key> =
        names.iter().map(|name| Key::resource(&tenant(1), ResourceKind::QuotaSet, name)).collect();
    let found = subject.all(Query::primary(Range::resources(&tenant(1)), 5)).await;
    assert_eq!(sks(&found), expected.iter().map(Key::sk).collect::<Vec<_>>());
}

fn with_status(number: u128, pk: &str, sk: &str) -> Item {
    item(Key::tenant(&tenant(number)), json!({"number": u64::try_from(number).unwrap()})).with_index(
        Index::One,
        pk.to_owned(),
        sk.to_owned(),
    )
}

pub(super) async fn indexes_are_sparse_and_ordered(subject: &Subject) {
    let active = index::status(TenantStatus::Active, 0);
    let other = index::status(TenantStatus::Active, 1);
    let in_it = [
        with_status(1, &active, "b#1"),
        with_status(2, &active, "a#2"),
        with_status(3, &active, "a#1"),
        with_status(4, &active, "ab#1"),
    ];
    for item in
        in_it.iter().chain([&with_status(5, &other, "a#1"), &item(Key::tenant(&tenant(6)), json!({}))])
    {
        subject.put(item.clone()).await;
    }
    let found = subject.all_seen(Query::index(Index::One, active.clone(), 10), 4).await;
    assert_eq!(found, [&in_it[2], &in_it[1], &in_it[3], &in_it[0]].map(Clone::clone));
    let range = QueryRange::Index { index: Index::One, pk: active.clone(), sk_prefix: "a#".to_owned() };
    let prefixed = Query { range, after: None, descending: false, limit: 10 };
    assert_eq!(subject.all_seen(prefixed, 2).await, [in_it[2].clone(), in_it[1].clone()]);
    for index in [Index::Two, Index::Three] {
        assert_eq!(subject.all(Query::index(index, active.clone(), 10)).await, []);
    }
}

pub(super) async fn index_pages_in_both_directions(subject: &Subject) {
    let pk = index::outbox(3);
    let items: Vec<Item> = (0..9)
        .map(|n| {
            let key = Key::event(&tenant(n % 3), u64::try_from(n).unwrap());
            item(key, json!({})).with_index(Index::One, pk.clone(), format!("{n:03}"))
        })
        .collect();
    subject.commit(items.iter().cloned().map(Action::put).collect()).await.unwrap();
    let query = |limit| Query::index(Index::One, pk.clone(), limit);
    subject.all_seen(query(100), items.len()).await;
    let backwards: Vec<Item> = items.iter().rev().cloned().collect();
    for limit in [1, 2, 4, 9, 10] {
        assert_eq!(subject.all(query(limit)).await, items);
        assert_eq!(subject.all(query(limit).descending()).await, backwards);
    }
    assert_eq!(subject.all(query(2).after(Some("004".to_owned()))).await, items[5..]);
    assert_eq!(subject.all(query(2).after(Some("004".to_owned())).descending()).await, backwards[5..]);
}

pub(super) async fn a_prefix_of_an_index_after_any_key(subject: &Subject) {
    let sks = ["a", "a!", "a#", "a#1", "a#1#", "a#10", "a#2", "a#ü", "a$", "a$1", "ab#1", "b#1"];
    for (number, sk) in (0..).zip(sks) {
        subject.put(with_status(number, "P", sk)).await;
    }
    subject.all_seen(Query::index(Index::One, "P".to_owned(), 100), sks.len()).await;
    let place = |item: &Item| item.indexes[&Index::One].sk.clone();
    for prefix in ["", "a", "a#", "a#1", "b", "c"] {
        for after in
            [None, Some("A"), Some("a#"), Some("a#1"), Some("a#15"), Some("a#ü"), Some("a$"), Some("z")]
        {
            for (descending, limit) in
                [(false, 1), (false, 2), (false, 100), (true, 1), (true, 3), (true, 100)]
            {
                let range =
                    QueryRange::Index { index: Index::One, pk: "P".to_owned(), sk_prefix: prefix.to_owned() };
                let query = Query { range, after: after.map(str::to_owned), descending, limit };
                let mut expected: Vec<&str> = sks.into_iter().filter(|sk| sk.starts_with(prefix)).collect();
                expected.retain(|sk| {
                    after.is_none_or(|after| if descending { *sk < after } else { *sk > after })
                });
                if descending {
                    expected.reverse();
                }
                let found: Vec<String> = subject.all(query.clone()).await.iter().map(place).collect();
                assert_eq!(found, expected, "{query:?}");
            }
        }
    }
}

pub(super) async fn the_last_page_says_so(subject: &Subject) {
    put_events(subject, 1, 4).await;
    for (limit, more) in [(3, true), (4, false), (5, false)] {
        for query in [
            Query::primary(Range::events(&tenant(1)), limit),
            Query::primary(Range::tenant(&tenant(1)), limit),
        ] {
            for query in [query.clone(), query.descending()] {
                let page = subject.table.query(query).await.unwrap();
                assert_eq!((page.items.len(), page.next.is_some()), (limit.min(4), more), "limit {limit}");
            }
        }
    }
}

pub(super) async fn an_index_follows_its_items(subject: &Subject) {
    let query = |pk: &str| Query::index(Index::One, pk.to_owned(), 10);
    subject.put(with_status(1, "FROM", "1")).await;
    subject.all_seen(query("FROM"), 1).await;
    subject.put(with_status(1, "TO", "1")).await;
    subject.all_seen(query("TO"), 1).await;
    assert_eq!(subject.all(query("FROM")).await, [], "an index shows an item once");
    let update = Action::Update {
        key: Key::tenant(&tenant(1)),
        set: super::attributes(json!({"seen": true})),
        add: [].into(),
        remove: vec![],
        indexes: [(Index::One, Some(IndexKey { pk: "ON".to_owned(), sk: "1".to_owned() }))].into(),
        conditions: vec![],
    };
    subject.commit(vec![update]).await.unwrap();
    let moved = subject.all_seen(query("ON"), 1).await;
    assert_eq!(moved[0].attributes["seen"], json!(true), "an index shows the whole item");
    let gone = Action::Delete { key: Key::tenant(&tenant(1)), conditions: vec![] };
    subject.commit(vec![gone]).await.unwrap();
    subject.all_seen(query("ON"), 0).await;
}

/// More than fits into any store's page: pages are short, and nothing is lost or seen twice.
pub(super) async fn many_large_items(subject: &Subject) {
    let text = "x".repeat(30_000);
    let keys: Vec<Key> = (1..=120).map(|n| Key::event(&tenant(1), n)).collect();
    for chunk in keys.chunks(60) {
        let puts = chunk.iter().map(|key| Action::put(item(key.clone(), json!({"text": text})))).collect();
        subject.commit(puts).await.unwrap();
    }
    let query = Query::primary(Range::events(&tenant(1)), 500);
    let found: Vec<Key> =
        all(&*subject.table, query.clone()).await.into_iter().map(|item| item.key).collect();
    assert_eq!(found, keys);
    let found: Vec<Key> = subject.all(query.descending()).await.into_iter().map(|item| item.key).collect();
    assert_eq!(found, keys.into_iter().rev().collect::<Vec<_>>());
}
