use crate::documents::{Document, Documents};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tenantry_core::BoxFuture;
use tenantry_core::ports::PortError;

/// Documents in memory. Clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryDocuments(Arc<Mutex<BTreeMap<String, String>>>);

impl Documents for MemoryDocuments {
    fn all(&self) -> BoxFuture<'_, Result<Vec<Document>, PortError>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kept.iter().map(|(key, body)| Document { key: key.clone(), body: body.clone() }).collect();
        Box::pin(async { Ok(all) })
    }

    fn commit(&self, writes: Vec<(String, Option<String>)>) -> BoxFuture<'static, Result<(), PortError>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, body) in writes {
            match body {
                Some(body) => drop(kept.insert(key, body)),
                None => drop(kept.remove(&key)),
            }
        }
        Box::pin(async { Ok(()) })
    }
}

/// The contract of [`Documents`], over a store that is empty. `reopen` gives what the next process finds.
///
/// # Panics
/// Where the store does not keep the contract.
pub async fn documents_contract<D: Documents>(documents: D, reopen: impl FnOnce(D) -> D) {
    let keys = |all: Vec<Document>| all.into_iter().map(|it| (it.key, it.body)).collect::<Vec<_>>();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(documents.all().await.expect("it answers"), vec![], "the store is not empty");
    documents
        .commit(vec![
            ("b".into(), some("1")),
            ("a/\u{e9}".into(), some("{\"x\": 2}")),
            ("c".into(), some("")),
        ])
        .await
        .expect("it writes");
    let expected = vec![
        ("a/\u{e9}".to_owned(), "{\"x\": 2}".to_owned()),
        ("b".to_owned(), "1".to_owned()),
        ("c".to_owned(), String::new()),
    ];
    assert_eq!(keys(documents.all().await.expect("it answers")), expected);
    documents
        .commit(vec![("b".into(), some("2")), ("c".into(), None), ("missing".into(), None)])
        .await
        .expect("it overwrites and deletes");
    documents
        .commit(vec![("b".into(), some("3")), ("b".into(), some("4"))])
        .await
        .expect("the last one counts");
    documents.commit(vec![]).await.expect("nothing is no error");
    // In line at the call, so that dropping the future calls nothing back and the second is the later one.
    drop(documents.commit(vec![("d".into(), some("first"))]));
    documents.commit(vec![("d".into(), some("second"))]).await.expect("it writes");
    let documents = reopen(documents);
    let expected = vec![
        ("a/\u{e9}".to_owned(), "{\"x\": 2}".to_owned()),
        ("b".to_owned(), "4".to_owned()),
        ("d".to_owned(), "second".to_owned()),
    ];
    assert_eq!(keys(documents.all().await.expect("it answers")), expected);
}
