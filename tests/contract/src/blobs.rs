//! The blobs' contract.

use crate::{Made, ManualClock};
use futures::future::join_all;
use std::future::Future;
use std::sync::Arc;
use tenantry_core::Timestamp;
use tenantry_core::ports::{Blobs, PortError};

/// Holds every sentence of [`Blobs`]' documentation against the adapter that `make` makes.
pub async fn blobs_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<dyn Blobs>>,
{
    let fresh = async || make(ManualClock::new()).await;
    what_is_put_comes_back(&*fresh().await.port).await;
    lists_are_in_the_order_of_the_keys(&*fresh().await.port).await;
    a_prefix_is_a_folder(&*fresh().await.port).await;
    other_keys_are_refused(&*fresh().await.port).await;
    a_reader_sees_an_object_whole(&fresh().await.port).await;
    coming_and_going_at_once(&fresh().await.port).await;
}

async fn keys(blobs: &dyn Blobs, prefix: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = blobs.list(prefix, after.clone(), limit).await.expect("a list");
        assert!(page.items.len() <= limit);
        found.extend(page.items.into_iter().map(|blob| blob.key));
        if page.next.is_none() {
            return found;
        }
        assert_ne!(page.next, after, "the pages do not go on");
        after = page.next;
    }
}

fn is_refused<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Refused { .. }))
}

async fn what_is_put_comes_back(blobs: &dyn Blobs) {
    assert_eq!(blobs.get("missing").await.unwrap(), None);
    assert_eq!(blobs.get("missing/below").await.unwrap(), None);
    blobs.delete("missing").await.unwrap();
    let large: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    for bytes in [b"one".to_vec(), Vec::new(), large] {
        blobs.put("exports/a.json", bytes.clone()).await.unwrap();
        assert_eq!(blobs.get("exports/a.json").await.unwrap(), Some(bytes.clone()));
        let listed = blobs.list("", None, 10).await.unwrap();
        assert_eq!((listed.items.len(), listed.next), (1, None));
        assert_eq!(listed.items[0].bytes, bytes.len() as u64);
        assert!(listed.items[0].modified_at > Timestamp::from_millis(1_600_000_000_000));
    }
    assert_eq!(blobs.get("exports").await.unwrap(), None);
    blobs.delete("exports/a.json").await.unwrap();
    assert_eq!(blobs.get("exports/a.json").await.unwrap(), None);
    assert!(keys(blobs, "", 10).await.is_empty());
    blobs.delete("exports/a.json").await.unwrap();
}

async fn lists_are_in_the_order_of_the_keys(blobs: &dyn Blobs) {
    let mut all = [
        "a", "a/b", "a/b/c", "a-b", "a-b/c", "a.b", "a.b/c", "a0", "a0/b", "ab", "ab/c", "A", "Z/z", "_",
        "0/1", "0", "b/...", ".hidden", "...",
    ];
    for key in all {
        blobs.put(key, key.as_bytes().to_vec()).await.unwrap();
    }
    all.sort_unstable();
    for limit in [1, 2, 3, 7, all.len() - 1, all.len(), 500] {
        assert_eq!(keys(blobs, "", limit).await, all, "limit {limit}");
    }
    for key in all {
        assert_eq!(blobs.get(key).await.unwrap().as_deref(), Some(key.as_bytes()));
        let behind: Vec<&str> = all.into_iter().filter(|other| *other > key).collect();
        let page = blobs.list("", Some(key.to_owned()), 500).await.unwrap();
        assert_eq!(page.items.into_iter().map(|blob| blob.key).collect::<Vec<_>>(), behind, "after {key}");
    }
    let page = blobs.list("", Some("a/a-key-that-is-not-there".to_owned()), 1).await.unwrap();
    assert_eq!(page.items[0].key, "a/b");
}

async fn a_prefix_is_a_folder(blobs: &dyn Blobs) {
    for key in ["t/a/1", "t/a/2", "t/ab/1", "t/a", "u/1"] {
        blobs.put(key, vec![1]).await.unwrap();
    }
    assert_eq!(keys(blobs, "t/a/", 1).await, ["t/a/1", "t/a/2"]);
    assert_eq!(keys(blobs, "t/", 2).await, ["t/a", "t/a/1", "t/a/2", "t/ab/1"]);
    assert!(keys(blobs, "nothing/", 10).await.is_empty());
    blobs.delete("t/a").await.unwrap();
    assert_eq!(keys(blobs, "t/a/", 10).await, ["t/a/1", "t/a/2"]);
    let after = blobs.list("t/a/", Some("t/a/1".to_owned()), 10).await.unwrap();
    assert_eq!(after.items.len(), 1);
    assert!(is_refused(&blobs.list("t/a", None, 10).await), "a prefix ends in `/`");
    assert!(is_refused(&blobs.list("../", None, 10).await));
}

async fn other_keys_are_refused(blobs: &dyn Blobs) {
    let long = "x".repeat(2_000);
    for key in [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a b", "a\\b", "a\0b",
        "a\nb", "ä", "a=b", "a:b", "~", "C:/a", "%2e%2e/a", &long,
    ] {
        assert!(is_refused(&blobs.put(key, vec![1]).await), "{key:?}");
        assert!(is_refused(&blobs.get(key).await), "{key:?}");
        assert!(is_refused(&blobs.delete(key).await), "{key:?}");
    }
    assert!(keys(blobs, "", 10).await.is_empty());
}

async fn a_reader_sees_an_object_whole(blobs: &Arc<dyn Blobs>) {
    blobs.put("shared", vec![0; 200_000]).await.unwrap();
    let writers = (1..5u8).map(|number| {
        let blobs = Arc::clone(blobs);
        tokio::spawn(async move {
            blobs.put("shared", vec![number; 100_000 + usize::from(number)]).await.unwrap();
        })
    });
    let readers = (0..8).map(|_| {
        let blobs = Arc::clone(blobs);
        tokio::spawn(async move {
            let seen = blobs.get("shared").await.unwrap().expect("always there");
            let expected = if seen[0] == 0 { 200_000 } else { 100_000 + usize::from(seen[0]) };
            assert_eq!(seen.len(), expected);
            assert!(seen.iter().all(|byte| *byte == seen[0]));
        })
    });
    let tasks: Vec<_> = writers.chain(readers).collect();
    for done in join_all(tasks).await {
        done.unwrap();
    }
}

async fn coming_and_going_at_once(blobs: &Arc<dyn Blobs>) {
    let tasks = (0..8).map(|number| {
        let blobs = Arc::clone(blobs);
        tokio::spawn(async move {
            for _ in 0..10 {
                let key = format!("deep/er/{number}");
                blobs.put(&key, vec![number]).await.unwrap();
                assert_eq!(blobs.get(&key).await.unwrap(), Some(vec![number]));
                blobs.delete(&key).await.unwrap();
            }
        })
    });
    for done in join_all(tasks).await {
        done.unwrap();
    }
    assert!(keys(&**blobs, "", 10).await.is_empty());
}
