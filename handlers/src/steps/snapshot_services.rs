//! Writes down which product services this attempt will ask, and answers their list for the Map.
//!
//! A service that registers, changes or leaves later does not change a running attempt: the rows hold the timeouts as
//! they were, and both the Map and its compensation work through the same list.
//!
//! **Cut off:** as many rows as fit are one commit, so that up to [`ROWS_PER_COMMIT`] services are written down at
//! once or not at all; a second run answers what the first wrote. Beyond that it goes on where the first ended. The
//! undo deletes rows that no undone integration has deleted before.

use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tenantry_core::keys::Range;
use tenantry_core::limits::COMMIT_ACTIONS_MAX;
use tenantry_core::model::{Resource, ResourceKind, ResourceState, Service};
use tenantry_core::ports::Action;

/// Rows of one commit: room is left for the check of the tenant and the step's success.
const ROWS_PER_COMMIT: usize = COMMIT_ACTIONS_MAX - 10;

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    for _ in 0..RACES_MAX {
        let mut rows = resource::all_of(run, ResourceKind::Integration).await?;
        // A snapshot that was cut off between two commits has filled its last one.
        if !rows.len().is_multiple_of(ROWS_PER_COMMIT) {
            return Ok(answer(&rows));
        }
        let known: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let services: Vec<Service> = resource::read_all(run, Range::services()).await?;
        let missing: Vec<Resource> = services
            .iter()
            .filter(|service| service.required && !service.removed)
            .filter(|service| !known.contains(service.service_id.as_str()))
            .map(|service| pending(run, service))
            .collect();
        if write(run, &missing).await? == Committed::Yes {
            rows.extend(missing);
            return Ok(answer(&rows));
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let rows = resource::all_of(run, ResourceKind::Integration).await?;
    for chunk in rows.chunks(ROWS_PER_COMMIT) {
        let actions = chunk.iter().map(|row| resource::delete(run, row.kind, &row.name));
        run.commit(actions.collect()).await?;
    }
    Ok(json!({}))
}

async fn write(run: &Run<'_>, rows: &[Resource]) -> Result<Committed, StepError> {
    let chunks: Vec<Vec<Action>> =
        rows.chunks(ROWS_PER_COMMIT).map(|chunk| chunk.iter().map(resource::create).collect()).collect();
    let last = chunks.len();
    for (place, actions) in chunks.into_iter().enumerate() {
        let committed =
            if place + 1 == last { run.finish(actions).await? } else { run.commit(actions).await? };
        if committed != Committed::Yes {
            return Ok(committed);
        }
    }
    Ok(Committed::Yes)
}

fn pending(run: &Run<'_>, service: &Service) -> Resource {
    // Step Functions wants a heartbeat shorter than the timeout; one that is not shorter adds nothing to it.
    let heartbeat_seconds = service.heartbeat_seconds.filter(|seconds| *seconds < service.timeout_seconds);
    let spec = json!({
        "serviceId": service.service_id,
        "serviceName": service.name,
        "timeoutSeconds": service.timeout_seconds,
        "heartbeatSeconds": heartbeat_seconds,
    });
    let (kind, name) = (ResourceKind::Integration, service.service_id.as_str());
    resource::new(run, kind, name, ResourceState::Pending, resource::spec(spec))
}

fn answer(rows: &[Resource]) -> Value {
    let mut services: Vec<(&str, Value)> = rows
        .iter()
        .map(|row| {
            let field = |name: &str| row.spec.get(name).cloned().unwrap_or(Value::Null);
            let service = json!({
                "serviceId": row.name,
                "timeoutSeconds": field("timeoutSeconds"),
                "heartbeatSeconds": field("heartbeatSeconds"),
            });
            (row.name.as_str(), service)
        })
        .collect();
    services.sort_unstable_by(|a, b| a.0.cmp(b.0));
    json!({ "services": services.into_iter().map(|(_, service)| service).collect::<Vec<_>>() })
}
