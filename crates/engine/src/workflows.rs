//! The `Workflows` port.

use crate::commit::NotTaken;
use crate::dispatch::hide_token;
use crate::engine::{Engine, Inner};
use crate::journal::{Forget, JournalError, StoredExecution};
use crate::live::{Landing, Slot};
use crate::record;
use crate::recovery::RestoreError;
use serde_json::Value;
use std::sync::Arc;
use tenantry_asl::Event;
use tenantry_core::ports::{
    Execution, ExecutionFilter, ExecutionPage, ExecutionStatus, HistoryEvent, HistoryPage, PortError,
    StartOutcome, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, Timestamp};
use tokio::sync::oneshot;

pub(crate) const PORT: &str = "workflows";
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
        Box::pin(self.0.redrive(id, None))
    }
}

impl Engine {
    /// Forgets the closed executions of a machine that was deleted, and those of its Map Runs' children: their rows go,
    /// and their names are free. Open ones go on.
    ///
    /// # Errors
    /// [`WorkflowError::Port`] where the journal does not answer; what was forgotten before stays forgotten.
    pub async fn forget_machine(&self, name: &str) -> Result<(), WorkflowError> {
        let which = Forget::Machine(name.to_owned());
        self.0.journal.forget(which, Timestamp::from_millis(i64::MAX)).await.map(drop).map_err(refused)
    }

    /// Forgets the Express executions that ended before that time; answers how many.
    ///
    /// # Errors
    /// As [`Engine::forget_machine`].
    pub async fn forget_express(&self, ended_before: Timestamp) -> Result<u64, WorkflowError> {
        self.0.journal.forget(Forget::Express, ended_before).await.map_err(refused)
    }
}

impl Inner {
    async fn history(
        &self,
        id: &ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<HistoryPage, WorkflowError> {
        let stored = self.find(id).await?;
        let mut page = HistoryPage::default();
        // Newest first, places move with every row that is appended.
        let ascending_after = after.filter(|_| !descending);
        let mut skip = ascending_after.map_or(0, |after| self.pages.rows_before(stored.key, after));
        loop {
            let read =
                self.journal.rows_page(stored.key, skip, HISTORY_ROWS, descending).await.map_err(refused)?;
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
                        if let Some(next) = page.next.filter(|_| !descending) {
                            self.pages.remember(stored.key, next, skip);
                        }
                        return Ok(page);
                    }
                    let event = event.read().map_err(|error| unreadable(error.into()))?;
                    page.events.push(shown(event));
                }
                skip += 1;
            }
            if !read.more || read.rows.is_empty() {
                return Ok(page);
            }
        }
    }

    pub(crate) async fn stop(
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

    pub(crate) async fn find(&self, id: &ExecutionId) -> Result<StoredExecution, WorkflowError> {
        let found = self.journal.find(id).await.map_err(refused)?;
        found.ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))
    }

    pub(crate) fn refuse_when_closing(&self) -> Result<(), WorkflowError> {
        if self.is_closing() {
            return Err(refused(JournalError::Unavailable("the engine is shutting down".to_owned())));
        }
        Ok(())
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

pub(crate) async fn wait(
    durable: Option<oneshot::Receiver<Result<(), JournalError>>>,
) -> Result<(), WorkflowError> {
    match durable {
        Some(durable) => landed(durable).await.map_err(refused),
        None => Ok(()),
    }
}

pub(crate) fn refused(error: JournalError) -> WorkflowError {
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

pub(crate) fn unreadable(error: RestoreError) -> WorkflowError {
    match error {
        RestoreError::Journal(error) => refused(error),
        other => WorkflowError::Port(PortError::Damaged { port: PORT, message: other.to_string() }),
    }
}

pub(crate) fn standing_still() -> WorkflowError {
    WorkflowError::Port(not_taken_error(PORT, NotTaken::Faulted))
}

pub(crate) fn not_taken(error: NotTaken) -> WorkflowError {
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
