//! What may be redriven.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>

use crate::commit::NotTaken;
use crate::engine::Inner;
use crate::live::{Live, Slot};
use crate::parent::Parent;
use crate::workflows::{not_taken, unreadable, wait};
use std::sync::Arc;
use std::time::Duration;
use tenantry_asl::{Event, ExecutionState};
use tenantry_core::limits::HISTORY_EVENTS_MAX;
use tenantry_core::ports::{ExecutionStatus, WorkflowError};
use tenantry_core::{ExecutionId, Timestamp};

/// How long after its end an execution can be redriven.
const REDRIVABLE_PERIOD: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often an execution can be redriven.
const REDRIVES_MAX: u64 = 1000;
/// The events that a redrive itself writes, and the end.
const REDRIVE_EVENTS_MIN: u64 = 2;

/// Why an execution cannot be redriven now, in the words of `redriveStatusReason`; `None` where it can.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
pub(crate) fn refusal(
    status: ExecutionStatus,
    ended_at: Timestamp,
    express: bool,
    state: &ExecutionState,
    now: Timestamp,
) -> Option<&'static str> {
    match status {
        ExecutionStatus::Running => return Some("Execution is RUNNING and cannot be redriven"),
        ExecutionStatus::Succeeded => return Some("Execution is SUCCEEDED and cannot be redriven"),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {}
    }
    if express {
        Some("Execution is EXPRESS and cannot be redriven")
    } else if now > ended_at.saturating_add(REDRIVABLE_PERIOD) {
        Some("Execution redrivable period exceeded")
    } else if state.last_event_id() + REDRIVE_EVENTS_MIN > HISTORY_EVENTS_MAX {
        Some("Execution history event limit exceeded")
    } else if state.redrive_count() >= REDRIVES_MAX {
        Some("Execution redrive count limit exceeded")
    } else {
        None
    }
}

impl Inner {
    /// Lets an execution go on; for `parent`, where a Map Run's redrive asks for it.
    pub(crate) async fn redrive(
        self: &Arc<Self>,
        id: &ExecutionId,
        parent: Option<Parent>,
    ) -> Result<(), WorkflowError> {
        self.refuse_when_closing()?;
        if parent.is_none() && id.map_run_child().is_some() {
            return Err(WorkflowError::WrongState(format!(
                "the execution {id} is a child of a Map Run: redrive the execution that the Map Run belongs to"
            )));
        }
        let one_at_a_time = self.redrives.lock().await;
        let mut stored = self.find(id).await?;
        if let Some(slot) = self.slots.get(stored.key) {
            // An entry of it is on its way to the disk: its end, or an earlier redrive.
            let landing = slot.lock().wait_for_durable();
            wait(landing).await?;
            stored = self.find(id).await?;
        }
        let status = stored.summary.status;
        if status != ExecutionStatus::Running && self.slots.get(stored.key).is_some() {
            return Err(not_taken(NotTaken::Lost));
        }
        let folded = self.fold(stored.key).await.map_err(unreadable)?;
        let now = self.clock.now();
        let ended_at = stored.summary.ended_at.unwrap_or(now);
        if let Some(why) = refusal(status, ended_at, id.express().is_some(), &folded.state, now) {
            return Err(refused(id, status, why));
        }
        let definition = self.definition(&stored.definition_hash).await.map_err(unreadable)?;
        let slot = Slot::new(stored.key, id.clone(), Live::restored(definition, folded));
        let (flight, durable) = {
            let mut live = slot.lock();
            match parent {
                Some(parent) => live.parent = Some(parent),
                // Whoever waited for it has heard of its end.
                None => live.parent.iter_mut().for_each(|parent| parent.waits = false),
            }
            self.slots.insert(Arc::clone(&slot));
            let taken = self.advance(&slot, &mut live, &Event::Redriven, None);
            if taken.is_err() || live.gathered.payload.is_empty() {
                self.retire(&slot, &mut live);
                return Err(taken.err().map_or_else(
                    || WorkflowError::WrongState(format!("the execution {id} has nothing to go on from")),
                    not_taken,
                ));
            }
            live.gathered.reopened = true;
            let durable = live.wait_for_durable();
            (self.take_off(&slot, &mut live), durable)
        };
        drop(one_at_a_time);
        self.spawn(flight);
        wait(durable).await
    }
}

/// What the caller of a redrive hears.
fn refused(id: &ExecutionId, status: ExecutionStatus, why: &str) -> WorkflowError {
    let stands = match status {
        ExecutionStatus::Running => "is running",
        ExecutionStatus::Succeeded => "succeeded",
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
            return WorkflowError::WrongState(format!("the execution {id} cannot be redriven: {why}"));
        }
    };
    WorkflowError::WrongState(format!(
        "the execution {id} {stands}; only one that failed, timed out or was stopped can be redriven"
    ))
}
