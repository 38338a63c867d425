//! The store's promises.

use crate::support::crashed;
use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use tenantry_embedded::store::{Abort, StoreHooks, StoreStats, WriteError};
use tenantry_embedded::{OpenError, Store, StoreOptions};

const SCHEMA: &[&str] = &["CREATE TABLE t (v INTEGER PRIMARY KEY, text TEXT) STRICT"];

fn open(dir: &Path, options: StoreOptions) -> Store {
    let store = Store::open(dir, options).unwrap();
    store.migrate("test", SCHEMA).unwrap();
    store
}

fn insert(
    store: &Store,
    v: i64,
) -> impl Future<Output = Result<(), WriteError<Infallible>>> + Send + 'static {
    store.write(move |tx| {
        tx.execute("INSERT INTO t (v) VALUES (?1)", [v])?;
        Ok(())
    })
}

fn values(store: &Store) -> Vec<i64> {
    let read = store.read_now(|connection| {
        let mut statement = connection.prepare_cached("SELECT v FROM t ORDER BY v")?;
        let values: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok::<_, Abort<Infallible>>(values)
    });
    read.unwrap()
}

/// Lets a test hold the writer before its COMMIT, so that the next batch gathers.
#[derive(Clone, Default)]
struct Gate {
    closed: Arc<AtomicBool>,
    reached: Arc<Mutex<Vec<mpsc::Sender<()>>>>,
}

impl Gate {
    fn options(&self) -> StoreOptions {
        let gate = self.clone();
        let before_commit = move || {
            for reached in gate.reached.lock().unwrap().drain(..) {
                let _ = reached.send(());
            }
            while gate.closed.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Ok(())
        };
        let hooks = StoreHooks { before_commit: Some(Arc::new(before_commit)), ..StoreHooks::default() };
        StoreOptions { hooks, ..StoreOptions::default() }
    }

    /// From now on the writer stands before each COMMIT; the receiver hears of the first one.
    fn close(&self) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        self.reached.lock().unwrap().push(sender);
        self.closed.store(true, Ordering::SeqCst);
        receiver
    }

    fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn requests_that_wait_share_one_commit() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    let before = store.stats();
    let reached = gate.close();
    let first = insert(&store, 1);
    reached.recv().unwrap();
    let rest: Vec<_> = (2..=100).map(|v| insert(&store, v)).collect();
    assert_eq!(store.queued(), 99);
    gate.open();
    first.await.unwrap();
    for answer in rest {
        answer.await.unwrap();
    }
    let after = store.stats();
    assert_eq!((after.commits - before.commits, after.requests - before.requests), (2, 100));
    assert_eq!(after.batch_requests_max, 99);
    assert_eq!(values(&store), (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), StoreOptions { batch_requests_max: 10, ..gate.options() });
    let before = store.stats();
    let reached = gate.close();
    let first = insert(&store, 0);
    reached.recv().unwrap();
    let rest: Vec<_> = (1..=25).map(|v| insert(&store, v)).collect();
    gate.open();
    futures::future::join_all(rest).await;
    first.await.unwrap();
    let after = store.stats();
    assert_eq!((after.commits - before.commits, after.batch_requests_max), (4, 10));
}

#[tokio::test]
async fn the_call_puts_a_request_in_line_and_not_the_await() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    let write = |number: i32| {
        let order = Arc::clone(&order);
        store.write(move |_| {
            order.lock().unwrap().push(number);
            Ok::<_, Abort<Infallible>>(())
        })
    };
    let (one, two, three) = (write(1), write(2), write(3));
    drop(write(4));
    let five = write(5);
    for answer in [five, three, one, two] {
        answer.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_refusal_undoes_itself_alone() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    let reached = gate.close();
    let first = insert(&store, 0);
    reached.recv().unwrap();
    let good = insert(&store, 1);
    let refused = store.write(|tx| {
        tx.execute("INSERT INTO t (v) VALUES (2)", [])?;
        let seen: i64 = tx.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
        Err::<(), _>(Abort::Refused(seen))
    });
    let twice = insert(&store, 1);
    let panicked = store.write(|tx| -> Result<(), Abort<Infallible>> {
        tx.execute("INSERT INTO t (v) VALUES (3)", [])?;
        panic!("a fault, for the test");
    });
    let last = insert(&store, 4);
    gate.open();
    first.await.unwrap();
    assert_eq!(refused.await, Err(WriteError::Refused(3)), "a request sees those before it");
    good.await.unwrap();
    assert!(matches!(twice.await, Err(WriteError::Failed(message)) if message.contains("UNIQUE")));
    assert!(matches!(panicked.await, Err(WriteError::Failed(_))));
    last.await.unwrap();
    assert_eq!(values(&store), [0, 1, 4]);
}

#[tokio::test]
async fn even_a_refusal_waits_for_the_commit() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    let reached = gate.close();
    let mut refused = Box::pin(store.write(|_| Err::<(), _>(Abort::Refused("no"))));
    reached.recv().unwrap();
    // The closure has run; the COMMIT has not.
    assert!(futures::poll!(refused.as_mut()).is_pending());
    gate.open();
    assert_eq!(refused.await, Err(WriteError::Refused("no")));
}

#[tokio::test]
async fn an_unguarded_failure_fails_its_batch_and_nothing_else() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    let reached = gate.close();
    let before = insert(&store, 1);
    reached.recv().unwrap();
    let innocent = insert(&store, 2);
    let broken = store.write_unguarded(|tx| tx.execute("INSERT INTO t (v) VALUES (1)", []));
    gate.open();
    before.await.unwrap();
    assert!(matches!(broken.await, Err(WriteError::Failed(_))));
    assert!(matches!(innocent.await, Err(WriteError::Failed(_))));
    insert(&store, 3).await.unwrap();
    assert_eq!(values(&store), [1, 3]);
    assert_eq!(store.stats().failed_batches, 1);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), StoreOptions { queued_requests_max: 3, ..gate.options() });
    let reached = gate.close();
    let first = insert(&store, 0);
    reached.recv().unwrap();
    let waiting: Vec<_> = (1..=3).map(|v| insert(&store, v)).collect();
    assert_eq!(insert(&store, 4).await, Err(WriteError::Overloaded));
    gate.open();
    first.await.unwrap();
    for answer in waiting {
        answer.await.unwrap();
    }
    insert(&store, 5).await.unwrap();
    assert_eq!(values(&store), [0, 1, 2, 3, 5]);
}

fn limit_pages(store: &Store, pages: i64) {
    let set = store.write_now(move |tx| {
        tx.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        Ok::<_, Abort<Infallible>>(())
    });
    set.unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_the_batch_and_keeps_serving() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    insert(&store, 0).await.unwrap();
    limit_pages(&store, 1);
    let reached = gate.close();
    let first = insert(&store, 1);
    reached.recv().unwrap();
    let small = insert(&store, 2);
    let large = store.write(|tx| {
        tx.execute("INSERT INTO t (v, text) VALUES (3, ?1)", ["x".repeat(200_000)])?;
        Ok::<_, Abort<Infallible>>(())
    });
    gate.open();
    first.await.unwrap();
    assert_eq!(small.await, Err(WriteError::Full), "the whole batch");
    assert_eq!(large.await, Err(WriteError::Full));
    assert_eq!(values(&store), [0, 1], "nothing of it was kept, and reads go on");
    insert(&store, 5).await.unwrap();
    limit_pages(&store, 1_000_000);
    let large = store.write(|tx| {
        tx.execute("INSERT INTO t (v, text) VALUES (6, ?1)", ["x".repeat(200_000)])?;
        Ok::<_, Abort<Infallible>>(())
    });
    large.await.unwrap();
    assert_eq!(values(&store), [0, 1, 5, 6]);
}

#[tokio::test]
async fn an_io_error_on_commit_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let last_words = Arc::new(Mutex::new(Vec::new()));
    let (fails, words) = (Arc::clone(&failing), Arc::clone(&last_words));
    let hooks =
        StoreHooks {
            before_commit: Some(Arc::new(move || {
                if fails.load(Ordering::SeqCst) { Err(io_error()) } else { Ok(()) }
            })),
            fatal: Arc::new(move |message| words.lock().unwrap().push(message.to_owned())),
        };
    let store = open(dir.path(), StoreOptions { hooks, ..StoreOptions::default() });
    insert(&store, 1).await.unwrap();
    failing.store(true, Ordering::SeqCst);
    assert_eq!(insert(&store, 2).await, Err(WriteError::Closed), "never an answer that could be wrong");
    failing.store(false, Ordering::SeqCst);
    assert_eq!(insert(&store, 3).await, Err(WriteError::Closed), "nor a later one");
    let words = last_words.lock().unwrap().join("\n");
    assert!(words.contains("disk I/O error") && words.contains("start again"), "{words}");
    drop(store);
    assert_eq!(values(&open(dir.path(), StoreOptions::default())), [1]);
}

fn io_error() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
    rusqlite::Error::SqliteFailure(code, Some("disk I/O error".to_owned()))
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_and_nothing_else_does() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let store = open(dir.path(), gate.options());
    for v in 0..50 {
        insert(&store, v).await.unwrap();
    }
    let reached = gate.close();
    let unanswered = insert(&store, 50);
    reached.recv().unwrap();
    let copy = crashed(dir.path());
    gate.open();
    unanswered.await.unwrap();
    let revived = open(copy.path(), StoreOptions::default());
    assert_eq!(values(&revived), (0..50).collect::<Vec<_>>());
    let log = std::fs::metadata(copy.path().join("tenantry.db-wal")).map_or(0, |log| log.len());
    // The schema's check wrote at most a little of a new log; the old one is in the file.
    assert!(log < 64 * 1024, "{log} bytes of log are left");
    insert(&revived, 99).await.unwrap();
}

#[tokio::test]
async fn dropping_the_last_clone_finishes_what_is_in_line() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions::default());
    let answers: Vec<_> = (0..500).map(|v| insert(&store, v)).collect();
    drop(store);
    for answer in answers {
        answer.await.unwrap();
    }
    assert_eq!(values(&open(dir.path(), StoreOptions::default())).len(), 500);
}

#[tokio::test]
async fn the_log_is_moved_into_the_file_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions { checkpoint_pages: 16, ..StoreOptions::default() });
    for v in 0..300 {
        insert(&store, v).await.unwrap();
    }
    let StoreStats { checkpoints, log_pages, .. } = store.stats();
    assert!(checkpoints >= 5, "{checkpoints}");
    assert!(log_pages <= 40, "{log_pages}");
    let log = std::fs::metadata(dir.path().join("tenantry.db-wal")).unwrap().len();
    assert!(log < 64 * 8_300, "{log}");
}

#[tokio::test]
async fn a_log_that_a_reader_holds_starts_again_once_it_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions { checkpoint_pages: 8, ..StoreOptions::default() });
    insert(&store, 0).await.unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let (begun, begin) = mpsc::channel();
    let reader = store.read(move |connection| {
        let count: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
        let _ = begun.send(());
        let _ = held.recv();
        let again: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
        Ok::<_, Abort<Infallible>>((count, again))
    });
    begin.recv().unwrap();
    for v in 1..=100 {
        insert(&store, v).await.unwrap();
    }
    assert!(store.stats().log_pages > 64);
    drop(hold);
    assert_eq!(reader.await.unwrap(), (1, 1), "a read is a snapshot");
    for v in 101..=120 {
        insert(&store, v).await.unwrap();
    }
    assert!(store.stats().log_pages < 64, "{:?}", store.stats());
    assert_eq!(values(&store).len(), 121);
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions::default());
    let wrote = store.read_now(|connection| {
        connection.execute("INSERT INTO t (v) VALUES (1)", [])?;
        Ok::<_, Abort<Infallible>>(())
    });
    assert!(wrote.is_err());
    assert_eq!(values(&store), [0; 0]);
}

#[test]
fn a_schema_grows_step_by_step_and_a_newer_one_is_refused() {
    const TWO: &[&str] = &[SCHEMA[0], "ALTER TABLE t ADD COLUMN extra INTEGER NOT NULL DEFAULT 7"];
    const BROKEN: &[&str] = &[TWO[0], TWO[1], "ALTER TABLE t ADD COLUMN more; NONSENSE"];
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), StoreOptions::default());
    store
        .write_now(|tx| Ok::<_, Abort<Infallible>>(tx.execute("INSERT INTO t (v) VALUES (1)", [])?))
        .unwrap();
    store.migrate("test", TWO).unwrap();
    store.migrate("test", TWO).unwrap();
    let extra = store.read_now(|connection| {
        Ok::<i64, Abort<Infallible>>(connection.query_row("SELECT extra FROM t", [], |row| row.get(0))?)
    });
    assert_eq!(extra, Ok(7));
    assert!(matches!(store.migrate("test", BROKEN), Err(OpenError::Schema { .. })));
    store.migrate("test", TWO).unwrap();
    let error = store.migrate("test", SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }));
    assert!(error.to_string().contains("newer version"), "{error}");
}
