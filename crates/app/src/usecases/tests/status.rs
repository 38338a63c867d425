//! Statuses computed from rows.

use crate::usecases::OperationStatus;
use crate::usecases::status::{Facts, Row};
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::model::{
    AttemptEnd, Operation, OperationKind, OperationPhase, Progress, ProgressState, RecordedError,
};

/// Seconds after the start of the operation.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000).saturating_add(Duration::from_secs(seconds))
}

fn error(code: &str) -> RecordedError {
    RecordedError { code: code.into(), message: "because".into(), step: None, sealed: None }
}

fn facts(phase: OperationPhase, rows: Vec<Row>) -> Facts {
    let operation = Operation {
        operation_id: "op_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
        tenant_id: "tnt_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
        kind: OperationKind::Provision,
        phase,
        attempt: 2,
        generation: 2,
        requested_by: "admin".into(),
        created_at: at(0),
        updated_at: at(0),
        ended_at: None,
        error: None,
        attempt_end: None,
        revision: 1,
    };
    Facts { operation, rows, buried: false }
}

/// A row of the current attempt, written at `updated`.
fn row(step: &str, part: &str, state: ProgressState, updated: u64) -> Row {
    let progress = Progress {
        operation_id: "op_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
        attempt: 2,
        step: step.into(),
        try_number: 1,
        state,
        started_at: at(updated),
        updated_at: at(updated),
        last_error: None,
        next_retry_at: None,
        deadline_at: None,
    };
    Row { part: part.into(), progress }
}

impl Row {
    fn deadline(mut self, seconds: u64) -> Self {
        self.progress.deadline_at = Some(at(seconds));
        self
    }

    fn retry(mut self, seconds: u64) -> Self {
        self.progress.next_retry_at = Some(at(seconds));
        self
    }

    fn error(mut self, code: &str) -> Self {
        self.progress.last_error = Some(error(code));
        self
    }
}

use ProgressState::{Failed, Running, Succeeded, Waiting};

#[test]
fn the_current_step() {
    let current = |rows: Vec<Row>| {
        let facts = facts(OperationPhase::Running, rows);
        facts.current().map(|row| (row.progress.step.clone(), row.part.clone()))
    };
    let step = |step: &str, part: &str| Some((step.to_owned(), part.to_owned()));
    assert_eq!(current(vec![]), None);
    assert_eq!(current(vec![row("A", "", Succeeded, 1), row("B", "", Running, 2)]), step("B", ""));
    assert_eq!(current(vec![row("A", "", Succeeded, 1), row("B", "", Succeeded, 2)]), step("B", ""));
    // Of several services the one that is not done yet, though another was written later.
    let services =
        vec![row("Place", "", Succeeded, 1), row("I", "a", Waiting, 2), row("I", "b", Succeeded, 3)];
    assert_eq!(current(services), step("I", "a"));
    // Its failure is old once its undo is done; what runs now is told.
    let undoing = vec![
        row("I", "a", Failed, 2),
        row("I", "b", Succeeded, 3),
        row("UndoI", "a", Succeeded, 4),
        row("UndoI", "b", Succeeded, 5),
        row("UndoPlace", "", Running, 6),
    ];
    assert_eq!(current(undoing), step("UndoPlace", ""));
    // An earlier attempt is history.
    let mut old = row("Z", "", Failed, 9);
    old.progress.attempt = 1;
    assert_eq!(current(vec![old, row("A", "", Running, 1)]), step("A", ""));
}

#[test]
fn running_or_stuck() {
    let late = 10_000;
    let cases: Vec<(&str, Vec<Row>, u64, Option<&str>)> = vec![
        ("just started", vec![], 10, None),
        ("never began", vec![], late, Some("no step has begun")),
        ("within its deadline", vec![row("A", "", Running, 5).deadline(60)], 60, None),
        ("a moment after it", vec![row("A", "", Running, 5).deadline(60)], 89, None),
        ("past it", vec![row("A", "", Running, 5).deadline(60)], 91, Some("A was to end by")),
        ("no bound", vec![row("A", "", Running, 5)], late, None),
        ("a retry is due", vec![row("A", "", Failed, 5).retry(600)], 599, None),
        ("a retry was due", vec![row("A", "", Failed, 5).retry(600)], 631, Some("retry of A was due")),
        ("between two steps", vec![row("A", "", Succeeded, 100)], 399, None),
        ("nothing after a step", vec![row("A", "", Succeeded, 100)], 401, Some("No step has begun since A")),
        (
            "one service is late, another is not",
            vec![row("I", "a", Waiting, 5).deadline(60), row("I", "b", Waiting, 5).deadline(900)],
            800,
            None,
        ),
        (
            "both are late",
            vec![row("I", "a", Waiting, 5).deadline(60), row("I", "b", Waiting, 6).deadline(900)],
            931,
            Some("I was to end by"),
        ),
        (
            "the failure is old, its compensation runs",
            vec![row("I", "a", Failed, 5).deadline(60), row("Undo", "", Running, 500).deadline(560)],
            550,
            None,
        ),
        (
            "failed for good, and nothing came after",
            vec![row("A", "", Failed, 5)],
            306,
            Some("No step has begun"),
        ),
    ];
    for (name, rows, now, reason) in cases {
        let facts = facts(OperationPhase::Running, rows);
        let stuck = facts.stuck(at(now));
        match (reason, &stuck) {
            (None, None) => assert_eq!(facts.status(at(now)), OperationStatus::Running, "{name}"),
            (Some(text), Some(stuck)) => {
                assert!(stuck.reason.contains(text), "{name}: {stuck:?}");
                assert!(stuck.remedy.contains("provision_tenant~op_01h455vb4pex5vsknk084sn02q-2"), "{name}");
                assert!(stuck.since < at(now), "{name}");
                assert_eq!(facts.status(at(now)), OperationStatus::Stuck, "{name}");
            }
            _ => panic!("{name}: {stuck:?}"),
        }
    }
}

#[test]
fn an_attempt_that_ended_is_stuck_at_its_step() {
    let mut facts =
        facts(OperationPhase::Running, vec![row("UndoPlace", "", Failed, 5).error("Store.Unavailable")]);
    let end = AttemptEnd { status: "FAILED".into(), error: error("Undo.Failed"), at: at(7) };
    facts.operation.attempt_end = Some(end);
    let stuck = facts.stuck(at(8)).unwrap();
    assert_eq!((stuck.step.as_deref(), stuck.since), (Some("UndoPlace"), at(7)));
    assert!(
        stuck.reason.contains("FAILED at UndoPlace") && stuck.reason.contains("Undo.Failed"),
        "{stuck:?}"
    );
    assert_eq!(facts.last_error().unwrap().code, "Undo.Failed");
    // What has come to an end is not stuck, whatever the rows say.
    for phase in [OperationPhase::Succeeded, OperationPhase::Failed] {
        facts.operation.phase = phase;
        assert_eq!(facts.stuck(at(10_000)), None);
    }
}

#[test]
fn the_queue_is_patient_and_dead_letters_are_not() {
    let mut facts = facts(OperationPhase::Queued, vec![]);
    assert_eq!(facts.status(at(100_000)), OperationStatus::Queued, "a long queue is no fault");
    facts.buried = true;
    assert_eq!(facts.status(at(1)), OperationStatus::Stuck);
}

#[test]
fn the_error_stays_visible_while_it_is_undone() {
    let rows = vec![row("I", "a", Failed, 5).error("Integration.Rejected"), row("Undo", "", Running, 6)];
    let facts = facts(OperationPhase::Running, rows);
    assert_eq!(facts.current().unwrap().progress.step, "Undo");
    assert_eq!(facts.last_error().unwrap().code, "Integration.Rejected");
}
