//! Every fault at every step, driven by the definitions: a workflow that is added is covered the day it is added.
//!
//! For each workflow: every Task run twice gives the same end; every forward Task failed for good leaves a clean slate;
//! every undo Task failed for good leaves the operation stuck at it, and a redrive reaches the clean slate once the
//! fault is lifted; a death at each of the four points around every append of the journal still reaches the end.

mod clean_slate;
mod faulty;
mod home;
mod scenario;

use faulty::Fault;
use home::{Home, Outcome};
use scenario::{Scenario, scenarios};
use std::collections::BTreeMap;
use tenantry_asl::TaskInfo;
use tenantry_engine::testing::{Crash, CrashPoint};

fn tasks(scenario: &Scenario) -> (Vec<TaskInfo>, Vec<TaskInfo>) {
    scenario.workflow.definition.tasks().into_iter().partition(|task| !task.compensating)
}

fn state(task: &TaskInfo) -> &str {
    &task.name
}

/// A home in which that state, if any, fails for good.
fn begun<'a>(scenario: &'a Scenario, fails: Option<&str>) -> Home<'a> {
    let mut home = Home::new(scenario);
    if let Some(state) = fails {
        home.fault(state, Fault::FailBefore);
    }
    home
}

#[test]
fn every_workflow_has_a_scenario() {
    let known: Vec<String> = scenarios().into_iter().map(|scenario| scenario.workflow.name).collect();
    for (name, file, _) in tenantry_definitions::workflows::SOURCES {
        assert!(
            known.iter().any(|known| known == name),
            "{file}: say in tests/saga/scenario.rs how it is begun"
        );
    }
}

#[tokio::test]
async fn every_task_run_twice_gives_the_same_end() {
    for scenario in scenarios() {
        let mut cells = 0;
        for fails in [None, Some(scenario.last_forward)] {
            let begin = || begun(&scenario, fails);
            let mut plain = begin();
            let expected = plain.run_to_end().await;
            let visited = plain.visited();
            for task in scenario.workflow.definition.tasks() {
                if !visited.contains(state(&task)) || fails == Some(state(&task)) {
                    continue;
                }
                let mut home = begin();
                home.fault(state(&task), Fault::Twice);
                assert_eq!(home.run_to_end().await, expected, "{} twice", state(&task));
                cells += 1;
            }
            let mut home = begin();
            for name in visited.iter().filter(|name| fails != Some(name.as_str())) {
                home.fault(name, Fault::Twice);
            }
            assert_eq!(home.run_to_end().await, expected, "everything twice");
            cells += 1;
        }
        println!("{}: {cells} cells, each Task run twice", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_forward_task_failed_for_good_leaves_a_clean_slate() {
    for scenario in scenarios() {
        let (forward, _) = tasks(&scenario);
        let mut cells = 0;
        for task in &forward {
            for fault in [Fault::FailBefore, Fault::FailAfter, Fault::Refused] {
                if fault == Fault::Refused && !task.waits_for_token {
                    continue;
                }
                let mut home = Home::new(&scenario);
                home.fault(state(task), fault);
                let end = home.run_to_end().await;
                assert!(home.visited().contains(state(task)), "{} was never reached", state(task));
                // The last step may have taken effect though its answer was lost: then the end is the good one, whole.
                let took_effect = fault == Fault::FailAfter && state(task) == scenario.last_forward;
                if took_effect {
                    assert_eq!(end.outcome, Outcome::Succeeded, "{fault:?} at {}", state(task));
                } else {
                    assert_eq!(end.outcome, Outcome::Compensated, "{fault:?} at {}: {end:#?}", state(task));
                    assert_eq!(end.residue, BTreeMap::new(), "{fault:?} at {} left this behind", state(task));
                    assert_eq!(
                        end.error.as_deref(),
                        Some(faulty::ERROR),
                        "the cause of {fault:?} at {}",
                        state(task)
                    );
                }
                cells += 1;
            }
        }
        println!("{}: {cells} cells, each forward Task failed for good", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_undo_task_failed_for_good_leaves_it_stuck_and_a_redrive_reaches_the_clean_slate() {
    for scenario in scenarios() {
        let (forward, undo) = tasks(&scenario);
        let mut cells = 0;
        for task in &undo {
            let mut reached = false;
            // Of the ways into the lane, the first that leads past this Task.
            for cause in forward.iter().rev() {
                let mut home = Home::new(&scenario);
                home.fault(state(cause), Fault::FailBefore);
                home.fault(state(task), Fault::FailBefore);
                let end = home.run_to_end().await;
                if !home.visited().contains(state(task)) {
                    continue;
                }
                reached = true;
                let place = format!("{} after {}", state(task), state(cause));
                assert_eq!(end.outcome, Outcome::Stuck, "{place}: {end:#?}");
                assert_eq!(end.stuck_at.as_deref(), Some(state(task)), "{place}");
                home.lift(state(task));
                let end = home.redrive_to_end().await;
                assert_eq!(end.outcome, Outcome::Compensated, "{place}: {end:#?}");
                assert_eq!(end.residue, BTreeMap::new(), "{place} left this behind");
                cells += 1;
                break;
            }
            assert!(reached, "no failure leads to {}", state(task));
        }
        println!("{}: {cells} cells, each undo Task failed for good and redriven", scenario.workflow.name);
    }
}

#[tokio::test]
async fn a_death_at_each_point_around_every_append_still_reaches_the_end() {
    for scenario in scenarios() {
        let mut cells = 0;
        for fails in [None, Some(scenario.last_forward)] {
            let begin = || begun(&scenario, fails);
            let mut whole = begin();
            let expected = whole.run_to_end().await;
            let appends = whole.appends();
            assert!(appends > 10, "{appends} appends are no run");
            for append in 0..appends {
                for point in CrashPoint::ALL {
                    let mut home = begin();
                    home.crash_at(Crash { append, point });
                    let end = home.run_to_end().await;
                    assert!(home.deaths() == 1, "no death {point:?} {append}");
                    assert_eq!(end, expected, "death {point:?} {append} of {appends}");
                    cells += 1;
                }
            }
        }
        println!("{}: {cells} cells, a death at each point around every append", scenario.workflow.name);
    }
}
