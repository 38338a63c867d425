//! The proof of durability: for every append, a death at each of the four points around it.

use crate::bench::Bench;
use crate::machines::{self, Machine};
use serde_json::Value;
use std::collections::BTreeSet;
use tenantry_core::ports::{Execution, ExecutionStatus};
use tenantry_engine::testing::{Crash, CrashPoint};

/// What a run shows in the end, and all that it did outside.
#[derive(Debug, PartialEq)]
struct End {
    status: ExecutionStatus,
    output: Option<Value>,
    error: Option<String>,
    effects: BTreeSet<String>,
    /// The machine of every execution there is, and how it ended.
    executions: Vec<(String, ExecutionStatus)>,
}

fn end(bench: &Bench, execution: Execution) -> End {
    let effects = bench.world.seen().into_iter().map(|seen| {
        let mut arguments = seen.request.arguments;
        if let Some(token) = arguments.pointer_mut("/MessageBody/token") {
            *token = "a token".into();
        }
        format!("{} {arguments}", seen.request.state)
    });
    let effects = effects.collect();
    let executions = bench.executions().into_iter().map(|(id, status)| (id.workflow().to_owned(), status));
    let executions = executions.collect();
    let Execution { output, error, summary, .. } = execution;
    End { status: summary.status, output, error, effects, executions }
}

fn undisturbed(machine: &Machine) -> (End, u64) {
    let bench = Bench::new(std::slice::from_ref(machine));
    let execution = bench.one_life(machine, None).unwrap();
    assert_eq!(bench.world.violations(), Vec::<String>::new(), "{}", machine.name);
    (end(&bench, execution), bench.journal.appends())
}

/// Dies as planned, in one life after the other, then lives to the end.
fn disturbed(machine: &Machine, crashes: &[Crash], early: bool) -> (Option<End>, Vec<String>) {
    let mut bench = Bench::new(std::slice::from_ref(machine));
    bench.early = early;
    for crash in crashes {
        if let Some(execution) = bench.one_life(machine, Some(*crash)) {
            // It ended before the planned death.
            return (Some(end(&bench, execution)), bench.world.violations());
        }
        bench.die();
    }
    let execution = bench.one_life(machine, None).unwrap();
    (Some(end(&bench, execution)), bench.world.violations())
}

fn every_crash(appends: u64) -> impl Iterator<Item = Crash> {
    (0..appends).flat_map(|append| CrashPoint::ALL.map(|point| Crash { append, point }))
}

#[test]
fn a_death_anywhere_loses_nothing_and_shows_nothing_early() {
    for machine in machines::all() {
        let (expected, appends) = undisturbed(&machine);
        assert!(appends >= 3, "{} has only {appends} appends", machine.name);
        for crash in every_crash(appends) {
            let (end, violations) = disturbed(&machine, &[crash], false);
            assert_eq!(violations, Vec::<String>::new(), "{} {crash:?}", machine.name);
            assert_eq!(end.as_ref(), Some(&expected), "{} {crash:?}", machine.name);
        }
    }
}

#[test]
fn two_deaths_in_a_row_lose_nothing() {
    for machine in [machines::sequence(), machines::tokens(), machines::services()] {
        let (expected, appends) = undisturbed(&machine);
        for first in every_crash(appends) {
            for second in every_crash(3) {
                let (end, violations) = disturbed(&machine, &[first, second], false);
                assert_eq!(violations, Vec::<String>::new(), "{} {first:?} {second:?}", machine.name);
                assert_eq!(end.as_ref(), Some(&expected), "{} {first:?} {second:?}", machine.name);
            }
        }
    }
}

/// The canary: an engine that dispatches before the sync must not pass the check above.
#[test]
fn an_engine_that_dispatches_early_is_caught() {
    for machine in machines::all() {
        let (expected, appends) = undisturbed(&machine);
        let caught = every_crash(appends)
            .filter(|crash| {
                let (end, violations) = disturbed(&machine, &[*crash], true);
                !violations.is_empty() || end.as_ref() != Some(&expected)
            })
            .count();
        assert!(caught > 0, "{}: dispatching early went unnoticed", machine.name);
    }
}

#[test]
fn a_sequence_of_n_tasks_costs_n_plus_1_commits() {
    let bench = Bench::new(&[machines::sequence()]);
    bench.one_life(&machines::sequence(), None).unwrap();
    assert_eq!((bench.journal.appends(), bench.journal.syncs()), (4, 4));
}

#[test]
fn what_comes_while_an_entry_is_written_costs_one_more() {
    let bench = Bench::new(&[machines::map()]);
    bench.one_life(&machines::map(), None).unwrap();
    // One for the start, one for the first of three answers, one for the two that came meanwhile; then the same again.
    assert!(bench.journal.appends() <= 5, "{} appends for six tasks", bench.journal.appends());
}
