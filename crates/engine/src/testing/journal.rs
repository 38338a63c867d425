use crate::journal::{
    Definitions, Entry, ExecutionKey, Forget, Journal, JournalError, Row, RowPage, StoredExecution,
};
use std::collections::{HashMap, VecDeque};
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tenantry_asl::{ExecutionState, TaskId};
use tenantry_core::ports::{ExecutionFilter, ExecutionPage, ExecutionStatus, ExecutionSummary};
use tenantry_core::{BoxFuture, ExecutionId, Timestamp};

/// How often an append's future is polled before it syncs: what arrives meanwhile goes into the same batch.
const POLLS_PER_SYNC: u32 = 3;

/// Where, around an append, the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The entry never reaches the journal.
    BeforeAppend,
    /// The entry is in line, and lost with everything else that is.
    BetweenAppendAndSync,
    /// The entry is durable, and nobody was told.
    BetweenSyncAndDispatch,
    /// What follows from the entry has left, and no answer to it arrives.
    BetweenDispatchAndResult,
}

impl CrashPoint {
    /// All four.
    pub const ALL: [CrashPoint; 4] = [
        CrashPoint::BeforeAppend,
        CrashPoint::BetweenAppendAndSync,
        CrashPoint::BetweenSyncAndDispatch,
        CrashPoint::BetweenDispatchAndResult,
    ];
}

/// A planned death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which append of this journal, from 0.
    pub append: u64,
    /// Where around it.
    pub point: CrashPoint,
}

/// A journal in memory that keeps only what was synced. Clones are the same journal.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<Store>>);

#[derive(Debug, Default)]
struct Store {
    definitions: HashMap<String, String>,
    executions: Vec<Durable>,
    line: VecDeque<(u64, Entry)>,
    outcomes: HashMap<u64, Result<(), JournalError>>,
    appends: u64,
    keys: u64,
    syncs: u64,
    crash: Option<Crash>,
    crashed: bool,
    syncs_to_refuse: u32,
    held: bool,
}

#[derive(Debug, Clone)]
struct Durable {
    stored: StoredExecution,
    rows: Vec<Row>,
}

impl MemoryJournal {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a death.
    pub fn crash_at(&self, crash: Crash) {
        self.store().crash = Some(crash);
    }

    /// Whether the process died: no append is answered any more.
    pub fn crashed(&self) -> bool {
        self.store().crashed
    }

    /// Dies now.
    pub fn crash_now(&self) {
        self.store().crashed = true;
    }

    /// What the next process finds: only what was synced.
    #[must_use]
    pub fn reopen(&self) -> MemoryJournal {
        let store = self.store();
        let keys = store.executions.iter().map(|durable| durable.stored.key).max().unwrap_or(0);
        MemoryJournal(Arc::new(Mutex::new(Store {
            definitions: store.definitions.clone(),
            executions: store.executions.clone(),
            keys,
            ..Store::default()
        })))
    }

    /// Refuses the next syncs, as a full disk does.
    pub fn refuse_syncs(&self, count: u32) {
        self.store().syncs_to_refuse = count;
    }

    /// Syncs nothing until told otherwise, as a slow disk does.
    pub fn hold_syncs(&self, held: bool) {
        self.store().held = held;
    }

    /// Appends so far.
    pub fn appends(&self) -> u64 {
        self.store().appends
    }

    /// Syncs so far: each made one batch durable.
    pub fn syncs(&self) -> u64 {
        self.store().syncs
    }

    /// Durable executions.
    pub fn executions(&self) -> usize {
        self.store().executions.len()
    }

    /// An execution's number.
    pub fn key_of(&self, id: &ExecutionId) -> Option<ExecutionKey> {
        let store = self.store();
        store
            .executions
            .iter()
            .find(|durable| durable.stored.summary.id == *id)
            .map(|durable| durable.stored.key)
    }

    /// All durable rows of an execution.
    pub fn durable_rows(&self, id: &ExecutionId) -> Vec<Row> {
        let store = self.store();
        let durable = store.executions.iter().find(|durable| durable.stored.summary.id == *id);
        durable.map(|durable| durable.rows.clone()).unwrap_or_default()
    }

    /// An execution's state as its durable rows tell it; `None` where it has none or they cannot be folded.
    pub fn durable_state(&self, id: &ExecutionId) -> Option<ExecutionState> {
        let rows = self.durable_rows(id);
        let from = rows.iter().rposition(|row| row.checkpoint).unwrap_or(0);
        crate::record::fold(&rows[from..]).ok().map(|folded| folded.state)
    }

    /// Whether, by the durable rows, the task was ever awaited. It may be answered by now: on several threads that can
    /// become durable between a dispatch and its arrival.
    pub fn ever_scheduled(&self, id: &ExecutionId, task: TaskId, state: &str) -> bool {
        let rows = self.durable_rows(id);
        (1..=rows.len()).rev().any(|count| {
            let folded = crate::record::fold(&rows[..count]);
            folded.is_ok_and(|folded| folded.state.pending_task(task).is_some_and(|task| task.state == state))
        })
    }

    /// Whether the durable rows hold the answer that came for a task's token.
    pub fn holds_answer(&self, id: &ExecutionId, task: TaskId) -> bool {
        crate::record::holds_answer(&self.durable_rows(id), task).unwrap_or(false)
    }

    /// Damages the last row of an execution.
    pub fn damage(&self, id: &ExecutionId) {
        let mut store = self.store();
        let durable = store.executions.iter_mut().find(|durable| durable.stored.summary.id == *id);
        if let Some(row) = durable.and_then(|durable| durable.rows.last_mut()) {
            row.payload.truncate(row.payload.len() / 2);
        }
    }
}

impl Store {
    /// Whether this is the append, and the point, at which the process dies.
    fn dies_at(&self, append: u64, point: CrashPoint) -> bool {
        self.crash == Some(Crash { append, point })
    }

    fn sync(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.syncs += 1;
        let refused = self.syncs_to_refuse > 0;
        self.syncs_to_refuse = self.syncs_to_refuse.saturating_sub(1);
        let mut outcomes = Vec::with_capacity(line.len());
        for (append, entry) in line {
            let outcome = if refused {
                Err(JournalError::Unavailable("the disk is full".to_owned()))
            } else {
                self.keep(entry)
            };
            outcomes.push((append, outcome));
        }
        if outcomes.iter().any(|(append, _)| self.dies_at(*append, CrashPoint::BetweenSyncAndDispatch)) {
            self.crashed = true;
            return;
        }
        self.crashed =
            outcomes.iter().any(|(append, _)| self.dies_at(*append, CrashPoint::BetweenDispatchAndResult));
        self.outcomes.extend(outcomes);
    }

    fn keep(&mut self, entry: Entry) -> Result<(), JournalError> {
        let Entry { execution, started, payload, checkpoint, closed, reopened } = entry;
        if let Some(started) = started {
            if self.executions.iter().any(|durable| durable.stored.summary.id == started.id) {
                return Err(JournalError::NameTaken);
            }
            self.executions.push(Durable {
                stored: StoredExecution {
                    key: execution,
                    summary: ExecutionSummary {
                        id: started.id,
                        tenant_id: started.tenant_id,
                        status: ExecutionStatus::Running,
                        started_at: started.at,
                        ended_at: None,
                        redrive_count: 0,
                    },
                    definition_hash: started.definition_hash,
                    input_hash: started.input_hash,
                },
                rows: Vec::new(),
            });
        }
        let durable = self.executions.iter_mut().find(|durable| durable.stored.key == execution);
        let Some(Durable { stored, rows }) = durable else {
            return Err(JournalError::Damaged(format!("a row of the unknown execution {execution}")));
        };
        rows.push(Row { payload, checkpoint });
        if reopened {
            stored.summary.status = ExecutionStatus::Running;
            stored.summary.ended_at = None;
            stored.summary.redrive_count += 1;
        }
        if let Some(closed) = closed {
            stored.summary.status = closed.status;
            stored.summary.ended_at = Some(closed.at);
        }
        Ok(())
    }
}

impl Definitions for MemoryJournal {
    fn put_definition<'a>(&'a self, hash: &'a str, text: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        self.store().definitions.insert(hash.to_owned(), text.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn get_definition<'a>(&'a self, hash: &'a str) -> BoxFuture<'a, Result<Option<String>, JournalError>> {
        let text = self.store().definitions.get(hash).cloned();
        Box::pin(async { Ok(text) })
    }
}

impl Journal for MemoryJournal {
    fn next_key(&self) -> ExecutionKey {
        let mut store = self.store();
        store.keys += 1;
        store.keys
    }

    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut store = self.store();
        let append = store.appends;
        store.appends += 1;
        if store.dies_at(append, CrashPoint::BeforeAppend) {
            store.crashed = true;
        }
        if store.crashed {
            return Box::pin(pending());
        }
        store.line.push_back((append, entry));
        if store.dies_at(append, CrashPoint::BetweenAppendAndSync) {
            store.crashed = true;
        }
        drop(store);
        let (journal, mut polls) = (self.clone(), 0);
        Box::pin(poll_fn(move |context| {
            let mut store = journal.store();
            if let Some(outcome) = store.outcomes.remove(&append) {
                return Poll::Ready(outcome);
            }
            if store.crashed {
                return Poll::Pending;
            }
            polls += 1;
            if polls >= POLLS_PER_SYNC && !store.held {
                store.sync();
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn open_executions(
        &self,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredExecution>, JournalError>> {
        let store = self.store();
        let mut open: Vec<_> = store
            .executions
            .iter()
            .map(|durable| &durable.stored)
            .filter(|stored| stored.summary.status == ExecutionStatus::Running)
            .filter(|stored| after.is_none_or(|after| stored.key > after))
            .cloned()
            .collect();
        open.sort_unstable_by_key(|stored| stored.key);
        open.truncate(limit);
        Box::pin(async { Ok(open) })
    }

    fn rows(
        &self,
        execution: ExecutionKey,
        from_checkpoint: bool,
    ) -> BoxFuture<'_, Result<Vec<Row>, JournalError>> {
        let store = self.store();
        let durable = store.executions.iter().find(|durable| durable.stored.key == execution);
        let mut rows = durable.map(|durable| durable.rows.clone()).unwrap_or_default();
        if from_checkpoint && let Some(from) = rows.iter().rposition(|row| row.checkpoint) {
            rows.drain(..from);
        }
        Box::pin(async { Ok(rows) })
    }

    fn rows_page(
        &self,
        execution: ExecutionKey,
        skip: usize,
        limit: usize,
        newest_first: bool,
    ) -> BoxFuture<'_, Result<RowPage, JournalError>> {
        Box::pin(async move {
            let mut rows = self.rows(execution, false).await?;
            if newest_first {
                rows.reverse();
            }
            rows.drain(..skip.min(rows.len()));
            let more = rows.len() > limit;
            rows.truncate(limit);
            Ok(RowPage { rows, more })
        })
    }

    fn find<'a>(
        &'a self,
        id: &'a ExecutionId,
    ) -> BoxFuture<'a, Result<Option<StoredExecution>, JournalError>> {
        let store = self.store();
        let found = store.executions.iter().find(|durable| durable.stored.summary.id == *id);
        let found = found.map(|durable| durable.stored.clone());
        Box::pin(async { Ok(found) })
    }

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, JournalError>> {
        let store = self.store();
        let before = after.and_then(|after| after.parse::<usize>().ok()).unwrap_or(usize::MAX);
        let mut matching = store.executions.iter().enumerate().rev().filter(|(index, durable)| {
            let summary = &durable.stored.summary;
            *index < before
                && filter.workflow.as_deref().is_none_or(|workflow| summary.id.workflow() == workflow)
                && filter.status.is_none_or(|status| summary.status == status)
                && filter.tenant_id.as_ref().is_none_or(|tenant| summary.tenant_id.as_ref() == Some(tenant))
                && filter.name_prefix.as_deref().is_none_or(|prefix| summary.id.name().starts_with(prefix))
                && summary.id.express().is_none()
        });
        let taken: Vec<_> = matching.by_ref().take(limit).collect();
        let next = matching.next().and(taken.last()).map(|(index, _)| index.to_string());
        let items = taken.into_iter().map(|(_, durable)| durable.stored.summary.clone()).collect();
        Box::pin(async { Ok(ExecutionPage { items, next }) })
    }

    fn forget(&self, which: Forget, ended_before: Timestamp) -> BoxFuture<'_, Result<u64, JournalError>> {
        let mut store = self.store();
        let before = store.executions.len();
        store.executions.retain(|durable| {
            let ExecutionSummary { id, ended_at, .. } = &durable.stored.summary;
            let meant = match &which {
                Forget::All => true,
                Forget::Express => id.express().is_some(),
                Forget::Machine(name) => {
                    id.workflow() == name || id.map_run_child().is_some_and(|(machine, _)| machine == name)
                }
            };
            !(meant && ended_at.is_some_and(|at| at < ended_before))
        });
        let forgotten = (before - store.executions.len()) as u64;
        Box::pin(async move { Ok(forgotten) })
    }
}
