//! Commit before it leaves: from an event to a durable entry, and only then to what follows from it.
//!
//! `advance` steps in memory, `take_off` puts an entry in line at the journal, `land` waits until it is durable and
//! performs what it led to. In memory an execution runs ahead; outside, nothing shows before it is durable.

use crate::children::ChildEnd;
use crate::dispatch::{Dispatch, asks_for_token};
use crate::engine::Inner;
use crate::journal::{ClosedExecution, Entry, JournalError};
use crate::live::{Gathered, Health, Live, Slot};
use crate::record::{self, Checkpoint, CheckpointRecord, Moment, TransitionRecord};
use crate::timers::Due;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenantry_asl::{Action, Closed, Env, Event, PendingTask, TaskId, TaskKind, Timer, TimerKey};
use tenantry_core::ports::ExecutionStatus;
use tenantry_core::{BoxFuture, Timestamp};
use tokio::sync::Notify;

/// An execution that never parks is checkpointed after this many times the records of one that does.
const BUSY_CHECKPOINT_FACTOR: usize = 20;

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// What is in memory is being read again; it can be tried again.
    Lost,
    /// The execution stands still after a fault of the engine.
    Faulted,
}

/// An entry on its way to the disk, and what is to be done once it is there.
pub(crate) struct Flight {
    slot: Arc<Slot>,
    durable: BoxFuture<'static, Result<(), JournalError>>,
    actions: Vec<Action>,
    closes: bool,
}

/// What a landed entry led to.
#[derive(Default)]
pub(crate) struct Landed {
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) next: Option<Flight>,
}

/// Counts the entries that are on their way.
#[derive(Default)]
pub(crate) struct Flights {
    count: AtomicUsize,
    landed: Notify,
}

impl Flights {
    fn begin(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    fn end(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.landed.notify_waiters();
        }
    }

    /// Returns once nothing is on its way.
    pub(crate) async fn all_landed(&self) {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            // Registered before the count is read, so that the last landing cannot be missed.
            landed.as_mut().enable();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            landed.await;
        }
    }
}

impl Inner {
    /// Steps one event and gathers its record. `answered` names the task whose token was answered with it.
    pub(crate) fn advance(
        &self,
        slot: &Slot,
        live: &mut Live,
        event: &Event,
        answered: Option<TaskId>,
    ) -> Result<(), NotTaken> {
        match live.health {
            Health::Sound => {}
            Health::Lost => return Err(NotTaken::Lost),
            Health::Faulted => return Err(NotTaken::Faulted),
        }
        // A wall clock may be set back; an execution's history never goes back.
        let moment = Moment { now_ms: self.clock.now().as_millis().max(live.last_ms), seed: self.seed() };
        let env = Env { now_ms: moment.now_ms, seed: moment.seed, evaluator: &*self.evaluator };
        let stepped =
            catch_unwind(AssertUnwindSafe(|| tenantry_asl::step(&live.definition, &live.state, event, &env)));
        let Ok(transition) = stepped else {
            return Err(self.fault(slot, live, "a step panicked"));
        };
        if transition.is_empty() && answered.is_none() {
            return Ok(());
        }
        let tokens: Vec<_> = transition
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Dispatch(task) if gets_token(task) => {
                    Some(self.keys.mint(&*self.ids, slot.key, task.id))
                }
                _ => None,
            })
            .collect();
        let kept = without_what_the_change_holds(live, event);
        let record = TransitionRecord {
            event: kept.as_ref().unwrap_or(event),
            env: moment,
            history: &transition.history,
            change: &transition.change,
            tokens: &tokens,
            answered,
            parent: live.parent.as_ref().filter(|_| matches!(event, Event::Started { .. } | Event::Redriven)),
        };
        let gathered_before = live.gathered.payload.len();
        if record::push(&mut live.gathered.payload, &record).is_err() {
            return Err(self.fault(slot, live, "a transition cannot be written as JSON"));
        }
        if catch_unwind(AssertUnwindSafe(|| live.state.apply(&transition.change))).is_err() {
            live.gathered.payload.truncate(gathered_before);
            return Err(self.fault(slot, live, "a change cannot be applied"));
        }
        live.last_ms = moment.now_ms;
        live.tokens.extend(tokens);
        live.records += 1;
        self.stats.transitions.add(1);
        for action in transition.actions {
            self.take_up(slot, live, action, moment.now_ms);
        }
        self.forget_what_is_gone(live);
        Ok(())
    }

    /// Timers are only reminders of this process, so they are set at once; the rest waits for the disk.
    fn take_up(&self, slot: &Slot, live: &mut Live, action: Action, now_ms: i64) {
        match action {
            Action::SetTimer(timer) => self.wheel.arm(slot.key, live, timer),
            Action::ClearTimer { key } => self.wheel.disarm(slot.key, live, key),
            Action::Close(closed) => {
                self.wheel.disarm_all(slot.key, live);
                live.gathered.closed =
                    Some(ClosedExecution { status: status(&closed), at: Timestamp::from_millis(now_ms) });
            }
            Action::Dispatch(_) | Action::Abandon { .. } => live.gathered.actions.push(action),
        }
    }

    fn forget_what_is_gone(&self, live: &mut Live) {
        let state = &live.state;
        live.tokens.retain_mut(|token| match state.pending_task(token.task) {
            None => false,
            Some(task) => {
                if task.submitted {
                    token.acknowledge();
                }
                true
            }
        });
        live.deaths.retain(|task, _| state.pending_task(*task).is_some());
    }

    fn fault(&self, slot: &Slot, live: &mut Live, what: &'static str) -> NotTaken {
        tracing::error!(
            execution = %slot.id,
            "{what}: the execution stands still, open and visible, until the engine is started again; no other is \
             touched"
        );
        self.wheel.disarm_all(slot.key, live);
        live.health = Health::Faulted;
        self.stats.faulted.add(1);
        NotTaken::Faulted
    }

    /// Puts what was gathered in line at the journal, unless an entry of this execution is on its way: then its
    /// landing does it.
    pub(crate) fn take_off(&self, slot: &Arc<Slot>, live: &mut Live) -> Option<Flight> {
        if live.writing || live.gathered.payload.is_empty() {
            return None;
        }
        let Gathered { started, mut payload, actions, waiters, closed, reopened } =
            std::mem::take(&mut live.gathered);
        let checkpoint = self.checkpoint(slot, live, &mut payload);
        live.writing = true;
        live.waiting = waiters;
        let closes = closed.is_some();
        self.flights.begin();
        self.stats.entries.add(1);
        let entry = Entry { execution: slot.key, started, payload, checkpoint, closed, reopened };
        let durable = self.journal.append(entry);
        Some(Flight { slot: Arc::clone(slot), durable, actions, closes })
    }

    fn checkpoint(&self, slot: &Slot, live: &mut Live, payload: &mut Vec<u8>) -> bool {
        let due = live.records > self.checkpoint_records
            && (live.state.is_parked() || live.records > self.checkpoint_records * BUSY_CHECKPOINT_FACTOR);
        if !due || live.health != Health::Sound {
            return false;
        }
        let Live { state, tokens, deaths, last_ms, parent, .. } = &*live;
        let checkpoint = Checkpoint { state, tokens, deaths, last_ms: *last_ms, parent: parent.as_ref() };
        let record = CheckpointRecord { checkpoint };
        match record::push(payload, &record) {
            Ok(()) => {
                live.records = 0;
                true
            }
            Err(error) => {
                tracing::warn!(execution = %slot.id, %error, "no checkpoint was written; recovery reads all rows");
                false
            }
        }
    }

    /// Sees a flight, and all that follow from it, to their end.
    pub(crate) fn spawn(self: &Arc<Self>, flight: Option<Flight>) {
        if let Some(flight) = flight {
            let engine = Arc::clone(self);
            tokio::spawn(async move { engine.run(flight).await });
        }
    }

    /// One task carries a whole sequence: it lands an entry, makes the call that it led to, and takes off again.
    async fn run(self: Arc<Self>, flight: Flight) {
        let mut next = Some(flight);
        while let Some(flight) = next.take() {
            #[cfg(any(test, feature = "testing"))]
            self.dispatch_early(&flight);
            let Landed { mut dispatches, next: following } = self.land(flight).await;
            next = following;
            let own = if next.is_none() { dispatches.pop() } else { None };
            for dispatch in dispatches {
                self.spawn_dispatch(dispatch);
            }
            if let Some(dispatch) = own {
                next = self.carry_out(dispatch).await;
            }
        }
    }

    /// The fault that the proof of durability must catch.
    #[cfg(any(test, feature = "testing"))]
    fn dispatch_early(self: &Arc<Self>, flight: &Flight) {
        if self.dispatches_early {
            let dispatches = self.perform(&flight.slot, &mut flight.slot.lock(), flight.actions.clone());
            for dispatch in dispatches {
                self.spawn_dispatch(dispatch);
            }
        }
    }

    /// Makes a call in a task of its own.
    pub(crate) fn spawn_dispatch(self: &Arc<Self>, dispatch: Dispatch) {
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(flight) = engine.carry_out(dispatch).await {
                engine.run(flight).await;
            }
        });
    }

    async fn land(self: &Arc<Self>, flight: Flight) -> Landed {
        let Flight { slot, durable, actions, closes } = flight;
        let result = durable.await;
        let mut live = slot.lock();
        live.writing = false;
        let mut waiters = std::mem::take(&mut live.waiting);
        let mut child_end = None;
        let mut ended = false;
        let landed = match &result {
            Ok(()) => {
                live.durable = true;
                live.refusals = 0;
                let dispatches = self.perform(&slot, &mut live, actions);
                if closes && live.state.closed().is_some() {
                    ended = true;
                    child_end = live.parent.clone().zip(ChildEnd::of_live(&live));
                    self.retire(&slot, &mut live);
                }
                Landed { dispatches, next: self.take_off(&slot, &mut live) }
            }
            Err(error) => {
                waiters.append(&mut std::mem::take(&mut live.gathered).waiters);
                self.lose(&slot, &mut live, error);
                Landed::default()
            }
        };
        drop(live);
        if let Some((parent, end)) = child_end {
            self.tell_parent(&parent, end);
        }
        if ended && let Some(machines) = &self.machines {
            machines.ended(&slot.id);
        }
        for waiter in waiters {
            // Whoever asked may have gone away.
            let _ = waiter.send(result.clone());
        }
        self.flights.end();
        landed
    }

    /// Lets go of an execution that has ended for good.
    pub(crate) fn retire(&self, slot: &Slot, live: &mut Live) {
        self.wheel.disarm_all(slot.key, live);
        for call in live.calls.drain(..) {
            call.cut_off.abort();
        }
        self.slots.remove(slot.key);
        live.watchers.clear();
    }

    /// The journal did not take an entry: what memory holds beyond it never happened.
    fn lose(self: &Arc<Self>, slot: &Arc<Slot>, live: &mut Live, error: &JournalError) {
        if !live.durable {
            self.retire(slot, live);
            return;
        }
        tracing::warn!(execution = %slot.id, %error, "the journal did not take an entry; the execution is read again");
        self.wheel.disarm_all(slot.key, live);
        if live.health == Health::Sound {
            live.health = Health::Lost;
        }
        live.refusals = live.refusals.saturating_add(1);
        self.spawn_reload(Arc::clone(slot));
    }

    /// A timer's time has come.
    pub(crate) fn fire(self: &Arc<Self>, (at_ms, key, timer): Due) {
        let Some(slot) = self.slots.get(key) else { return };
        let mut live = slot.lock();
        let Some(index) = live.armed.iter().position(|armed| *armed == Timer { key: timer, at_ms }) else {
            return;
        };
        live.armed.swap_remove(index);
        // Not taken: the execution is read again and sets its timers anew, or it stands still and the log says so.
        let _ = self.advance(&slot, &mut live, &Event::TimerFired { timer }, None);
        let flight = self.take_off(&slot, &mut live);
        drop(live);
        self.spawn(flight);
    }

    /// Sets an execution's timers as its durable state tells. After a downtime a task's heartbeat deadline is not
    /// before the start plus its heartbeat; timeouts and waits stay where they were.
    pub(crate) fn arm_all(&self, slot: &Slot, live: &mut Live) {
        let now_ms = self.clock.now().as_millis();
        for mut timer in live.state.timers() {
            if let TimerKey::TaskHeartbeat(task) = timer.key
                && let Some(seconds) = live.state.pending_task(task).and_then(|task| task.heartbeat_seconds)
            {
                timer.at_ms = timer.at_ms.max(now_ms.saturating_add(millis(seconds)));
            }
            self.wheel.arm(slot.key, live, timer);
        }
    }

    fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.ids.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// A Map Run's items, and what its children came to, stand in the change; a row need not hold them twice.
fn without_what_the_change_holds(live: &Live, event: &Event) -> Option<Event> {
    match event {
        Event::TaskSucceeded { task, started_at_ms, .. } => {
            let pending = live.state.pending_task(*task)?;
            (pending.kind == TaskKind::ReadItems).then(|| Event::TaskSucceeded {
                task: *task,
                started_at_ms: *started_at_ms,
                output: Value::Null,
            })
        }
        Event::ChildClosed { task, closed: Closed::Succeeded { .. } } => {
            Some(Event::ChildClosed { task: *task, closed: Closed::Succeeded { output: Value::Null } })
        }
        _ => None,
    }
}

/// A task that waits for its token has one, and one that hands it on to the execution that it starts.
fn gets_token(task: &PendingTask) -> bool {
    match task.kind {
        TaskKind::Activity => true,
        TaskKind::StartExecution => task.waits_for_token || asks_for_token(&task.arguments),
        _ => task.waits_for_token,
    }
}

pub(crate) fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

pub(crate) fn status(closed: &Closed) -> ExecutionStatus {
    match closed {
        Closed::Succeeded { .. } => ExecutionStatus::Succeeded,
        Closed::Failed { .. } => ExecutionStatus::Failed,
        Closed::TimedOut => ExecutionStatus::TimedOut,
        Closed::Aborted { .. } => ExecutionStatus::Aborted,
    }
}
