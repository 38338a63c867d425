//! One generated machine: on the engine, with deaths, and on the interpreter alone.

use super::Machine;
use super::chance::Chance;
use crate::pure::{Answer, Pure};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use tenantry_asl::{
    Closed, Definition, Env, Event, ExecutionState, HistoryEvent, Identity, JsonataEvaluator, step,
};
use tenantry_core::ExecutionId;
use tenantry_core::ports::Workflows as _;
use tenantry_engine::testing::{Crash, CrashPoint, MemoryJournal, Reply, SeqIds, SimClock, World};
use tenantry_engine::{Engine, EngineConfig, TaskFailure};

/// An engine or a replay that is wrong on purpose, which [`check`] must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None.
    None,
    /// The engine dispatches before the journal has synced.
    DispatchesEarly,
    /// The interpreter sees other chance than the engine did.
    OtherChance,
    /// The interpreter sees time one second later than the engine did.
    OtherTime,
}

/// What a machine showed.
#[derive(Debug, Default)]
pub struct Findings {
    /// What must not be; empty where engine and interpreter agree.
    pub problems: Vec<String>,
    /// How often the engine died.
    pub deaths: usize,
    /// Events in the history.
    pub events: usize,
    /// Which types they have.
    pub types: std::collections::BTreeSet<String>,
}

const NAME: &str = "machine";
/// Deaths that an attempt at a task survives: at the next one the engine gives it up, because it seems to be the cause.
const DEATHS_MAX: usize = 2;
/// So often every task of the runtime is polled in vain before the clock moves; a hop from one to the next takes a few.
const IDLE_POLLS: u32 = 40;

/// What tasks come to, by what they are asked alone.
fn reply(resource: &str, arguments: &Value) -> Reply {
    if resource.ends_with(".waitForTaskToken") {
        return Reply::Later(json!({"n": arguments["MessageBody"]["n"].as_f64().unwrap_or_default() + 1.0}));
    }
    let payload = &arguments["Payload"];
    let failure = |error: &str| Reply::Failed(TaskFailure { error: error.to_owned(), cause: None });
    match arguments["FunctionName"].as_str() {
        Some("flaky") if payload["retryCount"].as_i64() < Some(2) => failure("Flaky"),
        Some("broken") => failure("Broken"),
        Some("silent") => Reply::Never,
        _ => {
            let n = payload["n"].as_f64().unwrap_or_default() + 1.0;
            Reply::Done(json!({"StatusCode": 200, "Payload": {"n": n}}))
        }
    }
}

/// Runs the machine both ways and compares.
pub fn check(seed: u64, machine: &Machine, fault: Fault) -> Findings {
    let text = machine.definition.to_string();
    let mut findings = Findings::default();
    let definition = match tenantry_asl::parse(&text) {
        Ok(definition) => definition,
        Err(diagnostics) => {
            let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            findings.problems.push(format!("the definition is refused: {}", told.join("; ")));
            return findings;
        }
    };
    let mut home = Home::new(text, fault);
    let Some(id) = home.live_and_die(seed, machine, &mut findings) else { return findings };
    findings.problems.extend(home.world.violations());
    compare(&home, &id, &definition, fault, &mut findings);
    if !machine.shows_chance {
        let (theirs, ours) = (alone(&definition, machine), ended(home.journal.durable_state(&id).as_ref()));
        if theirs != ours {
            findings.problems.push(format!("alone it comes to {theirs:?}, on the engine to {ours:?}"));
        }
    }
    findings
}

/// All that outlives an engine.
struct Home {
    journal: MemoryJournal,
    world: World,
    clock: SimClock,
    ids: Arc<SeqIds>,
    text: String,
    fault: Fault,
}

impl Home {
    fn new(text: String, fault: Fault) -> Self {
        let journal = MemoryJournal::default();
        let world = World::new(|request| reply(&request.resource, &request.arguments));
        world.watch(&journal);
        Self { journal, world, clock: SimClock::default(), ids: Arc::default(), text, fault }
    }

    /// One life after the other, each of which ends as planned, until the execution has.
    fn live_and_die(&mut self, seed: u64, machine: &Machine, findings: &mut Findings) -> Option<ExecutionId> {
        let mut chance = Chance::new(!seed);
        let id = ExecutionId::new(NAME, "run").ok()?;
        for life in 0..=DEATHS_MAX {
            if life < DEATHS_MAX && (life == 0 || chance.percent(50)) {
                let append = chance.below(9) as u64;
                self.journal.crash_at(Crash { append, point: *chance.one_of(&CrashPoint::ALL) });
            }
            match in_a_runtime(self.life(&id, &machine.input)) {
                Ok(true) => return Some(id),
                Ok(false) => {
                    findings.deaths += 1;
                    self.journal = self.journal.reopen();
                    self.world.watch(&self.journal);
                }
                Err(problem) => {
                    findings.problems.push(problem);
                    return None;
                }
            }
        }
        findings.problems.push("it did not end in its last life".to_owned());
        None
    }

    /// `true` where the execution ended, `false` where the process died before.
    async fn life(&self, id: &ExecutionId, input: &Value) -> Result<bool, String> {
        let mut config = EngineConfig::new(
            Arc::new(self.journal.clone()),
            Arc::new(self.world.clone()),
            Arc::new(self.clock.clone()),
            Arc::<SeqIds>::clone(&self.ids),
            vec![(NAME.to_owned(), self.text.clone())],
            [3; 32],
        );
        if self.fault == Fault::DispatchesEarly {
            config = config.dispatching_early();
        }
        let engine = Engine::open(config).await.map_err(|error| error.to_string())?;
        self.world.meet(Arc::new(engine.clone()));
        let (client, asked, input) = (engine.clone(), id.clone(), input.clone());
        tokio::spawn(async move { client.start(&asked, input).await.map(|_| ()) });
        for _ in 0..5_000 {
            self.settle().await;
            if self.journal.crashed() {
                return Ok(false);
            }
            if self.journal.durable_state(id).is_some_and(|state| state.closed().is_some()) {
                return Ok(true);
            }
            if self.world.deliver() == 0 && !self.clock.advance_to_next() {
                return Err("it stands still, and no timer is set".to_owned());
            }
        }
        Err("it does not come to an end".to_owned())
    }
}

impl Home {
    /// Lets everything happen that happens without the clock.
    async fn settle(&self) {
        let mut idle = 0;
        let mut before = (0, 0);
        while idle < IDLE_POLLS && !self.journal.crashed() {
            tokio::task::yield_now().await;
            let now = (self.journal.appends(), self.journal.syncs());
            idle = if now == before { idle + 1 } else { 0 };
            before = now;
        }
    }
}

fn in_a_runtime<T>(life: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    runtime.block_on(life)
}

/// Steps the interpreter through the events that the journal holds, with the time and the chance that the engine saw at
/// each of them, and compares what it says with what the engine wrote.
fn compare(home: &Home, id: &ExecutionId, definition: &Definition, fault: Fault, findings: &mut Findings) {
    let mut state = ExecutionState::default();
    let mut history: Vec<HistoryEvent> = Vec::new();
    let mut written: Vec<Value> = Vec::new();
    for row in home.journal.durable_rows(id) {
        for line in row.payload.split(|byte| *byte == b'\n').skip(1) {
            let Ok(record) = serde_json::from_slice::<Value>(line) else {
                findings.problems.push("a row cannot be read".to_owned());
                return;
            };
            written.extend(record["history"].as_array().into_iter().flatten().cloned());
            let Ok(event) = serde_json::from_value::<Event>(record["event"].clone()) else { continue };
            let mut now_ms = record["env"]["nowMs"].as_i64().unwrap_or_default();
            let mut seed = record["env"]["seed"].as_u64().unwrap_or_default();
            match fault {
                Fault::OtherChance => seed = seed.wrapping_add(1),
                Fault::OtherTime => now_ms += 1_000,
                Fault::None | Fault::DispatchesEarly => {}
            }
            let env = Env { now_ms, seed, evaluator: &JsonataEvaluator };
            let transition = step(definition, &state, &event, &env);
            state.apply(&transition.change);
            history.extend(transition.history);
        }
    }
    findings.events = history.len();
    findings.types.extend(history.iter().map(|event| event.event_type.clone()));
    let alone: Vec<Value> = history.iter().filter_map(|event| serde_json::to_value(event).ok()).collect();
    if alone != written {
        let first = (0..alone.len().max(written.len())).find(|&at| alone.get(at) != written.get(at));
        let at = first.unwrap_or_default();
        let problem =
            format!("event {}: alone {:?}, on the engine {:?}", at + 1, alone.get(at), written.get(at));
        findings.problems.push(problem);
    }
    match home.journal.durable_state(id) {
        Some(durable) if durable == state => {}
        _ => findings.problems.push("the states differ in the end".to_owned()),
    }
    if history.iter().zip(1..).any(|(event, number)| event.id != number) {
        findings.problems.push("the history has a hole".to_owned());
    }
}

/// What an end shows of itself, whenever it came.
fn ended(state: Option<&ExecutionState>) -> Option<Closed> {
    state?.closed().cloned()
}

/// The machine on the interpreter alone, with a clock and an order of its own.
fn alone(definition: &Definition, machine: &Machine) -> Option<Closed> {
    let mut pure = Pure::new(definition, 1_750_000_000_000);
    let identity = Identity { execution_id: "run".to_owned(), ..Identity::default() };
    let ran =
        pure.run(machine.input.clone(), identity, |task| match reply(&task.resource, &task.arguments) {
            Reply::Done(answer) => Answer::Done(answer),
            Reply::Failed(failure) => Answer::Failed(failure),
            Reply::Later(answer) | Reply::Sooner(answer) => Answer::Token(answer),
            Reply::Never | Reply::Panic => Answer::Never,
        });
    ran.ok().and_then(|()| pure.closed().cloned())
}
