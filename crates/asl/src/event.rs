//! What happens to an execution, from outside.

use crate::{Closed, TaskId, TimerKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who runs, as the context object (`$states.context`) shows it.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// `Execution.Id`.
    pub execution_id: String,
    /// `Execution.Name`.
    pub execution_name: String,
    /// `Execution.RoleArn`; empty where there is none.
    pub role_arn: String,
    /// `StateMachine.Id`.
    pub state_machine_id: String,
    /// `StateMachine.Name`.
    pub state_machine_name: String,
    /// The version that it was started through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_version_arn: Option<String>,
    /// The alias that it was started through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_alias_arn: Option<String>,
    /// The Map Run that it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_arn: Option<String>,
}

impl Identity {
    /// Whether it is an Express execution, as its ARN tells.
    pub fn is_express(&self) -> bool {
        self.execution_id.split(':').nth(5) == Some("express")
    }
}

/// What happens to an execution. Everything that [`crate::step`] is told, but for [`crate::Env`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It begins.
    Started {
        /// The execution's input.
        input: Value,
        /// Who runs.
        identity: Identity,
    },
    /// A task that waits for a token was handed over: what the service answered (for `sqs:sendMessage`, the message's
    /// id). The task now waits for its token.
    TaskSubmitted {
        /// The task.
        task: TaskId,
        /// When it was dispatched, in milliseconds since the Unix epoch.
        started_at_ms: i64,
        /// The service's answer.
        output: Value,
    },
    /// A task answered.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// When it was dispatched, in milliseconds since the Unix epoch.
        started_at_ms: i64,
        /// Its result.
        output: Value,
    },
    /// A task failed.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// When it was dispatched, in milliseconds since the Unix epoch.
        started_at_ms: i64,
        /// The error's name, that `ErrorEquals` matches.
        error: String,
        /// Why.
        cause: Option<String>,
    },
    /// A worker took an activity's task; the task now waits for its token.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// The name that the worker gave itself.
        worker_name: Option<String>,
    },
    /// A child execution of a distributed Map ended.
    ChildClosed {
        /// The task that it was started for.
        task: TaskId,
        /// How it ended.
        closed: Closed,
    },
    /// A Map Run's limits are changed (`UpdateMapRun`); `None` leaves one as it is. Changes nothing once it has ended.
    MapRunUpdated {
        /// Its ARN.
        map_run: String,
        /// `maxConcurrency`; 0 for no limit.
        max_concurrency: Option<u64>,
        /// `toleratedFailureCount`.
        tolerated_failure_count: Option<u64>,
        /// `toleratedFailurePercentage`, from 0 to 100.
        tolerated_failure_percentage: Option<f64>,
    },
    /// A task gave a sign of life; its heartbeat deadline moves to now + HeartbeatSeconds.
    TaskHeartbeat {
        /// The task.
        task: TaskId,
    },
    /// A timer's time has come. A timer that no longer matters changes nothing.
    TimerFired {
        /// The timer.
        timer: TimerKey,
    },
    /// It is stopped (`StopExecution`).
    Aborted {
        /// The error that was given.
        error: Option<String>,
        /// The cause that was given.
        cause: Option<String>,
    },
    /// It goes on from where it failed (`RedriveExecution`).
    Redriven,
}
