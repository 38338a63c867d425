//! The simulation: one clock, a queue of what happens next, and an execution for the machine and for each child of a
//! distributed Map.

use super::mocks::{Answer, Mocks};

use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use tenantry_asl::items::Items;
use tenantry_asl::{
    Action, Closed, Definition, Env, Event, ExecutionState, HistoryEvent, Identity, JsonataEvaluator,
    PendingTask, TaskId, TaskKind, step,
};
use tenantry_core::arn::Realm;

/// What to run.
#[derive(Debug)]
pub struct DryRun<'a> {
    /// The machine's name, as its ARN would have it.
    pub name: &'a str,
    /// The definition.
    pub definition: Arc<Definition>,
    /// Its input.
    pub input: Value,
    /// What its tasks answer.
    pub mocks: &'a Mocks,
    /// When it begins, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// What jitter, `$random` and `$uuid` grow from: the same seed gives the same run.
    pub seed: u64,
}

/// How it went.
#[derive(Debug)]
pub struct Ended {
    /// How it closed; `None` where it waits for something that nothing will bring (a task that is never answered).
    pub closed: Option<Closed>,
    /// The history of the machine itself.
    pub history: Vec<HistoryEvent>,
    /// How long it took in simulated time, in milliseconds.
    pub took_ms: i64,
    /// Child executions of distributed Maps.
    pub children: usize,
}

/// A task was reached that nothing answers for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the state '{state}' calls {resource}, and no mock answers for it: add \"{state}\": {{\"Return\": …}} to the file of --mocks"
)]
pub struct Unmocked {
    /// The state.
    pub state: String,
    /// Its resource.
    pub resource: String,
}

/// Runs a definition to its end, or until nothing more can happen.
///
/// # Errors
/// [`Unmocked`]: the first task that no mock answers for.
pub fn dry_run(run: &DryRun<'_>) -> Result<Ended, Unmocked> {
    let realm = Realm::default();
    let execution = format!("dry-run-{}", run.seed);
    let identity = Identity {
        execution_id: realm.execution(run.name, &execution),
        execution_name: execution,
        role_arn: format!("arn:aws:iam::{}:role/dry-run", realm.account),
        state_machine_id: realm.state_machine(run.name),
        state_machine_name: run.name.to_owned(),
        ..Identity::default()
    };
    let mut simulation = Simulation {
        mocks: run.mocks,
        now_ms: run.start_ms,
        steps: 0,
        seed: run.seed,
        queue: BinaryHeap::new(),
        events: HashMap::new(),
        executions: Vec::new(),
    };
    simulation.begin(Arc::clone(&run.definition), run.input.clone(), identity, None);
    simulation.run()?;
    let took_ms = simulation.now_ms - run.start_ms;
    let children = simulation.executions.len() - 1;
    let Simulation { executions, .. } = simulation;
    let (closed, history) = executions
        .into_iter()
        .next()
        .map_or((None, Vec::new()), |first| (first.state.closed().cloned(), first.history));
    Ok(Ended { closed, history, took_ms, children })
}

struct Execution {
    definition: Arc<Definition>,
    state: ExecutionState,
    identity: Identity,
    history: Vec<HistoryEvent>,
    /// The execution and the task that it was started for.
    parent: Option<(usize, TaskId)>,
    children: HashMap<TaskId, usize>,
}

struct Simulation<'a> {
    mocks: &'a Mocks,
    now_ms: i64,
    /// Counts what happened, so that what is due at one time happens in the order in which it was asked for.
    steps: u64,
    seed: u64,
    queue: BinaryHeap<Reverse<(i64, u64)>>,
    events: HashMap<u64, (usize, Event)>,
    executions: Vec<Execution>,
}

impl Simulation<'_> {
    fn begin(
        &mut self,
        definition: Arc<Definition>,
        input: Value,
        identity: Identity,
        parent: Option<(usize, TaskId)>,
    ) -> usize {
        let index = self.executions.len();
        self.executions.push(Execution {
            definition,
            state: ExecutionState::default(),
            identity: identity.clone(),
            history: Vec::new(),
            parent,
            children: HashMap::new(),
        });
        self.soon(index, Event::Started { input, identity });
        index
    }

    fn soon(&mut self, execution: usize, event: Event) {
        self.at(self.now_ms, execution, event);
    }

    fn at(&mut self, at_ms: i64, execution: usize, event: Event) {
        self.steps += 1;
        self.queue.push(Reverse((at_ms, self.steps)));
        self.events.insert(self.steps, (execution, event));
    }

    fn run(&mut self) -> Result<(), Unmocked> {
        while let Some(Reverse((at_ms, number))) = self.queue.pop() {
            let Some((index, event)) = self.events.remove(&number) else { continue };
            let Some(execution) = self.executions.get_mut(index) else { continue };
            // A timer that was cleared must not make the clock go on.
            if let Event::TimerFired { timer } = &event
                && !execution.state.timers().iter().any(|set| set.key == *timer && set.at_ms == at_ms)
            {
                continue;
            }
            self.now_ms = self.now_ms.max(at_ms);
            let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
            let env = Env { now_ms: self.now_ms, seed, evaluator: &JsonataEvaluator };
            let transition = step(&execution.definition, &execution.state, &event, &env);
            execution.state.apply(&transition.change);
            execution.history.extend(transition.history);
            for action in transition.actions {
                self.act(index, action)?;
            }
            if self.executions.first().is_some_and(|first| first.state.closed().is_some()) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn act(&mut self, index: usize, action: Action) -> Result<(), Unmocked> {
        match action {
            Action::Dispatch(task) => self.dispatch(index, &task),
            Action::SetTimer(timer) => {
                self.at(timer.at_ms, index, Event::TimerFired { timer: timer.key });
                Ok(())
            }
            Action::ClearTimer { .. } => Ok(()),
            Action::Abandon { task } => {
                if let Some(child) = self.executions[index].children.remove(&task) {
                    self.soon(child, Event::Aborted { error: None, cause: None });
                }
                Ok(())
            }
            Action::Close(closed) => {
                if let Some((parent, task)) = self.executions[index].parent {
                    self.soon(parent, Event::ChildClosed { task, closed });
                }
                Ok(())
            }
        }
    }

    fn dispatch(&mut self, index: usize, task: &PendingTask) -> Result<(), Unmocked> {
        let started_at_ms = self.now_ms;
        match task.kind {
            TaskKind::MapChild => {
                self.begin_child(index, task);
                return Ok(());
            }
            TaskKind::WriteResults => {
                self.soon(index, Event::TaskSucceeded { task: task.id, started_at_ms, output: json!({}) });
                return Ok(());
            }
            TaskKind::Activity => self.soon(index, Event::TaskStarted { task: task.id, worker_name: None }),
            _ if task.waits_for_token || task.resource.contains(".sync") => {
                self.soon(index, Event::TaskSubmitted { task: task.id, started_at_ms, output: json!({}) });
            }
            TaskKind::Call | TaskKind::StartExecution | TaskKind::ReadItems => {}
        }
        let event = match self.mocks.answer(&task.state, task.retry_count) {
            Some(Answer::Return(output)) => {
                let output = match (task.kind, output) {
                    (TaskKind::ReadItems, Value::Array(items)) => {
                        Items { items: items.clone(), ..Items::default() }.into_value()
                    }
                    _ => output.clone(),
                };
                Event::TaskSucceeded { task: task.id, started_at_ms, output }
            }
            Some(Answer::Throw { error, cause }) => {
                Event::TaskFailed { task: task.id, started_at_ms, error: error.clone(), cause: cause.clone() }
            }
            None => return Err(Unmocked { state: task.state.clone(), resource: task.resource.clone() }),
        };
        self.soon(index, event);
        Ok(())
    }

    fn begin_child(&mut self, index: usize, task: &PendingTask) {
        let parent = &self.executions[index];
        let Some(definition) = parent.definition.processor(&task.state).cloned() else { return };
        let name = format!("{}-{}", parent.identity.execution_name, task.id);
        let identity = Identity {
            execution_id: format!("{}/{name}", parent.identity.execution_id),
            execution_name: name,
            ..parent.identity.clone()
        };
        let child = self.begin(definition, (*task.arguments).clone(), identity, Some((index, task.id)));
        self.executions[index].children.insert(task.id, child);
    }
}
