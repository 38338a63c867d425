//! A tiny runtime for tests: a simulated clock, answers by function name, and the checks that hold for every step.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenantry_asl::{
    Action, Closed, Definition, Env, Evaluator, Event, ExecutionState, HistoryEvent, Identity,
    JsonataEvaluator, PendingTask, TaskId, TimerKey, Transition, step,
};

/// What a task comes to.
pub(crate) enum Answer {
    Success(Value),
    Failure(&'static str, Option<String>),
    /// After so many milliseconds.
    Later(i64, Box<Answer>),
    /// The dispatch of a task that waits for its token is acknowledged; nobody ever answers.
    Submitted,
    /// Nobody ever answers.
    Never,
}

/// The start of all simulated clocks.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// One simulated execution. Each step is folded into a second state by way of JSON, as recovery would, and both must be
/// the same.
pub(crate) struct Simulation<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) state: ExecutionState,
    recovered: ExecutionState,
    pub(crate) now_ms: i64,
    pub(crate) seed: u64,
    pub(crate) history: Vec<HistoryEvent>,
    pub(crate) transitions: Vec<Transition>,
    pub(crate) dispatched: Vec<PendingTask>,
    pub(crate) abandoned: Vec<TaskId>,
    timers: BTreeMap<TimerKey, i64>,
    answers: Vec<(i64, TaskId, Answer)>,
    started_at: BTreeMap<TaskId, i64>,
}

pub(crate) fn identity() -> Identity {
    Identity {
        execution_id: "arn:aws:states:us-east-1:111111111111:execution:machine:run".to_owned(),
        execution_name: "run".to_owned(),
        role_arn: "arn:aws:iam::111111111111:role/sfn-role".to_owned(),
        state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:machine".to_owned(),
        state_machine_name: "machine".to_owned(),
        ..Identity::default()
    }
}

impl<'d> Simulation<'d> {
    pub(crate) fn new(definition: &'d Definition) -> Self {
        Simulation {
            definition,
            state: ExecutionState::default(),
            recovered: ExecutionState::default(),
            now_ms: START_MS,
            seed: 1,
            history: Vec::new(),
            transitions: Vec::new(),
            dispatched: Vec::new(),
            abandoned: Vec::new(),
            timers: BTreeMap::new(),
            answers: Vec::new(),
            started_at: BTreeMap::new(),
        }
    }

    pub(crate) fn start(definition: &'d Definition, input: Value) -> Self {
        let mut simulation = Self::new(definition);
        simulation.send(&Event::Started { input, identity: identity() });
        simulation
    }

    pub(crate) fn send(&mut self, event: &Event) -> &Transition {
        self.send_with(event, &JsonataEvaluator)
    }

    pub(crate) fn send_with(&mut self, event: &Event, evaluator: &dyn Evaluator) -> &Transition {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let env = Env { now_ms: self.now_ms, seed: self.seed, evaluator };
        let transition = step(self.definition, &self.state, event, &env);
        self.state.apply(&transition.change);
        let journaled = serde_json::to_string(&transition.change).expect("a change is JSON");
        self.recovered.apply(&serde_json::from_str(&journaled).expect("a change reads back"));
        assert_eq!(self.recovered, self.state, "folding what was journaled gives the live state");
        let snapshot = serde_json::to_string(&self.state).expect("a state is JSON");
        assert_eq!(
            serde_json::from_str::<ExecutionState>(&snapshot).expect("a state reads back"),
            self.state
        );
        for action in &transition.actions {
            match action {
                Action::Dispatch(task) => {
                    self.dispatched.push(task.clone());
                    self.started_at.insert(task.id, self.now_ms);
                }
                Action::Abandon { task } => {
                    self.abandoned.push(*task);
                    self.answers.retain(|(_, id, _)| id != task);
                }
                Action::SetTimer(timer) => {
                    self.timers.insert(timer.key, timer.at_ms);
                }
                Action::ClearTimer { key } => {
                    self.timers.remove(key);
                }
                Action::Close(_) => {
                    self.timers.clear();
                    self.answers.clear();
                }
            }
        }
        if let Event::TimerFired { timer } = event
            && !transition.is_empty()
            && !transition.actions.iter().any(|a| matches!(a, Action::SetTimer(set) if set.key == *timer))
        {
            self.timers.remove(timer);
        }
        let told: Vec<_> = self.timers.iter().map(|(&key, &at_ms)| (key, at_ms)).collect();
        let held: Vec<_> = self.state.timers().iter().map(|timer| (timer.key, timer.at_ms)).collect();
        assert_eq!(told, held, "the actions tell the runtime of every timer");
        for event in &transition.history {
            assert_eq!(event.id, self.history.len() as u64 + 1, "history has no holes");
            assert!(event.previous_id < event.id);
            self.history.push(event.clone());
        }
        assert_eq!(self.state.last_event_id(), self.history.len() as u64);
        self.transitions.push(transition);
        self.transitions.last().expect("just pushed")
    }

    /// Runs until it ends or nothing can happen any more.
    pub(crate) fn run(&mut self, mut answer: impl FnMut(&PendingTask) -> Answer) {
        let mut asked = self.dispatched.len() - self.state.pending_tasks().filter(|t| !t.submitted).count();
        for _ in 0..100_000 {
            if self.state.closed().is_some() {
                return;
            }
            while asked < self.dispatched.len() {
                let task = self.dispatched[asked].clone();
                asked += 1;
                match answer(&task) {
                    Answer::Later(ms, answer) => self.answers.push((self.now_ms + ms, task.id, *answer)),
                    answer => self.answers.push((self.now_ms, task.id, answer)),
                }
            }
            if !self.advance() {
                return;
            }
        }
        panic!("this execution does not end");
    }

    /// Lets the next thing happen: an answer, or else a timer. False where there is none.
    fn advance(&mut self) -> bool {
        let answer =
            self.answers.iter().enumerate().min_by_key(|(_, (at, id, _))| (*at, *id)).map(|(i, a)| (i, a.0));
        let timer = self.timers.iter().min_by_key(|(key, at)| (**at, **key)).map(|(&key, &at)| (key, at));
        match (answer, timer) {
            (Some((index, at)), timer) if timer.is_none_or(|(_, due)| at <= due) => {
                self.now_ms = self.now_ms.max(at);
                let (_, task, answer) = self.answers.remove(index);
                let started_at_ms = self.started_at.get(&task).copied().unwrap_or(self.now_ms);
                let event = match answer {
                    Answer::Success(output) => Event::TaskSucceeded { task, started_at_ms, output },
                    Answer::Failure(error, cause) => {
                        Event::TaskFailed { task, started_at_ms, error: error.to_owned(), cause }
                    }
                    Answer::Submitted => {
                        Event::TaskSubmitted { task, started_at_ms, output: json!({"MessageId": "m"}) }
                    }
                    Answer::Never => return self.advance(),
                    Answer::Later(..) => unreachable!("unwrapped before"),
                };
                self.send(&event);
                true
            }
            (_, Some((key, due))) => {
                self.now_ms = self.now_ms.max(due);
                self.send(&Event::TimerFired { timer: key });
                true
            }
            _ => false,
        }
    }

    pub(crate) fn fire_timer(&mut self, key: TimerKey) {
        let due = self.timers.get(&key).copied().expect("the timer is set");
        self.now_ms = self.now_ms.max(due);
        self.send(&Event::TimerFired { timer: key });
    }

    pub(crate) fn types(&self) -> Vec<&str> {
        self.history.iter().map(|event| event.event_type.as_str()).collect()
    }

    pub(crate) fn output(&self) -> &Value {
        match self.state.closed() {
            Some(Closed::Succeeded { output }) => output,
            other => panic!("it did not succeed: {other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> (Option<&str>, Option<&str>) {
        match self.state.closed() {
            Some(Closed::Failed { error, cause }) => (error.as_deref(), cause.as_deref()),
            other => panic!("it did not fail: {other:?}"),
        }
    }
}

/// The function that a Lambda task calls.
pub(crate) fn function(task: &PendingTask) -> &str {
    task.arguments["FunctionName"].as_str().unwrap_or_default()
}

/// `lambda:invoke`'s answer.
pub(crate) fn invoked(payload: Value) -> Answer {
    Answer::Success(json!({"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}))
}

/// A definition that must be right.
pub(crate) fn definition(value: &Value) -> Definition {
    match tenantry_asl::parse(&value.to_string()) {
        Ok(definition) => definition,
        Err(diagnostics) => {
            let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{value}\n{}", told.join("\n"))
        }
    }
}
