//! The journal's promises.

use crate::support::{crashed, home};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tenantry_contract::ManualClock;
use tenantry_core::ports::{Clock as _, ExecutionFilter, ExecutionStatus, Queue as _};
use tenantry_core::{ExecutionId, TenantId, Timestamp};
use tenantry_embedded::{EmbeddedHome, EmbeddedJournal, HomeOptions, OpenError, QueueName};
use tenantry_engine::{
    ClosedExecution, Definitions as _, Entry, ExecutionKey, Forget, Journal, JournalError, StartedExecution,
};

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(crate) fn entry(execution: ExecutionKey, payload: &str) -> Entry {
    Entry {
        execution,
        started: None,
        payload: payload.as_bytes().to_vec(),
        checkpoint: false,
        closed: None,
        reopened: false,
    }
}

pub(crate) fn started(workflow: &str, name: &str, tenant_id: Option<TenantId>) -> Option<StartedExecution> {
    Some(StartedExecution {
        id: ExecutionId::new(workflow, name).unwrap(),
        tenant_id,
        definition_hash: "d1".to_owned(),
        input_hash: "i1".to_owned(),
        at: at(1),
    })
}

fn closed(status: ExecutionStatus, seconds: i64) -> Option<ClosedExecution> {
    Some(ClosedExecution { status, at: at(seconds) })
}

pub(crate) async fn payloads(
    journal: &EmbeddedJournal,
    key: ExecutionKey,
    from_checkpoint: bool,
) -> Vec<String> {
    let rows = journal.rows(key, from_checkpoint).await.expect("rows");
    rows.into_iter().map(|row| String::from_utf8(row.payload).expect("a text")).collect()
}

/// Starts an execution of workflow `w`.
async fn start(journal: &EmbeddedJournal, name: &str, tenant_id: Option<TenantId>) -> ExecutionKey {
    let key = journal.next_key();
    journal
        .append(Entry { started: started("w", name, tenant_id), ..entry(key, "start") })
        .await
        .expect("a start");
    key
}

fn revive(dir: &Path) -> (EmbeddedHome, tempfile::TempDir) {
    let copy = crashed(dir);
    (EmbeddedHome::open(copy.path(), HomeOptions::default()).expect("it opens again"), copy)
}

/// The bodies and groups of what was announced, with the messages deleted.
async fn announced(home: &EmbeddedHome) -> Vec<(String, Value)> {
    let queue = home.queues.queue(QueueName::ExecutionStatus);
    let mut all = Vec::new();
    loop {
        let some = queue.receive(10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        if some.is_empty() {
            return all;
        }
        for message in some {
            queue.delete(&message.receipt).await.unwrap();
            all.push((message.group, serde_json::from_str(&message.body).unwrap()));
        }
    }
}

#[tokio::test]
async fn rows_come_back_in_the_order_of_the_calls() {
    for tenant_id in [None, Some(tenant(7))] {
        let (home, dir) = home(ManualClock::new());
        let (a, b) = (home.journal.next_key(), home.journal.next_key());
        let mut appends = Vec::new();
        for (key, name) in [(a, "a"), (b, "b")] {
            let first = Entry { started: started("w", name, tenant_id.clone()), ..entry(key, name) };
            appends.push(home.journal.append(first));
        }
        for n in 0..1_500 {
            for key in [a, b] {
                let checkpoint = n == 700 || n == 1_400;
                appends.push(home.journal.append(Entry { checkpoint, ..entry(key, &n.to_string()) }));
            }
        }
        // Waiting in another order changes nothing.
        for append in appends.into_iter().rev() {
            append.await.unwrap();
        }
        let expected = |name: &str| {
            std::iter::once(name.to_owned()).chain((0..1_500).map(|n| n.to_string())).collect::<Vec<_>>()
        };
        let (revived, _copy) = revive(dir.path());
        for journal in [&home.journal, &revived.journal] {
            assert_eq!(payloads(journal, a, false).await, expected("a"));
            assert_eq!(payloads(journal, b, false).await, expected("b"));
            let last: Vec<_> = (1_400..1_500).map(|n| n.to_string()).collect();
            assert_eq!(payloads(journal, a, true).await, last);
            let rows = journal.rows(a, true).await.unwrap();
            assert!(rows[0].checkpoint && rows[1..].iter().all(|row| !row.checkpoint));
        }
        assert_eq!(revived.journal.rows(99, false).await.unwrap(), []);
    }
}

#[tokio::test]
async fn pages_of_rows_from_both_ends() {
    let (home, _dir) = home(ManualClock::new());
    let key = start(&home.journal, "a", Some(tenant(7))).await;
    join_all((1..10).map(|n| home.journal.append(entry(key, &n.to_string())))).await;
    let all: Vec<String> =
        std::iter::once("start".to_owned()).chain((1..10).map(|n| n.to_string())).collect();
    for newest_first in [false, true] {
        let mut expected = all.clone();
        if newest_first {
            expected.reverse();
        }
        for limit in [1, 3, 10, 20] {
            let mut found = Vec::new();
            loop {
                let page = home.journal.rows_page(key, found.len(), limit, newest_first).await.unwrap();
                assert!(page.rows.len() <= limit);
                found.extend(page.rows.into_iter().map(|row| String::from_utf8(row.payload).unwrap()));
                assert_eq!(page.more, found.len() < expected.len());
                if !page.more {
                    break;
                }
            }
            assert_eq!(found, expected, "{limit} {newest_first}");
        }
        assert!(home.journal.rows_page(key, 10, 5, newest_first).await.unwrap().rows.is_empty());
        assert!(home.journal.rows_page(key, 50, 5, newest_first).await.unwrap().rows.is_empty());
    }
    assert!(home.journal.rows_page(99, 0, 5, false).await.unwrap().rows.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_takes_a_name_and_the_others_leave_nothing() {
    let (home, _dir) = home(ManualClock::new());
    let starts = (0..64).map(|_| {
        let journal = home.journal.clone();
        tokio::spawn(async move {
            let key = journal.next_key();
            let first = Entry { started: started("w", "one", Some(tenant(7))), ..entry(key, "start") };
            let first = journal.append(first);
            // In line behind it, without knowing how it will end.
            let second = journal.append(entry(key, "second"));
            (key, first.await, second.await)
        })
    });
    let mut winners = Vec::new();
    for ended in join_all(starts.collect::<Vec<_>>()).await {
        let (key, first, second) = ended.unwrap();
        match first {
            Ok(()) => {
                second.unwrap();
                winners.push(key);
            }
            Err(error) => {
                assert!(matches!(error, JournalError::NameTaken), "{error}");
                assert!(second.is_err(), "nothing follows an entry that was not kept");
                assert_eq!(home.journal.rows(key, false).await.unwrap(), []);
                let later = home.journal.append(entry(key, "later")).await;
                assert!(matches!(later, Err(JournalError::Refused(_))), "{later:?}");
            }
        }
    }
    assert_eq!(winners.len(), 1);
    let open = home.journal.open_executions(None, 10).await.unwrap();
    assert_eq!(open.iter().map(|execution| execution.key).collect::<Vec<_>>(), winners);
    let found =
        home.journal.find(&ExecutionId::new("w", "one").unwrap()).await.unwrap().expect("it is there");
    assert_eq!(
        (found.key, found.definition_hash.as_str(), found.input_hash.as_str()),
        (winners[0], "d1", "i1")
    );
    assert_eq!(payloads(&home.journal, winners[0], false).await, ["start", "second"]);
}

#[tokio::test]
async fn a_close_is_announced_once_and_a_name_is_used_once() {
    let (home, dir) = home(ManualClock::new());
    let journal = &home.journal;
    let key = start(journal, "a", Some(tenant(7))).await;
    let end = Entry { closed: closed(ExecutionStatus::Failed, 9), ..entry(key, "end") };
    journal.append(end.clone()).await.unwrap();
    let at_once = journal.next_key();
    let both = Entry {
        started: started("w", "b", None),
        closed: closed(ExecutionStatus::Succeeded, 3),
        ..entry(at_once, "start and end")
    };
    journal.append(both).await.unwrap();

    let (revived, _copy) = revive(dir.path());
    for home in [&home, &revived] {
        let mut messages = announced(home).await;
        messages.sort_by_key(|(group, _)| group.clone());
        let (of_tenant, of_none) = (tenant(7).to_string(), "w~b".to_owned());
        assert_eq!(
            messages,
            [
                (of_tenant.clone(), json!({"executionId": "w~a", "status": "failed", "tenantId": of_tenant})),
                (of_none, json!({"executionId": "w~b", "status": "succeeded", "tenantId": null})),
            ]
        );
        assert_eq!(announced(home).await, [], "once");
        assert_eq!(home.journal.open_executions(None, 10).await.unwrap(), []);
        let found =
            home.journal.find(&ExecutionId::new("w", "a").unwrap()).await.unwrap().expect("it is kept");
        assert_eq!(
            (found.summary.status, found.summary.ended_at, found.summary.started_at),
            (ExecutionStatus::Failed, Some(at(9)), at(1))
        );
        assert_eq!(payloads(&home.journal, key, false).await, ["start", "end"]);
        assert_eq!(payloads(&home.journal, at_once, false).await, ["start and end"]);
        let again = home.journal.next_key();
        assert!(again > at_once, "a number is never used again");
        let again = Entry { started: started("w", "a", Some(tenant(7))), ..entry(again, "start") };
        assert!(matches!(home.journal.append(again).await, Err(JournalError::NameTaken)));
    }
    for late in [entry(key, "late"), end, entry(12_345, "never was")] {
        let answer = journal.append(late).await;
        assert!(matches!(answer, Err(JournalError::Refused(_))), "{answer:?}");
    }
    assert_eq!(announced(&home).await, []);
}

#[tokio::test]
async fn a_redriven_execution_is_open_again_behind_its_rows() {
    let (home, dir) = home(ManualClock::new());
    let key = start(&home.journal, "a", Some(tenant(7))).await;
    let reopen = Entry { reopened: true, ..entry(key, "redrive") };
    let open = home.journal.append(reopen.clone()).await;
    assert!(matches!(open, Err(JournalError::Refused(_))), "it is open: {open:?}");
    let end = Entry { closed: closed(ExecutionStatus::Failed, 9), ..entry(key, "failed") };
    home.journal.append(end).await.unwrap();

    let (revived, _copy) = revive(dir.path());
    let journal = &revived.journal;
    let redrive = journal.append(reopen.clone());
    // In line behind it, before anything is known of the tenant.
    let next = journal.append(entry(key, "next"));
    redrive.await.unwrap();
    next.await.unwrap();
    let open = journal.open_executions(None, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    let summary = &open[0].summary;
    assert_eq!(
        (summary.status, summary.ended_at, summary.redrive_count),
        (ExecutionStatus::Running, None, 1)
    );
    let end = Entry { closed: closed(ExecutionStatus::Succeeded, 12), ..entry(key, "done") };
    journal.append(end).await.unwrap();
    assert_eq!(payloads(journal, key, false).await, ["start", "failed", "redrive", "next", "done"]);
    let statuses: BTreeSet<String> =
        announced(&revived).await.into_iter().map(|(_, body)| body["status"].to_string()).collect();
    assert_eq!(statuses.len(), 2, "each end is announced: {statuses:?}");
    let missing = journal.append(Entry { reopened: true, ..entry(77, "x") }).await;
    assert!(matches!(missing, Err(JournalError::Refused(_))), "{missing:?}");
}

#[tokio::test]
async fn open_executions_come_back_after_a_crash_page_by_page() {
    let (home, dir) = home(ManualClock::new());
    let mut open = Vec::new();
    for n in 0..25_u32 {
        let key = start(&home.journal, &n.to_string(), (n % 2 == 0).then(|| tenant(7))).await;
        if n % 5 == 0 {
            let end = Entry { closed: closed(ExecutionStatus::Succeeded, 9), ..entry(key, "end") };
            home.journal.append(end).await.unwrap();
        } else {
            open.push(key);
        }
    }
    let (revived, _copy) = revive(dir.path());
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = revived.journal.open_executions(after, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        found.extend(page.into_iter().map(|execution| execution.key));
    }
    assert_eq!(found, open);
    for key in open {
        revived.journal.append(entry(key, "goes on")).await.unwrap();
        assert_eq!(payloads(&revived.journal, key, false).await, ["start", "goes on"]);
    }
}

/// Whether any file of the folder holds the text.
fn on_disk(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file()
            && std::fs::read(&path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    })
}

#[tokio::test]
async fn rows_are_sealed_on_disk_whosever_they_are() {
    for tenant_id in [Some(tenant(7)), None] {
        let (home, dir) = home(ManualClock::new());
        let secret = "canary-of-an-execution";
        let first = home.journal.next_key();
        let with_key_to_be_made =
            Entry { started: started("w", "canary-of-a-name", tenant_id.clone()), ..entry(first, secret) };
        home.journal.append(with_key_to_be_made).await.unwrap();
        home.journal.append(entry(first, secret)).await.unwrap();
        let end = Entry { closed: closed(ExecutionStatus::Failed, 9), ..entry(first, secret) };
        home.journal.append(end).await.unwrap();
        home.journal.append(Entry { reopened: true, ..entry(first, secret) }).await.unwrap();
        assert!(on_disk(dir.path(), "canary-of-a-name"), "the search finds what is not sealed");
        assert!(!on_disk(dir.path(), secret), "{tenant_id:?}");
        let (revived, copy) = revive(dir.path());
        revived.journal.append(entry(first, secret)).await.unwrap();
        assert!(!on_disk(copy.path(), secret), "{tenant_id:?}");
        assert_eq!(payloads(&revived.journal, first, false).await, [secret; 5]);
    }
}

fn execute(home: &EmbeddedHome, sql: &'static str) {
    let done =
        home.store.write_now(move |tx| Ok::<_, tenantry_embedded::store::Abort<()>>(tx.execute_batch(sql)?));
    done.unwrap();
}

#[tokio::test]
async fn a_row_is_no_other_executions_and_no_other_text() {
    let (home, _dir) = home(ManualClock::new());
    let (one, other) = (start(&home.journal, "one", None).await, start(&home.journal, "other", None).await);
    execute(&home, "UPDATE journal SET payload = (SELECT payload FROM journal WHERE seq = 1) WHERE seq = 2");
    assert_eq!(payloads(&home.journal, one, false).await, ["start"]);
    let swapped = home.journal.rows(other, false).await;
    assert!(matches!(swapped, Err(JournalError::Damaged(_))), "{swapped:?}");
    execute(&home, "UPDATE journal SET payload = CAST('start' AS BLOB) WHERE seq = 1");
    let open = home.journal.rows(one, true).await;
    assert!(matches!(open, Err(JournalError::Damaged(_))), "{open:?}");
}

#[tokio::test]
async fn rows_from_before_the_journal_had_a_key_are_sealed_with_it() {
    let (home, dir) = home(ManualClock::new());
    let old = start(&home.journal, "old", None).await;
    home.journal.append(entry(old, "more")).await.unwrap();
    let owned = start(&home.journal, "owned", Some(tenant(7))).await;
    execute(
        &home,
        "UPDATE journal SET payload = CAST('start' AS BLOB) WHERE seq = 1;
         UPDATE journal SET payload = CAST('more' AS BLOB) WHERE seq = 2;
         DELETE FROM journal_key",
    );
    let (mut revived, _first) = revive(dir.path());
    // And once more, when there is a key.
    let mut copies = Vec::new();
    for _ in 0..2 {
        assert_eq!(payloads(&revived.journal, old, false).await, ["start", "more"]);
        assert_eq!(payloads(&revived.journal, owned, true).await, ["start"]);
        let lying_open = revived
            .store
            .read_now(|connection| {
                let count: i64 = connection.query_row(
                    "SELECT count(*) FROM journal WHERE payload IN (CAST('start' AS BLOB), CAST('more' AS BLOB))",
                    [],
                    |row| row.get(0),
                )?;
                Ok::<_, tenantry_embedded::store::Abort<()>>(count)
            })
            .unwrap();
        assert_eq!(lying_open, 0);
        let (next, copy) = revive(revived.store.folder());
        revived = next;
        copies.push(copy);
    }
}

#[tokio::test]
async fn the_journals_key_is_the_master_keys_alone() {
    let (home, dir) = home(ManualClock::new());
    execute(&home, "UPDATE journal_key SET wrapped = (SELECT wrapped FROM body_key)");
    let copy = crashed(dir.path());
    let refused = EmbeddedHome::open(copy.path(), HomeOptions::default()).map(drop);
    let Err(OpenError::Schema { piece, message }) = refused else { panic!("{refused:?}") };
    assert!(piece == "journal" && message.contains("backup"), "{piece}: {message}");
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let (home, _dir) = home(ManualClock::new());
    let mut all = Vec::new();
    for n in 0..40_u32 {
        let (workflow, tenant_id) =
            (["v", "w"][n as usize % 2], (n % 3 > 0).then(|| tenant(u128::from(n % 3))));
        let status = ExecutionStatus::ALL[n as usize % 5];
        let key = home.journal.next_key();
        let name = n.to_string();
        let ended = (status != ExecutionStatus::Running).then_some(ClosedExecution { status, at: at(5) });
        let only =
            Entry { started: started(workflow, &name, tenant_id.clone()), closed: ended, ..entry(key, "x") };
        home.journal.append(only).await.unwrap();
        all.insert(0, (ExecutionId::new(workflow, &name).unwrap(), workflow, status, tenant_id));
    }
    let mut foreign = None;
    for workflow in [None, Some("v"), Some("w"), Some("x")] {
        for status in std::iter::once(None).chain(ExecutionStatus::ALL.iter().copied().map(Some)) {
            for tenant_id in [None, Some(tenant(1)), Some(tenant(9))] {
                let filter = ExecutionFilter {
                    workflow: workflow.map(str::to_owned),
                    status,
                    tenant_id: tenant_id.clone(),
                    name_prefix: None,
                };
                let matching = all.iter().filter(|(_, its_workflow, its_status, its_tenant)| {
                    workflow.is_none_or(|wanted| *its_workflow == wanted)
                        && status.is_none_or(|wanted| *its_status == wanted)
                        && (tenant_id.is_none() || *its_tenant == tenant_id)
                });
                let expected: Vec<_> = matching.map(|(id, ..)| id.clone()).collect();
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = home.journal.list(filter.clone(), after, 3).await.unwrap();
                    assert!(page.items.len() <= 3);
                    found.extend(page.items.into_iter().map(|summary| summary.id));
                    if let (Some(foreign), true) = (&foreign, page.next.is_some()) {
                        let refused =
                            home.journal.list(filter.clone(), Some(String::clone(foreign)), 3).await;
                        assert!(matches!(refused, Err(JournalError::Refused(_))), "{refused:?}");
                    }
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{filter:?}");
            }
        }
        let filter = ExecutionFilter { workflow: workflow.map(str::to_owned), ..ExecutionFilter::default() };
        foreign = home.journal.list(filter, None, 3).await.unwrap().next;
    }
    let nonsense = home.journal.list(ExecutionFilter::default(), Some("nonsense".to_owned()), 3).await;
    assert!(matches!(nonsense, Err(JournalError::Refused(_))), "{nonsense:?}");
}

#[tokio::test]
async fn definitions_are_kept_under_their_hash() {
    let (home, dir) = home(ManualClock::new());
    assert_eq!(home.journal.get_definition("h").await.unwrap(), None);
    home.journal.put_definition("h", "{}").await.unwrap();
    home.journal.put_definition("h", "{}").await.unwrap();
    let (revived, _copy) = revive(dir.path());
    assert_eq!(revived.journal.get_definition("h").await.unwrap().as_deref(), Some("{}"));
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_whole() {
    let (home, dir) = home(ManualClock::new());
    let journal = &home.journal;
    let long = start(journal, "long", Some(tenant(7))).await;
    join_all((0..3_000).map(|n| journal.append(entry(long, &n.to_string())))).await;
    journal
        .append(Entry { closed: closed(ExecutionStatus::Succeeded, 9), ..entry(long, "end") })
        .await
        .unwrap();
    let open = start(journal, "open", None).await;
    let redriven = start(journal, "redriven", None).await;
    let young = start(journal, "young", None).await;
    for (key, seconds) in [(redriven, 9), (young, 10)] {
        let end = Entry { closed: closed(ExecutionStatus::Failed, seconds), ..entry(key, "end") };
        journal.append(end).await.unwrap();
    }
    journal.append(Entry { reopened: true, ..entry(redriven, "redrive") }).await.unwrap();
    let newest = journal.next_key();
    let both = Entry {
        started: started("w", "newest", None),
        closed: closed(ExecutionStatus::Succeeded, 2),
        ..entry(newest, "start and end")
    };
    journal.append(both).await.unwrap();

    assert_eq!(journal.forget_closed_before(at(10)).await.unwrap(), 2);
    assert_eq!(journal.forget_closed_before(at(10)).await.unwrap(), 0);
    let (revived, _copy) = revive(dir.path());
    assert!(revived.journal.next_key() > newest, "also where the newest one is gone");
    let rows = revived
        .store
        .read_now(|connection| {
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            Ok::<_, tenantry_embedded::store::Abort<()>>((
                count("SELECT count(*) FROM journal")?,
                count("SELECT count(*) FROM forgotten_executions")?,
            ))
        })
        .unwrap();
    assert_eq!(rows, (1 + 3 + 2, 0), "the rows of the other three alone");
    for (key, name, left) in [
        (long, "long", [].as_slice()),
        (newest, "newest", &[]),
        (open, "open", &["start"]),
        (redriven, "redriven", &["start", "end", "redrive"]),
        (young, "young", &["start", "end"]),
    ] {
        assert_eq!(payloads(&revived.journal, key, false).await, left, "{name}");
        let found = revived.journal.find(&ExecutionId::new("w", name).unwrap()).await.unwrap();
        assert_eq!(found.is_some(), !left.is_empty(), "{name}");
    }
    revived.journal.append(entry(open, "goes on")).await.unwrap();
}

#[tokio::test]
async fn an_end_wakes_who_waits_for_it_also_where_nobody_waits_for_the_append() {
    let clock = ManualClock::new();
    let (home, _dir) = home(clock.clone());
    let key = start(&home.journal, "a", None).await;
    let waiting = {
        let queue = home.queues.queue(QueueName::ExecutionStatus);
        tokio::spawn(async move { queue.receive(1, Duration::from_secs(60), Duration::from_secs(60)).await })
    };
    tokio::task::yield_now().await;
    let end = Entry { closed: closed(ExecutionStatus::Succeeded, 9), ..entry(key, "end") };
    drop(home.journal.append(end));
    let received = waiting.await.unwrap().unwrap();
    assert_eq!((received.len(), received[0].sent_at), (1, clock.now()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_of_machines_are_forgotten_and_listed_by_what_they_are() {
    let (home, _dir) = home(ManualClock::new());
    let journal = &home.journal;
    let mut keys = Vec::new();
    for (workflow, name) in
        [("m", "one"), ("m", "two:5f"), ("m/each", "ab-1"), ("m/each", "ac-1"), ("m2", "one")]
    {
        let key = journal.next_key();
        let first = Entry { started: started(workflow, name, None), ..entry(key, "start") };
        journal.append(first).await.unwrap();
        keys.push(key);
    }
    let all = || async {
        let page = journal.list(ExecutionFilter::default(), None, 10).await.unwrap();
        page.items.into_iter().map(|summary| summary.id.to_string()).collect::<Vec<_>>()
    };
    // Express executions are in no list.
    assert_eq!(all().await, ["m2~one", "m/each~ac-1", "m/each~ab-1", "m~one"]);
    let filter = ExecutionFilter {
        workflow: Some("m/each".to_owned()),
        name_prefix: Some("ab-".to_owned()),
        ..ExecutionFilter::default()
    };
    let page = journal.list(filter, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1);
    // What is open stays.
    assert_eq!(journal.forget(Forget::Machine("m".to_owned()), at(100)).await.unwrap(), 0);
    for key in &keys[1..] {
        let last = Entry { closed: closed(ExecutionStatus::Succeeded, 2), ..entry(*key, "end") };
        journal.append(last).await.unwrap();
    }
    // Of Express executions and Map Runs' children nobody is told.
    let told: Vec<_> =
        announced(&home).await.into_iter().map(|(_, body)| body["executionId"].to_string()).collect();
    assert_eq!(told, ["\"m2~one\""]);
    assert_eq!(journal.forget(Forget::Express, at(2)).await.unwrap(), 0);
    assert_eq!(journal.forget(Forget::Express, at(3)).await.unwrap(), 1);
    assert_eq!(journal.forget(Forget::Machine("m".to_owned()), at(3)).await.unwrap(), 2);
    assert_eq!(all().await, ["m2~one", "m~one"]);
    let gone = ExecutionId::new("m/each", "ab-1").unwrap();
    assert_eq!(journal.find(&gone).await.unwrap(), None);
}
