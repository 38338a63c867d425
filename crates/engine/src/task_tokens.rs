//! The `TaskTokens` port.

use crate::canonical;
use crate::commit::{NotTaken, millis};
use crate::engine::{Engine, Inner};
use crate::journal::JournalError;
use crate::live::{Health, Landing, Live, Slot};
use crate::record;
use crate::tokens::PresentedToken;
use crate::workflows::{landed, not_taken_error, port_error};
use serde_json::Value;
use std::sync::Arc;
use tenantry_asl::{Event, TaskId, Timer, TimerKey};
use tenantry_core::BoxFuture;
use tenantry_core::limits::{CAUSE_LENGTH_MAX, ERROR_NAME_LENGTH_MAX, PAYLOAD_BYTES_MAX};
use tenantry_core::ports::{PortError, TaskTokenError, TaskTokens};

const PORT: &str = "task tokens";

impl TaskTokens for Engine {
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            let presented = self.0.recognise(token)?;
            if canonical::bytes(&output) > PAYLOAD_BYTES_MAX {
                return Err(TaskTokenError::OutputTooLarge);
            }
            self.0.answer(presented, Answer::Succeeded(output)).await
        })
    }

    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            let presented = self.0.recognise(token)?;
            // Step Functions takes a failure without a name; `Retry` and `Catch` then see the general one.
            let error = error.unwrap_or_else(|| "States.TaskFailed".to_owned());
            limit("error", &error, ERROR_NAME_LENGTH_MAX)?;
            limit("cause", cause.as_deref().unwrap_or_default(), CAUSE_LENGTH_MAX)?;
            self.0.answer(presented, Answer::Failed(error, cause)).await
        })
    }

    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move { self.0.heartbeat(self.0.recognise(token)?).await })
    }
}

enum Answer {
    Succeeded(Value),
    Failed(String, Option<String>),
}

/// What came of a token in memory.
enum Outcome {
    /// Its task waits for it no longer, or never did; what settled it may be on its way to the disk.
    Gone(Landing),
    /// It was taken, once this has landed.
    Taken(Landing),
    /// The execution takes nothing now.
    NotTaken(NotTaken),
}

impl Engine {
    /// Whether a text is a task token of this engine's, answered or not.
    pub fn is_task_token(&self, text: &str) -> bool {
        self.0.keys.recognise(text).is_some()
    }
}

impl Inner {
    fn recognise(&self, token: &str) -> Result<PresentedToken, TaskTokenError> {
        let presented = self.keys.recognise(token).ok_or(TaskTokenError::Invalid)?;
        if self.is_closing() {
            let closing = JournalError::Unavailable("the engine is shutting down".to_owned());
            return Err(port_error(PORT, closing).into());
        }
        Ok(presented)
    }

    async fn answer(
        self: &Arc<Self>,
        presented: PresentedToken,
        answer: Answer,
    ) -> Result<(), TaskTokenError> {
        let task = presented.task;
        self.with_waiting(presented, |slot, live| {
            let started_at_ms = self.started_at_ms(live, task);
            self.submit_first(slot, live, task, started_at_ms)?;
            let event = match answer {
                Answer::Succeeded(output) => Event::TaskSucceeded { task, started_at_ms, output },
                Answer::Failed(error, cause) => Event::TaskFailed { task, started_at_ms, error, cause },
            };
            self.advance(slot, live, &event, Some(task))
        })
        .await
    }

    async fn heartbeat(self: &Arc<Self>, presented: PresentedToken) -> Result<(), TaskTokenError> {
        let task = presented.task;
        self.with_waiting(presented, |slot, live| {
            let pending = live.state.pending_task(task);
            let Some(heartbeat_millis) = pending.and_then(|task| task.heartbeat_seconds).map(millis) else {
                return Ok(());
            };
            let key = TimerKey::TaskHeartbeat(task);
            let at_ms = self.clock.now().as_millis().saturating_add(heartbeat_millis);
            let stored = live.state.timers().into_iter().find(|timer| timer.key == key);
            let journaled = stored.is_some_and(|stored| at_ms - stored.at_ms < heartbeat_millis / 3);
            if journaled && live.health == Health::Sound {
                self.wheel.arm(slot.key, live, Timer { key, at_ms });
                return Ok(());
            }
            self.advance(slot, live, &Event::TaskHeartbeat { task }, None)
        })
        .await
    }

    /// Does something with an execution whose task waits for the token, and returns once that is durable.
    async fn with_waiting(
        self: &Arc<Self>,
        presented: PresentedToken,
        act: impl FnOnce(&Slot, &mut Live) -> Result<(), NotTaken> + Send,
    ) -> Result<(), TaskTokenError> {
        let Some(slot) = self.slots.get(presented.execution) else {
            return self.gone(presented).await;
        };
        match self.act_on(&slot, &presented, act) {
            Outcome::Taken(None) => Ok(()),
            Outcome::Taken(Some(landing)) => landed(landing).await.map_err(refused),
            Outcome::NotTaken(error) => Err(not_taken(error)),
            Outcome::Gone(landing) => {
                if let Some(landing) = landing {
                    landed(landing).await.map_err(refused)?;
                }
                self.gone(presented).await
            }
        }
    }

    fn act_on(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        presented: &PresentedToken,
        act: impl FnOnce(&Slot, &mut Live) -> Result<(), NotTaken>,
    ) -> Outcome {
        let mut live = slot.lock();
        let issued = live.tokens.iter().any(|token| token.task == presented.task && token.is(presented));
        if !issued || live.state.pending_task(presented.task).is_none() {
            return Outcome::Gone(live.wait_for_durable());
        }
        let records = live.records;
        let acted = act(slot, &mut live);
        let landing = if live.records == records { None } else { live.wait_for_durable() };
        let flight = self.take_off(slot, &mut live);
        drop(live);
        self.spawn(flight);
        match acted {
            Ok(()) => Outcome::Taken(landing),
            Err(error) => Outcome::NotTaken(error),
        }
    }

    /// Whoever got the token may answer before the call that handed it over has returned: the hand-over is recorded
    /// first, with an empty answer of the service.
    fn submit_first(
        &self,
        slot: &Slot,
        live: &mut Live,
        task: TaskId,
        started_at_ms: i64,
    ) -> Result<(), NotTaken> {
        if live.state.pending_task(task).is_some_and(|pending| pending.submitted) {
            return Ok(());
        }
        let output = Value::Object(serde_json::Map::new());
        self.advance(slot, live, &Event::TaskSubmitted { task, started_at_ms, output }, None)
    }

    pub(crate) fn started_at_ms(&self, live: &Live, task: TaskId) -> i64 {
        let call = live.calls.iter().find(|call| call.task == task);
        call.map_or_else(|| self.clock.now().as_millis(), |call| call.started_at_ms)
    }

    /// Why a token that was issued is not waited for: its execution's rows tell.
    async fn gone(&self, presented: PresentedToken) -> Result<(), TaskTokenError> {
        let PresentedToken { execution, task, .. } = presented;
        let rows = self.journal.rows(execution, false).await.map_err(refused)?;
        let unreadable = |error: record::Unreadable| {
            TaskTokenError::Port(PortError::Damaged { port: PORT, message: error.to_string() })
        };
        if record::holds_answer(&rows, task).map_err(unreadable)? {
            return Err(TaskTokenError::Used);
        }
        if rows.is_empty() {
            return Err(TaskTokenError::Expired("its execution is not in the journal".to_owned()));
        }
        let folded = record::fold(&rows).map_err(unreadable)?;
        if folded.state.pending_task(task).is_some() {
            let held = self.slots.get(execution).is_some();
            return Err(not_taken(if held { NotTaken::Lost } else { NotTaken::Faulted }));
        }
        let why = if folded.state.closed().is_some() {
            "its execution has ended"
        } else {
            "it timed out, or its execution went another way"
        };
        Err(TaskTokenError::Expired(why.to_owned()))
    }
}

fn limit(what: &str, text: &str, length_max: usize) -> Result<(), TaskTokenError> {
    if text.chars().count() > length_max {
        let message = format!("the {what} is longer than {length_max} characters; shorten it");
        return Err(PortError::Refused { port: PORT, message }.into());
    }
    Ok(())
}

fn refused(error: JournalError) -> TaskTokenError {
    port_error(PORT, error).into()
}

fn not_taken(error: NotTaken) -> TaskTokenError {
    not_taken_error(PORT, error).into()
}
