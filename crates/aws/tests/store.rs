//! The table on DynamoDB and the blobs on S3.

use crate::support::{calls, clients, emulator, make_bucket, make_table};
use std::sync::Arc;
use tenantry_aws::blobs::AwsBlobs;
use tenantry_aws::table::AwsTable;
use tenantry_contract::{Made, ManualClock};
use tenantry_core::ports::{Blobs, Table};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_contract() {
    let Some(emulator) = emulator("the table's contract on DynamoDB") else { return };
    let clients = clients(&emulator.facts());
    tenantry_contract::table_suite(move |clock: ManualClock| {
        let clients = Arc::clone(&clients);
        async move {
            let name = make_table(&clients).await;
            let table: Arc<dyn Table> =
                Arc::new(AwsTable::new(clients, calls(), name).with_clock(Arc::new(clock)));
            Made::new(table, ())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_contract() {
    let Some(emulator) = emulator("the blobs' contract on S3") else { return };
    let clients = clients(&emulator.facts());
    tenantry_contract::blobs_suite(move |_| {
        let clients = Arc::clone(&clients);
        async move {
            let bucket = make_bucket(&clients).await;
            let blobs: Arc<dyn Blobs> = Arc::new(AwsBlobs::new(clients, calls(), bucket));
            Made::new(blobs, ())
        }
    })
    .await;
}
