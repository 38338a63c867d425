//! The store of documents in memory keeps the contract.

use tenantry_engine::testing::{MemoryDocuments, documents_contract};

#[tokio::test]
async fn in_memory() {
    documents_contract(MemoryDocuments::default(), |documents| documents).await;
}
