//! The data keys' contract.

use crate::table::tenant;
use crate::{Made, ManualClock};
use futures::future::join_all;
use std::future::Future;
use std::sync::Arc;
use tenantry_core::ports::KeyPurpose::{Data, Records};
use tenantry_core::ports::{DataKeys, KeyPurpose, PortError};

const CANARY: &[u8] = b"the canary that must not be read";

/// Holds every sentence of [`DataKeys`]' documentation against the adapter that `make` makes.
pub async fn data_keys_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<dyn DataKeys>>,
{
    let made = make(ManualClock::new()).await;
    let keys = &*made.port;
    what_is_sealed_opens_again(keys).await;
    without_a_key_nothing_is_found(keys).await;
    an_existing_key_stays(keys).await;
    only_the_same_tenant_purpose_and_context_open(keys).await;
    what_was_altered_is_damaged(keys).await;
    what_is_destroyed_opens_nothing(keys).await;
    concurrent_creations_make_one_key(&made.port).await;
}

async fn seal(keys: &dyn DataKeys, of: u128, purpose: KeyPurpose, context: &str) -> Vec<u8> {
    keys.seal(&tenant(of), purpose, context, CANARY).await.expect("a seal")
}

fn is_not_found<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::NotFound { .. }))
}

fn is_damaged<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Damaged { .. }))
}

async fn what_is_sealed_opens_again(keys: &dyn DataKeys) {
    for purpose in [Records, Data] {
        keys.create(&tenant(1), purpose).await.unwrap();
        for plain in [&b""[..], CANARY, &[0xFF; 100_000]] {
            let sealed = keys.seal(&tenant(1), purpose, "context", plain).await.unwrap();
            assert_eq!(keys.open(&tenant(1), purpose, "context", &sealed).await.unwrap(), plain);
        }
    }
    let (one, two) = (seal(keys, 1, Data, "c").await, seal(keys, 1, Data, "c").await);
    assert_ne!(one, two, "equal texts must not be told by their seals");
    assert!(!one.windows(8).any(|window| CANARY.windows(8).any(|part| part == window)));
}

async fn without_a_key_nothing_is_found(keys: &dyn DataKeys) {
    keys.create(&tenant(2), Records).await.unwrap();
    let sealed = seal(keys, 2, Records, "c").await;
    assert!(!keys.exists(&tenant(2), Data).await.unwrap());
    assert!(keys.exists(&tenant(2), Records).await.unwrap());
    assert!(is_not_found(&keys.seal(&tenant(2), Data, "c", CANARY).await));
    assert!(is_not_found(&keys.open(&tenant(2), Data, "c", &sealed).await));
    assert!(is_not_found(&keys.open(&tenant(99), Records, "c", &sealed).await));
}

async fn an_existing_key_stays(keys: &dyn DataKeys) {
    keys.create(&tenant(3), Data).await.unwrap();
    let sealed = seal(keys, 3, Data, "c").await;
    keys.create(&tenant(3), Data).await.unwrap();
    assert_eq!(keys.open(&tenant(3), Data, "c", &sealed).await.unwrap(), CANARY);
}

async fn only_the_same_tenant_purpose_and_context_open(keys: &dyn DataKeys) {
    for of in [4, 5] {
        for purpose in [Records, Data] {
            keys.create(&tenant(of), purpose).await.unwrap();
        }
    }
    let sealed = seal(keys, 4, Data, "context").await;
    for (of, purpose, context) in [
        (5, Data, "context"),
        (4, Records, "context"),
        (4, Data, "contexts"),
        (4, Data, ""),
        (4, Data, "contex"),
    ] {
        let opened = keys.open(&tenant(of), purpose, context, &sealed).await;
        assert!(is_damaged(&opened), "{of} {purpose:?} {context}: {opened:?}");
    }
}

async fn what_was_altered_is_damaged(keys: &dyn DataKeys) {
    keys.create(&tenant(6), Data).await.unwrap();
    let sealed = seal(keys, 6, Data, "c").await;
    for at in [0, 1, sealed.len() / 2, sealed.len() - 1] {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(is_damaged(&keys.open(&tenant(6), Data, "c", &altered).await), "byte {at}");
    }
    for cut in [0, 1, 10, sealed.len() - 1] {
        assert!(is_damaged(&keys.open(&tenant(6), Data, "c", &sealed[..cut]).await), "{cut} bytes");
    }
}

async fn what_is_destroyed_opens_nothing(keys: &dyn DataKeys) {
    for (of, purpose) in [(7, Data), (7, Records), (8, Data)] {
        keys.create(&tenant(of), purpose).await.unwrap();
    }
    let sealed = seal(keys, 7, Data, "c").await;
    let others = [(7, Records, seal(keys, 7, Records, "c").await), (8, Data, seal(keys, 8, Data, "c").await)];
    keys.destroy(&tenant(7), Data).await.unwrap();
    assert!(is_not_found(&keys.open(&tenant(7), Data, "c", &sealed).await));
    assert!(is_not_found(&keys.seal(&tenant(7), Data, "c", CANARY).await));
    assert!(!keys.exists(&tenant(7), Data).await.unwrap());
    keys.destroy(&tenant(7), Data).await.unwrap();
    keys.create(&tenant(7), Data).await.unwrap();
    let opened = keys.open(&tenant(7), Data, "c", &sealed).await;
    assert!(is_damaged(&opened), "a new key opens what the destroyed one sealed: {opened:?}");
    for (of, purpose, sealed) in others {
        assert_eq!(keys.open(&tenant(of), purpose, "c", &sealed).await.unwrap(), CANARY);
    }
}

async fn concurrent_creations_make_one_key(keys: &Arc<dyn DataKeys>) {
    let seals = (0..16).map(|_| {
        let keys = Arc::clone(keys);
        tokio::spawn(async move {
            keys.create(&tenant(9), Data).await.unwrap();
            seal(&*keys, 9, Data, "c").await
        })
    });
    for sealed in join_all(seals).await {
        assert_eq!(keys.open(&tenant(9), Data, "c", &sealed.unwrap()).await.unwrap(), CANARY);
    }
}
