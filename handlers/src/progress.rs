//! The facts that a status is computed from: what the latest try of each step is doing. A step that ends quickly is
//! never seen running: its success is written in its own last commit, so that a good way costs no commit for it.

use crate::{Run, StepError};
use serde_json::Value;
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::model::{Progress, ProgressState, RecordedError};
use tenantry_core::ports::{Action, Commit, CommitError, Condition, Item};

/// How long a step may run before a row says that it runs, in milliseconds.
pub const RUNNING_AFTER_MILLISECONDS: u64 = 250;

fn key(run: &Run<'_>) -> Key {
    let call = run.call;
    Key::progress(&call.tenant_id, &call.operation_id, call.attempt, &call.state, &call.part)
}

fn row(run: &Run<'_>, state: ProgressState) -> Progress {
    Progress {
        operation_id: run.call.operation_id.clone(),
        attempt: run.call.attempt,
        step: run.call.state.clone(),
        try_number: run.call.retry_count.saturating_add(1),
        state,
        started_at: run.started_at,
        updated_at: run.now(),
        last_error: None,
        next_retry_at: None,
        deadline_at: None,
    }
}

/// The step ended well: an action for the step's last commit.
pub(crate) fn succeeded(run: &Run<'_>) -> Action {
    Action::put(Item::of(key(run), &row(run, ProgressState::Succeeded)))
}

/// When this try ends at the latest.
pub(crate) fn deadline(run: &Run<'_>) -> Timestamp {
    run.started_at.saturating_add(Duration::from_secs(run.step.timeout_seconds))
}

/// The step runs. The error of an earlier try stays in the row: it is why this is not the first.
pub(crate) async fn record_running(run: &Run<'_>) {
    // Reading and writing whole, where a change of attributes would do in one: no step needs a right for this alone.
    let before = match run.ctx.table.get(&key(run)).await {
        Ok(item) => item.and_then(|item| item.record::<Progress>().ok()),
        Err(error) => {
            tracing::warn!(%error, "the status cannot say that the step runs");
            return;
        }
    };
    let progress = Progress {
        deadline_at: Some(deadline(run)),
        last_error: before.and_then(|before| before.last_error),
        ..row(run, ProgressState::Running)
    };
    let conditions = vec![Condition::Differs("state".to_owned(), Value::from("succeeded"))];
    let put = Action::put_if(Item::of(key(run), &progress), conditions);
    match run.ctx.table.commit(Commit::of(vec![put])).await {
        // The step was quicker than its note.
        Ok(()) | Err(CommitError::ConditionFailed { .. }) => {}
        Err(error) => tracing::warn!(%error, "the status cannot say that the step runs"),
    }
}

/// The step ended well and had nothing to write.
pub(crate) async fn record_succeeded(run: &Run<'_>) {
    if let Err(error) = run.ctx.table.commit(Commit::of(vec![succeeded(run)])).await {
        tracing::warn!(%error, "the status cannot say that the step succeeded");
    }
}

/// The step failed; the row says until when the next try begins, where there is one.
pub(crate) async fn record_failed(run: &Run<'_>, failure: &StepError) {
    let call = run.call;
    let bound = (run.ctx.retry_bound)(call.workflow(), &call.state, failure.name(), call.retry_count);
    let progress = Progress {
        last_error: Some(RecordedError {
            code: failure.name().to_owned(),
            message: failure.message().to_owned(),
            step: Some(call.state.clone()),
            sealed: None,
        }),
        next_retry_at: bound.map(|bound| run.now().saturating_add(bound)),
        ..row(run, ProgressState::Failed)
    };
    let put = Action::put(Item::of(key(run), &progress));
    if let Err(error) = run.ctx.table.commit(Commit::of(vec![put])).await {
        tracing::warn!(%error, "the status cannot say that the step failed");
    }
}
