//! The model test: 2,000 generated machines on the engine, with deaths, and on the interpreter alone.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tenantry_conformance::model::{Fault, Findings, check, machine};

const MACHINES: u64 = 2_000;

/// Checks each machine; `found` is told of each.
fn each(seeds: std::ops::Range<u64>, fault: Fault, found: impl Fn(u64, Findings) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    found(seed, check(seed, &machine(seed), fault));
                }
            });
        }
    });
}

#[test]
fn engine_and_interpreter_agree_on_generated_machines() {
    let seen = Mutex::new((BTreeSet::new(), 0, 0));
    let wrong = Mutex::new(Vec::new());
    each(0..MACHINES, Fault::None, |seed, findings| {
        if !findings.problems.is_empty() {
            let machine = machine(seed);
            let told = format!(
                "machine {seed}: {:?}\n{}\ninput {}",
                findings.problems, machine.definition, machine.input
            );
            wrong.lock().unwrap().push((machine.definition.to_string().len(), told));
        }
        let mut seen = seen.lock().unwrap();
        seen.0.extend(findings.types);
        seen.1 += findings.deaths;
        seen.2 += findings.events;
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "{} machines differ; the smallest:\n{}", wrong.len(), wrong[0].1);
    let (types, deaths, events) = seen.into_inner().unwrap();
    println!("{MACHINES} machines, {deaths} deaths, {events} events of the types {types:?}");
    // A generator that forgets a part of the language proves nothing about it.
    for wanted in [
        "ChoiceStateExited",
        "FailStateEntered",
        "MapIterationSucceeded",
        "ParallelStateSucceeded",
        "TaskFailed",
        "TaskSubmitted",
        "WaitStateExited",
        "ExecutionFailed",
        "ExecutionSucceeded",
    ] {
        assert!(types.contains(wanted), "no machine ever showed {wanted}: {types:?}");
    }
    assert!(deaths > 1_000, "only {deaths} deaths");
}

/// How many of the first machines show a fault.
fn noticed(fault: Fault) -> u64 {
    let noticed = AtomicU64::new(0);
    each(0..100, fault, |_, findings| {
        noticed.fetch_add(u64::from(!findings.problems.is_empty()), Ordering::Relaxed);
    });
    noticed.into_inner()
}

/// The canaries: what is wrong must not pass the check above.
#[test]
fn an_engine_that_dispatches_early_is_noticed() {
    assert!(noticed(Fault::DispatchesEarly) > 0);
}

#[test]
fn other_chance_is_noticed() {
    assert!(noticed(Fault::OtherChance) > 0);
}

#[test]
fn other_time_is_noticed() {
    assert!(noticed(Fault::OtherTime) >= 90);
}
