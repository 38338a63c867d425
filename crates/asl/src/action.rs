//! What the runtime must do after a transition is durable.

use crate::TaskId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// A timer of an execution. The same key set again replaces the earlier time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum TimerKey {
    /// A Wait state, or the pause before a retry, of the frame with that number.
    Frame(u64),
    /// A task's TimeoutSeconds.
    TaskTimeout(TaskId),
    /// A task's HeartbeatSeconds. After a downtime the runtime moves it to start + HeartbeatSeconds.
    TaskHeartbeat(TaskId),
    /// The definition's own TimeoutSeconds.
    Execution,
}

/// A timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Which.
    pub key: TimerKey,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// Who carries a task out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A service: the invoker calls it.
    #[default]
    Call,
    /// An activity's worker: the task waits in the activity's queue until a worker takes it
    /// ([`crate::Event::TaskStarted`]), then for its token.
    Activity,
    /// `states:startExecution`: the runtime starts an execution; the suffix of the resource tells what it waits for.
    StartExecution,
    /// A distributed Map reads its items. `arguments` is the reader's specification; the answer is what it read.
    ReadItems,
    /// A child execution of a distributed Map, ended by [`crate::Event::ChildClosed`]. `arguments` is its input.
    MapChild,
    /// A distributed Map writes its results. `arguments` tells where; the answer is the Map state's result.
    WriteResults,
}

/// A task that was scheduled and has not answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingTask {
    /// The id, unique within the execution: each attempt is a new task.
    pub id: TaskId,
    /// Who carries it out.
    #[serde(default)]
    pub kind: TaskKind,
    /// The state's name.
    pub state: String,
    /// The resource as the definition names it, such as `arn:aws:states:::lambda:invoke`.
    pub resource: String,
    /// The evaluated Arguments. Where they hold [`crate::TASK_TOKEN_PLACEHOLDER`], inside any string, the runtime puts
    /// the task's token at dispatch; nothing durable ever holds it.
    /// Shared, because the state, the change and the action all hold it.
    pub arguments: Arc<Value>,
    /// Whether the task ends by its token (`.waitForTaskToken`), not by the dispatch's answer.
    pub waits_for_token: bool,
    /// Whether the dispatch was acknowledged: only its token is awaited.
    pub submitted: bool,
    /// The attempt, from 0.
    pub retry_count: u64,
    /// Its timeout.
    pub timeout_seconds: Option<u64>,
    /// Its heartbeat.
    pub heartbeat_seconds: Option<u64>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Closed {
    /// It reached its end.
    Succeeded {
        /// Its output.
        output: Value,
    },
    /// It failed.
    Failed {
        /// The error's name; a Fail state may leave it out.
        error: Option<String>,
        /// Why.
        cause: Option<String>,
    },
    /// Its own timeout passed.
    TimedOut,
    /// It was stopped.
    Aborted {
        /// The error that was given.
        error: Option<String>,
        /// The cause that was given.
        cause: Option<String>,
    },
}

/// What the runtime must do, once the transition that it came from is durable, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Dispatch a task.
    Dispatch(PendingTask),
    /// A task is no longer awaited (timed out, sibling failed, stopped): its token is spent, its answer unwanted.
    Abandon {
        /// The task.
        task: TaskId,
    },
    /// Set or move a timer.
    SetTimer(Timer),
    /// Forget a timer.
    ClearTimer {
        /// Which.
        key: TimerKey,
    },
    /// The execution has ended; every task and timer is gone.
    Close(Closed),
}
