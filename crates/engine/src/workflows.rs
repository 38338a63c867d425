//! The `Workflows` port.

use crate::canonical;
use crate::commit::NotTaken;
use crate::dispatch::hide_token;
use crate::engine::{Engine, Inner};
use crate::journal::{JournalError, StartedExecution, StoredExecution};
use crate::live::{Landing, Live, Slot};
use crate::record;
use crate::recovery::RestoreError;
use serde_json::Value;
use std::sync::Arc;
use tenantry_asl::limits::PAYLOAD_DEPTH_MAX;
use tenantry_asl::{Closed, Event, Identity};
use tenantry_core::limits::PAYLOAD_BYTES_MAX;
use tenantry_core::ports::{
    Execution, ExecutionFilter, ExecutionPage, ExecutionStatus, HistoryEvent, HistoryPage, PortError,
    StartOutcome, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, TenantId, Timestamp};
use tokio::sync::oneshot;

const PORT: &str = "workflows";
/// Rows of a history that are read at once.
const HISTORY_ROWS: usize = 128;

impl Workflows for Engine {
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

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        Box::pin(async move { self.0.journal.list(filter, after, limit).await.map_err(refused) })
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
    async fn start(self: &Arc<Self>, id: &ExecutionId, input: Value) -> Result<StartOutcome, WorkflowError> {
        self.refuse_when_closing()?;
        let definition = self
            .workflows
            .get(id.workflow())
            .ok_or_else(|| WorkflowError::UnknownWorkflow(id.workflow().to_owned()))?;
        if canonical::bytes(&input) > PAYLOAD_BYTES_MAX {
            return Err(WorkflowError::InputTooLarge);
        }
        if canonical::depth(&input) > PAYLOAD_DEPTH_MAX {
            let message = format!("the input is nested deeper than {PAYLOAD_DEPTH_MAX} levels; flatten it");
            return Err(WorkflowError::Port(PortError::Refused { port: PORT, message }));
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
        let input_hash = started.input_hash.clone();
        let event = Event::Started { input, identity: identity(id) };
        let slot = Slot::new(self.journal.next_key(), id.clone(), Live::new(Arc::clone(definition)));
        let (flight, durable) = {
            let mut live = slot.lock();
            live.last_ms = started.at.as_millis();
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
            Ok(()) => Ok(StartOutcome::Started),
            Err(JournalError::NameTaken) => {
                let existing = self.find(id).await?;
                let same = existing.input_hash == input_hash;
                Ok(if same && existing.summary.status == ExecutionStatus::Running {
                    StartOutcome::AlreadyRunning
                } else {
                    StartOutcome::NameTaken
                })
            }
            Err(error) => Err(refused(error)),
        }
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Execution, WorkflowError> {
        // The rows are read after the summary, so they may tell of a later moment: the summary decides.
        let stored = self.find(id).await?;
        let folded = self.fold(stored.key).await.map_err(unreadable)?;
        let input = folded.state.input().cloned().unwrap_or_default();
        let mut execution = Execution {
            input,
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
        Ok(execution)
    }

    async fn history(
        &self,
        id: &ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<HistoryPage, WorkflowError> {
        let stored = self.find(id).await?;
        let mut page = HistoryPage::default();
        let mut skip = 0;
        loop {
            let read =
                self.journal.rows_page(stored.key, skip, HISTORY_ROWS, descending).await.map_err(refused)?;
            skip += read.rows.len();
            for row in &read.rows {
                let mut events = record::history(row).map_err(|error| unreadable(error.into()))?;
                if descending {
                    events.reverse();
                }
                for event in events {
                    let wanted =
                        after.is_none_or(|id| if descending { event.id < id } else { event.id > id });
                    if !wanted {
                        continue;
                    }
                    if page.events.len() == limit {
                        page.next = page.events.last().map(|event| event.id);
                        return Ok(page);
                    }
                    page.events.push(shown(event));
                }
            }
            if !read.more || read.rows.is_empty() {
                return Ok(page);
            }
        }
    }

    async fn stop(
        self: &Arc<Self>,
        id: &ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), WorkflowError> {
        self.refuse_when_closing()?;
        let stored = self.find(id).await?;
        let ended =
            || WorkflowError::WrongState(format!("the execution {id} has ended, so it cannot be stopped"));
        if stored.summary.status != ExecutionStatus::Running {
            return Err(ended());
        }
        let Some(slot) = self.slots.get(stored.key) else {
            // It ended between the two looks, or its rows could not be read when the engine was opened.
            let again = self.find(id).await?;
            return Err(if again.summary.status == ExecutionStatus::Running {
                standing_still()
            } else {
                ended()
            });
        };
        let (stopped, landing) = self.abort(&slot, &Event::Aborted { error, cause });
        wait(landing).await?;
        if stopped? { Ok(()) } else { Err(ended()) }
    }

    /// Steps the stop; `false` where the execution had ended in memory, which may be on its way to the disk.
    fn abort(self: &Arc<Self>, slot: &Arc<Slot>, event: &Event) -> (Result<bool, WorkflowError>, Landing) {
        let mut live = slot.lock();
        if live.state.closed().is_some() {
            return (Ok(false), live.wait_for_durable());
        }
        if let Err(error) = self.advance(slot, &mut live, event, None) {
            return (Err(not_taken(error)), None);
        }
        let landing = live.wait_for_durable();
        let flight = self.take_off(slot, &mut live);
        drop(live);
        self.spawn(flight);
        (Ok(true), landing)
    }

    async fn redrive(self: &Arc<Self>, id: &ExecutionId) -> Result<(), WorkflowError> {
        self.refuse_when_closing()?;
        let one_at_a_time = self.redrives.lock().await;
        let mut stored = self.find(id).await?;
        if let Some(slot) = self.slots.get(stored.key) {
            // An entry of it is on its way to the disk: its end, or an earlier redrive.
            let landing = slot.lock().wait_for_durable();
            wait(landing).await?;
            stored = self.find(id).await?;
        }
        refuse_redrive_of(id, stored.summary.status)?;
        if self.slots.get(stored.key).is_some() {
            return Err(not_taken(NotTaken::Lost));
        }
        let folded = self.fold(stored.key).await.map_err(unreadable)?;
        let definition = self.definition(&stored.definition_hash).await.map_err(unreadable)?;
        let slot = Slot::new(stored.key, id.clone(), Live::restored(definition, folded));
        let (flight, durable) = {
            let mut live = slot.lock();
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

    async fn find(&self, id: &ExecutionId) -> Result<StoredExecution, WorkflowError> {
        let found = self.journal.find(id).await.map_err(refused)?;
        found.ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))
    }

    fn refuse_when_closing(&self) -> Result<(), WorkflowError> {
        if self.is_closing() {
            return Err(refused(JournalError::Unavailable("the engine is shutting down".to_owned())));
        }
        Ok(())
    }
}

fn refuse_redrive_of(id: &ExecutionId, status: ExecutionStatus) -> Result<(), WorkflowError> {
    let stands = match status {
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => return Ok(()),
        ExecutionStatus::Running => "is running",
        ExecutionStatus::Succeeded => "succeeded",
    };
    Err(WorkflowError::WrongState(format!(
        "the execution {id} {stands}; only one that failed, timed out or was stopped can be redriven"
    )))
}

fn identity(id: &ExecutionId) -> Identity {
    Identity {
        execution_id: id.to_string(),
        execution_name: id.name().to_owned(),
        role_arn: String::new(),
        state_machine_id: id.workflow().to_owned(),
        state_machine_name: id.workflow().to_owned(),
        ..Identity::default()
    }
}

fn shown(event: tenantry_asl::HistoryEvent) -> HistoryEvent {
    let tenantry_asl::HistoryEvent { id, previous_id, timestamp_ms, event_type, mut details } = event;
    hide_token(&mut details);
    HistoryEvent { id, previous_id, timestamp: Timestamp::from_millis(timestamp_ms), event_type, details }
}

/// The answer of whoever lands the entry.
pub(crate) async fn landed(durable: oneshot::Receiver<Result<(), JournalError>>) -> Result<(), JournalError> {
    durable.await.unwrap_or_else(|_| Err(JournalError::Unavailable("the engine has gone".to_owned())))
}

async fn wait(durable: Option<oneshot::Receiver<Result<(), JournalError>>>) -> Result<(), WorkflowError> {
    match durable {
        Some(durable) => landed(durable).await.map_err(refused),
        None => Ok(()),
    }
}

fn refused(error: JournalError) -> WorkflowError {
    WorkflowError::Port(port_error(PORT, error))
}

pub(crate) fn port_error(port: &'static str, error: JournalError) -> PortError {
    match error {
        JournalError::Unavailable(message) => PortError::Unavailable { port, message },
        JournalError::Refused(message) => PortError::Refused { port, message },
        error @ (JournalError::Damaged(_) | JournalError::NameTaken) => {
            PortError::Damaged { port, message: error.to_string() }
        }
    }
}

fn unreadable(error: RestoreError) -> WorkflowError {
    match error {
        RestoreError::Journal(error) => refused(error),
        other => WorkflowError::Port(PortError::Damaged { port: PORT, message: other.to_string() }),
    }
}

fn standing_still() -> WorkflowError {
    WorkflowError::Port(not_taken_error(PORT, NotTaken::Faulted))
}

fn not_taken(error: NotTaken) -> WorkflowError {
    WorkflowError::Port(not_taken_error(PORT, error))
}

pub(crate) fn not_taken_error(port: &'static str, error: NotTaken) -> PortError {
    let message = match error {
        NotTaken::Lost => "the journal refused an entry and the execution is being read again; try again",
        NotTaken::Faulted => {
            "the execution stands still after a fault of the engine; the log names it, and a restart takes it up again"
        }
    };
    PortError::Unavailable { port, message: message.to_owned() }
}
