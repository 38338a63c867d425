//! Looking at Map Runs, and changing their limits.

use crate::engine::{Engine, Inner};
use crate::live::{Landing, Slot};
use crate::workflows::{PORT, not_taken, refused, wait};
use std::sync::Arc;
use tenantry_asl::{Event, MapRunView, map_child_name_prefix};
use tenantry_core::ports::{
    ExecutionFilter, ExecutionPage, ExecutionStatus, PortError, WorkflowError, Workflows as _,
};
use tenantry_core::{Arn, ExecutionId};

/// Executions of a machine that are looked through for a Map Run that has no child to tell whose it is.
const LOOKED_THROUGH_MAX: usize = 1_000;
const PAGE: usize = 100;

/// New limits of a Map Run; `None` leaves one as it is.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateMapRun.html>
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MapRunLimits {
    /// `maxConcurrency`; 0 for no limit.
    pub max_concurrency: Option<u64>,
    /// `toleratedFailureCount`.
    pub tolerated_failure_count: Option<u64>,
    /// `toleratedFailurePercentage`, from 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
}

impl Engine {
    /// A Map Run, and the execution that it belongs to, as of what is durable; `None` where there is none of this ARN.
    ///
    /// # Errors
    /// [`WorkflowError::Port`] where the journal does not answer.
    pub async fn map_run(&self, arn: &str) -> Result<Option<(ExecutionId, MapRunView)>, WorkflowError> {
        let Some(owner) = self.0.owner_of(arn).await? else { return Ok(None) };
        let (_, folded) = self.0.read(&owner).await?;
        let found = folded.state.map_runs().into_iter().find(|run| run.arn == arn);
        Ok(found.map(|run| (owner, run)))
    }

    /// A page of a Map Run's child executions, newest start first.
    ///
    /// # Errors
    /// [`WorkflowError::Port`] where the journal does not answer, or the ARN or cursor is malformed.
    pub async fn map_children(
        &self,
        arn: &str,
        status: Option<ExecutionStatus>,
        after: Option<String>,
        limit: usize,
    ) -> Result<ExecutionPage, WorkflowError> {
        let Some(filter) = children_of(arn) else {
            let message = format!("{arn} is not the ARN of a Map Run");
            return Err(WorkflowError::Port(PortError::Refused { port: PORT, message }));
        };
        self.list(ExecutionFilter { status, ..filter }, after, limit).await
    }

    /// Changes the limits of a Map Run that is running; one that has ended stays as it is. Once `Ok(true)`, the change
    /// is durable; `false` where there is none of this ARN.
    ///
    /// # Errors
    /// [`WorkflowError::Port`] where the journal does not answer, or the execution stands still.
    pub async fn update_map_run(&self, arn: &str, limits: MapRunLimits) -> Result<bool, WorkflowError> {
        let inner = &self.0;
        inner.refuse_when_closing()?;
        let Some(owner) = inner.owner_of(arn).await? else { return Ok(false) };
        let stored = inner.find(&owner).await?;
        if let Some(slot) = inner.slots.get(stored.key) {
            let landing = inner.limit(&slot, arn, limits)?;
            wait(landing).await?;
        }
        Ok(true)
    }
}

impl Inner {
    fn limit(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        arn: &str,
        limits: MapRunLimits,
    ) -> Result<Landing, WorkflowError> {
        let MapRunLimits { max_concurrency, tolerated_failure_count, tolerated_failure_percentage } = limits;
        let event = Event::MapRunUpdated {
            map_run: arn.to_owned(),
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
        };
        let mut live = slot.lock();
        self.advance(slot, &mut live, &event, None).map_err(not_taken)?;
        let landing = live.wait_for_durable();
        let flight = self.take_off(slot, &mut live);
        drop(live);
        self.spawn(flight);
        Ok(landing)
    }

    /// The execution whose Map Run that is. Running ones are in memory; of the others a child tells; one without
    /// children is looked for among the machine's latest executions.
    async fn owner_of(&self, arn: &str) -> Result<Option<ExecutionId>, WorkflowError> {
        let Some(Arn::MapRun { machine, .. }) = Arn::parse(arn) else { return Ok(None) };
        let of_machine = |workflow: &str| {
            workflow.strip_prefix(machine).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let running = self.slots.all().into_iter().find(|slot| {
            of_machine(slot.id.workflow()) && slot.lock().state.map_runs().iter().any(|run| run.arn == arn)
        });
        if let Some(slot) = running {
            return Ok(Some(slot.id.clone()));
        }
        if let Some(filter) = children_of(arn) {
            let page = self.journal.list(filter, None, 1).await.map_err(refused)?;
            if let Some(child) = page.items.first() {
                let (_, folded) = self.read(&child.id).await?;
                if let Some(parent) = folded.parent {
                    return Ok(Some(parent.id));
                }
            }
        }
        let filter = ExecutionFilter { workflow: Some(machine.to_owned()), ..ExecutionFilter::default() };
        let mut after = None;
        for _ in 0..LOOKED_THROUGH_MAX / PAGE {
            let page = self.journal.list(filter.clone(), after, PAGE).await.map_err(refused)?;
            for summary in page.items {
                let (_, folded) = self.read(&summary.id).await?;
                if folded.state.map_runs().iter().any(|run| run.arn == arn) {
                    return Ok(Some(summary.id));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(None)
    }
}

fn children_of(arn: &str) -> Option<ExecutionFilter> {
    let Arn::MapRun { machine, label, uuid } = Arn::parse(arn)? else { return None };
    Some(ExecutionFilter {
        workflow: Some(format!("{machine}/{label}")),
        name_prefix: Some(map_child_name_prefix(uuid)),
        ..ExecutionFilter::default()
    })
}
