//! Executions that tasks start: `states:startExecution` in all its forms, and the children of distributed Maps.
//!
//! A child's id is a function of its parent and the task, and its first row names both. So a task that is dispatched
//! again after a crash finds what it started before, and nothing is started twice. A child that ends tells its parent;
//! a parent that comes back asks after its children.

mod answer;
mod attend;
mod request;

pub(crate) use answer::ChildEnd;
pub(crate) use request::{Request, What, child_uuid, waits_for_end};

use crate::commit::Flight;
use crate::engine::Inner;
use crate::invoker::TaskFailure;
use crate::launch::Beginning;
use crate::live::{Health, Slot};
use crate::machines::Target;
use crate::parent::Parent;
use answer::failure;
use std::sync::Arc;
use std::time::Duration;
use tenantry_asl::{Event, Identity, TaskId, TaskKind};
use tenantry_core::ports::{PortError, StartOutcome, WorkflowError};
use tenantry_core::{Arn, ExecutionId, Timestamp};
use uuid::Uuid;

/// Pause before a child that could not be started is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A child that was started now or before.
struct Started {
    id: ExecutionId,
    arn: String,
    at: Timestamp,
    /// Whether it may have ended already, or will not tell us.
    ask: bool,
}

/// Why there is no child.
enum NotStarted {
    /// The task fails.
    Failed(TaskFailure),
    /// The journal does not answer.
    Unavailable(WorkflowError),
}

impl Inner {
    /// Starts what a task asks for, and tells the task.
    pub(crate) async fn start_child(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        request: Request,
    ) -> Option<Flight> {
        loop {
            match self.find_or_start(slot, task, &request).await {
                Ok(started) => return self.child_started(slot, task, &request, started),
                Err(NotStarted::Failed(failure)) => return self.take_answer(slot, task, Err(failure)),
                Err(NotStarted::Unavailable(error)) => {
                    tracing::warn!(execution = %slot.id, task, %error, "a child cannot be started now; trying again");
                }
            }
            self.clock.sleep_until(self.clock.now().saturating_add(PAUSE)).await;
            let mut live = slot.lock();
            // What memory holds of one that is being read again says nothing.
            let abandoned = live.health == Health::Sound && live.state.pending_task(task).is_none();
            if self.is_closing() || abandoned {
                live.take_call(task);
                return None;
            }
        }
    }

    async fn find_or_start(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        request: &Request,
    ) -> Result<Started, NotStarted> {
        let parent = Parent { key: slot.key, id: slot.id.clone(), task, waits: request.waits };
        let (id, definition, identity) = match &request.what {
            What::Arn(arn) => {
                let target = self.resolve(arn, request.uuid).await.map_err(NotStarted::Failed)?;
                let id = request.id(target.express).map_err(NotStarted::Failed)?;
                let identity = self.child_identity(&id, &target);
                (id, target.definition, identity)
            }
            What::Processor { definition, identity, redrive } => {
                let id = request.id(false).map_err(NotStarted::Failed)?;
                if *redrive && let Some(started) = self.redrive_child(&id, &parent, identity).await? {
                    return Ok(started);
                }
                (id, Arc::clone(definition), identity.clone())
            }
        };
        let arn = identity.execution_id.clone();
        let beginning = Beginning {
            id: id.clone(),
            definition,
            input: request.input.clone(),
            identity,
            parent: Some(parent.clone()),
            stored: false,
        };
        let begun = {
            // However many tasks ask at once, so many starts are on their way.
            let _place = self.launches.acquire().await;
            self.begin(beginning).await
        };
        let (outcome, at) = match begun {
            Ok(launched) => (launched.outcome, launched.started_at),
            Err(WorkflowError::InputTooLarge) => {
                let message = "Invalid Execution Input: 'Input exceeds the maximum number of bytes'";
                return Err(NotStarted::Failed(failure(request.uuid, "InvalidExecutionInput", message)));
            }
            Err(WorkflowError::Port(PortError::Refused { message, .. })) => {
                let message = format!("Invalid Execution Input: '{message}'");
                return Err(NotStarted::Failed(failure(request.uuid, "InvalidExecutionInput", &message)));
            }
            Err(error) => return Err(NotStarted::Unavailable(error)),
        };
        if outcome == StartOutcome::Started {
            return Ok(Started { id, arn, at, ask: false });
        }
        let (_, folded) = self.read(&id).await.map_err(NotStarted::Unavailable)?;
        let ours = folded.parent.as_ref() == Some(&parent);
        // The rule for everyone who starts an execution: one that runs with the same input is as good.
        if ours || outcome == StartOutcome::AlreadyRunning {
            return Ok(Started { id, arn, at, ask: true });
        }
        let message = format!("Execution Already Exists: '{arn}'");
        Err(NotStarted::Failed(failure(request.uuid, "ExecutionAlreadyExists", &message)))
    }

    /// Lets a Map Run's child go on that did not succeed before; `None` where there is none that could.
    async fn redrive_child(
        self: &Arc<Self>,
        id: &ExecutionId,
        parent: &Parent,
        identity: &Identity,
    ) -> Result<Option<Started>, NotStarted> {
        let (stored, folded) = match self.read(id).await {
            Ok(read) => read,
            Err(WorkflowError::UnknownExecution(_)) => return Ok(None),
            Err(error) => return Err(NotStarted::Unavailable(error)),
        };
        let (arn, at) = (identity.execution_id.clone(), stored.summary.started_at);
        let started = |ask| Ok(Some(Started { id: id.clone(), arn, at, ask }));
        if folded.parent.as_ref() == Some(parent) {
            return started(true);
        }
        let _place = self.launches.acquire().await;
        match self.redrive(id, Some(parent.clone())).await {
            Ok(()) => started(false),
            // It cannot: how it ended before is how it ends.
            Err(WorkflowError::WrongState(_)) => started(true),
            Err(error) => Err(NotStarted::Unavailable(error)),
        }
    }

    /// What an ARN stands for: one of the engine's own workflows, or what the registry knows.
    async fn resolve(&self, arn: &str, request_id: Uuid) -> Result<Target, TaskFailure> {
        if let Some(Arn::StateMachine { name, qualifier: None }) = Arn::parse(arn)
            && self.realm.owns(arn)
            && let Some(definition) = self.workflows.get(name)
        {
            return Ok(Target {
                machine: name.to_owned(),
                definition: Arc::clone(definition),
                role_arn: String::new(),
                version_arn: None,
                alias_arn: None,
                express: false,
            });
        }
        match &self.machines {
            Some(machines) => machines.resolve(arn).await,
            None => Err(failure(
                request_id,
                "StateMachineDoesNotExist",
                &format!("State Machine Does Not Exist: '{arn}'"),
            )),
        }
    }

    fn child_identity(&self, id: &ExecutionId, target: &Target) -> Identity {
        let machine = id.workflow();
        let (execution_id, execution_name) = match id.express() {
            Some((name, uuid)) => (self.realm.express(machine, name, uuid), name),
            None => (self.realm.execution(machine, id.name()), id.name()),
        };
        Identity {
            execution_id,
            execution_name: execution_name.to_owned(),
            role_arn: target.role_arn.clone(),
            state_machine_id: self.realm.state_machine(machine),
            state_machine_name: machine.to_owned(),
            state_machine_version_arn: target.version_arn.clone(),
            state_machine_alias_arn: target.alias_arn.clone(),
            map_run_arn: None,
        }
    }

    /// There is a child; perhaps it has ended, perhaps the task is gone.
    fn child_started(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        request: &Request,
        started: Started,
    ) -> Option<Flight> {
        let Started { id, arn, at, ask } = started;
        let answer = answer::started(request.uuid, &arn, at);
        if !request.waits {
            return self.take_answer(slot, task, Ok(answer));
        }
        let mut live = slot.lock();
        let call = live.take_call(task);
        // One that is being read again dispatches the task again, and finds the child.
        if self.is_closing() || live.health != Health::Sound {
            return None;
        }
        let Some(pending) = live.state.pending_task(task) else {
            // It was answered by the child's end meanwhile, or abandoned while the child was being started.
            drop(live);
            self.stop_unless_ended(id);
            return None;
        };
        if pending.kind == TaskKind::StartExecution && !pending.submitted {
            let started_at_ms = call.map_or_else(|| self.clock.now().as_millis(), |call| call.started_at_ms);
            // Not taken: the execution is read again and the task dispatched again.
            let _ = self.advance(
                slot,
                &mut live,
                &Event::TaskSubmitted { task, started_at_ms, output: answer },
                None,
            );
        }
        live.children.insert(task, id.clone());
        let flight = self.take_off(slot, &mut live);
        drop(live);
        if ask {
            self.attend(Arc::clone(slot), task, vec![id]);
        }
        flight
    }

    /// A child has ended durably: its parent's task is answered, where it still waits.
    pub(crate) fn tell_parent(self: &Arc<Self>, parent: &Parent, end: ChildEnd) {
        if !parent.waits || self.is_closing() {
            return;
        }
        // A parent that is not in memory has ended, or asks when it comes back.
        let Some(slot) = self.slots.get(parent.key) else { return };
        self.deliver(&slot, parent.task, end);
    }

    /// Answers a task with its child's end.
    fn deliver(self: &Arc<Self>, slot: &Arc<Slot>, task: TaskId, end: ChildEnd) {
        let mut live = slot.lock();
        live.children.remove(&task);
        let Some(pending) = live.state.pending_task(task) else { return };
        let (kind, submitted) = (pending.kind, pending.submitted);
        let parsed = pending.resource.ends_with(".sync:2");
        let started_at_ms = self.started_at_ms(&live, task);
        let event = if kind == TaskKind::MapChild {
            Event::ChildClosed { task, closed: end.into_closed() }
        } else {
            if !submitted {
                let request_id = child_uuid(slot, task);
                let output = answer::started(request_id, &end.identity.execution_id, end.started_at);
                // Not taken: the parent is read again, and asks after its child.
                let _ = self.advance(
                    slot,
                    &mut live,
                    &Event::TaskSubmitted { task, started_at_ms, output },
                    None,
                );
            }
            match end.into_answer(parsed) {
                Ok(output) => Event::TaskSucceeded { task, started_at_ms, output },
                Err(TaskFailure { error, cause }) => Event::TaskFailed { task, started_at_ms, error, cause },
            }
        };
        let _ = self.advance(slot, &mut live, &event, None);
        let flight = self.take_off(slot, &mut live);
        drop(live);
        self.spawn(flight);
    }

    /// A task's child that was not seen through: it is lost, which no crash does, but forgetting a machine may.
    fn child_is_gone(self: &Arc<Self>, slot: &Arc<Slot>, task: TaskId, id: &ExecutionId) {
        let cause = format!("The execution {id} that this task waited for was deleted.");
        let failure = TaskFailure { error: tenantry_asl::errors::TASK_FAILED.to_owned(), cause: Some(cause) };
        let flight = self.take_answer(slot, task, Err(failure));
        self.spawn(flight);
    }
}
