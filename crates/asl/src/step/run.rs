//! A copy-on-write view of the state, and the change that it amounts to.

use super::map_run::{self, MapRunDraft};
use super::probe::Probe;
use crate::state::{
    Activity, Change, Frame, FrameChange, FrameId, FramePatch, MapRunId, Payload, Start, TaskChange,
};
use crate::{
    Action, Closed, Definition, Env, ExecutionState, HistoryEvent, PendingTask, TaskId, Timer, TimerKey,
    Transition,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// After so much history, a step ends and asks to be called again at once, so that a loop without tasks cannot hold a
/// runtime's thread or grow one journal row without end.
const HISTORY_EVENTS_PER_STEP: usize = 1_000;
const HISTORY_BYTES_PER_STEP: usize = 2 * 1024 * 1024;

/// Something to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Enter the state that the frame is ready for.
    Enter(FrameId),
    /// Do again what the frame's state does, without entering it anew: a retry or a redrive.
    Execute(FrameId),
}

impl Work {
    pub(super) fn frame(self) -> FrameId {
        match self {
            Work::Enter(frame) | Work::Execute(frame) => frame,
        }
    }
}

pub(super) struct Run<'a> {
    pub(super) definition: &'a Definition,
    pub(super) base: &'a ExecutionState,
    pub(super) env: &'a Env<'a>,
    /// Set where one state is tested.
    pub(super) probe: Option<&'a Probe>,
    pub(super) history: Vec<HistoryEvent>,
    pub(super) history_bytes: usize,
    pub(super) queue: VecDeque<Work>,
    pub(super) start: Option<Arc<Start>>,
    pub(super) redriven: bool,
    pub(super) closed: Option<Closed>,
    pub(super) last_event: u64,
    /// The history is full: the execution must end.
    pub(super) exhausted: bool,
    /// How many expressions were evaluated; each has a seed of its own.
    pub(super) evaluations: std::cell::Cell<u64>,
    /// The last payload that was written as text: a state's output is the next one's input.
    pub(super) written: Option<(Payload, Arc<str>)>,
    /// The timer whose firing is handled: the runtime need not be told that it is gone.
    pub(super) fired: Option<TimerKey>,
    next_frame: FrameId,
    next_task: TaskId,
    /// Touched frames; `None` is removed.
    frames: BTreeMap<FrameId, Option<Frame>>,
    tasks: BTreeMap<TaskId, TaskChange>,
    timers: BTreeMap<TimerKey, Option<i64>>,
    /// Touched Map Runs.
    pub(super) map_runs: BTreeMap<MapRunId, MapRunDraft>,
    /// Tasks to dispatch and to abandon, in order.
    dispatches: Vec<Action>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        definition: &'a Definition,
        base: &'a ExecutionState,
        env: &'a Env<'a>,
        probe: Option<&'a Probe>,
    ) -> Self {
        Run {
            definition,
            base,
            env,
            probe,
            history: Vec::new(),
            history_bytes: 0,
            queue: VecDeque::new(),
            start: base.start.clone(),
            redriven: false,
            closed: None,
            last_event: base.last_event_id,
            exhausted: false,
            evaluations: std::cell::Cell::new(0),
            written: None,
            fired: None,
            next_frame: base.next_frame,
            next_task: base.next_task,
            frames: BTreeMap::new(),
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            map_runs: BTreeMap::new(),
            dispatches: Vec::new(),
        }
    }

    /// Works until nothing can go on without an answer or a timer.
    pub(super) fn drive(&mut self) {
        while let Some(work) = self.queue.pop_front() {
            if self.closed.is_some() || self.probe.is_some_and(Probe::has_ended) {
                return;
            }
            if self.history.len() >= HISTORY_EVENTS_PER_STEP || self.history_bytes >= HISTORY_BYTES_PER_STEP {
                self.put_off(work);
                continue;
            }
            match work {
                Work::Enter(frame) => self.enter(frame),
                Work::Execute(frame) => self.execute(frame),
            }
            if self.exhausted && self.closed.is_none() {
                self.close_exhausted();
            }
        }
    }

    /// Leaves the rest to a timer that is due now.
    fn put_off(&mut self, work: Work) {
        if let (Work::Execute(_), Some(frame)) = (work, self.frame_mut(work.frame())) {
            frame.activity = Activity::Backoff;
        }
        self.set_timer(TimerKey::Frame(work.frame()), self.env.now_ms);
    }

    // Frames.

    pub(super) fn frame(&self, id: FrameId) -> Option<&Frame> {
        match self.frames.get(&id) {
            Some(touched) => touched.as_ref(),
            None => self.base.frames.get(&id),
        }
    }

    pub(super) fn frame_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        let base = self.base;
        self.frames.entry(id).or_insert_with(|| base.frames.get(&id).cloned()).as_mut()
    }

    pub(super) fn put_frame(&mut self, id: FrameId, frame: Frame) {
        self.frames.insert(id, Some(frame));
    }

    pub(super) fn remove_frame(&mut self, id: FrameId) {
        self.clear_timer(TimerKey::Frame(id));
        self.frames.insert(id, None);
    }

    /// Numbers for that many new frames; the first of them.
    pub(super) fn reserve_frames(&mut self, count: u64) -> FrameId {
        let first = self.next_frame;
        self.next_frame += count;
        first
    }

    /// The frames that were there before and those made since.
    pub(super) fn frame_ids(&self) -> Vec<FrameId> {
        let mut ids: Vec<FrameId> = self.base.frames.keys().chain(self.frames.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    // Tasks.

    pub(super) fn task(&self, id: TaskId) -> Option<(FrameId, &PendingTask)> {
        match self.tasks.get(&id) {
            Some(TaskChange::Scheduled { frame, task, .. }) => Some((*frame, task)),
            Some(TaskChange::Gone) => None,
            Some(TaskChange::Submitted | TaskChange::Told) | None => {
                self.base.tasks.get(&id).map(|entry| (entry.frame, &entry.task))
            }
        }
    }

    pub(super) fn next_task_id(&mut self) -> TaskId {
        let id = self.next_task;
        self.next_task += 1;
        id
    }

    pub(super) fn schedule(&mut self, frame: FrameId, task: PendingTask) {
        self.dispatches.push(Action::Dispatch(task.clone()));
        self.tasks.insert(task.id, TaskChange::Scheduled { frame, at_ms: self.env.now_ms, task });
    }

    /// Whether history tells of the task. Only an activity's waits to be told.
    pub(super) fn is_told(&self, id: TaskId) -> bool {
        match self.tasks.get(&id) {
            Some(TaskChange::Told | TaskChange::Submitted) => true,
            Some(TaskChange::Scheduled { .. } | TaskChange::Gone) => false,
            None => self.base.tasks.get(&id).is_some_and(|entry| entry.told),
        }
    }

    pub(super) fn mark_told(&mut self, id: TaskId) {
        self.tasks.insert(id, TaskChange::Told);
    }

    pub(super) fn mark_submitted(&mut self, id: TaskId) {
        self.tasks.insert(id, TaskChange::Submitted);
    }

    /// The task has its answer.
    pub(super) fn settle_task(&mut self, id: TaskId) {
        self.clear_timer(TimerKey::TaskTimeout(id));
        self.clear_timer(TimerKey::TaskHeartbeat(id));
        self.tasks.insert(id, TaskChange::Gone);
    }

    /// The task's answer is no longer wanted.
    pub(super) fn abandon_task(&mut self, id: TaskId) {
        if self.task(id).is_none() {
            return;
        }
        if self.base.tasks.contains_key(&id) {
            self.dispatches.push(Action::Abandon { task: id });
            self.settle_task(id);
        } else {
            // Scheduled in this very step: it never leaves.
            self.settle_task(id);
            self.tasks.remove(&id);
            self.dispatches.retain(|action| !matches!(action, Action::Dispatch(task) if task.id == id));
        }
    }

    pub(super) fn task_ids(&self) -> Vec<TaskId> {
        let scheduled =
            self.tasks.iter().filter(|(_, change)| matches!(change, TaskChange::Scheduled { .. }));
        let mut ids: Vec<TaskId> = self.base.tasks.keys().copied().collect();
        ids.extend(scheduled.map(|(id, _)| *id));
        ids
    }

    // Timers.

    pub(super) fn timer(&self, key: TimerKey) -> Option<i64> {
        match self.timers.get(&key) {
            Some(touched) => *touched,
            None => self.base.timers.get(&key).copied(),
        }
    }

    pub(super) fn set_timer(&mut self, key: TimerKey, at_ms: i64) {
        self.timers.insert(key, Some(at_ms));
    }

    pub(super) fn clear_timer(&mut self, key: TimerKey) {
        if self.timer(key).is_some() {
            self.timers.insert(key, None);
        }
    }

    /// The tasks whose timers of a kind are due, in the order in which they were due.
    pub(super) fn tasks_due(&self, task_of: impl Fn(TimerKey) -> Option<TaskId>) -> Vec<TaskId> {
        let mut due: Vec<(i64, TaskId)> = self
            .base
            .timers
            .keys()
            .filter_map(|&key| {
                let at_ms = self.timer(key).filter(|at_ms| *at_ms <= self.env.now_ms)?;
                Some((at_ms, task_of(key)?))
            })
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, task)| task).collect()
    }

    pub(super) fn clear_all_timers(&mut self) {
        self.timers = self.base.timers.keys().map(|&key| (key, None)).collect();
    }

    // The end.

    pub(super) fn into_transition(mut self) -> Transition {
        let base = self.base;
        let fired = self.fired;
        // A timer that fired is gone for the runtime, so that the same time must be told again.
        let is_news = |key: &TimerKey, at_ms: &Option<i64>| base.timers.get(key).copied() != *at_ms;
        let mut actions = self.dispatches;
        match &self.closed {
            // Closing says that every timer is gone.
            Some(closed) => actions.push(Action::Close(closed.clone())),
            None => actions.extend(self.timers.iter().filter_map(|(&key, at_ms)| {
                match *at_ms {
                    Some(at_ms) => (fired == Some(key) || is_news(&key, &Some(at_ms)))
                        .then_some(Action::SetTimer(Timer { key, at_ms })),
                    None => {
                        (fired != Some(key) && is_news(&key, &None)).then_some(Action::ClearTimer { key })
                    }
                }
            })),
        }
        self.timers.retain(|key, at_ms| is_news(key, at_ms));
        let frames = self.frames.into_iter().filter_map(|(id, frame)| {
            let change = match (base.frames.get(&id), frame) {
                (None, None) => return None,
                (Some(_), None) => None,
                (None, Some(frame)) => Some(FrameChange::New(frame)),
                (Some(before), Some(after)) => {
                    Some(FrameChange::Changed(Box::new(FramePatch::between(before, &after)?)))
                }
            };
            Some((id, change))
        });
        let change = Change {
            frames: frames.collect(),
            start: if base.start.is_none() { self.start } else { None },
            last_event_id: (self.last_event != base.last_event_id).then_some(self.last_event),
            next_frame: (self.next_frame != base.next_frame).then_some(self.next_frame),
            next_task: (self.next_task != base.next_task).then_some(self.next_task),
            redriven_at_ms: self.redriven.then_some(self.env.now_ms),
            tasks: self.tasks,
            timers: self.timers,
            map_runs: map_run::changes(self.map_runs, base),
            closed: self.closed,
        };
        Transition { change, history: self.history, actions }
    }
}
