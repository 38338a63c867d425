//! What goes beyond the ports' contracts.

use crate::support::{crashed, home};
use serde_json::{Map, json};
use std::time::Duration;
use tenantry_contract::ManualClock;
use tenantry_core::TenantId;
use tenantry_core::keys::{Key, index};
use tenantry_core::ports::{
    Action, Blobs as _, Clock as _, Commit, DataKeys as _, Index, IndexKey, Item, KeyPurpose, PortError,
    Query, Secret, Table as _, Vault as _,
};
use tenantry_embedded::store::{Abort, WriteError};
use tenantry_embedded::{EmbeddedHome, HomeOptions};

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn item(number: u64) -> Item {
    Item::new(Key::event(&tenant(1), number), Map::from_iter([("n".to_owned(), json!(number))]))
}

#[tokio::test]
async fn everything_answered_is_there_after_a_crash() {
    let (home, dir) = home(ManualClock::new());
    let stored = item(1).with_index(Index::One, index::outbox(1), "x".to_owned());
    home.table.commit(Commit::of(vec![Action::create(stored.clone())])).await.unwrap();
    home.vault.store("a", Secret::new("secret")).await.unwrap();
    home.data_keys.create(&tenant(1), KeyPurpose::Data).await.unwrap();
    let sealed = home.data_keys.seal(&tenant(1), KeyPurpose::Data, "c", b"text").await.unwrap();
    let destroyed = home.data_keys.seal(&tenant(1), KeyPurpose::Data, "d", b"text").await.unwrap();

    let copy = crashed(dir.path());
    let revived = EmbeddedHome::open(copy.path(), HomeOptions::default()).unwrap();
    assert_eq!(revived.table.get(&stored.key).await.unwrap(), Some(stored.clone()));
    let outbox = revived.table.query(Query::index(Index::One, index::outbox(1), 10)).await.unwrap();
    assert_eq!(outbox.items, [stored]);
    assert_eq!(revived.vault.resolve("a").await.unwrap().expose(), "secret");
    assert_eq!(revived.data_keys.open(&tenant(1), KeyPurpose::Data, "c", &sealed).await.unwrap(), b"text");

    revived.data_keys.destroy(&tenant(1), KeyPurpose::Data).await.unwrap();
    let copy = crashed(copy.path());
    let revived = EmbeddedHome::open(copy.path(), HomeOptions::default()).unwrap();
    let opened = revived.data_keys.open(&tenant(1), KeyPurpose::Data, "d", &destroyed).await;
    assert!(matches!(opened, Err(PortError::NotFound { .. })), "{opened:?}");
}

#[tokio::test]
async fn the_relay_hears_of_what_enters_the_outbox() {
    let (home, _dir) = home(ManualClock::new());
    let mut outbox = home.table.outbox();
    outbox.mark_unchanged();
    let in_outbox = |number| item(number).with_index(Index::One, index::outbox(2), "x".to_owned());
    home.table.commit(Commit::of(vec![Action::put(item(1))])).await.unwrap();
    let elsewhere = item(2).with_index(Index::Two, index::outbox(2), "x".to_owned());
    home.table.commit(Commit::of(vec![Action::put(elsewhere)])).await.unwrap();
    let refused = Commit::of(vec![Action::put(in_outbox(3)), Action::create(item(1))]);
    home.table.commit(refused).await.unwrap_err();
    assert!(!outbox.has_changed().unwrap());

    home.table.commit(Commit::of(vec![Action::put(in_outbox(3))])).await.unwrap();
    assert!(outbox.has_changed().unwrap());
    outbox.mark_unchanged();
    let place = IndexKey { pk: index::outbox(0), sk: "y".to_owned() };
    let update = |place| Action::Update {
        key: Key::event(&tenant(1), 1),
        set: Map::new(),
        add: [].into(),
        remove: vec![],
        indexes: [(Index::One, place)].into(),
        conditions: vec![],
    };
    home.table.commit(Commit::of(vec![update(Some(place))])).await.unwrap();
    assert!(outbox.has_changed().unwrap());
    outbox.mark_unchanged();
    home.table.commit(Commit::of(vec![update(None)])).await.unwrap();
    assert!(!outbox.has_changed().unwrap());

    // Also where the caller went away before the answer.
    drop(home.table.commit(Commit::of(vec![Action::put(in_outbox(4))])));
    tokio::time::timeout(Duration::from_secs(30), outbox.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_sweeper_deletes_what_has_expired_and_nothing_else() {
    let clock = ManualClock::new();
    let (home, _dir) = home(clock.clone());
    let soon = clock.now().as_seconds() + 5;
    for chunk in 0..13 {
        let expiring = (0..100).map(|n| Action::put(item(chunk * 100 + n).expiring_at(soon))).collect();
        let commit = Commit { actions: expiring, request_token: Some(format!("token-{chunk}")) };
        home.table.commit(commit).await.unwrap();
    }
    let lasting = [item(5_000), item(5_001).expiring_at(soon + 3_600)];
    let puts = lasting.iter().cloned().map(Action::put).collect();
    home.table.commit(Commit::of(puts)).await.unwrap();
    let rows = || {
        let count = |sql: &'static str| {
            let read = home.store.read_now(move |connection| {
                Ok::<i64, Abort<PortError>>(connection.query_row(sql, [], |row| row.get(0))?)
            });
            read.unwrap()
        };
        (count("SELECT count(*) FROM items"), count("SELECT count(*) FROM request_tokens"))
    };
    let sweeper = home.sweeper();
    assert_eq!(sweeper.sweep().await.unwrap(), 0);
    assert_eq!(rows(), (1_302, 13));
    clock.advance(Duration::from_secs(6));
    assert_eq!(sweeper.sweep().await.unwrap(), 1_300);
    assert_eq!(rows(), (2, 13));
    clock.advance(Duration::from_secs(600));
    assert_eq!(sweeper.sweep().await.unwrap(), 13);
    assert_eq!(rows(), (2, 0));
    assert_eq!(home.table.get(&lasting[1].key).await.unwrap(), Some(lasting[1].clone()));
}

#[tokio::test]
async fn a_key_made_in_a_write_that_fails_seals_nothing_more() {
    let (home, _dir) = home(ManualClock::new());
    let (keys, records) = (home.data_keys.clone(), KeyPurpose::Records);
    let lost = home.store.write({
        let keys = keys.clone();
        move |tx| match keys.seal_in(tx, &tenant(1), records, "c", b"lost") {
            Ok(sealed) => Err::<(), _>(Abort::Refused(sealed)),
            Err(_) => Ok(()),
        }
    });
    let Err(WriteError::Refused(lost)) = lost.await else { panic!("it was sealed") };
    assert_eq!(keys.seal_cached(&tenant(1), records, "c", b"x"), None);
    assert!(!keys.exists(&tenant(1), records).await.unwrap());

    let kept = home.store.write({
        let keys = keys.clone();
        move |tx| {
            let one = keys.seal_in(tx, &tenant(1), records, "c", b"one")?;
            Ok::<_, Abort<PortError>>([one, keys.seal_in(tx, &tenant(1), records, "c", b"two")?])
        }
    });
    let kept = kept.await.unwrap();
    assert_eq!(keys.open(&tenant(1), records, "c", &kept[0]).await.unwrap(), b"one");
    let opened = home.store.read({
        let (keys, sealed) = (keys.clone(), kept[1].clone());
        move |connection| keys.open_in(connection, &tenant(1), records, "c", &sealed)
    });
    assert_eq!(opened.await.unwrap(), b"two");
    assert!(keys.open(&tenant(1), records, "c", &lost).await.is_err());
    let sealed = keys.seal_cached(&tenant(1), records, "c", b"three").expect("in memory since it was read");
    assert_eq!(keys.open_sync(&tenant(1), records, "c", &sealed).unwrap(), b"three");
}

#[test]
fn sealing_at_once_makes_the_records_key_and_no_other() {
    let (home, _dir) = home(ManualClock::new());
    let keys = &home.data_keys;
    let sealed = keys.seal_sync(&tenant(1), KeyPurpose::Records, "c", b"text").unwrap();
    assert_eq!(keys.open_sync(&tenant(1), KeyPurpose::Records, "c", &sealed).unwrap(), b"text");
    let none = keys.seal_sync(&tenant(1), KeyPurpose::Data, "c", b"text");
    assert!(matches!(none, Err(PortError::NotFound { .. })));
    let none = keys.open_sync(&tenant(2), KeyPurpose::Records, "c", &sealed);
    assert!(matches!(none, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn blobs_outlive_a_restart_and_drafts_do_not() {
    let (home, dir) = home(ManualClock::new());
    home.blobs.put("exports/2026/a.json", b"kept".to_vec()).await.unwrap();
    home.blobs.put("gone/below/b", b"deleted".to_vec()).await.unwrap();
    home.blobs.delete("gone/below/b").await.unwrap();
    let root = dir.path().join("blobs");
    assert!(!root.join("gone").exists(), "no folder stays that holds nothing");
    drop(home);
    let draft = root.join("=drafts").join("0");
    std::fs::write(&draft, b"half of a bl").unwrap();
    let home = EmbeddedHome::open(dir.path(), HomeOptions::default()).unwrap();
    assert!(!draft.exists(), "what a crash left of a write is removed");
    assert_eq!(home.blobs.get("exports/2026/a.json").await.unwrap().as_deref(), Some(&b"kept"[..]));
    let listed = home.blobs.list("", None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn one_sign_up_is_one_commit() {
    let (home, _dir) = home(ManualClock::new());
    let before = home.store.stats();
    let rows = (0..8).map(|number| Action::create(item(number))).collect();
    home.table.commit(Commit::of(rows)).await.unwrap();
    let after = home.store.stats();
    assert_eq!((after.commits - before.commits, after.requests - before.requests), (1, 1));
}
