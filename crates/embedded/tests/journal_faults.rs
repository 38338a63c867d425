//! The journal under commits that fail: what is durable of an execution is always a prefix of what was appended.

use crate::journal::{entry, payloads, started};
use crate::support::home_with;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tenantry_core::{BoxFuture, TenantId};
use tenantry_embedded::store::StoreHooks;
use tenantry_embedded::{EmbeddedHome, EmbeddedJournal, HomeOptions, StoreOptions};
use tenantry_engine::{Entry, ExecutionKey, Journal as _, JournalError};

fn disk_full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

/// A home whose commits ask `fails` first.
fn home_that(fails: impl Fn() -> bool + Send + Sync + 'static) -> (EmbeddedHome, tempfile::TempDir) {
    let before_commit = move || if fails() { Err(disk_full()) } else { Ok(()) };
    let hooks = StoreHooks { before_commit: Some(Arc::new(before_commit)), ..StoreHooks::default() };
    home_with(HomeOptions {
        store: StoreOptions { hooks, ..StoreOptions::default() },
        ..HomeOptions::default()
    })
}

#[tokio::test]
async fn after_a_full_disk_nothing_is_kept_before_the_execution_was_read_again() {
    let full = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&full);
    let (home, _dir) = home_that(move || seen.load(Ordering::SeqCst));
    let journal = &home.journal;
    let key = journal.next_key();
    journal.append(Entry { started: started("w", "a", None), ..entry(key, "1") }).await.unwrap();

    full.store(true, Ordering::SeqCst);
    let lost = journal.append(entry(key, "2"));
    let error = lost.await.unwrap_err();
    assert!(matches!(error, JournalError::Unavailable(_)), "{error}");
    full.store(false, Ordering::SeqCst);
    let too_early = journal.append(entry(key, "3")).await;
    assert!(
        matches!(&too_early, Err(JournalError::Unavailable(_))),
        "a row would be missing before it: {too_early:?}"
    );
    assert_eq!(payloads(journal, key, false).await, ["1"]);
    let still = journal.append(entry(key, "3")).await;
    assert!(still.is_err(), "a look at the history is not the engine's reading again");
    assert_eq!(payloads(journal, key, true).await, ["1"]);
    journal.append(entry(key, "4")).await.unwrap();
    assert_eq!(payloads(journal, key, true).await, ["1", "4"]);

    full.store(true, Ordering::SeqCst);
    let second = journal.next_key();
    let first_entry = || Entry { started: started("w", "b", None), ..entry(second, "1") };
    assert!(matches!(journal.append(first_entry()).await, Err(JournalError::Unavailable(_))));
    full.store(false, Ordering::SeqCst);
    journal.append(first_entry()).await.unwrap();
    assert_eq!(payloads(journal, second, false).await, ["1"], "nothing was kept, so it can begin again");
}

#[derive(Debug, Clone)]
enum Op {
    Append(usize),
    /// Waits for all that is in line, and reads again what was not kept.
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![6 => (0..3_usize).prop_map(Op::Append), 1 => Just(Op::Settle)]
}

/// What is known of one execution.
#[derive(Default)]
struct Line {
    durable: Vec<String>,
    in_line: Vec<(String, BoxFuture<'static, Result<(), JournalError>>)>,
}

impl Line {
    async fn settle(&mut self, journal: &EmbeddedJournal, key: ExecutionKey) {
        let mut lost = false;
        for (text, append) in self.in_line.drain(..) {
            match append.await {
                Ok(()) => {
                    assert!(!lost, "{text} was kept, though one before it was not");
                    self.durable.push(text);
                }
                Err(error) => {
                    assert!(matches!(error, JournalError::Unavailable(_)), "{error}");
                    lost = true;
                }
            }
        }
        assert_eq!(payloads(journal, key, lost).await, self.durable, "what was answered, and no more");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_durable_is_a_prefix(
        ops in proptest::collection::vec(op(), 1..80),
        failing in proptest::collection::vec(proptest::bool::weighted(0.3), 40),
        with_tenant: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (armed, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let (seen, count) = (Arc::clone(&armed), Arc::clone(&commits));
            let (home, _dir) = home_that(move || {
                seen.load(Ordering::SeqCst)
                    && failing.get(count.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(false)
            });
            let tenant = with_tenant.then(|| TenantId::from_uuid(uuid::Uuid::from_u128(7)));
            let mut lines: BTreeMap<ExecutionKey, Line> = BTreeMap::new();
            for name in ["a", "b", "c"] {
                let key = home.journal.next_key();
                let first = Entry { started: started("w", name, tenant.clone()), ..entry(key, name) };
                home.journal.append(first).await.unwrap();
                lines.insert(key, Line { durable: vec![name.to_owned()], in_line: Vec::new() });
            }
            armed.store(true, Ordering::SeqCst);
            let keys: Vec<_> = lines.keys().copied().collect();
            for (number, op) in ops.into_iter().chain([Op::Settle]).enumerate() {
                match op {
                    Op::Append(which) => {
                        let text = number.to_string();
                        let append = home.journal.append(entry(keys[which], &text));
                        lines.get_mut(&keys[which]).unwrap().in_line.push((text, append));
                    }
                    Op::Settle => {
                        for (key, line) in &mut lines {
                            line.settle(&home.journal, *key).await;
                        }
                    }
                }
            }
        });
    }
}
