//! The store's promises.

use tenantry_embedded::store::Abort;
use tenantry_embedded::{Store, StoreOptions};

#[tokio::test]
async fn writes_and_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    store.migrate("test", &["CREATE TABLE t (v INTEGER) STRICT"]).unwrap();
    store
        .write(|tx| {
            tx.execute("INSERT INTO t VALUES (?1)", [1])?;
            Ok::<_, Abort<std::convert::Infallible>>(())
        })
        .await
        .unwrap();
    let sum = store
        .read(|connection| {
            Ok::<i64, Abort<std::convert::Infallible>>(connection.query_row(
                "SELECT sum(v) FROM t",
                [],
                |row| row.get(0),
            )?)
        })
        .await;
    assert_eq!(sum, Ok(1));
}
