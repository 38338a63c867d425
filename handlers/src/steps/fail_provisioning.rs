//! Ends a compensated attempt: the tenant is `provisioning_failed`, the operation failed with its cause, and
//! `TenantProvisioningFailed` is told, in one commit.
//!
//! It refuses while anything that was made is still there: `provisioning_failed` says that everything was undone.
//!
//! **Cut off:** one commit; a second run finds the operation failed and answers the same. It has no undo.

use super::{ACTOR, validate_tenant};
use crate::call::read;
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_core::limits::ERROR_NAME_LENGTH_MAX;
use tenantry_core::model::{Operation, OperationPhase, RecordedError, Tenant, TenantStatus};
use tenantry_core::ports::Action;
use tenantry_events::ledger::{AuditOutcome, change_operation};
use tenantry_events::sealed_error::{self, Place};
use tenantry_events::{Change, TenantProvisioningFailed};

/// Longest message that is kept of a cause, in characters: a cause may be 32 KiB of a service's making.
const MESSAGE_LENGTH_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    failure: Failure,
}

/// What the state machine caught.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    error: String,
    #[serde(default)]
    cause: Option<String>,
    #[serde(default)]
    step: Option<String>,
}

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    let Input { failure } = read(run.step.name, input)?;
    let error = recorded(failure);
    let (keys, call) = (run.ctx.data_keys.as_ref(), run.call);
    let mut sealed = None;
    let mut tenant = run.tenant.clone();
    for _ in 0..RACES_MAX {
        let operation = run.operation().await?;
        if operation.phase == OperationPhase::Failed {
            let told = operation.error.unwrap_or(error);
            let (tenant, operation) = (&call.tenant_id, &call.operation_id);
            return Ok(answer(&sealed_error::open(keys, tenant, operation, Place::Operation, told).await?));
        }
        let left: Vec<String> = resource::all(run)
            .await?
            .iter()
            .map(|row| format!("{} {}", row.kind.as_str(), row.name))
            .collect();
        if !left.is_empty() {
            return Err(StepError::unhealthy(format!(
                "The attempt failed with {}, but these are still there: {}. Remove them, then redrive the execution.",
                error.code,
                left.join(", ")
            )));
        }
        let kept = match &sealed {
            Some(kept) => kept,
            None => {
                let (tenant, operation) = (&call.tenant_id, &call.operation_id);
                let kept = sealed_error::seal(keys, tenant, operation, Place::Operation, error.clone());
                sealed.insert(kept.await?)
            }
        };
        match run.finish(failed(run, &tenant, &operation, kept)?).await? {
            Committed::Yes => return Ok(answer(&error)),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

/// The commit. `error` is the sealed one.
fn failed(
    run: &Run<'_>,
    tenant: &Tenant,
    operation: &Operation,
    error: &RecordedError,
) -> Result<Vec<Action>, StepError> {
    let call = run.call;
    let change = match tenant.status {
        TenantStatus::Provisioning => Change::of(tenant).correlation(&call.operation_id),
        // The attempt failed before its first step could say that it began.
        _ => validate_tenant::begin(run, tenant)?,
    };
    let now = run.now();
    let (_, mut actions) = change
        .status(TenantStatus::ProvisioningFailed)?
        .edit(|tenant| tenant.operation_id = None)
        .emit(TenantProvisioningFailed {
            operation_id: call.operation_id.clone(),
            attempt: call.attempt,
            generation: call.generation,
            // Everyone who subscribes reads this: what a service said is for the operator.
            error: RecordedError { sealed: None, ..error.clone() },
        })
        .audit("tenant.fail_provisioning", ACTOR, Some(&error.code))
        .outcome(AuditOutcome::Failed)
        .build(run.ctx.ids.as_ref(), now)?;
    let (_, action) = change_operation(operation, now, false, |operation| {
        operation.phase = OperationPhase::Failed;
        operation.ended_at = Some(now);
        operation.error = Some(error.clone());
        operation.attempt_end = None;
    });
    actions.push(action);
    Ok(actions)
}

fn answer(error: &RecordedError) -> Value {
    json!({ "error": error.code, "cause": error.message })
}

/// The failure as it is kept. Lambda wraps an error's message in JSON (`errorMessage`, `errorType`); both homes
/// record the message alone. <https://docs.aws.amazon.com/lambda/latest/dg/rust-handler.html>
fn recorded(failure: Failure) -> RecordedError {
    let cause = failure.cause.unwrap_or_default();
    let wrapped = serde_json::from_str::<Value>(&cause).ok();
    let message = wrapped.as_ref().and_then(|wrapped| wrapped.get("errorMessage")).and_then(Value::as_str);
    let message = message.unwrap_or(&cause).trim();
    let message = if message.is_empty() { "No cause was given." } else { message };
    RecordedError {
        code: failure.error.chars().take(ERROR_NAME_LENGTH_MAX).collect(),
        message: shortened(message),
        step: failure.step,
        sealed: None,
    }
}

fn shortened(message: &str) -> String {
    if message.chars().count() <= MESSAGE_LENGTH_MAX {
        return message.to_owned();
    }
    let mut short: String = message.chars().take(MESSAGE_LENGTH_MAX - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_kept_as_a_sentence() {
        let long = "x".repeat(40_000);
        let wrapped = r#"{"errorMessage":"No cell has room.","errorType":"Tenant.NoCapacity"}"#;
        let kept = [
            (Some("plain"), "plain".to_owned()),
            (Some(wrapped), "No cell has room.".to_owned()),
            (Some("{\"other\":1}"), "{\"other\":1}".to_owned()),
            (Some("  "), "No cause was given.".to_owned()),
            (None, "No cause was given.".to_owned()),
            (Some(long.as_str()), format!("{}…", "x".repeat(MESSAGE_LENGTH_MAX - 1))),
        ];
        for (cause, expected) in kept {
            let failure = Failure { error: "E".into(), cause: cause.map(str::to_owned), step: None };
            assert_eq!(recorded(failure).message, expected);
        }
    }
}
