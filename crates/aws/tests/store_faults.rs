//! What the table and the blobs do where the way to AWS fails.

use crate::proxy::{Fault, Proxy};
use crate::support::{calls, calls_within, clients, emulator, make_table};
use serde_json::{Map, json};
use std::time::Duration;
use tenantry_aws::blobs::AwsBlobs;
use tenantry_aws::table::AwsTable;
use tenantry_core::keys::Key;
use tenantry_core::keys::Range;
use tenantry_core::ports::{Action, Blobs as _, Commit, CommitError, Item, PortError, Query, Table as _};

/// A table of its own, behind a proxy.
async fn behind_a_proxy(what: &str) -> Option<(AwsTable, Proxy)> {
    let facts = emulator(what)?.facts();
    let name = make_table(&clients(&facts)).await;
    let proxy = Proxy::start(&facts).await;
    Some((AwsTable::new(clients(proxy.facts()), calls(), name), proxy))
}

fn add(name: &str) -> Action {
    Action::Update {
        key: Key::slug(name),
        set: Map::new(),
        add: [("n".to_owned(), 1)].into(),
        remove: vec![],
        indexes: [].into(),
        conditions: vec![],
    }
}

async fn count(table: &AwsTable, name: &str) -> i64 {
    let item = table.get(&Key::slug(name)).await.expect("a read");
    item.and_then(|item| item.attributes["n"].as_i64()).unwrap_or(0)
}

fn cancelled(codes: &[&str]) -> Fault {
    let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code, "Message": "as asked for"})).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": reasons
    });
    Fault::Answer(400, body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_answers_are_lost_takes_effect_once() {
    let Some((table, proxy)) = behind_a_proxy("lost answers of transactions").await else { return };
    proxy.fail([Fault::LoseAnswer, Fault::LoseAnswer, Fault::error(500, "InternalServerError")]);
    table.commit(Commit::of(vec![add("a"), add("b")])).await.unwrap();
    assert_eq!(proxy.requests(), 4);
    assert_eq!((count(&table, "a").await, count(&table, "b").await), (1, 1));
    proxy.fail([Fault::LoseAnswer]);
    let alone = Commit { actions: vec![add("a")], request_token: Some("token-of-one".to_owned()) };
    table.commit(alone.clone()).await.unwrap();
    table.commit(alone).await.unwrap();
    assert_eq!(count(&table, "a").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_write_whose_answer_is_lost_is_not_sent_again() {
    let Some((table, proxy)) = behind_a_proxy("lost answers of plain writes").await else { return };
    let put = Action::put(Item::new(Key::slug("a"), Map::from_iter([("n".to_owned(), json!(0))])));
    let delete = Action::Delete { key: Key::slug("b"), conditions: vec![] };
    for fault in [Fault::LoseAnswer, Fault::error(500, "InternalServerError")] {
        for action in [add("a"), put.clone(), delete.clone()] {
            proxy.fail([fault.clone()]);
            let answer = table.commit(Commit::of(vec![action])).await;
            assert!(matches!(answer, Err(CommitError::Port(PortError::Unavailable { .. }))), "{answer:?}");
            assert_eq!(proxy.requests(), 1);
        }
    }
    proxy.fail([Fault::LoseAnswer]);
    assert!(table.commit(Commit::of(vec![add("lost")])).await.is_err());
    assert_eq!(count(&table, "lost").await, 1, "the effect was there, only the answer was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_throttled_is_sent_again() {
    let Some((table, proxy)) = behind_a_proxy("throttling").await else { return };
    let throttled = || {
        ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
            .map(|code| Fault::error(400, code))
    };
    proxy.fail(throttled());
    table.commit(Commit::of(vec![add("a")])).await.unwrap();
    assert_eq!(proxy.requests(), 4);
    proxy.fail(throttled());
    table.commit(Commit::of(vec![add("a"), add("b")])).await.unwrap();
    assert_eq!(proxy.requests(), 4);
    proxy.fail([
        cancelled(&["None", "ThrottlingError"]),
        cancelled(&["ProvisionedThroughputExceeded", "TransactionConflict"]),
        Fault::error(400, "TransactionInProgressException"),
    ]);
    table.commit(Commit::of(vec![add("a"), add("b")])).await.unwrap();
    assert_eq!(proxy.requests(), 4);
    proxy.fail(throttled());
    assert_eq!(count(&table, "a").await, 3);
    assert_eq!(proxy.requests(), 4);
    proxy.fail([Fault::LoseAnswer, Fault::error(500, "InternalServerError")]);
    let page = table.query(Query::primary(Range::services(), 1)).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    assert_eq!(proxy.requests(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_in_the_way_are_told() {
    let Some((table, proxy)) = behind_a_proxy("conflicts").await else { return };
    let two = || Commit::of(vec![add("a"), add("b")]);
    for (fault, commit) in [
        (cancelled(&["None", "TransactionConflict"]), two()),
        (cancelled(&["TransactionConflict", "ConditionalCheckFailed"]), two()),
        (Fault::error(400, "TransactionConflictException"), Commit::of(vec![add("a")])),
    ] {
        proxy.fail([fault]);
        let answer = table.commit(commit).await;
        assert!(matches!(answer, Err(CommitError::Conflict)), "{answer:?}");
        assert_eq!(proxy.requests(), 1);
    }
    // The first attempt may have taken effect: nobody may be told that nothing was done.
    proxy.fail([Fault::LoseAnswer, cancelled(&["None", "TransactionConflict"])]);
    let answer = table.commit(Commit::of(vec![add("c"), add("d")])).await;
    assert!(matches!(answer, Err(CommitError::Port(PortError::Unavailable { .. }))), "{answer:?}");
    assert_eq!((count(&table, "c").await, count(&table, "d").await), (1, 1));
    proxy.fail([cancelled(&["ConditionalCheckFailed", "TransactionConflict"])]);
    let answer = table.commit(two()).await;
    assert!(matches!(answer, Err(CommitError::ConditionFailed { index: 0 })), "{answer:?}");
    proxy.fail([cancelled(&["None", "ValidationError"])]);
    let answer = table.commit(two()).await;
    assert!(matches!(answer, Err(CommitError::Port(PortError::Refused { .. }))), "{answer:?}");
    assert_eq!(count(&table, "a").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_end_with_the_deadline_and_the_request_is_named() {
    let Some(emulator) = emulator("deadlines") else { return };
    let proxy = Proxy::start(&emulator.facts()).await;
    let calls = calls_within(Duration::ZERO);
    let table = AwsTable::new(clients(proxy.facts()), calls, "table-of-nobody");
    let busy = || cancelled(&["ThrottlingError", "None"]);
    proxy.fail(std::iter::repeat_with(busy).take(100));
    let answer = table.commit(Commit::of(vec![add("a"), add("b")])).await;
    assert_eq!(proxy.requests(), 1);
    let Err(CommitError::Port(PortError::Unavailable { message, .. })) = answer else { panic!("{answer:?}") };
    for part in ["commit", "ThrottlingException", "REQUEST-7"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_came_with_another_commit_is_told() {
    let Some((table, _proxy)) = behind_a_proxy("request tokens").await else { return };
    let with = |actions| Commit { actions, request_token: Some("one-token-for-two".to_owned()) };
    table.commit(with(vec![add("a")])).await.unwrap();
    let answer = table.commit(with(vec![add("b")])).await;
    assert!(matches!(answer, Err(CommitError::Port(PortError::Unavailable { .. }))), "{answer:?}");
    assert_eq!(count(&table, "b").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_table_or_bucket_is_named() {
    let Some(emulator) = emulator("missing tables and buckets") else { return };
    let clients = clients(&emulator.facts());
    let is_named = |error: PortError| {
        assert!(
            matches!(&error, PortError::NotFound { what, .. } if what.contains("of-nobody")),
            "{error:?}"
        );
    };
    let table = AwsTable::new(clients.clone(), calls(), "table-of-nobody");
    is_named(table.get(&Key::slug("a")).await.unwrap_err());
    is_named(table.query(Query::primary(Range::services(), 1)).await.unwrap_err());
    for actions in [vec![add("a")], vec![add("a"), add("b")]] {
        match table.commit(Commit::of(actions)).await {
            Err(CommitError::Port(error)) => is_named(error),
            other => panic!("{other:?}"),
        }
    }
    let blobs = AwsBlobs::new(clients, calls(), "bucket-of-nobody");
    is_named(blobs.put("a", vec![1]).await.unwrap_err());
    is_named(blobs.get("a").await.unwrap_err());
    is_named(blobs.list("", None, 1).await.unwrap_err());
    is_named(blobs.delete("a").await.unwrap_err());
}
