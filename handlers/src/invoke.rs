//! The typed wrapper around every step, the same in both homes.

use crate::call::Direction;
use crate::registry::{self, Step};
use crate::{Call, Ctx, Run, StepError, access, progress};
use futures::future::{Either, join, select};
use serde_json::Value;
use std::time::Duration;
use tenantry_core::BoxFuture;
use tracing::Instrument as _;

/// Carries out one step: reads the payload, makes sure that it is the tenant's present attempt that asks, runs or
/// undoes, and writes what a status is computed from.
///
/// May be called again with the same payload at any time, also after it was cut off: the second call finds what the
/// first made. It ends within the step's `timeout_seconds`, or fails as `Store.Unavailable`; nothing is begun after
/// that, so that a late write never meets the undo.
///
/// # Errors
/// A [`StepError`], whose name is one of [`crate::error::names::ALL`].
pub async fn invoke(ctx: &Ctx, step: &str, payload: Value) -> Result<Value, StepError> {
    let step = registry::find(step).ok_or_else(|| StepError::unknown_step(step))?;
    let (call, input) = Call::parse(step.name, payload)?;
    let span = tracing::info_span!(
        "step",
        step = step.name,
        tenant = %call.tenant_id,
        operation = %call.operation_id,
        attempt = call.attempt,
        part = call.part,
        undo = call.action == Direction::Undo,
    );
    carry_out(ctx, step, &call, input).instrument(span).await
}

async fn carry_out(ctx: &Ctx, step: &'static Step, call: &Call, input: Value) -> Result<Value, StepError> {
    let function = match call.action {
        Direction::Run => step.run,
        Direction::Undo => step.undo.ok_or_else(|| {
            StepError::invalid_input(format!("{} makes nothing, and so has no undo.", step.name))
        })?,
    };
    let ctx = &access::limited(ctx, step.name, step.access);
    // A stale or unknown caller leaves no trace in the tenant's rows.
    let run = Run::begin(ctx, step, call).await.inspect_err(|error| {
        let source = std::error::Error::source(error).map(tracing::field::display);
        tracing::warn!(error = error.name(), message = error.message(), source, "the step was refused");
    })?;
    let outcome = supervise(&run, function(&run, input)).await;
    match &outcome {
        Ok(_) => {
            if !run.success_is_recorded() {
                progress::record_succeeded(&run).await;
            }
            tracing::debug!("the step succeeded");
        }
        Err(error) => {
            log_failure(error);
            progress::record_failed(&run, error).await;
        }
    }
    outcome
}

fn log_failure(error: &StepError) {
    let source = std::error::Error::source(error).map(tracing::field::display);
    tracing::warn!(error = error.name(), message = error.message(), source, "the step failed");
}

/// Lets the step run, notes that it runs where that takes a while, and cuts it off at its deadline.
async fn supervise(run: &Run<'_>, work: BoxFuture<'_, Result<Value, StepError>>) -> Result<Value, StepError> {
    let clock = &run.ctx.clock;
    let note_at = run.started_at.saturating_add(Duration::from_millis(progress::RUNNING_AFTER_MILLISECONDS));
    let work = match select(work, clock.sleep_until(note_at)).await {
        Either::Left((outcome, _)) => return outcome,
        Either::Right(((), work)) => work,
    };
    let noted = Box::pin(join(work, progress::record_running(run)));
    match select(noted, clock.sleep_until(progress::deadline(run))).await {
        Either::Left(((outcome, ()), _)) => outcome,
        Either::Right(_) => Err(StepError::unavailable(format!(
            "{} did not end within {} s, because a store was slow or gone, and was cut off. It is tried again by itself.",
            run.step.name, run.step.timeout_seconds
        ))),
    }
}
