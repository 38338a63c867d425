//! Beginning executions.

use crate::canonical;
use crate::engine::{Engine, Inner};
use crate::journal::{JournalError, StartedExecution};
use crate::live::{Live, Slot};
use crate::parent::Parent;
use crate::workflows::{PORT, landed, not_taken, refused};
use serde_json::Value;
use std::sync::Arc;
use tenantry_asl::limits::PAYLOAD_DEPTH_MAX;
use tenantry_asl::{Definition, Event, Identity};
use tenantry_core::limits::PAYLOAD_BYTES_MAX;
use tenantry_core::ports::{ExecutionStatus, PortError, StartOutcome, WorkflowError};
use tenantry_core::{ExecutionId, TenantId, Timestamp};
use tokio::sync::oneshot;

/// An execution to start of any definition.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Its id.
    pub id: ExecutionId,
    /// What it runs, and stays pinned to.
    pub definition: Arc<Definition>,
    /// Its input.
    pub input: Value,
    /// What its context object shows of it.
    pub identity: Identity,
    /// Whether it is an Express execution: it runs for at most five minutes and is in no list. Its id and its ARN must
    /// be those of one ([`ExecutionId::express`]).
    pub express: bool,
}

/// What a launch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launched {
    /// As for [`tenantry_core::ports::Workflows::start`].
    pub outcome: StartOutcome,
    /// When the execution of this id was started.
    pub started_at: Timestamp,
}

/// What is known of an execution before it begins.
pub(crate) struct Beginning {
    pub(crate) id: ExecutionId,
    pub(crate) definition: Arc<Definition>,
    pub(crate) input: Value,
    pub(crate) identity: Identity,
    pub(crate) parent: Option<Parent>,
    /// Whether the journal holds the definition for sure, as it does those that the engine was opened with.
    pub(crate) stored: bool,
}

impl Engine {
    /// Starts an execution of any definition under any id; the definition is stored first. Names follow the rule of
    /// [`tenantry_core::ports::Workflows::start`].
    ///
    /// # Errors
    /// [`WorkflowError::InputTooLarge`]; [`WorkflowError::Port`] where the journal does not answer, the input is nested
    /// too deeply, or `express` contradicts the id.
    pub async fn launch(&self, launch: Launch) -> Result<Launched, WorkflowError> {
        let Launch { id, definition, input, identity, express } = launch;
        if express != id.express().is_some() || express != identity.is_express() {
            let message = format!("the id and the ARN of {id} are not those of such an execution");
            return Err(WorkflowError::Port(PortError::Refused { port: PORT, message }));
        }
        self.0.begin(Beginning { id, definition, input, identity, parent: None, stored: false }).await
    }
}

impl Inner {
    /// Starts one of the engine's own workflows.
    pub(crate) async fn start(
        self: &Arc<Self>,
        id: &ExecutionId,
        input: Value,
    ) -> Result<StartOutcome, WorkflowError> {
        let definition = self
            .workflows
            .get(id.workflow())
            .filter(|_| id.express().is_none())
            .ok_or_else(|| WorkflowError::UnknownWorkflow(id.workflow().to_owned()))?;
        let identity = self.identity(id);
        let (id, definition) = (id.clone(), Arc::clone(definition));
        let beginning = Beginning { id, definition, input, identity, parent: None, stored: true };
        let begun = self.begin(beginning).await?;
        Ok(begun.outcome)
    }

    /// What one of the engine's own workflows is called outside.
    fn identity(&self, id: &ExecutionId) -> Identity {
        Identity {
            execution_id: self.realm.execution(id.workflow(), id.name()),
            execution_name: id.name().to_owned(),
            state_machine_id: self.realm.state_machine(id.workflow()),
            state_machine_name: id.workflow().to_owned(),
            ..Identity::default()
        }
    }

    /// Starts an execution and returns once that is durable, or an earlier one of its name was found.
    pub(crate) async fn begin(self: &Arc<Self>, beginning: Beginning) -> Result<Launched, WorkflowError> {
        self.refuse_when_closing()?;
        refuse_input(&beginning.input)?;
        let Beginning { id, definition, input, identity, parent, stored } = beginning;
        if !stored && self.known_definition(definition.hash()).is_none() {
            self.journal.put_definition(definition.hash(), definition.text()).await.map_err(refused)?;
            self.learn_definition(Arc::clone(&definition));
        }
        let started = StartedExecution {
            id: id.clone(),
            tenant_id: input
                .get("tenantId")
                .and_then(Value::as_str)
                .and_then(|text| text.parse::<TenantId>().ok()),
            definition_hash: definition.hash().to_owned(),
            input_hash: canonical::hash(&input),
            at: self.clock.now(),
        };
        let (input_hash, started_at) = (started.input_hash.clone(), started.at);
        let event = Event::Started { input, identity };
        let slot = Slot::new(self.journal.next_key(), id.clone(), Live::new(definition));
        let (flight, durable) = {
            let mut live = slot.lock();
            live.last_ms = started.at.as_millis();
            live.parent = parent;
            live.gathered.started = Some(started);
            // In the map before its timers may fire.
            self.slots.insert(Arc::clone(&slot));
            if let Err(error) = self.advance(&slot, &mut live, &event, None) {
                self.retire(&slot, &mut live);
                return Err(not_taken(error));
            }
            let (sender, durable) = oneshot::channel();
            live.gathered.waiters.push(sender);
            (self.take_off(&slot, &mut live), durable)
        };
        self.spawn(flight);
        match landed(durable).await {
            Ok(()) => Ok(Launched { outcome: StartOutcome::Started, started_at }),
            Err(JournalError::NameTaken) => {
                let existing = self.find(&id).await?;
                let same = existing.input_hash == input_hash;
                let running = existing.summary.status == ExecutionStatus::Running;
                let outcome =
                    if same && running { StartOutcome::AlreadyRunning } else { StartOutcome::NameTaken };
                Ok(Launched { outcome, started_at: existing.summary.started_at })
            }
            Err(error) => Err(refused(error)),
        }
    }
}

fn refuse_input(input: &Value) -> Result<(), WorkflowError> {
    if canonical::bytes(input) > PAYLOAD_BYTES_MAX {
        return Err(WorkflowError::InputTooLarge);
    }
    if canonical::depth(input) > PAYLOAD_DEPTH_MAX {
        let message = format!("the input is nested deeper than {PAYLOAD_DEPTH_MAX} levels; flatten it");
        return Err(WorkflowError::Port(PortError::Refused { port: PORT, message }));
    }
    Ok(())
}
