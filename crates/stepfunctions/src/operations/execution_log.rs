//! Execution logs of executions that have ended.

use super::describe_machine::in_force;
use crate::registry::LogLevel;
use crate::{ApiError, Endpoint, error, logging};
use serde_json::Value;
use tenantry_core::ExecutionId;
use tenantry_core::ports::Workflows as _;

/// Events that are read at once.
const EVENTS: usize = 1_000;

/// What the `loggingConfiguration` in force makes of an execution's history, an event at a time.
///
/// # Errors
/// The engine's.
pub(crate) async fn entries(
    endpoint: &Endpoint,
    id: &ExecutionId,
    mut write: impl FnMut(Value) + Send,
) -> Result<(), ApiError> {
    let engine = endpoint.engine();
    let arn = id.to_string();
    let inspection = engine.inspect(id).await.map_err(error::of_execution(&arn))?;
    let logging = in_force(endpoint.registry(), &inspection).logging;
    if logging.level == LogLevel::Off {
        return Ok(());
    }
    let (arn, redrives) = (&inspection.identity.execution_id, inspection.execution.summary.redrive_count);
    let mut after = None;
    loop {
        let page = engine.history(id, after, false, EVENTS).await.map_err(error::of_execution(arn))?;
        page.events
            .iter()
            .filter_map(|event| logging::entry(&logging, event, arn, redrives))
            .for_each(&mut write);
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
