//! How far an operation has come and whether it stands still: computed from durable rows, never stored. Pure.
//!
//! *Stuck* means that nothing will happen by itself: the attempt's execution ended without bringing the operation to
//! an end; or no retry, deadline or message is due any more and no step gave a sign of life within its bound.

use serde::Serialize;
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::model::{AttemptEnd, Operation, OperationPhase, Progress, ProgressState, RecordedError};
use tenantry_core::ports::{Item, PortError};

/// How late a retry or the end of a deadline may be noticed before it counts as never.
const GRACE: Duration = Duration::from_secs(30);

/// How long there may be nothing between two steps, and between the start and the first step.
const BETWEEN_STEPS: Duration = Duration::from_secs(300);

/// An operation's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Accepted; its execution has not been started yet.
    Queued,
    /// Its execution runs.
    Running,
    /// It reached its end.
    Succeeded,
    /// It failed and everything made was undone; it can be retried.
    Failed,
    /// Nothing will happen by itself; `stuck` says why and what to do.
    Stuck,
}

/// Why an operation stands still, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// What happened.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The step at which it stands, where one is known.
    pub step: Option<String>,
    /// What to do.
    pub remedy: String,
}

/// A row of progress with the part of a Map that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) part: String,
    pub(super) progress: Progress,
}

impl Row {
    pub(super) fn of(item: &Item) -> Result<Self, PortError> {
        let part = item.key.sk().rsplit_once('#').map_or("", |(_, part)| part);
        Ok(Self { part: part.to_owned(), progress: item.record()? })
    }

    /// The latest moment at which something is due for this row.
    fn bound(&self) -> Option<Timestamp> {
        match self.progress.state {
            ProgressState::Running | ProgressState::Waiting => self.progress.deadline_at,
            ProgressState::Failed => self.progress.next_retry_at.or(self.progress.deadline_at),
            ProgressState::Succeeded => None,
        }
    }
}

/// What is known of an operation.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) operation: Operation,
    /// The rows of its current attempt.
    pub(super) rows: Vec<Row>,
    /// Whether its message lies among the dead letters.
    pub(super) buried: bool,
}

impl Facts {
    /// The latest row of each part, of the current attempt.
    fn latest(&self) -> Vec<&Row> {
        let mut latest: Vec<&Row> = Vec::new();
        let age = |row: &Row| (row.progress.updated_at, row.progress.started_at);
        for row in self.rows.iter().filter(|row| row.progress.attempt == self.operation.attempt) {
            match latest.iter_mut().find(|known| known.part == row.part) {
                Some(known) if age(known) <= age(row) => *known = row,
                Some(_) => {}
                None => latest.push(row),
            }
        }
        latest
    }

    /// The step at which the operation is: of each part the latest, of these one that has not succeeded, of these the
    /// latest.
    pub(super) fn current(&self) -> Option<&Row> {
        self.latest().into_iter().max_by_key(|row| {
            let open = row.progress.state != ProgressState::Succeeded;
            (open, row.progress.updated_at, row.progress.started_at)
        })
    }

    /// The last error: of the operation, of the attempt's end, of the current step, or of a step before it (while
    /// what it made is undone).
    pub(super) fn last_error(&self) -> Option<RecordedError> {
        let end = self.operation.attempt_end.as_ref().map(|end| &end.error);
        let own = self.operation.error.as_ref().or(end);
        own.or_else(|| self.current().and_then(|row| row.progress.last_error.as_ref()))
            .or_else(|| {
                let failed = self.rows.iter().filter(|row| {
                    row.progress.attempt == self.operation.attempt
                        && row.progress.state == ProgressState::Failed
                });
                failed.max_by_key(|row| row.progress.updated_at)?.progress.last_error.as_ref()
            })
            .cloned()
    }

    pub(super) fn status(&self, now: Timestamp) -> OperationStatus {
        match self.operation.phase {
            OperationPhase::Succeeded => OperationStatus::Succeeded,
            OperationPhase::Failed => OperationStatus::Failed,
            _ if self.stuck(now).is_some() => OperationStatus::Stuck,
            OperationPhase::Queued => OperationStatus::Queued,
            OperationPhase::Running => OperationStatus::Running,
        }
    }

    /// Why the operation stands still, where it does.
    pub(super) fn stuck(&self, now: Timestamp) -> Option<Stuck> {
        match (self.operation.phase, &self.operation.attempt_end) {
            (OperationPhase::Succeeded | OperationPhase::Failed, _) => None,
            (_, Some(end)) => Some(self.ended(end)),
            (OperationPhase::Queued, None) => self.buried.then(|| self.never_started()),
            (OperationPhase::Running, None) => self.silent(now),
        }
    }

    fn redrive(&self) -> String {
        format!("POST /v1/executions/{}/redrive", self.operation.execution_id())
    }

    fn ended(&self, end: &AttemptEnd) -> Stuck {
        let step = end.error.step.clone().or_else(|| self.current().map(|row| row.progress.step.clone()));
        let place = step.as_ref().map_or(String::new(), |step| format!(" at {step}"));
        Stuck {
            reason: format!(
                "The execution ended {}{place} without bringing the operation to an end: {}: {}",
                end.status, end.error.code, end.error.message
            ),
            since: end.at,
            step,
            remedy: format!("Remove the cause, then {}: it goes on where it failed.", self.redrive()),
        }
    }

    fn never_started(&self) -> Stuck {
        Stuck {
            reason: "The message that starts it lies among the dead letters of the queue operations."
                .to_owned(),
            since: self.operation.updated_at,
            step: None,
            remedy: "Read the reason at GET /v1/queues/operations/dead-letters, remove it, then POST \
                     /v1/queues/operations/dead-letters/redrive."
                .to_owned(),
        }
    }

    /// Running, but with nothing due any more.
    fn silent(&self, now: Timestamp) -> Option<Stuck> {
        let late = |bound: Timestamp, grace: Duration| now > bound.saturating_add(grace);
        let latest = self.latest();
        let open: Vec<&Row> = latest.iter().copied().filter(|row| row.bound().is_some()).collect();
        let sign_of_life =
            latest.iter().map(|row| row.progress.updated_at).fold(self.operation.updated_at, Timestamp::max);
        // One part of a Map, or the compensation of a step, may still be on its way while another row is old.
        if open.iter().filter_map(|row| row.bound()).any(|bound| !late(bound, GRACE)) {
            return None;
        }
        if open.is_empty() && latest.iter().any(|row| is_unbounded(row)) {
            return None;
        }
        let current = self.current();
        let due = current.and_then(Row::bound);
        let (reason, since) = match (current, due) {
            (Some(row), Some(bound)) if row.progress.state == ProgressState::Failed => {
                (format!("The retry of {} was due at {bound} and has not begun.", row.progress.step), bound)
            }
            (Some(row), Some(bound)) => (
                format!("{} was to end by {bound}, and there was no sign of life since.", row.progress.step),
                bound,
            ),
            _ if !late(sign_of_life, BETWEEN_STEPS) => return None,
            (Some(row), None) => (
                format!("No step has begun since {} ended at {sign_of_life}.", row.progress.step),
                sign_of_life,
            ),
            (None, _) => (format!("It was started at {sign_of_life}, and no step has begun."), sign_of_life),
        };
        let id = self.operation.execution_id();
        Some(Stuck {
            reason,
            since,
            step: current.map(|row| row.progress.step.clone()),
            remedy: format!(
                "Read GET /v1/executions/{id}. Where it has failed, {}. Where it runs, see that the workers run \
                 (GET /v1/queues).",
                self.redrive()
            ),
        })
    }
}

/// A step at work that named no bound: nothing says that it is late.
fn is_unbounded(row: &Row) -> bool {
    matches!(row.progress.state, ProgressState::Running | ProgressState::Waiting) && row.bound().is_none()
}
