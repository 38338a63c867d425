//! Many at once.

use super::{Subject, commit, failed_at, item, tenant};
use futures::future::join_all;
use serde_json::json;
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Commit, CommitError, Condition};

/// Commits all at once, each on a task of its own.
async fn at_once(subject: &Subject, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
    let tasks = commits.into_iter().map(|one| {
        let table = Arc::clone(&subject.table);
        tokio::spawn(async move { commit(&*table, one).await })
    });
    join_all(tasks).await.into_iter().map(|joined| joined.expect("a commit")).collect()
}

pub(super) async fn one_of_many_creates_wins(subject: &Subject) {
    let commits = (0..64)
        .map(|n| Commit::of(vec![Action::create(item(Key::slug("wanted"), json!({"winner": n})))]))
        .collect();
    let answers = at_once(subject, commits).await;
    let winners: Vec<usize> = (0..64).filter(|n| answers[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert!(answers.iter().filter(|answer| answer.is_err()).all(|answer| failed_at(answer) == Some(0)));
    assert_eq!(subject.value(&Key::slug("wanted")).await, json!({"winner": winners[0]}));
}

fn add(key: Key, by: i64, conditions: Vec<Condition>) -> Action {
    Action::Update {
        key,
        set: serde_json::Map::new(),
        add: [("usedUnits".to_owned(), by)].into(),
        remove: vec![],
        indexes: [].into(),
        conditions,
    }
}

pub(super) async fn a_bounded_counter_never_passes_its_bound(subject: &Subject) {
    let cell = Key::cell("cell-1");
    subject.put(item(cell.clone(), json!({"usedUnits": 0}))).await;
    let one = Commit::of(vec![add(cell.clone(), 1, vec![Condition::AtMost("usedUnits".to_owned(), 59)])]);
    let answers = at_once(subject, vec![one; 100]).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60);
    assert_eq!(answers.iter().filter(|answer| failed_at(answer) == Some(0)).count(), 40);
    assert_eq!(subject.value(&cell).await, json!({"usedUnits": 60}));
}

/// Units move between two cells, many at a time: none is made or lost, and no reader sees one underway for good.
pub(super) async fn commits_are_atomic_under_concurrency(subject: &Subject) {
    let cells = [Key::cell("a"), Key::cell("b")];
    for cell in &cells {
        subject.put(item(cell.clone(), json!({"usedUnits": 10}))).await;
    }
    let some_left = || vec![Condition::AtLeast("usedUnits".to_owned(), 1)];
    let moves = (0..60)
        .map(|n| {
            let (from, to) = if n % 3 == 0 { (1, 0) } else { (0, 1) };
            let log = item(Key::event(&tenant(1), n), json!({"from": from}));
            Commit::of(vec![
                add(cells[to].clone(), 1, vec![]),
                add(cells[from].clone(), -1, some_left()),
                Action::create(log),
            ])
        })
        .collect();
    let answers = at_once(subject, moves).await;
    let mut units = [10_i64, 10];
    for (n, answer) in answers.iter().enumerate() {
        let logged = subject.get(&Key::event(&tenant(1), n as u64)).await.is_some();
        assert_eq!(logged, answer.is_ok(), "{answer:?}");
        if answer.is_ok() {
            let (from, to) = if n % 3 == 0 { (1, 0) } else { (0, 1) };
            units[from] -= 1;
            units[to] += 1;
        } else {
            assert_eq!(failed_at(answer), Some(1), "{answer:?}");
        }
    }
    for (cell, units) in cells.iter().zip(units) {
        assert_eq!(subject.value(cell).await, json!({"usedUnits": units}));
    }
}
