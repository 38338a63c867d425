//! The engine: what it holds, how it opens and how it ends.

use crate::activities::Activities;
use crate::commit::Flights;
use crate::config::{EngineConfig, OpenError};
use crate::invoker::{TaskFailure, TaskInvoker, TaskRequest};
use crate::journal::Journal;
use crate::live::Slots;
use crate::machines::Machines;
use crate::pages::Pages;
use crate::stats::{Counters, EngineStats};
use crate::timers::{self, Wheel};
use crate::tokens::TokenKeys;
use futures::FutureExt as _;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tenantry_asl::{Definition, Evaluator};
use tenantry_core::Realm;
use tenantry_core::ports::{Blobs, Clock, Ids};
use tokio::sync::Semaphore;

/// Children that are started or stopped at once; more would only make the journal's line longer.
const LAUNCHES_MAX: usize = 256;

/// The durable runtime. Clones are the same engine.
///
/// It implements [`tenantry_core::ports::Workflows`] and [`tenantry_core::ports::TaskTokens`], and needs a tokio
/// runtime. Dropping it without [`Engine::shutdown`] is safe: it is what a crash does.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) invoker: Arc<dyn TaskInvoker>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) keys: TokenKeys,
    pub(crate) workflows: HashMap<String, Arc<Definition>>,
    pub(crate) slots: Slots,
    pub(crate) wheel: Arc<Wheel>,
    pub(crate) flights: Flights,
    pub(crate) stats: Counters,
    pub(crate) closing: AtomicBool,
    /// Held while a closed execution is read and put back into memory: two copies must not both write.
    pub(crate) redrives: tokio::sync::Mutex<()>,
    pub(crate) checkpoint_records: usize,
    pub(crate) realm: Realm,
    pub(crate) machines: Option<Arc<dyn Machines>>,
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    pub(crate) activities: Activities,
    pub(crate) pages: Pages,
    /// Places for calls that are being made.
    pub(crate) calls: Semaphore,
    /// Places for children that are being started or stopped.
    pub(crate) launches: Semaphore,
    /// Definitions that are in the journal and that someone still holds.
    definitions: Mutex<HashMap<String, Weak<Definition>>>,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) dispatches_early: bool,
}

impl Engine {
    /// Reads the definitions, takes up every open execution, and goes on with it.
    ///
    /// # Errors
    /// A definition cannot run; the journal does not answer. An execution whose own rows are damaged is logged and
    /// left out: it stays open and visible, and the others go on.
    pub async fn open(config: EngineConfig) -> Result<Engine, OpenError> {
        let mut workflows = HashMap::new();
        for (name, text) in &config.definitions {
            let definition = tenantry_asl::parse(text)
                .map_err(|diagnostics| OpenError::Definition { workflow: name.clone(), diagnostics })?;
            config.journal.put_definition(definition.hash(), definition.text()).await?;
            if workflows.insert(name.clone(), Arc::new(definition)).is_some() {
                return Err(OpenError::DuplicateWorkflow(name.clone()));
            }
        }
        let definitions =
            workflows.values().map(|known| (known.hash().to_owned(), Arc::downgrade(known))).collect();
        let inner = Arc::new(Inner {
            keys: TokenKeys::new(&config.token_key),
            journal: config.journal,
            invoker: config.invoker,
            clock: config.clock,
            ids: config.ids,
            evaluator: config.evaluator,
            workflows,
            slots: Slots::new(),
            wheel: Arc::default(),
            flights: Flights::default(),
            stats: Counters::default(),
            closing: AtomicBool::new(false),
            redrives: tokio::sync::Mutex::default(),
            checkpoint_records: config.checkpoint_records,
            realm: config.realm,
            machines: config.machines,
            blobs: config.blobs,
            activities: Activities::default(),
            pages: Pages::default(),
            calls: Semaphore::new(config.calls_max),
            launches: Semaphore::new(LAUNCHES_MAX),
            definitions: Mutex::new(definitions),
            #[cfg(any(test, feature = "testing"))]
            dispatches_early: config.dispatches_early,
        });
        inner.recover().await?;
        tokio::spawn(timers::turn(
            Arc::clone(&inner.wheel),
            Arc::downgrade(&inner),
            Arc::clone(&inner.clock),
        ));
        Ok(Engine(inner))
    }

    /// Takes no more work, cuts off the calls that are being made (the next engine makes them again, and counts no
    /// death), and returns once all that was appended is durable or refused.
    pub async fn shutdown(&self) {
        let inner = &self.0;
        if !inner.closing.swap(true, Ordering::AcqRel) {
            inner.wheel.stop();
            for slot in inner.slots.all() {
                let flight = inner.release(&slot);
                inner.spawn(flight);
                // Who waits for an end, or for an activity's task, hears that there is none to come.
                slot.lock().watchers.clear();
            }
            inner.activities.wake_all();
        }
        inner.flights.all_landed().await;
    }

    /// Calls a service outside of any execution, for a state that is tested alone. Nothing of it is kept.
    ///
    /// # Errors
    /// The task's failure.
    pub async fn call_service(&self, request: TaskRequest) -> Result<Value, TaskFailure> {
        let _place = self.0.calls.acquire().await;
        match AssertUnwindSafe(self.0.invoker.invoke(request)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_panic) => {
                tracing::error!("the code of a task that was tested panicked");
                let cause = "the task's code panicked; the log has the place".to_owned();
                Err(TaskFailure { error: "Lambda.Unknown".to_owned(), cause: Some(cause) })
            }
        }
    }

    /// What it holds and what it has done.
    pub fn stats(&self) -> EngineStats {
        let Inner { stats, slots, wheel, .. } = &*self.0;
        EngineStats {
            open_executions: slots.len() as u64,
            transitions: stats.transitions.get(),
            entries: stats.entries.get(),
            dispatched: stats.dispatched.get(),
            redispatched: stats.redispatched.get(),
            timers_armed: wheel.len() as u64,
            faulted: stats.faulted.get(),
        }
    }

    /// The workflows' names and their definitions, as they were given; sorted by name.
    pub fn definitions(&self) -> Vec<(String, Arc<Definition>)> {
        let mut all: Vec<_> =
            self.0.workflows.iter().map(|(name, known)| (name.clone(), Arc::clone(known))).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn known_definition(&self, hash: &str) -> Option<Arc<Definition>> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner).get(hash).and_then(Weak::upgrade)
    }

    /// Notes a definition that the journal holds; answers the one that was known before, if there is one.
    pub(crate) fn learn_definition(&self, definition: Arc<Definition>) -> Arc<Definition> {
        let mut known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(definition.hash()).and_then(Weak::upgrade) {
            return known;
        }
        if known.len() == known.capacity() {
            known.retain(|_, definition| definition.strong_count() > 0);
        }
        known.insert(definition.hash().to_owned(), Arc::downgrade(&definition));
        definition
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wheel.stop();
    }
}
