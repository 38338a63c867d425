//! What is tried, and what must come of it. Each function answers how many cells it tried, and panics at the first that
//! ends otherwise than it must.

use crate::faulty::{self, Fault};
use crate::home::{Home, Outcome};
use crate::scenario::Scenario;
use crate::world::World;
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
async fn begun<'a, W: World>(
    scenario: &'a Scenario,
    fresh: &impl AsyncFn() -> W,
    fails: Option<&str>,
) -> Home<'a, W> {
    let mut home = Home::new(scenario, fresh().await);
    if let Some(state) = fails {
        home.fault(state, Fault::FailBefore);
    }
    home
}

/// Every Task that is reached, run twice, on the good way and on the way back; then all of them at once.
pub async fn every_task_run_twice<W: World>(scenario: &Scenario, fresh: &impl AsyncFn() -> W) -> usize {
    let mut cells = 0;
    for fails in [None, Some(scenario.last_forward)] {
        let mut plain = begun(scenario, fresh, fails).await;
        let expected = plain.run_to_end().await;
        let visited = plain.visited();
        for task in scenario.workflow.definition.tasks() {
            if !visited.contains(state(&task)) || fails == Some(state(&task)) {
                continue;
            }
            let mut home = begun(scenario, fresh, fails).await;
            home.fault(state(&task), Fault::Twice);
            assert_eq!(home.run_to_end().await, expected, "{} twice", state(&task));
            cells += 1;
        }
        let mut home = begun(scenario, fresh, fails).await;
        for name in visited.iter().filter(|name| fails != Some(name.as_str())) {
            home.fault(name, Fault::Twice);
        }
        assert_eq!(home.run_to_end().await, expected, "everything twice");
        cells += 1;
    }
    cells
}

/// Every forward Task failed for good, before and after it took effect, and refused where a service answers.
pub async fn every_forward_task_failed_for_good<W: World>(
    scenario: &Scenario,
    fresh: &impl AsyncFn() -> W,
) -> usize {
    let (forward, _) = tasks(scenario);
    let mut cells = 0;
    for task in &forward {
        for fault in [Fault::FailBefore, Fault::FailAfter, Fault::Refused] {
            if fault == Fault::Refused && !task.waits_for_token {
                continue;
            }
            let mut home = Home::new(scenario, fresh().await);
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
    cells
}

/// Every undo Task failed for good: the operation is stuck at it, and a redrive reaches the clean slate once the fault
/// is lifted.
pub async fn every_undo_task_failed_for_good<W: World>(
    scenario: &Scenario,
    fresh: &impl AsyncFn() -> W,
) -> usize {
    let (forward, undo) = tasks(scenario);
    let mut cells = 0;
    for task in &undo {
        let mut reached = false;
        // Of the ways into the lane, the first that leads past this Task.
        for cause in forward.iter().rev() {
            let mut home = Home::new(scenario, fresh().await);
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
    cells
}

/// Which deaths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deaths {
    /// At each of the four points around every append. Each must strike: a run over these ports always makes the same
    /// appends.
    All,
    /// Around every append at one of the points, in turn. Over a network, commits gather differently from run to run, so
    /// that a run may have fewer appends than the one that was counted: most deaths must strike.
    OneEach,
}

/// The process dies around an append of the journal, and another takes up what is durable.
pub async fn a_death_around_an_append<W: World>(
    scenario: &Scenario,
    fresh: &impl AsyncFn() -> W,
    deaths: Deaths,
) -> usize {
    let mut cells = 0;
    for fails in [None, Some(scenario.last_forward)] {
        let mut whole = begun(scenario, fresh, fails).await;
        let expected = whole.run_to_end().await;
        let appends = whole.appends();
        assert!(appends > 10, "{appends} appends are no run");
        let mut missed = 0;
        for append in 0..appends {
            for (place, point) in (0..).zip(CrashPoint::ALL) {
                if deaths == Deaths::OneEach && append % 4 != place {
                    continue;
                }
                let mut home = begun(scenario, fresh, fails).await;
                home.crash_at(Crash { append, point });
                let end = home.run_to_end().await;
                assert!(home.deaths() <= 1, "two deaths {point:?} {append}");
                if home.deaths() == 0 {
                    assert!(deaths == Deaths::OneEach, "no death {point:?} {append}");
                    missed += 1;
                }
                assert_eq!(end, expected, "death {point:?} {append} of {appends}");
                cells += 1;
            }
        }
        assert!(missed * 5 <= appends, "{missed} of {appends} deaths did not strike");
        cells -= usize::try_from(missed).unwrap_or(cells);
    }
    cells
}
