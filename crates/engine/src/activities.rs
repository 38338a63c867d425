//! Activities: tasks that wait in a queue until a worker asks for one.
//!
//! The queues are in memory only: what waits is told by the executions' rows, from which recovery fills them again.
//! An entry may be stale (its task timed out, or its execution has ended); whoever takes it looks first.

use crate::commit::Flight;
use crate::dispatch::put_token;
use crate::engine::{Engine, Inner};
use crate::invoker::TaskFailure;
use crate::journal::ExecutionKey;
use crate::live::{Landing, Slot};
use crate::workflows::{landed, refused};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenantry_asl::{Event, PendingTask, TaskId, TaskKind, errors};
use tenantry_core::ports::WorkflowError;
use tokio::sync::Notify;

/// A task that a worker took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTask {
    /// What the worker answers with.
    pub token: String,
    /// The task's input, as JSON text.
    pub input: String,
}

/// Where a waiting task stands in line: since when, and whose it is.
type Place = (i64, ExecutionKey, TaskId);

/// The tasks that wait for a worker, by their activity's ARN.
#[derive(Default)]
pub(crate) struct Activities(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: HashMap<Arc<str>, Line>,
    places: HashMap<(ExecutionKey, TaskId), (Arc<str>, i64)>,
}

#[derive(Default)]
struct Line {
    waiting: BTreeSet<Place>,
    arrived: Arc<Notify>,
}

impl Line {
    fn is_unused(&self) -> bool {
        self.waiting.is_empty() && Arc::strong_count(&self.arrived) == 1
    }
}

impl Activities {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task in line; once more changes nothing.
    pub(crate) fn put(&self, arn: &str, (at_ms, key, task): Place) {
        let mut all = self.lines();
        if all.places.contains_key(&(key, task)) {
            return;
        }
        let arn: Arc<str> = Arc::from(arn);
        all.places.insert((key, task), (Arc::clone(&arn), at_ms));
        let line = all.lines.entry(arn).or_default();
        line.waiting.insert((at_ms, key, task));
        line.arrived.notify_one();
    }

    /// Forgets a task that no longer waits.
    pub(crate) fn remove(&self, key: ExecutionKey, task: TaskId) {
        let mut all = self.lines();
        let Some((arn, at_ms)) = all.places.remove(&(key, task)) else { return };
        if let Some(line) = all.lines.get_mut(&arn) {
            line.waiting.remove(&(at_ms, key, task));
            if line.is_unused() {
                all.lines.remove(&arn);
            }
        }
    }

    fn take(&self, arn: &str) -> Option<Place> {
        let mut all = self.lines();
        let place = all.lines.get_mut(arn)?.waiting.pop_first()?;
        all.places.remove(&(place.1, place.2));
        Some(place)
    }

    fn arrivals(&self, arn: &str) -> Arc<Notify> {
        Arc::clone(&self.lines().lines.entry(Arc::from(arn)).or_default().arrived)
    }

    /// Wakes everyone who waits for an arrival.
    pub(crate) fn wake_all(&self) {
        self.lines().lines.values().for_each(|line| line.arrived.notify_waiters());
    }

    /// Forgets a line that nothing waits in and nobody waits at.
    fn leave(&self, arn: &str, arrived: Arc<Notify>) {
        let mut all = self.lines();
        drop(arrived);
        if all.lines.get(arn).is_some_and(Line::is_unused) {
            all.lines.remove(arn);
        }
    }
}

impl Engine {
    /// The oldest task of an activity that no worker took; waits up to `wait` of the engine's clock for one, and then
    /// answers `None`. That it was taken is durable before this returns it: a worker that goes away with it leaves it
    /// to its timeout or heartbeat, as Step Functions does.
    ///
    /// # Errors
    /// [`WorkflowError::Port`] where the journal does not answer, or the engine shuts down.
    pub async fn activity_task(
        &self,
        activity_arn: &str,
        worker_name: Option<&str>,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, WorkflowError> {
        let arrived = self.0.activities.arrivals(activity_arn);
        let taken = self.0.poll_activity(activity_arn, &arrived, worker_name, wait).await;
        self.0.activities.leave(activity_arn, arrived);
        taken
    }
}

impl Inner {
    async fn poll_activity(
        self: &Arc<Self>,
        arn: &str,
        arrived: &Notify,
        worker_name: Option<&str>,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, WorkflowError> {
        let until = self.clock.now().saturating_add(wait);
        loop {
            let arrival = arrived.notified();
            tokio::pin!(arrival);
            // Registered before anything is looked at, so that neither an arrival nor a shutdown can be missed.
            arrival.as_mut().enable();
            self.refuse_when_closing()?;
            while let Some(place) = self.activities.take(arn) {
                // A wake-up stands for one arrival; others may have come before.
                arrived.notify_one();
                if let Some(taken) = self.hand_over(place, worker_name).await? {
                    return Ok(Some(taken));
                }
            }
            if self.clock.now() >= until {
                return Ok(None);
            }
            tokio::select! {
                () = arrival => {}
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// Gives a task to a worker; `None` where it no longer waits.
    async fn hand_over(
        self: &Arc<Self>,
        (_, key, task): Place,
        worker_name: Option<&str>,
    ) -> Result<Option<ActivityTask>, WorkflowError> {
        let Some((taken, landing)) = self.start_task(key, task, worker_name) else { return Ok(None) };
        if let Some(landing) = landing {
            // Where the journal refused it, the execution is read again, and the task is put in line again.
            landed(landing).await.map_err(refused)?;
        }
        Ok(Some(taken))
    }

    fn start_task(
        self: &Arc<Self>,
        key: ExecutionKey,
        task: TaskId,
        worker_name: Option<&str>,
    ) -> Option<(ActivityTask, Landing)> {
        let slot = self.slots.get(key)?;
        let mut live = slot.lock();
        let pending = live.state.pending_task(task).filter(|pending| awaits_worker(pending))?;
        let mut input = Value::clone(&pending.arguments);
        let token = live.tokens.iter().find(|token| token.task == task);
        let Some(token) = token.and_then(|token| self.keys.reveal(key, token)) else {
            tracing::error!(
                execution = %slot.id,
                task,
                "the task's token cannot be opened, so no worker gets the task; was the engine started with another \
                 token key?"
            );
            return None;
        };
        put_token(&mut input, &token);
        let event = Event::TaskStarted { task, worker_name: worker_name.map(str::to_owned) };
        self.advance(&slot, &mut live, &event, None).ok()?;
        let landing = live.wait_for_durable();
        let flight = self.take_off(&slot, &mut live);
        drop(live);
        self.spawn(flight);
        Some((ActivityTask { token, input: input.to_string() }, landing))
    }

    /// Puts an activity's task in line for the workers, where there is such an activity.
    pub(crate) async fn line_up(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        arn: &str,
    ) -> Option<Flight> {
        let exists = match &self.machines {
            Some(machines) => machines.has_activity(arn).await,
            None => false,
        };
        if !exists {
            let cause = format!("The activity {arn} does not exist.");
            let failure = TaskFailure { error: errors::RUNTIME.to_owned(), cause: Some(cause) };
            return self.take_answer(slot, task, Err(failure));
        }
        let mut live = slot.lock();
        let call = live.take_call(task)?;
        if self.is_closing() || !live.state.pending_task(task).is_some_and(awaits_worker) {
            return None;
        }
        let started_at_ms = call.started_at_ms;
        let event = Event::TaskSubmitted { task, started_at_ms, output: Value::Null };
        // Not taken: the execution is read again, and the task put in line again.
        if self.advance(slot, &mut live, &event, None).is_ok() {
            self.activities.put(arn, (started_at_ms, slot.key, task));
        }
        self.take_off(slot, &mut live)
    }
}

fn awaits_worker(pending: &PendingTask) -> bool {
    pending.kind == TaskKind::Activity && !pending.submitted
}
