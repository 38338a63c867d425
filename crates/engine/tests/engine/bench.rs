//! Lives of an engine: each opens on what the one before synced, in a runtime of its own that dies with it.

use crate::machines::{self, Machine};
use std::future::Future;
use std::sync::Arc;
use tenantry_core::ExecutionId;
use tenantry_core::ports::{
    Execution, ExecutionFilter, ExecutionStatus, StartOutcome, WorkflowError, Workflows,
};
use tenantry_engine::testing::{Crash, MemoryJournal, SeqIds, SimClock, World, quiesce};
use tenantry_engine::{Engine, EngineConfig, Journal as _};

pub(crate) const TOKEN_KEY: [u8; 32] = [3; 32];

pub(crate) fn id(workflow: &str, name: &str) -> ExecutionId {
    ExecutionId::new(workflow, name).unwrap()
}

/// All that outlives an engine.
pub(crate) struct Bench {
    pub(crate) journal: MemoryJournal,
    pub(crate) world: World,
    pub(crate) clock: SimClock,
    pub(crate) ids: Arc<SeqIds>,
    pub(crate) definitions: Vec<(String, String)>,
    pub(crate) early: bool,
}

impl Bench {
    pub(crate) fn new(machines: &[Machine]) -> Self {
        Self::scripted(machines, World::new(machines::script))
    }

    pub(crate) fn scripted(machines: &[Machine], world: World) -> Self {
        let others = machines::children();
        let others = others.iter().filter(|other| machines.iter().all(|machine| machine.name != other.name));
        let definitions =
            machines.iter().chain(others).map(|m| (m.name.to_owned(), m.text.clone())).collect();
        let journal = MemoryJournal::default();
        world.watch(&journal);
        Self { journal, world, clock: SimClock::default(), ids: Arc::default(), definitions, early: false }
    }

    pub(crate) fn config(&self) -> EngineConfig {
        let config = EngineConfig::new(
            Arc::new(self.journal.clone()),
            Arc::new(self.world.clone()),
            Arc::new(self.clock.clone()),
            Arc::clone(&self.ids) as _,
            self.definitions.clone(),
            TOKEN_KEY,
        );
        if self.early { config.dispatching_early() } else { config }
    }

    pub(crate) async fn open(&self) -> Engine {
        let engine = Engine::open(self.config()).await.unwrap();
        self.world.meet(Arc::new(engine.clone()));
        engine
    }

    /// What the next engine finds: what was synced.
    pub(crate) fn die(&mut self) {
        self.journal = self.journal.reopen();
        self.world.watch(&self.journal);
    }

    /// Runs something in a runtime that ends with it, as a process does.
    pub(crate) fn live<T>(&self, life: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(life)
    }

    /// Delivers answers and moves the clock until the execution has ended, or the process has died.
    pub(crate) async fn run(&self, execution: &ExecutionId) -> bool {
        let mut syncs = None;
        for _ in 0..2_000 {
            quiesce().await;
            if self.journal.crashed() {
                return false;
            }
            if self.journal.durable_state(execution).is_some_and(|state| state.closed().is_some()) {
                return true;
            }
            // Whoever is refused for now tries again, but not faster than the clock.
            let refused = syncs.replace(self.journal.syncs()) == Some(self.journal.syncs());
            let delivered = self.world.deliver() > 0;
            let moved = (refused || !delivered) && self.clock.advance_to_next();
            if !moved && !delivered {
                let state = self.journal.durable_state(execution);
                panic!("{execution} stands still, and no timer is set: {state:#?}");
            }
        }
        panic!("{execution} does not come to an end");
    }

    /// Every durable execution and how it stands, by id.
    pub(crate) fn executions(&self) -> Vec<(ExecutionId, ExecutionStatus)> {
        self.live(self.executions_now())
    }

    /// As [`Bench::executions`], within a life.
    pub(crate) async fn executions_now(&self) -> Vec<(ExecutionId, ExecutionStatus)> {
        let page = self.journal.list(ExecutionFilter::default(), None, usize::MAX).await.unwrap();
        let mut all: Vec<_> = page.items.into_iter().map(|summary| (summary.id, summary.status)).collect();
        all.sort_by(|a, b| (a.0.workflow(), a.1.as_str(), &a.0).cmp(&(b.0.workflow(), b.1.as_str(), &b.0)));
        all
    }

    /// Delivers answers until nothing more happens without the clock.
    pub(crate) async fn settle(&self) {
        quiesce().await;
        while self.world.deliver() > 0 {
            quiesce().await;
        }
    }

    /// One life of one execution; `None` where the process died before the end.
    pub(crate) fn one_life(&self, machine: &Machine, crash: Option<Crash>) -> Option<Execution> {
        self.live(async {
            if let Some(crash) = crash {
                self.journal.crash_at(crash);
            }
            let engine = self.open().await;
            let id = id(machine.name, "x");
            let (client, input) = (engine.clone(), machine.input.clone());
            let (journal, world, asked) = (self.journal.clone(), self.world.clone(), id.clone());
            tokio::spawn(async move {
                let answer = client.start(&asked, input).await;
                // Whatever it answered, the execution must be durable.
                if journal.durable_rows(&asked).is_empty() {
                    world.accuse(format!(
                        "the start of {asked} was answered {answer:?}, and no durable row says so"
                    ));
                }
                match answer {
                    Ok(StartOutcome::Started | StartOutcome::AlreadyRunning | StartOutcome::NameTaken) => {}
                    Err(error) => world.accuse(format!("the start of {asked} was answered {error}")),
                }
            });
            if !self.run(&id).await {
                return None;
            }
            Some(described(&engine, &id).await.unwrap())
        })
    }
}

pub(crate) async fn described(engine: &Engine, id: &ExecutionId) -> Result<Execution, WorkflowError> {
    engine.describe(id).await
}
