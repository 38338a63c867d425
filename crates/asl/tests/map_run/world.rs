//! A tiny runtime of many executions: children of Map Runs, objects in memory, a simulated clock. Each step is folded
//! into a second state by way of JSON, as recovery would, and both must be the same.

use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tenantry_asl::items::{
    Listed, ReaderRequest, Reading, Source, WriterRequest, listing, manifest, result_files,
};
use tenantry_asl::{
    Action, Closed, Definition, Env, Event, ExecutionState, HistoryEvent, Identity, JsonataEvaluator,
    MapRunStatus, MapRunView, PendingTask, TaskId, TaskKind, TimerKey, step,
};

/// What a service comes to.
pub(crate) enum Answer {
    Success(Value),
    Failure(&'static str, &'static str),
    /// Nobody ever answers.
    Never,
}

pub(crate) const START_MS: i64 = 1_767_225_600_000;

pub(crate) struct Execution {
    pub(crate) definition: Arc<Definition>,
    pub(crate) identity: Identity,
    pub(crate) state: ExecutionState,
    recovered: ExecutionState,
    pub(crate) history: Vec<HistoryEvent>,
    /// Largest change so far, in bytes of JSON.
    pub(crate) change_bytes_max: usize,
    pub(crate) change_bytes: usize,
    parent: Option<(usize, TaskId)>,
    timers: BTreeMap<TimerKey, i64>,
}

/// Something that will happen.
struct Due {
    execution: usize,
    event: Event,
}

type Answers<'w> = Box<dyn FnMut(&PendingTask, &Value) -> Answer + 'w>;

pub(crate) struct World<'w> {
    pub(crate) executions: Vec<Execution>,
    pub(crate) objects: BTreeMap<(String, String), Vec<u8>>,
    pub(crate) dispatched: Vec<PendingTask>,
    pub(crate) abandoned: usize,
    /// Most children of one Map Run that ran at once.
    pub(crate) most_running: u64,
    answer: Answers<'w>,
    /// Chooses what happens next, where several things may.
    choose: Box<dyn FnMut(usize) -> usize + 'w>,
    due: VecDeque<Due>,
    now_ms: i64,
    seed: u64,
    pub(crate) read_failure: Option<&'static str>,
    pub(crate) write_failure: Option<&'static str>,
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

/// A definition that must be right.
pub(crate) fn definition(value: &Value) -> Arc<Definition> {
    match tenantry_asl::parse(&value.to_string()) {
        Ok(definition) => Arc::new(definition),
        Err(diagnostics) => {
            let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{value}\n{}", told.join("\n"))
        }
    }
}

/// A machine of one distributed Map whose children pass their input on, or do what `states` say. `map`: more fields.
pub(crate) fn machine(map: Value, states: Option<Value>) -> Arc<Definition> {
    let mut state = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Each",
            "States": states.unwrap_or_else(|| json!({"Each": {"Type": "Pass", "End": true}}))
        }
    });
    for (name, value) in map.as_object().expect("an object") {
        state[name] = value.clone();
    }
    definition(&json!({"StartAt": "All", "States": {"All": state}}))
}

/// The state of children that call a function with their input.
pub(crate) fn calls() -> Option<Value> {
    Some(json!({"Each": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": "each", "Payload.$": "$"}, "OutputPath": "$.Payload"
    }}))
}

impl<'w> World<'w> {
    pub(crate) fn new(answer: impl FnMut(&PendingTask, &Value) -> Answer + 'w) -> Self {
        World {
            executions: Vec::new(),
            objects: BTreeMap::new(),
            dispatched: Vec::new(),
            abandoned: 0,
            most_running: 0,
            answer: Box::new(answer),
            choose: Box::new(|_| 0),
            due: VecDeque::new(),
            now_ms: START_MS,
            seed: 7,
            read_failure: None,
            write_failure: None,
        }
    }

    /// Children pass their input on.
    pub(crate) fn passing() -> World<'static> {
        World::new(|_, input| Answer::Success(json!({"Payload": input})))
    }

    pub(crate) fn choosing(mut self, choose: impl FnMut(usize) -> usize + 'w) -> Self {
        self.choose = Box::new(choose);
        self
    }

    pub(crate) fn put(&mut self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        self.objects.insert((bucket.to_owned(), key.to_owned()), bytes.into());
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Value {
        let bytes = self.objects.get(&(bucket.to_owned(), key.to_owned()));
        let bytes = bytes.unwrap_or_else(|| panic!("no {bucket}/{key} in {:?}", self.objects.keys()));
        serde_json::from_slice(bytes).expect("is JSON")
    }

    /// Starts an execution and runs all until nothing can happen any more.
    pub(crate) fn run(&mut self, definition: &Arc<Definition>, input: Value) -> &Execution {
        self.start(definition, input);
        self.go_on();
        &self.executions[0]
    }

    pub(crate) fn start(&mut self, definition: &Arc<Definition>, input: Value) {
        self.open(Arc::clone(definition), identity(), None);
        self.send(0, &Event::Started { input, identity: identity() });
    }

    fn open(
        &mut self,
        definition: Arc<Definition>,
        identity: Identity,
        parent: Option<(usize, TaskId)>,
    ) -> usize {
        self.executions.push(Execution {
            definition,
            identity,
            state: ExecutionState::default(),
            recovered: ExecutionState::default(),
            history: Vec::new(),
            change_bytes_max: 0,
            change_bytes: 0,
            parent,
            timers: BTreeMap::new(),
        });
        self.executions.len() - 1
    }

    pub(crate) fn go_on(&mut self) {
        for _ in 0..1_000_000 {
            if self.due.is_empty() {
                let timers = self.executions.iter().enumerate().flat_map(|(id, execution)| {
                    execution.timers.iter().map(move |(&key, &at_ms)| (at_ms, id, key))
                });
                let Some((at_ms, execution, timer)) = timers.min() else { return };
                self.now_ms = self.now_ms.max(at_ms);
                self.send(execution, &Event::TimerFired { timer });
                continue;
            }
            let place = (self.choose)(self.due.len()) % self.due.len();
            let Some(Due { execution, event }) = self.due.remove(place) else { return };
            self.now_ms += 1;
            self.send(execution, &event);
        }
        panic!("this does not end");
    }

    pub(crate) fn send(&mut self, id: usize, event: &Event) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let env = Env { now_ms: self.now_ms, seed: self.seed, evaluator: &JsonataEvaluator };
        let execution = &mut self.executions[id];
        let transition = step(&execution.definition, &execution.state, event, &env);
        execution.state.apply(&transition.change);
        let journaled = serde_json::to_string(&transition.change).expect("a change is JSON");
        execution.change_bytes_max = execution.change_bytes_max.max(journaled.len());
        execution.change_bytes += journaled.len();
        execution.recovered.apply(&serde_json::from_str(&journaled).expect("a change reads back"));
        // Comparing whole states at each step would take time that grows with the square of their size.
        if execution.history.len().is_multiple_of(16) || execution.state.closed().is_some() {
            assert_eq!(
                execution.recovered, execution.state,
                "folding what was journaled gives the live state"
            );
            let snapshot = serde_json::to_string(&execution.state).expect("a state is JSON");
            let read: ExecutionState = serde_json::from_str(&snapshot).expect("a state reads back");
            assert_eq!(read, execution.state);
        }
        for event in &transition.history {
            assert_eq!(event.id, execution.history.len() as u64 + 1, "history has no holes");
            assert!(event.previous_id < event.id);
            execution.history.push(event.clone());
        }
        if let Event::TimerFired { timer } = event
            && !transition.actions.iter().any(|a| matches!(a, Action::SetTimer(set) if set.key == *timer))
        {
            execution.timers.remove(timer);
        }
        for run in execution.state.map_runs() {
            check(&run);
            self.most_running = self.most_running.max(run.executions.running);
        }
        for action in transition.actions {
            self.act(id, action);
        }
    }

    fn act(&mut self, id: usize, action: Action) {
        match action {
            Action::Dispatch(task) => self.dispatch(id, task),
            Action::Abandon { task } => {
                self.abandoned += 1;
                self.due.retain(|due| due.execution != id || task_of(&due.event) != Some(task));
                let child = self.executions.iter().position(|other| other.parent == Some((id, task)));
                if let Some(child) = child
                    && self.executions[child].state.closed().is_none()
                {
                    self.send(child, &Event::Aborted { error: None, cause: None });
                }
            }
            Action::SetTimer(timer) => {
                self.executions[id].timers.insert(timer.key, timer.at_ms);
            }
            Action::ClearTimer { key } => {
                self.executions[id].timers.remove(&key);
            }
            Action::Close(closed) => {
                self.executions[id].timers.clear();
                if let Some((parent, task)) = self.executions[id].parent {
                    self.due.push_back(Due { execution: parent, event: Event::ChildClosed { task, closed } });
                }
            }
        }
    }

    fn dispatch(&mut self, id: usize, task: PendingTask) {
        self.dispatched.push(task.clone());
        let started_at_ms = self.now_ms;
        let outcome = match task.kind {
            TaskKind::ReadItems => match self.read_failure {
                Some(cause) => Err(("Store.Unavailable".to_owned(), cause.to_owned())),
                None => self.read(&task).map_err(|cause| ("States.ItemReaderFailed".to_owned(), cause)),
            },
            TaskKind::WriteResults => match self.write_failure {
                Some(cause) => Err(("States.ResultWriterFailed".to_owned(), cause.to_owned())),
                None => Ok(self.write(id, &task)),
            },
            TaskKind::MapChild => return self.start_child(id, &task),
            _ => match (self.answer)(&task, &task.arguments["Payload"]) {
                Answer::Success(output) => Ok(output),
                Answer::Failure(error, cause) => Err((error.to_owned(), cause.to_owned())),
                Answer::Never => return,
            },
        };
        let task = task.id;
        let event = match outcome {
            Ok(output) => Event::TaskSucceeded { task, started_at_ms, output },
            Err((error, cause)) => Event::TaskFailed { task, started_at_ms, error, cause: Some(cause) },
        };
        self.due.push_back(Due { execution: id, event });
    }

    fn start_child(&mut self, id: usize, task: &PendingTask) {
        let child = self.executions[id].state.map_child(task.id).expect("is a child");
        let processor = self.executions[id].definition.processor(&child.state).expect("has a processor");
        let processor = Arc::clone(processor);
        let known = self.executions.iter().position(|other| other.identity == child.identity);
        match known {
            Some(known) => {
                assert!(child.redrive, "a child starts once");
                self.executions[known].parent = Some((id, task.id));
                self.due.push_back(Due { execution: known, event: Event::Redriven });
            }
            None => {
                let input = Value::clone(&task.arguments);
                let identity = child.identity;
                let opened = self.open(processor, identity.clone(), Some((id, task.id)));
                self.due.push_back(Due { execution: opened, event: Event::Started { input, identity } });
            }
        }
    }

    fn read(&self, task: &PendingTask) -> Result<Value, String> {
        let told = |error: tenantry_asl::items::ItemsError| error.to_string();
        let request = ReaderRequest::from_value(&task.arguments).map_err(told)?;
        let mut reading = Reading::new(&request);
        match request.source().map_err(told)? {
            Source::Object { bucket, key } => {
                let source = format!("S3://{bucket}/{key}");
                let bytes = self.objects.get(&(bucket, key)).ok_or("The specified key does not exist.")?;
                assert_eq!(manifest(&request, bytes), Ok(None));
                reading.read(&request, bytes).map_err(told)?;
                Ok(reading.finish(source).into_value())
            }
            Source::Listing { bucket, prefix, .. } => {
                let wanted =
                    self.objects.iter().filter(|((of, key), _)| *of == bucket && key.starts_with(&prefix));
                let listed: Vec<Listed> = wanted
                    .map(|((_, key), bytes)| Listed {
                        key: key.clone(),
                        bytes: bytes.len() as u64,
                        modified_at_s: 0,
                    })
                    .collect();
                listing(&listed, &mut reading).map_err(told)?;
                Ok(reading.finish(format!("S3://{bucket}")).into_value())
            }
        }
    }

    fn write(&mut self, id: usize, task: &PendingTask) -> Value {
        let request: WriterRequest =
            serde_json::from_value(Value::clone(&task.arguments)).expect("is a request");
        let results = self.executions[id].state.map_results(task.id);
        let files = result_files(&request, results.into_iter()).expect("has a bucket");
        for file in files.files {
            self.objects.insert((files.bucket.clone(), file.key), file.bytes);
        }
        files.result
    }

    pub(crate) fn children(&self) -> &[Execution] {
        &self.executions[1..]
    }

    pub(crate) fn map_run(&self) -> MapRunView {
        let mut runs = self.executions[0].state.map_runs();
        assert_eq!(runs.len(), 1);
        runs.remove(0)
    }
}

fn task_of(event: &Event) -> Option<TaskId> {
    match event {
        Event::TaskSucceeded { task, .. }
        | Event::TaskFailed { task, .. }
        | Event::ChildClosed { task, .. } => Some(*task),
        _ => None,
    }
}

/// What holds of every Map Run at any time.
fn check(run: &MapRunView) {
    for counts in [run.items, run.executions] {
        let all = counts.pending
            + counts.running
            + counts.succeeded
            + counts.failed
            + counts.timed_out
            + counts.aborted
            + counts.pending_redrive;
        assert_eq!(all, counts.total, "{run:?}");
    }
    if run.status == MapRunStatus::Running {
        assert!(run.executions.running <= run.max_concurrency.max(1), "{run:?}");
    }
    let ended = run.status != MapRunStatus::Running;
    assert_eq!(ended, run.stopped_at_ms.is_some(), "{run:?}");
    if ended {
        assert_eq!(run.items.running, 0, "{run:?}");
    }
}

impl Execution {
    pub(crate) fn types(&self) -> Vec<&str> {
        self.history.iter().map(|event| event.event_type.as_str()).collect()
    }

    pub(crate) fn output(&self) -> &Value {
        match self.state.closed() {
            Some(Closed::Succeeded { output }) => output,
            other => panic!("it did not succeed: {other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> (&str, &str) {
        match self.state.closed() {
            Some(Closed::Failed { error, cause }) => {
                (error.as_deref().unwrap_or_default(), cause.as_deref().unwrap_or_default())
            }
            other => panic!("it did not fail: {other:?}"),
        }
    }

    pub(crate) fn event(&self, event_type: &str) -> &HistoryEvent {
        let found = self.history.iter().find(|event| event.event_type == event_type);
        found.unwrap_or_else(|| panic!("no {event_type} in {:?}", self.types()))
    }
}
