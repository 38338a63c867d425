//! The vault's contract.

use crate::{Made, ManualClock};
use futures::future::join_all;
use std::future::Future;
use std::sync::Arc;
use tenantry_core::ports::{PortError, Secret, Vault};

/// Holds every sentence of [`Vault`]'s documentation against the adapter that `make` makes.
pub async fn vault_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<dyn Vault>>,
{
    let made = make(ManualClock::new()).await;
    let vault = &*made.port;
    what_is_stored_comes_back(vault).await;
    a_missing_secret_is_not_found(vault).await;
    the_first_secret_stays(vault).await;
    rotation_replaces(vault).await;
    deletion_is_for_good(vault).await;
    references_are_exact(vault).await;
    concurrent_stores_keep_one(&made.port).await;
}

async fn text(vault: &dyn Vault, reference: &str) -> String {
    vault.resolve(reference).await.expect("the secret").expose().to_owned()
}

fn is_not_found<T>(answer: Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::NotFound { .. }))
}

async fn what_is_stored_comes_back(vault: &dyn Vault) {
    for (number, secret) in ["x", "pässword 🔑 \"\\\n", &"long".repeat(4_000)].into_iter().enumerate() {
        let reference = format!("tenants/{number}/credential");
        vault.store(&reference, Secret::new(secret)).await.unwrap();
        assert_eq!(text(vault, &reference).await, secret);
    }
}

async fn a_missing_secret_is_not_found(vault: &dyn Vault) {
    assert!(is_not_found(vault.resolve("missing").await));
    assert!(is_not_found(vault.rotate("missing", Secret::new("x")).await));
    assert!(is_not_found(vault.resolve("missing").await), "rotation made it");
    vault.delete("missing").await.unwrap();
}

async fn the_first_secret_stays(vault: &dyn Vault) {
    vault.store("first", Secret::new("one")).await.unwrap();
    vault.store("first", Secret::new("two")).await.unwrap();
    assert_eq!(text(vault, "first").await, "one");
}

async fn rotation_replaces(vault: &dyn Vault) {
    vault.store("rotated", Secret::new("one")).await.unwrap();
    vault.rotate("rotated", Secret::new("two")).await.unwrap();
    assert_eq!(text(vault, "rotated").await, "two");
    vault.store("rotated", Secret::new("three")).await.unwrap();
    assert_eq!(text(vault, "rotated").await, "two");
}

async fn deletion_is_for_good(vault: &dyn Vault) {
    vault.store("deleted", Secret::new("one")).await.unwrap();
    vault.delete("deleted").await.unwrap();
    assert!(is_not_found(vault.resolve("deleted").await));
    vault.delete("deleted").await.unwrap();
    vault.store("deleted", Secret::new("two")).await.unwrap();
    assert_eq!(text(vault, "deleted").await, "two");
}

async fn references_are_exact(vault: &dyn Vault) {
    let references = ["r/a", "r/ab", "r/a/b", "r/A", "r/a-b"];
    for reference in references {
        vault.store(reference, Secret::new(reference)).await.unwrap();
    }
    vault.delete("r/a").await.unwrap();
    assert!(is_not_found(vault.resolve("r/a").await));
    for reference in &references[1..] {
        assert_eq!(text(vault, reference).await, *reference);
    }
    assert!(is_not_found(vault.resolve("r").await));
}

async fn concurrent_stores_keep_one(vault: &Arc<dyn Vault>) {
    let stores = (0..16).map(|number| {
        let vault = Arc::clone(vault);
        tokio::spawn(async move {
            vault.store("contended", Secret::new(number.to_string())).await.unwrap();
            text(&*vault, "contended").await
        })
    });
    let seen: Vec<String> = join_all(stores).await.into_iter().map(|seen| seen.unwrap()).collect();
    assert!(seen.iter().all(|secret| *secret == seen[0]), "{seen:?}");
}
