//! Limits and request tokens.

use super::{Subject, attributes, commit, failed_at, is_refused, item, slug};
use serde_json::json;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::limits::{COMMIT_ACTIONS_MAX, ITEM_BYTES_MAX};
use tenantry_core::ports::{Action, Commit, Condition, Item};

fn sized(name: &str, bytes: usize) -> Item {
    item(Key::slug(name), json!({"text": "x".repeat(bytes)}))
}

pub(super) async fn sizes(subject: &Subject) {
    let puts = |count: usize| (0..count).map(|n| Action::put(slug(&n.to_string()))).collect::<Vec<_>>();
    let check = || Action::Check { key: Key::slug("checked"), conditions: vec![Condition::NotExists] };
    let with_check = |count: usize| puts(count).into_iter().chain([check()]).collect::<Vec<_>>();
    let refused = [
        vec![],
        puts(COMMIT_ACTIONS_MAX + 1),
        with_check(COMMIT_ACTIONS_MAX),
        vec![Action::put(slug("0")), Action::put(slug("0"))],
        vec![
            Action::put(slug("0")),
            Action::Check { key: Key::slug("0"), conditions: vec![Condition::NotExists] },
        ],
        vec![Action::put(sized("0", ITEM_BYTES_MAX))],
        (0..11).map(|n| Action::put(sized(&n.to_string(), ITEM_BYTES_MAX - 100))).collect(),
    ];
    for actions in refused {
        let count = actions.len();
        let answer = subject.commit(actions).await;
        assert!(is_refused(&answer), "{count} actions: {answer:?}");
        assert_eq!(subject.get(&Key::slug("0")).await, None);
    }
    subject.commit(with_check(COMMIT_ACTIONS_MAX - 1)).await.unwrap();
    let large = sized("large", ITEM_BYTES_MAX - 100);
    subject.put(large.clone()).await;
    assert_eq!(subject.get(&large.key).await, Some(large));
}

pub(super) async fn an_update_cannot_outgrow_an_item(subject: &Subject) {
    let before = sized("item", ITEM_BYTES_MAX / 2);
    subject.put(before.clone()).await;
    let update = Action::Update {
        key: before.key.clone(),
        set: attributes(json!({"more": "y".repeat(ITEM_BYTES_MAX / 2)})),
        add: [].into(),
        remove: vec![],
        indexes: [].into(),
        conditions: vec![],
    };
    let answer = subject.commit(vec![Action::put(slug("other")), update]).await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(subject.get(&before.key).await, Some(before));
    assert_eq!(subject.get(&Key::slug("other")).await, None);
}

fn create(name: &str, token: &str) -> Commit {
    Commit { actions: vec![Action::create(slug(name))], request_token: Some(token.to_owned()) }
}

pub(super) async fn request_tokens(subject: &Subject) {
    let table = &*subject.table;
    let token = "0123456789-0123456789-0123456789-123";
    assert_eq!(token.len(), 36);
    commit(table, create("a", token)).await.unwrap();
    commit(table, create("a", token)).await.unwrap();
    assert_eq!(failed_at(&commit(table, create("a", "another")).await), Some(0));
    let gone = Action::Delete { key: Key::slug("a"), conditions: vec![] };
    subject.commit(vec![gone]).await.unwrap();
    commit(table, create("a", token)).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, None, "a repeated commit changes nothing");
    let answer = commit(table, create("b", &format!("{token}x"))).await;
    assert!(is_refused(&answer), "{answer:?}");
    subject.clock.advance(Duration::from_secs(599));
    commit(table, create("a", token)).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, None);
}

pub(super) async fn a_request_token_is_forgotten(subject: &Subject) {
    let token = "forgotten";
    commit(&*subject.table, create("a", token)).await.unwrap();
    let gone = Action::Delete { key: Key::slug("a"), conditions: vec![] };
    subject.commit(vec![gone]).await.unwrap();
    subject.clock.advance(Duration::from_secs(599));
    commit(&*subject.table, create("a", token)).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, None);
    subject.clock.advance(Duration::from_secs(2));
    commit(&*subject.table, create("a", token)).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, Some(slug("a")));
}

/// A token makes one effect of every kind of commit, the largest and the smallest among them.
pub(super) async fn every_commit_takes_a_token(subject: &Subject) {
    let table = &*subject.table;
    let add = || Action::Update {
        key: Key::slug("counter"),
        set: attributes(json!({})),
        add: [("n".to_owned(), 1)].into(),
        remove: vec![],
        indexes: [].into(),
        conditions: vec![],
    };
    let others = (1..COMMIT_ACTIONS_MAX).map(|n| Action::put(slug(&n.to_string())));
    let largest: Vec<Action> = [add()].into_iter().chain(others).collect();
    for (token, actions, sum) in [("one", vec![add()], 1), ("many", largest, 2)] {
        let whole = Commit { actions, request_token: Some(token.to_owned()) };
        for _ in 0..3 {
            commit(table, whole.clone()).await.unwrap();
        }
        assert_eq!(subject.value(&Key::slug("counter")).await, json!({"n": sum}));
    }
    let check = |name: &str, token: &str| Commit {
        actions: vec![Action::Check { key: Key::slug(name), conditions: vec![Condition::Exists] }],
        request_token: Some(token.to_owned()),
    };
    commit(table, check("counter", "there")).await.unwrap();
    assert_eq!(failed_at(&commit(table, check("nowhere", "absent")).await), Some(0));
    let unconditional = Action::Check { key: Key::slug("nowhere"), conditions: vec![] };
    subject.commit(vec![unconditional]).await.unwrap();
    assert_eq!(subject.get(&Key::slug("nowhere")).await, None);
}

pub(super) async fn a_refused_commit_leaves_no_token(subject: &Subject) {
    subject.put(slug("a")).await;
    assert_eq!(failed_at(&commit(&*subject.table, create("a", "token")).await), Some(0));
    let gone = Action::Delete { key: Key::slug("a"), conditions: vec![] };
    subject.commit(vec![gone]).await.unwrap();
    commit(&*subject.table, create("a", "token")).await.unwrap();
    assert_eq!(subject.get(&Key::slug("a")).await, Some(slug("a")));
}
