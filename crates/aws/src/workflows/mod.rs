//! The state machines, on Step Functions.
//!
//! Executions are started through the alias `live`, so that each is pinned to the version that was deployed then, and
//! goes on with it. Express executions are in no list: Step Functions keeps none.

mod executions;
mod failures;
mod history;
mod lists;
mod machines;
mod of_tenant;
mod places;
mod raw;
mod redact;

pub use machines::MalformedBase;

use crate::Clients;
use crate::call::{Calls, Repeat};
use crate::task_tokens::cut;
use executions::Owners;
use failures::{Failed, code};
use lists::Marks;
use machines::Machines;
use places::Places;
use serde_json::Value;
use std::sync::Arc;
use tenantry_core::limits::{CAUSE_LENGTH_MAX, ERROR_NAME_LENGTH_MAX, PAYLOAD_BYTES_MAX};
use tenantry_core::ports::{
    Execution, ExecutionFilter, ExecutionPage, ExecutionStatus, HistoryPage, StartOutcome, Table,
    WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId};

pub(crate) const PORT: &str = "workflows";

/// The state machines of one deployment. Cheap to clone; clones share what they remember of pages.
#[derive(Clone)]
pub struct AwsWorkflows(Arc<Inner>);

pub(crate) struct Inner {
    clients: Arc<Clients>,
    calls: Calls,
    table: Arc<dyn Table>,
    machines: Machines,
    owners: Owners,
    places: Places,
    marks: Marks,
}

impl std::fmt::Debug for AwsWorkflows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsWorkflows")
    }
}

impl AwsWorkflows {
    /// The machines of these workflows. `base` is what each one's ARN begins with
    /// ([`crate::deployment::STATE_MACHINES`]): the workflow's name follows.
    ///
    /// # Errors
    /// [`MalformedBase`].
    pub fn new(
        clients: Arc<Clients>,
        calls: Calls,
        table: Arc<dyn Table>,
        base: &str,
        workflows: impl IntoIterator<Item = String>,
    ) -> Result<Self, MalformedBase> {
        let machines = Machines::new(base, workflows)?;
        let (owners, places, marks) = (Owners::default(), Places::default(), Marks::default());
        Ok(Self(Arc::new(Inner { clients, calls, table, machines, owners, places, marks })))
    }
}

impl Workflows for AwsWorkflows {
    /// Step Functions answers a repeated start of a running execution, with the same input, as it answered the first
    /// one: that is [`StartOutcome::Started`] here.
    fn start<'a>(
        &'a self,
        id: &'a ExecutionId,
        input: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>> {
        Box::pin(self.0.start(id, input))
    }

    fn describe<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>> {
        Box::pin(self.0.describe(id))
    }

    /// Step Functions lists executions by machine; a tenant's are found by its operations. Lists may be some seconds
    /// behind. A page deep in a long list reads what stands before it, unless this process did a short while ago: five
    /// calls a thousand executions.
    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        Box::pin(async move {
            match filter.tenant_id.clone() {
                Some(tenant) => self.0.list_of_tenant(&tenant, &filter, after, limit).await,
                None => self.0.list_of_machines(&filter, after, limit).await,
            }
        })
    }

    fn history<'a>(
        &'a self,
        id: &'a ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>> {
        Box::pin(self.0.history(id, after, descending, limit))
    }

    fn stop<'a>(
        &'a self,
        id: &'a ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>> {
        Box::pin(self.0.stop(id, error, cause))
    }

    fn redrive<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>> {
        Box::pin(self.0.redrive(id))
    }
}

impl Inner {
    async fn start(&self, id: &ExecutionId, input: Value) -> Result<StartOutcome, WorkflowError> {
        let unknown = || WorkflowError::UnknownWorkflow(id.workflow().to_owned());
        let machine = self.machines.alias(id.workflow()).ok_or_else(unknown)?;
        let text = input.to_string();
        if text.len() > PAYLOAD_BYTES_MAX {
            return Err(WorkflowError::InputTooLarge);
        }
        let start = || {
            let call = self.clients.sfn().start_execution().state_machine_arn(&machine);
            Box::pin(call.name(id.name()).input(&text).send())
        };
        // A repeat after a lost answer meets the execution that the first one made, with the same input.
        match self.calls.send(Repeat::Safe, start).await {
            Ok(_) => Ok(StartOutcome::Started),
            Err(error) if code(&error) == Some("ExecutionAlreadyExists") => self.name_taken(id, &input).await,
            Err(error) => Err(Failed::of(id).workflow("StartExecution", &error)),
        }
    }

    async fn name_taken(&self, id: &ExecutionId, input: &Value) -> Result<StartOutcome, WorkflowError> {
        let found = self.describe_as(id, true).await?;
        let same = serde_json::from_str::<Value>(&found.input).is_ok_and(|found| found == *input);
        if found.status == ExecutionStatus::Running && same {
            Ok(StartOutcome::AlreadyRunning)
        } else {
            Ok(StartOutcome::NameTaken)
        }
    }

    async fn stop(
        &self,
        id: &ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), WorkflowError> {
        let ended =
            || WorkflowError::WrongState(format!("the execution {id} has ended, so it cannot be stopped"));
        let arn = self.arn(id)?;
        // Step Functions takes a stop of what has ended, and does nothing.
        if self.describe_as(id, false).await?.status != ExecutionStatus::Running {
            return Err(ended());
        }
        let error = error.map(|error| cut(error, ERROR_NAME_LENGTH_MAX));
        let cause = cause.map(|cause| cut(cause, CAUSE_LENGTH_MAX));
        let stop = || {
            let call = self.clients.sfn().stop_execution().execution_arn(&arn);
            Box::pin(call.set_error(error.clone()).set_cause(cause.clone()).send())
        };
        let stopped = self.calls.send(Repeat::Safe, stop).await;
        // Of a race with its end, the description tells who won.
        let now = self.describe_as(id, false).await?.status;
        match (stopped, now) {
            (_, ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::TimedOut) => {
                Err(ended())
            }
            (Ok(_), _) => Ok(()),
            (Err(error), _) => Err(Failed::of(id).execution("StopExecution", &error)),
        }
    }

    async fn redrive(&self, id: &ExecutionId) -> Result<(), WorkflowError> {
        let arn = self.arn(id)?;
        // With one token for all tries, a repeat is told what the first one was.
        let token = self.calls.ids().next().to_string();
        let redrive = || {
            let call = self.clients.sfn().redrive_execution().execution_arn(&arn);
            Box::pin(call.client_token(&token).send())
        };
        match self.calls.send(Repeat::Safe, redrive).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failed::of(id).execution("RedriveExecution", &error)),
        }
    }

    /// The execution's ARN; [`WorkflowError::UnknownExecution`] where it is none of our workflows'.
    fn arn(&self, id: &ExecutionId) -> Result<String, WorkflowError> {
        self.machines.execution(id).ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))
    }
}
