//! An execution on the interpreter alone: `step` under a clock that jumps, with nothing durable around it.

use crate::world::Reply;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenantry_asl::{
    Action, Closed, Definition, Env, Event, ExecutionState, HistoryEvent, Identity, JsonataEvaluator,
    PendingTask, TaskId, TimerKey, step,
};

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
    answers: Vec<(i64, TaskId, Reply)>,
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
    /// It has no end, or asks for what is not here.
    pub fn run(
        &mut self,
        input: Value,
        identity: Identity,
        mut answer: impl FnMut(&PendingTask) -> Reply,
    ) -> Result<(), String> {
        self.send(&Event::Started { input, identity });
        for _ in 0..STEPS_MAX {
            if self.state.closed().is_some() {
                return Ok(());
            }
            for task in std::mem::take(&mut self.dispatched) {
                let (mut at, mut reply) = (self.now_ms, answer(&task));
                while let Reply::After(ms, inner) = reply {
                    at = at.saturating_add_unsigned(ms);
                    reply = *inner;
                }
                self.answers.push((at, task.id, reply));
            }
            if !self.advance()? {
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
    fn advance(&mut self) -> Result<bool, String> {
        let answer =
            self.answers.iter().enumerate().min_by_key(|(_, (at, id, _))| (*at, *id)).map(|(i, a)| (i, a.0));
        let timer = self.timers.iter().min_by_key(|(key, at)| (**at, **key)).map(|(&key, &at)| (key, at));
        match (answer, timer) {
            (Some((index, at)), timer) if timer.is_none_or(|(_, due)| at <= due) => {
                self.now_ms = self.now_ms.max(at);
                let (_, task, reply) = self.answers.remove(index);
                self.answer(task, reply)?;
                Ok(true)
            }
            (_, Some((key, due))) => {
                self.now_ms = self.now_ms.max(due);
                self.timers.remove(&key);
                self.send(&Event::TimerFired { timer: key });
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn answer(&mut self, task: TaskId, reply: Reply) -> Result<(), String> {
        let started_at_ms = self.started_at.get(&task).copied().unwrap_or(self.now_ms);
        let waits = self.state.pending_task(task).is_some_and(|task| task.waits_for_token);
        let event = match reply {
            Reply::Done(output) if waits => Event::TaskSubmitted { task, started_at_ms, output },
            Reply::Done(output) => Event::TaskSucceeded { task, started_at_ms, output },
            Reply::Failed(failure) => {
                Event::TaskFailed { task, started_at_ms, error: failure.error, cause: failure.cause }
            }
            Reply::Unknown(service) => return Err(format!("nothing here answers for {service}")),
            Reply::After(..) => return Err("an answer within an answer".to_owned()),
        };
        self.send(&event);
        Ok(())
    }

    /// How it ended.
    pub fn closed(&self) -> Option<&Closed> {
        self.state.closed()
    }

    /// The history, as `GetExecutionHistory` shows it.
    pub fn events(&self) -> Vec<Value> {
        self.history.iter().map(shown).collect()
    }
}

/// An event as `GetExecutionHistory` shows it.
pub fn shown(event: &HistoryEvent) -> Value {
    let mut shown = json!({
        "id": event.id, "previousEventId": event.previous_id, "type": event.event_type,
        "timestamp": event.timestamp_ms,
    });
    if let (Some(shown), Some(details)) = (shown.as_object_mut(), event.details.as_object()) {
        shown.extend(details.clone());
    }
    shown
}
