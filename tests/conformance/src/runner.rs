//! Runs the cases of a file, each on a thread of its own: one that panics or never comes back is a failure of that
//! case alone.

use crate::compare::Difference;
use crate::file::{CaseFile, FileKind};
use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};
use crate::report::FileReport;
use crate::{asl, suites};
use regex::Regex;
use serde_json::Value;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::time::Duration;

/// How long a case may take on this machine before it is given up; simulated time costs none.
const CASE_SECONDS_MAX: u64 = 120;
/// Room for deep, unoptimised recursion.
const STACK_BYTES: usize = 32 * 1024 * 1024;
/// The name of every case's thread.
const THREAD: &str = "case";

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Which cases to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only cases whose names match.
    pub only: Option<Regex>,
}

/// Runs a file's cases.
pub fn run(file: &CaseFile, options: &Options) -> FileReport {
    keep_panics();
    let chosen: Vec<Arc<(String, Value)>> = file
        .cases
        .iter()
        .filter(|case| options.only.as_ref().is_none_or(|only| only.is_match(name_of(&case.1))))
        .map(|case| Arc::new(case.clone()))
        .collect();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::with_capacity(chosen.len()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = run_apart(file.kind, case);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let mut outcomes: Vec<CaseOutcome> = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by(|a, b| (&a.kind, &a.category, &a.name).cmp(&(&b.kind, &b.category, &b.name)));
    FileReport {
        path: file.path.display().to_string(),
        kind: file.kind,
        digest: file.digest.clone(),
        outcomes,
        regressions: None,
    }
}

fn name_of(case: &Value) -> &str {
    case["name"].as_str().or(case["id"].as_str()).unwrap_or_default()
}

fn run_apart(kind: FileKind, case: &Arc<(String, Value)>) -> CaseOutcome {
    let (send, receive) = mpsc::channel();
    let theirs = Arc::clone(case);
    let spawned =
        std::thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| run_one(kind, &theirs)));
            let _ = send.send(outcome.map_err(|_| last_panic().unwrap_or_else(|| "it panicked".to_owned())));
        });
    let problem = match spawned {
        Err(error) => format!("no thread for it: {error}"),
        Ok(_) => match receive.recv_timeout(Duration::from_secs(CASE_SECONDS_MAX)) {
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(panic)) => panic,
            Err(_) => format!("it did not come back within {CASE_SECONDS_MAX} seconds"),
        },
    };
    broken(kind, &case.1, &problem)
}

fn run_one(kind: FileKind, (line, case): &(String, Value)) -> CaseOutcome {
    match kind {
        FileKind::Executions => asl::run(case),
        FileKind::EventPatterns => suites::patterns::run(case),
        FileKind::SampleDefinitions => suites::definitions::sample(case),
        FileKind::ValidationFixtures => suites::definitions::fixture(case),
        FileKind::Jsonata => suites::jsonata::run(line, case),
    }
}

/// A case that did not come to an outcome fails in every aspect that it would have been measured in.
fn broken(kind: FileKind, case: &Value, problem: &str) -> CaseOutcome {
    let mut checks = Checks::from([(Aspect::Result, Err(Difference::new("an outcome", problem)))]);
    if case["expected"]["events"].is_array() {
        for aspect in [Aspect::Types, Aspect::Details] {
            checks.insert(aspect, Err(Difference::new("an outcome", problem)));
        }
    }
    let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
    CaseOutcome {
        name: name_of(case).to_owned(),
        kind: if kind == FileKind::Executions { text("kind") } else { kind.name().to_owned() },
        category: text("category"),
        counts: case.get("in_scope").is_none_or(|in_scope| in_scope == true),
        verdict: Verdict::Run(checks),
        shown: None,
    }
}

/// The last panic of this thread, in words; also one that a runtime caught.
pub(crate) fn last_panic() -> Option<String> {
    PANIC.with(RefCell::take)
}

/// Panics of cases are told with the case, not on standard error; those of other threads as ever.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(THREAD) {
                let told = format!("it panicked: {info}").replace('\n', " ");
                PANIC.with(|kept| *kept.borrow_mut() = Some(told));
            } else {
                others(info);
            }
        }));
    });
}
