//! Coming back: every open execution is folded from its rows, its tasks are dispatched again, its timers set again.

use crate::commit::Flight;
use crate::config::OpenError;
use crate::engine::Inner;
use crate::journal::{JournalError, StoredExecution};
use crate::live::{Health, Live, Slot};
use crate::record::{self, DeathRecord, Folded, Unreadable};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tenantry_asl::{Action, Definition, Event, PendingTask, TaskKind};
use tenantry_core::limits::ENGINE_DEATHS_MAX;

const PAGE: usize = 512;
const READS_AT_ONCE: usize = 32;
const BACKOFF_MILLIS: u64 = 100;
const BACKOFF_MILLIS_MAX: u64 = 30_000;
/// The error of an attempt that the engine died under too often.
pub(crate) const ENGINE_CRASHED: &str = "Tenantry.EngineCrashed";

/// Why an execution cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Rows(#[from] Unreadable),
    #[error("its definition {0} is not in the journal")]
    DefinitionMissing(String),
    #[error("its definition {hash} cannot be read: {message}")]
    DefinitionUnreadable { hash: String, message: String },
}

impl Inner {
    /// Folds every open execution; evaluates nothing.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), OpenError> {
        let mut after = None;
        loop {
            let page = self.journal.open_executions(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            let mut reads = futures::stream::iter(page)
                .map(|stored| async move {
                    let folded = self.fold(stored.key).await;
                    (stored, folded)
                })
                .buffered(READS_AT_ONCE);
            while let Some((stored, folded)) = reads.next().await {
                self.restore(stored, folded).await?;
            }
        }
        let slots = self.slots.all();
        if !slots.is_empty() {
            tracing::info!(executions = slots.len(), "took up the open executions");
        }
        for slot in slots {
            let flight = self.resume(&slot);
            self.spawn(flight);
            let parent = slot.lock().parent.clone();
            if let Some(parent) = parent.filter(|parent| parent.waits) {
                self.stop_if_abandoned(&slot.id, &parent).await;
            }
        }
        Ok(())
    }

    async fn restore(
        &self,
        stored: StoredExecution,
        folded: Result<Folded, RestoreError>,
    ) -> Result<(), OpenError> {
        let StoredExecution { key, summary, definition_hash, .. } = stored;
        let restored = match folded {
            Ok(folded) => self.definition(&definition_hash).await.map(|definition| (definition, folded)),
            Err(error) => Err(error),
        };
        match restored {
            Ok((definition, folded)) => {
                let live = Live::restored(definition, folded);
                self.slots.insert(Slot::new(key, summary.id, live));
                Ok(())
            }
            // A store that does not answer must not pass for an engine without work.
            Err(RestoreError::Journal(error @ JournalError::Unavailable(_))) => Err(error.into()),
            Err(error) => {
                tracing::error!(
                    execution = %summary.id,
                    %error,
                    "cannot take up an open execution; it stays open and visible, the others go on"
                );
                self.stats.faulted.add(1);
                Ok(())
            }
        }
    }

    /// An execution as its durable rows tell it.
    pub(crate) async fn fold(&self, key: u64) -> Result<Folded, RestoreError> {
        let rows = self.journal.rows(key, true).await?;
        Ok(record::fold(&rows)?)
    }

    /// The definition that an execution is pinned to.
    pub(crate) async fn definition(&self, hash: &str) -> Result<Arc<Definition>, RestoreError> {
        if let Some(known) = self.known_definition(hash) {
            return Ok(known);
        }
        let text = self.journal.get_definition(hash).await?;
        let text = text.ok_or_else(|| RestoreError::DefinitionMissing(hash.to_owned()))?;
        let definition =
            tenantry_asl::parse(&text).map_err(|diagnostics| RestoreError::DefinitionUnreadable {
                hash: hash.to_owned(),
                message: diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            })?;
        Ok(self.learn_definition(Arc::new(definition)))
    }

    /// Counts the death that its tasks in flight have met, dispatches them again, and sets the timers.
    fn resume(self: &Arc<Self>, slot: &Arc<Slot>) -> Option<Flight> {
        let mut live = slot.lock();
        self.arm_all(slot, &mut live);
        self.attend_all(slot, &live);
        // What does not run in this process does not die with it: it is looked after, and counts no death.
        let (in_flight, elsewhere): (Vec<_>, Vec<_>) = in_flight(&live).into_iter().partition(runs_here);
        let actions = elsewhere.into_iter().map(Action::Dispatch).collect();
        for dispatch in self.perform(slot, &mut live, actions) {
            self.spawn_dispatch(dispatch);
        }
        let (mut redispatched, mut killed) = (Vec::new(), Vec::new());
        for task in in_flight {
            let deaths = live.deaths.entry(task.id).or_default();
            *deaths += 1;
            if i64::from(*deaths) >= i64::from(ENGINE_DEATHS_MAX) {
                killed.push(task.id);
            } else {
                redispatched.push(task);
            }
        }
        if !redispatched.is_empty() {
            let ids: Vec<_> = redispatched.iter().map(|task| task.id).collect();
            let record = DeathRecord { redispatched: &ids, released: &[] };
            record::push(&mut live.gathered.payload, &record).expect("numbers are JSON");
            live.records += 1;
            self.stats.redispatched.add(ids.len());
            live.gathered.actions.extend(redispatched.into_iter().map(Action::Dispatch));
        }
        let started_at_ms = self.clock.now().as_millis();
        for task in killed {
            // A sibling's failure may have taken it along.
            if live.state.pending_task(task).is_none() {
                continue;
            }
            let event = Event::TaskFailed {
                task,
                started_at_ms,
                error: ENGINE_CRASHED.to_owned(),
                cause: Some(format!(
                    "the engine ended {ENGINE_DEATHS_MAX} times while this attempt was running"
                )),
            };
            if self.advance(slot, &mut live, &event, None).is_err() {
                break;
            }
        }
        self.take_off(slot, &mut live)
    }

    /// An orderly end is no death: takes back, in advance, what the next start will count.
    pub(crate) fn release(&self, slot: &Arc<Slot>) -> Option<Flight> {
        let mut live = slot.lock();
        for call in live.calls.drain(..) {
            call.cut_off.abort();
        }
        let ids: Vec<_> =
            in_flight(&live).iter().filter(|task| runs_here(task)).map(|task| task.id).collect();
        if ids.is_empty() || live.health != Health::Sound {
            return None;
        }
        let record = DeathRecord { redispatched: &[], released: &ids };
        record::push(&mut live.gathered.payload, &record).expect("numbers are JSON");
        self.take_off(slot, &mut live)
    }

    /// Reads an execution again after the journal refused an entry of it, and goes on from there.
    pub(crate) fn spawn_reload(self: &Arc<Self>, slot: Arc<Slot>) {
        let engine = Arc::clone(self);
        tokio::spawn(async move { engine.reload(slot).await });
    }

    async fn reload(self: Arc<Self>, slot: Arc<Slot>) {
        loop {
            let refusals = slot.lock().refusals;
            let pause = BACKOFF_MILLIS.saturating_mul(1 << refusals.saturating_sub(1).min(16));
            let pause = Duration::from_millis(pause.min(BACKOFF_MILLIS_MAX));
            self.clock.sleep_until(self.clock.now().saturating_add(pause)).await;
            if self.is_closing() {
                return;
            }
            match self.fold(slot.key).await {
                Ok(folded) => return self.go_on(&slot, folded),
                Err(error) => {
                    tracing::warn!(execution = %slot.id, %error, "cannot read an execution again; trying once more");
                    let mut live = slot.lock();
                    live.refusals = live.refusals.saturating_add(1);
                }
            }
        }
    }

    fn go_on(self: &Arc<Self>, slot: &Arc<Slot>, folded: Folded) {
        let mut live = slot.lock();
        live.restore(folded);
        if live.state.closed().is_some() {
            self.retire(slot, &mut live);
            return;
        }
        self.arm_all(slot, &mut live);
        self.attend_all(slot, &live);
        // The process did not die: calls that are still being made are awaited, the others made again.
        let Live { state, calls, .. } = &mut *live;
        calls.retain(|call| {
            let awaited = state.pending_task(call.task).is_some();
            if !awaited {
                call.cut_off.abort();
            }
            awaited
        });
        let actions = in_flight(&live).into_iter().map(Action::Dispatch).collect();
        let dispatches = self.perform(slot, &mut live, actions);
        drop(live);
        for dispatch in dispatches {
            self.spawn_dispatch(dispatch);
        }
    }
}

/// Whether the task's work is done within this process, and dies with it.
fn runs_here(task: &PendingTask) -> bool {
    matches!(task.kind, TaskKind::Call | TaskKind::ReadItems | TaskKind::WriteResults)
}

/// The tasks that were scheduled and neither answered nor handed over.
fn in_flight(live: &Live) -> Vec<PendingTask> {
    live.state.pending_tasks().filter(|task| !task.submitted).cloned().collect()
}
