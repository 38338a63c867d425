//! Looking at executions, as of what is durable.

use crate::dispatch::hide_token;
use crate::engine::{Engine, Inner};
use crate::journal::StoredExecution;
use crate::record::Folded;
use crate::redrive;
use crate::workflows::{standing_still, unreadable};
use std::sync::Arc;
use tenantry_asl::{Closed, Definition, Identity, MapRunView};
use tenantry_core::ports::{Execution, ExecutionStatus, WorkflowError};
use tenantry_core::{ExecutionId, Timestamp};
use tokio::sync::oneshot;

/// All that there is to say of an execution.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// What the `Workflows` port shows.
    pub execution: Execution,
    /// What its context object shows of it.
    pub identity: Identity,
    /// What it runs.
    pub definition: Arc<Definition>,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
    /// Why it cannot be redriven now, in Step Functions' words; `None` where it can.
    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
    pub not_redrivable: Option<&'static str>,
    /// The last history event's id.
    pub last_event_id: u64,
    /// Whose child it is.
    pub parent: Option<ExecutionId>,
    /// The runs of its distributed Maps, oldest first.
    pub map_runs: Vec<MapRunView>,
}

impl Engine {
    /// An execution, as of what is durable.
    ///
    /// # Errors
    /// [`WorkflowError::UnknownExecution`]; [`WorkflowError::Port`] where the journal does not answer.
    pub async fn inspect(&self, id: &ExecutionId) -> Result<Inspection, WorkflowError> {
        let inner = &self.0;
        let (stored, folded) = inner.read(id).await?;
        let definition = inner.definition(&stored.definition_hash).await.map_err(unreadable)?;
        let now = inner.clock.now();
        let ended_at = stored.summary.ended_at.unwrap_or(now);
        let not_redrivable =
            redrive::refusal(stored.summary.status, ended_at, id.express().is_some(), &folded.state, now);
        Ok(Inspection {
            identity: folded.state.identity().cloned().unwrap_or_default(),
            definition,
            redriven_at: folded.state.redriven_at_ms().map(Timestamp::from_millis),
            not_redrivable,
            map_runs: folded.state.map_runs(),
            last_event_id: folded.state.last_event_id(),
            parent: folded.parent.as_ref().map(|parent| parent.id.clone()),
            execution: shown(stored, &folded),
        })
    }

    /// Resolves once the execution is closed durably; at once where it is.
    ///
    /// # Errors
    /// [`WorkflowError::UnknownExecution`]; [`WorkflowError::Port`] where the journal does not answer, the engine shuts
    /// down, or the execution stands still after a fault.
    pub async fn ended(&self, id: &ExecutionId) -> Result<(), WorkflowError> {
        self.0.ended(id).await
    }
}

impl Inner {
    pub(crate) async fn ended(&self, id: &ExecutionId) -> Result<(), WorkflowError> {
        loop {
            let stored = self.find(id).await?;
            if stored.summary.status != ExecutionStatus::Running {
                return Ok(());
            }
            let Some(slot) = self.slots.get(stored.key) else {
                // It ended between the two looks, or its rows could not be read when the engine was opened.
                if self.find(id).await?.summary.status == ExecutionStatus::Running {
                    return Err(standing_still());
                }
                return Ok(());
            };
            let (sender, gone) = oneshot::channel();
            {
                let mut live = slot.lock();
                // Retired between the two looks: nobody would tell.
                if self.slots.get(stored.key).is_none() {
                    continue;
                }
                live.watchers.retain(|watcher| !watcher.is_closed());
                live.watchers.push(sender);
            }
            drop(slot);
            // It is never sent to; it goes when the execution is let go of.
            let _ = gone.await;
            self.refuse_when_closing()?;
        }
    }

    /// An execution's record and what its rows tell. The rows are read after the record, so they may tell of a later
    /// moment: the record decides.
    pub(crate) async fn read(&self, id: &ExecutionId) -> Result<(StoredExecution, Folded), WorkflowError> {
        let stored = self.find(id).await?;
        let folded = self.fold(stored.key).await.map_err(unreadable)?;
        Ok((stored, folded))
    }

    pub(crate) async fn describe(&self, id: &ExecutionId) -> Result<Execution, WorkflowError> {
        let (stored, folded) = self.read(id).await?;
        Ok(shown(stored, &folded))
    }
}

fn shown(stored: StoredExecution, folded: &Folded) -> Execution {
    let mut execution = Execution {
        input: folded.state.input().cloned().unwrap_or_default(),
        output: None,
        error: None,
        cause: None,
        definition_hash: stored.definition_hash,
        summary: stored.summary,
    };
    if execution.summary.status != ExecutionStatus::Running {
        match folded.state.closed() {
            Some(Closed::Succeeded { output }) => execution.output = Some(output.clone()),
            Some(Closed::Failed { error, cause } | Closed::Aborted { error, cause }) => {
                execution.error.clone_from(error);
                execution.cause.clone_from(cause);
            }
            Some(Closed::TimedOut) | None => {}
        }
    }
    execution.output.iter_mut().for_each(hide_token);
    execution
}
