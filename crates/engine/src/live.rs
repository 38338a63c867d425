//! The executions that are held in memory.

use crate::journal::{ClosedExecution, ExecutionKey, JournalError, StartedExecution};
use crate::parent::Parent;
use crate::record::Folded;
use crate::tokens::IssuedToken;
use futures::future::AbortHandle;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tenantry_asl::{Action, Definition, ExecutionState, TaskId, Timer};
use tenantry_core::ExecutionId;
use tokio::sync::oneshot;

const SHARDS: usize = 32;

/// Where an execution's place in memory is.
pub(crate) struct Slot {
    pub(crate) key: ExecutionKey,
    pub(crate) id: ExecutionId,
    live: Mutex<Live>,
}

impl Slot {
    pub(crate) fn new(key: ExecutionKey, id: ExecutionId, live: Live) -> Arc<Self> {
        Arc::new(Self { key, id, live: Mutex::new(live) })
    }

    /// Never held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        // Nothing that may panic runs under the lock outside of catch_unwind; were it to, the execution's fault mark
        // says more than a poisoned lock.
        self.live.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether an execution takes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It does.
    Sound,
    /// The journal did not take an entry: what is in memory is void until it was read again.
    Lost,
    /// A step panicked: it stands still, open and visible, until the engine is opened again.
    Faulted,
}

/// Who waits until something is durable.
pub(crate) type Waiter = oneshot::Sender<Result<(), JournalError>>;

/// Tells once something is durable, or was refused; `None` where it is durable already.
pub(crate) type Landing = Option<oneshot::Receiver<Result<(), JournalError>>>;

/// An execution in memory: its state, which may be ahead of what is durable, and what is on its way to the journal.
pub(crate) struct Live {
    pub(crate) definition: Arc<Definition>,
    pub(crate) state: ExecutionState,
    pub(crate) tokens: Vec<IssuedToken>,
    pub(crate) deaths: BTreeMap<TaskId, i32>,
    pub(crate) last_ms: i64,
    pub(crate) records: usize,
    pub(crate) health: Health,
    /// Calls that are being made, with what cuts them off.
    pub(crate) calls: Vec<Call>,
    /// What the timer wheel holds of this execution.
    pub(crate) armed: Vec<Timer>,
    /// Whether an entry is on its way. At most one is: what happens meanwhile is gathered into the next, so that no
    /// entry can be lost and a later one of the same execution kept.
    pub(crate) writing: bool,
    /// Who waits for the entry that is on its way.
    pub(crate) waiting: Vec<Waiter>,
    /// The next entry.
    pub(crate) gathered: Gathered,
    /// Whether an entry was ever durable.
    pub(crate) durable: bool,
    /// Entries that the journal refused in a row.
    pub(crate) refusals: u32,
    /// Who started it, where an execution did.
    pub(crate) parent: Option<Parent>,
    /// The children that tasks of it wait for.
    pub(crate) children: BTreeMap<TaskId, ExecutionId>,
    /// Who wants to hear of its end; they hear by the sender's going, and look for themselves.
    pub(crate) watchers: Vec<oneshot::Sender<()>>,
}

/// A call that is being made.
pub(crate) struct Call {
    pub(crate) task: TaskId,
    pub(crate) started_at_ms: i64,
    pub(crate) cut_off: AbortHandle,
}

/// An entry in the making.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) started: Option<StartedExecution>,
    pub(crate) payload: Vec<u8>,
    pub(crate) actions: Vec<Action>,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) closed: Option<ClosedExecution>,
    pub(crate) reopened: bool,
}

impl Live {
    pub(crate) fn new(definition: Arc<Definition>) -> Self {
        Self {
            definition,
            state: ExecutionState::default(),
            tokens: Vec::new(),
            deaths: BTreeMap::new(),
            last_ms: i64::MIN,
            records: 0,
            health: Health::Sound,
            calls: Vec::new(),
            armed: Vec::new(),
            writing: false,
            waiting: Vec::new(),
            gathered: Gathered::default(),
            durable: false,
            refusals: 0,
            parent: None,
            children: BTreeMap::new(),
            watchers: Vec::new(),
        }
    }

    /// As its durable rows tell it.
    pub(crate) fn restored(definition: Arc<Definition>, folded: Folded) -> Self {
        let mut live = Self::new(definition);
        live.restore(folded);
        live
    }

    pub(crate) fn restore(&mut self, folded: Folded) {
        let Folded { state, tokens, deaths, last_ms, records, parent } = folded;
        self.state = state;
        self.tokens = tokens;
        self.deaths = deaths;
        self.last_ms = last_ms;
        self.records = records;
        self.parent = parent;
        self.health = Health::Sound;
        self.durable = true;
    }

    /// Takes the note of a call that was being made.
    pub(crate) fn take_call(&mut self, task: TaskId) -> Option<Call> {
        let index = self.calls.iter().position(|call| call.task == task)?;
        Some(self.calls.swap_remove(index))
    }

    /// Lets the caller wait until all that happened so far is durable; `None` where it is.
    pub(crate) fn wait_for_durable(&mut self) -> Landing {
        let (sender, receiver) = oneshot::channel();
        if !self.gathered.payload.is_empty() {
            self.gathered.waiters.push(sender);
        } else if self.writing {
            self.waiting.push(sender);
        } else {
            return None;
        }
        Some(receiver)
    }
}

/// All executions in memory, by their number.
pub(crate) struct Slots([Mutex<HashMap<ExecutionKey, Arc<Slot>>>; SHARDS]);

impl Slots {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    fn shard(&self, key: ExecutionKey) -> MutexGuard<'_, HashMap<ExecutionKey, Arc<Slot>>> {
        self.0[(key % SHARDS as u64) as usize].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: ExecutionKey) -> Option<Arc<Slot>> {
        self.shard(key).get(&key).cloned()
    }

    pub(crate) fn insert(&self, slot: Arc<Slot>) {
        self.shard(slot.key).insert(slot.key, slot);
    }

    pub(crate) fn remove(&self, key: ExecutionKey) {
        self.shard(key).remove(&key);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()).sum()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Slot>> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .flat_map(|shard| {
                let shard = shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                shard.values().cloned().collect::<Vec<_>>()
            })
            .collect();
        all.sort_unstable_by_key(|slot| slot.key);
        all
    }
}
