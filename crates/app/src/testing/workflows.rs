//! State machines and task tokens in memory: executions do not move by themselves; a test moves them.

use super::{ManualClock, lock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tenantry_core::ports::{
    Clock, Execution, ExecutionFilter, ExecutionPage, ExecutionStatus, ExecutionSummary, HistoryEvent,
    HistoryPage, StartOutcome, TaskTokenError, TaskTokens, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, limits};

#[derive(Default)]
struct State {
    executions: BTreeMap<ExecutionId, (Execution, Vec<HistoryEvent>)>,
    unavailable: bool,
}

/// The state machines: every workflow name ending in `_tenant` exists.
pub struct MemoryWorkflows {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

fn push(history: &mut Vec<HistoryEvent>, clock: &ManualClock, event_type: &str, details: Value) {
    let id = history.len() as u64 + 1;
    let (previous_id, timestamp) = (id - 1, clock.now());
    history.push(HistoryEvent { id, previous_id, timestamp, event_type: event_type.to_owned(), details });
}

impl MemoryWorkflows {
    /// None runs.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// While set, every call fails as unavailable.
    pub fn set_unavailable(&self, unavailable: bool) {
        lock(&self.state).unavailable = unavailable;
    }

    /// Appends an event to a history.
    pub fn record(&self, id: &ExecutionId, event_type: &str, details: Value) {
        if let Some((_, history)) = lock(&self.state).executions.get_mut(id) {
            push(history, &self.clock, event_type, details);
        }
    }

    /// Ends an execution.
    pub fn end(&self, id: &ExecutionId, status: ExecutionStatus, error: Option<&str>, cause: Option<&str>) {
        let now = self.clock.now();
        if let Some((execution, history)) = lock(&self.state).executions.get_mut(id) {
            execution.summary.status = status;
            execution.summary.ended_at = Some(now);
            execution.error = error.map(str::to_owned);
            execution.cause = cause.map(str::to_owned);
            if status == ExecutionStatus::Succeeded {
                execution.output = Some(json!({}));
                let details = json!({"executionSucceededEventDetails": {"output": "{}"}});
                push(history, &self.clock, "ExecutionSucceeded", details);
            } else {
                let details = json!({"executionFailedEventDetails": {"error": error, "cause": cause}});
                push(history, &self.clock, "ExecutionFailed", details);
            }
        }
    }

    fn ready(&self) -> Result<std::sync::MutexGuard<'_, State>, WorkflowError> {
        let state = lock(&self.state);
        if state.unavailable {
            let message = "switched off by the test".to_owned();
            return Err(tenantry_core::ports::PortError::Unavailable { port: "workflows", message }.into());
        }
        Ok(state)
    }
}

fn place(summary: &ExecutionSummary) -> String {
    format!("{}#{}", summary.started_at, summary.id)
}

impl Workflows for MemoryWorkflows {
    fn start<'a>(
        &'a self,
        id: &'a ExecutionId,
        input: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>> {
        Box::pin(async move {
            let mut state = self.ready()?;
            if !id.workflow().ends_with("_tenant") {
                return Err(WorkflowError::UnknownWorkflow(id.workflow().to_owned()));
            }
            if input.to_string().len() > limits::PAYLOAD_BYTES_MAX {
                return Err(WorkflowError::InputTooLarge);
            }
            if let Some((execution, _)) = state.executions.get(id) {
                let same = execution.summary.status == ExecutionStatus::Running && execution.input == input;
                return Ok(if same { StartOutcome::AlreadyRunning } else { StartOutcome::NameTaken });
            }
            let tenant_id = input["tenantId"].as_str().and_then(|id| id.parse().ok());
            let mut history = Vec::new();
            let details = json!({"executionStartedEventDetails": {"input": input.to_string()}});
            push(&mut history, &self.clock, "ExecutionStarted", details);
            let summary = ExecutionSummary {
                id: id.clone(),
                tenant_id,
                status: ExecutionStatus::Running,
                started_at: self.clock.now(),
                ended_at: None,
                redrive_count: 0,
            };
            let execution = Execution {
                summary,
                input,
                output: None,
                error: None,
                cause: None,
                definition_hash: "0".repeat(64),
            };
            state.executions.insert(id.clone(), (execution, history));
            Ok(StartOutcome::Started)
        })
    }

    fn describe<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>> {
        Box::pin(async move {
            let state = self.ready()?;
            let found = state.executions.get(id).map(|(execution, _)| execution.clone());
            found.ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))
        })
    }

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        Box::pin(async move {
            let state = self.ready()?;
            let mut items: Vec<ExecutionSummary> = state
                .executions
                .values()
                .map(|(execution, _)| execution.summary.clone())
                .filter(|found| filter.workflow.as_ref().is_none_or(|name| found.id.workflow() == name))
                .filter(|found| filter.status.is_none_or(|status| found.status == status))
                .filter(|found| filter.tenant_id.is_none() || found.tenant_id == filter.tenant_id)
                .filter(|found| after.as_ref().is_none_or(|after| place(found) < *after))
                .collect();
            items.sort_by_key(|found| std::cmp::Reverse(place(found)));
            let next = (items.len() > limit.max(1)).then(|| place(&items[limit.max(1) - 1]));
            items.truncate(limit.max(1));
            Ok(ExecutionPage { items, next })
        })
    }

    fn history<'a>(
        &'a self,
        id: &'a ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>> {
        Box::pin(async move {
            let state = self.ready()?;
            let (_, history) =
                state.executions.get(id).ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))?;
            let mut events: Vec<HistoryEvent> = history
                .iter()
                .filter(|event| match after {
                    Some(after) if descending => event.id < after,
                    Some(after) => event.id > after,
                    None => true,
                })
                .cloned()
                .collect();
            if descending {
                events.reverse();
            }
            let next = (events.len() > limit.max(1)).then(|| events[limit.max(1) - 1].id);
            events.truncate(limit.max(1));
            Ok(HistoryPage { events, next })
        })
    }

    fn stop<'a>(
        &'a self,
        id: &'a ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut state = self.ready()?;
            let (execution, history) =
                state.executions.get_mut(id).ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))?;
            if execution.summary.status != ExecutionStatus::Running {
                return Err(WorkflowError::WrongState(format!("the execution {id} has ended")));
            }
            execution.summary.status = ExecutionStatus::Aborted;
            execution.summary.ended_at = Some(now);
            let details = json!({"executionAbortedEventDetails": {"error": error, "cause": cause}});
            push(history, &self.clock, "ExecutionAborted", details);
            (execution.error, execution.cause) = (error, cause);
            Ok(())
        })
    }

    fn redrive<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>> {
        Box::pin(async move {
            let mut state = self.ready()?;
            let (execution, history) =
                state.executions.get_mut(id).ok_or_else(|| WorkflowError::UnknownExecution(id.clone()))?;
            match execution.summary.status {
                ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {}
                other => {
                    let text = format!("the execution {id} is {}", other.as_str());
                    return Err(WorkflowError::WrongState(text));
                }
            }
            execution.summary.status = ExecutionStatus::Running;
            execution.summary.ended_at = None;
            execution.summary.redrive_count += 1;
            (execution.error, execution.cause) = (None, None);
            let details = json!({"executionRedrivenEventDetails": {
                "redriveCount": execution.summary.redrive_count}});
            push(history, &self.clock, "ExecutionRedriven", details);
            Ok(())
        })
    }
}

/// What a task token was answered with.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Waiting,
    Given(Value),
    Expired,
}

/// Task tokens: a test issues them.
#[derive(Default)]
pub struct MemoryTaskTokens {
    tokens: Mutex<BTreeMap<String, (Answer, u64)>>,
}

impl MemoryTaskTokens {
    /// Issues a token.
    pub fn issue(&self, token: &str) {
        lock(&self.tokens).insert(token.to_owned(), (Answer::Waiting, 0));
    }

    /// Lets a token expire.
    pub fn expire(&self, token: &str) {
        lock(&self.tokens).insert(token.to_owned(), (Answer::Expired, 0));
    }

    /// What the token was answered with: `{"output": …}` or `{"error": …, "cause": …}`.
    pub fn answer(&self, token: &str) -> Option<Value> {
        match lock(&self.tokens).get(token) {
            Some((Answer::Given(value), _)) => Some(value.clone()),
            _ => None,
        }
    }

    /// Heartbeats that a token got.
    pub fn heartbeats(&self, token: &str) -> u64 {
        lock(&self.tokens).get(token).map_or(0, |(_, count)| *count)
    }

    fn waiting<T>(
        &self,
        token: &str,
        then: impl FnOnce(&mut (Answer, u64)) -> T,
    ) -> Result<T, TaskTokenError> {
        match lock(&self.tokens).get_mut(token) {
            None => Err(TaskTokenError::Invalid),
            Some((Answer::Given(_), _)) => Err(TaskTokenError::Used),
            Some((Answer::Expired, _)) => Err(TaskTokenError::Expired("the task timed out".to_owned())),
            Some(entry) => Ok(then(entry)),
        }
    }
}

impl TaskTokens for MemoryTaskTokens {
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            if output.to_string().len() > limits::PAYLOAD_BYTES_MAX {
                return Err(TaskTokenError::OutputTooLarge);
            }
            self.waiting(token, |entry| entry.0 = Answer::Given(json!({"output": output})))
        })
    }

    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move {
            self.waiting(token, |entry| entry.0 = Answer::Given(json!({"error": error, "cause": cause})))
        })
    }

    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        Box::pin(async move { self.waiting(token, |entry| entry.1 += 1) })
    }
}
