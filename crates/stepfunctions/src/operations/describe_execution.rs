//! DescribeExecution.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>

use super::{Request, put, seconds};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error, names};
use serde_json::{Map, Value, json};
use tenantry_core::ports::{Execution, ExecutionStatus};
use tenantry_core::{Arn, ExecutionId, Realm};
use tenantry_engine::Inspection;

/// `includedData`: whether only metadata is asked for.
pub(super) fn included(ask: &mut Ask<'_>) -> Result<bool, ApiError> {
    Ok(ask.choice("includedData", &["ALL_DATA", "METADATA_ONLY"])? == Some("METADATA_ONLY"))
}

/// The execution that an ARN names. Express ones are only shown where they are a Map Run's children.
///
/// # Errors
/// `InvalidArn`, `ExecutionDoesNotExist`.
pub(super) fn execution_id(realm: &Realm, arn: &str) -> Result<ExecutionId, ApiError> {
    let missing = || ApiError::no_execution(arn);
    let (machine, name) = match Arn::parse(arn) {
        Some(Arn::Express { machine, name, uuid }) if machine.contains('/') => {
            (machine, format!("{name}:{uuid}"))
        }
        parsed => {
            names::resource(arn, &["execution"])?;
            match parsed {
                Some(Arn::Execution { machine, name }) => (machine, name.to_owned()),
                _ => return Err(missing()),
            }
        }
    };
    if !realm.owns(arn) {
        return Err(missing());
    }
    ExecutionId::new(machine, &name).map_err(|_| missing())
}

pub(super) async fn describe(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let metadata_only = included(&mut ask)?;
    ask.done()?;

    let realm = endpoint.registry().realm();
    let id = execution_id(realm, arn)?;
    let inspection = endpoint.engine().inspect(&id).await.map_err(error::of_execution(arn))?;
    let Inspection { execution, identity, redriven_at, .. } = &inspection;
    let mut answer = Map::new();
    put(&mut answer, "executionArn", Some(arn));
    put(&mut answer, "stateMachineArn", Some(realm.state_machine(id.workflow())));
    put(&mut answer, "name", Some(id.name()));
    put(&mut answer, "status", Some(execution.summary.status.as_aws()));
    put(&mut answer, "startDate", Some(seconds(execution.summary.started_at)));
    put(&mut answer, "stopDate", execution.summary.ended_at.map(seconds));
    put(&mut answer, "stateMachineVersionArn", identity.state_machine_version_arn.clone());
    put(&mut answer, "stateMachineAliasArn", identity.state_machine_alias_arn.clone());
    put(&mut answer, "mapRunArn", identity.map_run_arn.clone());
    data(&mut answer, execution, metadata_only);
    put(&mut answer, "redriveCount", Some(execution.summary.redrive_count));
    put(&mut answer, "redriveDate", redriven_at.map(seconds));
    let (status, reason) = redrivable(endpoint, &id, &inspection);
    put(&mut answer, "redriveStatus", Some(status));
    put(&mut answer, "redriveStatusReason", reason);
    Ok(Value::Object(answer))
}

/// Input and output, and how it failed.
pub(super) fn data(answer: &mut Map<String, Value>, execution: &Execution, metadata_only: bool) {
    let details = json!({"included": !metadata_only});
    if !metadata_only {
        put(answer, "input", Some(execution.input.to_string()));
        put(answer, "output", execution.output.as_ref().map(Value::to_string));
        // That it timed out says all.
        if execution.summary.status != ExecutionStatus::TimedOut {
            put(answer, "error", execution.error.clone());
            put(answer, "cause", execution.cause.clone());
        }
    }
    put(answer, "inputDetails", Some(details.clone()));
    put(answer, "outputDetails", execution.output.as_ref().map(|_| details));
}

/// `redriveStatus` and `redriveStatusReason`.
fn redrivable(
    endpoint: &Endpoint,
    id: &ExecutionId,
    inspection: &Inspection,
) -> (&'static str, Option<&'static str>) {
    let owner = id.map_run_child().map_or(id.workflow(), |(machine, _)| machine);
    let deleting = endpoint.registry().machine(owner).is_some_and(|machine| machine.deleting);
    match inspection.not_redrivable {
        Some(reason) => ("NOT_REDRIVABLE", Some(reason)),
        None if deleting => ("NOT_REDRIVABLE", Some("State machine is in DELETING status")),
        None if id.map_run_child().is_some() => ("REDRIVABLE_BY_MAP_RUN", None),
        None => ("REDRIVABLE", None),
    }
}
