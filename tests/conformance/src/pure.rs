//! An execution on the interpreter alone: `step` under a clock that jumps, with nothing durable around it.

use serde_json::Value;
use std::collections::BTreeMap;
use tenantry_asl::{
    Action, Closed, Definition, Env, Event, ExecutionState, HistoryEvent, Identity, JsonataEvaluator,
    PendingTask, TaskId, TimerKey, step,
};
use tenantry_engine::TaskFailure;

/// What a task comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Its result; for a task that waits for its token, the acknowledgement.
    Done(Value),
    /// Its failure.
    Failed(TaskFailure),
    /// It is acknowledged, and its token answered a millisecond later with this.
    Token(Value),
    /// Nothing, ever.
    Never,
}

/// Steps after which an execution is held to have no end.
const STEPS_MAX: u32 = 200_000;

/// An execution on the interpreter alone.
pub struct Pure<'d> {
    definition: &'d Definition,
    state: ExecutionState,
    now_ms: i64,
    seed: u64,
    history: Vec<HistoryEvent>,
    timers: BTreeMap<TimerKey, i64>,
    dispatched: Vec<PendingTask>,
    answers: Vec<(i64, TaskId, Answer)>,
    started_at: BTreeMap<TaskId, i64>,
}

impl<'d> Pure<'d> {
    /// One that has not begun.
    pub fn new(definition: &'d Definition, now_ms: i64) -> Self {
        Self {
            definition,
            state: ExecutionState::default(),
            now_ms,
            seed: 1,
            history: Vec::new(),
            timers: BTreeMap::new(),
            dispatched: Vec::new(),
            answers: Vec::new(),
            started_at: BTreeMap::new(),
        }
    }

    /// Runs it until it ends, or until nothing more can happen.
    ///
    /// # Errors
    /// It has no end.
    pub fn run(
        &mut self,
        input: Value,
        identity: Identity,
        mut answer: impl FnMut(&PendingTask) -> Answer,
    ) -> Result<(), String> {
        self.send(&Event::Started { input, identity });
        for _ in 0..STEPS_MAX {
            if self.state.closed().is_some() {
                return Ok(());
            }
            for task in std::mem::take(&mut self.dispatched) {
                let answer = answer(&task);
                if answer != Answer::Never {
                    self.answers.push((self.now_ms, task.id, answer));
                }
            }
            if !self.advance() {
                return Ok(());
            }
        }
        Err(format!("no end after {STEPS_MAX} steps"))
    }

    fn send(&mut self, event: &Event) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let env = Env { now_ms: self.now_ms, seed: self.seed, evaluator: &JsonataEvaluator };
        let transition = step(self.definition, &self.state, event, &env);
        self.state.apply(&transition.change);
        for action in transition.actions {
            match action {
                Action::Dispatch(task) => {
                    self.started_at.insert(task.id, self.now_ms);
                    self.dispatched.push(task);
                }
                Action::Abandon { task } => {
                    self.answers.retain(|(_, id, _)| *id != task);
                    self.dispatched.retain(|dispatched| dispatched.id != task);
                }
                Action::SetTimer(timer) => {
                    self.timers.insert(timer.key, timer.at_ms);
                }
                Action::ClearTimer { key } => {
                    self.timers.remove(&key);
                }
                Action::Close(_) => {
                    self.timers.clear();
                    self.answers.clear();
                }
            }
        }
        self.history.extend(transition.history);
    }

    /// Lets the next thing happen; `false` where there is none.
    fn advance(&mut self) -> bool {
        let answer =
            self.answers.iter().enumerate().min_by_key(|(_, (at, id, _))| (*at, *id)).map(|(i, a)| (i, a.0));
        let timer = self.timers.iter().min_by_key(|(key, at)| (**at, **key)).map(|(&key, &at)| (key, at));
        match (answer, timer) {
            (Some((index, at)), timer) if timer.is_none_or(|(_, due)| at <= due) => {
                self.now_ms = self.now_ms.max(at);
                let (_, task, answer) = self.answers.remove(index);
                self.answer(task, answer);
                true
            }
            (_, Some((key, due))) => {
                self.now_ms = self.now_ms.max(due);
                self.timers.remove(&key);
                self.send(&Event::TimerFired { timer: key });
                true
            }
            _ => false,
        }
    }

    fn answer(&mut self, task: TaskId, answer: Answer) {
        let started_at_ms = self.started_at.get(&task).copied().unwrap_or(self.now_ms);
        let hands_over =
            self.state.pending_task(task).is_some_and(|task| task.waits_for_token && !task.submitted);
        let event = match answer {
            Answer::Token(output) => {
                self.answers.push((self.now_ms.saturating_add(1), task, Answer::Done(output)));
                Event::TaskSubmitted { task, started_at_ms, output: Value::Null }
            }
            Answer::Done(output) if hands_over => Event::TaskSubmitted { task, started_at_ms, output },
            Answer::Done(output) => Event::TaskSucceeded { task, started_at_ms, output },
            Answer::Failed(failure) => {
                Event::TaskFailed { task, started_at_ms, error: failure.error, cause: failure.cause }
            }
            Answer::Never => return,
        };
        self.send(&event);
    }

    /// How it ended.
    pub fn closed(&self) -> Option<&Closed> {
        self.state.closed()
    }

    /// Its history.
    pub fn history(&self) -> &[HistoryEvent] {
        &self.history
    }
}
