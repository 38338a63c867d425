//! The ports' contract suites.

use crate::support::{home, home_with};
use std::sync::Arc;
use tenantry_contract::{Made, ManualClock};
use tenantry_core::ports::{Blobs, DataKeys, Table, Vault};
use tenantry_embedded::HomeOptions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table() {
    tenantry_contract::table_suite(|clock| async move {
        let (home, dir) = home(clock);
        let table: Arc<dyn Table> = home.table.clone();
        Made::new(table, (home, dir))
    })
    .await;
}

#[tokio::test]
async fn request_tokens_of_the_table() {
    tenantry_contract::table_tokens_suite(|clock| async move {
        let (home, dir) = home(clock);
        let table: Arc<dyn Table> = home.table.clone();
        Made::new(table, (home, dir))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_with_indexes_that_lag_behind() {
    tenantry_contract::table_suite(|clock: ManualClock| async move {
        let options = HomeOptions {
            clock: Some(Arc::new(clock)),
            stale_index_commits: Some(3),
            ..HomeOptions::default()
        };
        let (home, dir) = home_with(options);
        let table: Arc<dyn Table> = home.table.clone();
        Made::new(table, (home, dir))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vault() {
    tenantry_contract::vault_suite(|clock| async move {
        let (home, dir) = home(clock);
        let vault: Arc<dyn Vault> = home.vault.clone();
        Made::new(vault, (home, dir))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_keys() {
    tenantry_contract::data_keys_suite(|clock| async move {
        let (home, dir) = home(clock);
        let data_keys: Arc<dyn DataKeys> = home.data_keys.clone();
        Made::new(data_keys, (home, dir))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs() {
    tenantry_contract::blobs_suite(|clock| async move {
        let (home, dir) = home(clock);
        let blobs: Arc<dyn Blobs> = home.blobs.clone();
        Made::new(blobs, (home, dir))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        || tenantry_embedded::EmbeddedHome::open(dir.path(), HomeOptions::default()).unwrap().documents;
    tenantry_engine::testing::documents_contract(open(), |documents| {
        drop(documents);
        open()
    })
    .await;
}
