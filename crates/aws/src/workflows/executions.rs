//! One execution, and whose it is.

use super::failures::Failed;
use super::{Inner, PORT};
use crate::call::Repeat;
use aws_sdk_sfn::types::{ExecutionStatus as Status, IncludedData};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tenantry_core::keys::Key;
use tenantry_core::ports::{Execution, ExecutionStatus, ExecutionSummary, PortError, WorkflowError};
use tenantry_core::{ExecutionId, OperationId, TenantId, Timestamp};

/// Operations whose tenant is remembered.
const OWNERS_MAX: usize = 10_000;

/// Whose operations are; that never changes.
#[derive(Default)]
pub(super) struct Owners(Mutex<HashMap<OperationId, TenantId>>);

/// What Step Functions says of an execution.
pub(super) struct Described {
    pub(super) status: ExecutionStatus,
    pub(super) input: String,
    output: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    redrive_count: u32,
}

pub(super) fn damaged(message: String) -> PortError {
    PortError::Damaged { port: PORT, message }
}

/// Our word for a state of Step Functions'. `PENDING_REDRIVE` waits for its Map Run, and so has not ended.
pub(super) fn status(status: &Status) -> Result<ExecutionStatus, PortError> {
    match status {
        Status::PendingRedrive => Ok(ExecutionStatus::Running),
        status => {
            let known = ExecutionStatus::ALL.iter().find(|known| known.as_aws() == status.as_str());
            let message = || format!("Step Functions gives an execution the state {}", status.as_str());
            known.copied().ok_or_else(|| damaged(message()))
        }
    }
}

/// Rounded: Step Functions writes milliseconds as decimals of a second, which a binary fraction may miss by little.
pub(super) fn timestamp(at: &aws_smithy_types::DateTime) -> Timestamp {
    let millis = i64::from(at.subsec_nanos().saturating_add(500_000) / 1_000_000);
    Timestamp::from_millis(at.secs().saturating_mul(1_000).saturating_add(millis))
}

pub(super) fn count(redrives: Option<i32>) -> u32 {
    redrives.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// The operation whose attempt it is, by its name `<operationId>-<attempt>`.
fn operation_of(id: &ExecutionId) -> Option<OperationId> {
    let (operation, attempt) = id.name().rsplit_once('-')?;
    attempt.parse::<u64>().ok()?;
    operation.parse().ok()
}

impl Inner {
    pub(super) async fn describe(&self, id: &ExecutionId) -> Result<Execution, WorkflowError> {
        let (found, definition_hash) =
            futures::future::try_join(self.describe_as(id, true), self.definition_hash(id)).await?;
        let input = json(id, "input", &found.input)?;
        let output = found.output.as_deref().filter(|_| found.status == ExecutionStatus::Succeeded);
        let output = output.map(|output| json(id, "output", output)).transpose()?;
        let named = input.get("tenantId").and_then(Value::as_str);
        let tenant_id = named.and_then(|tenant| tenant.parse().ok());
        Ok(Execution {
            summary: found.summary(id, tenant_id),
            input,
            output,
            error: found.error,
            cause: found.cause,
            definition_hash,
        })
    }

    /// `with_data`: with input and output, without which the answer is small.
    pub(super) async fn describe_as(
        &self,
        id: &ExecutionId,
        with_data: bool,
    ) -> Result<Described, WorkflowError> {
        let arn = self.arn(id)?;
        let included = if with_data { IncludedData::AllData } else { IncludedData::MetadataOnly };
        let describe = || {
            let call = self.clients.sfn().describe_execution().execution_arn(&arn);
            Box::pin(call.included_data(included.clone()).send())
        };
        let found = self.calls.send(Repeat::Safe, describe).await;
        let found = found.map_err(|error| Failed::of(id).execution("DescribeExecution", &error))?;
        Ok(Described {
            status: status(&found.status)?,
            // An execution without an input has an empty object.
            input: found.input.unwrap_or_else(|| "{}".to_owned()),
            output: found.output,
            error: found.error,
            cause: found.cause,
            started_at: timestamp(&found.start_date),
            ended_at: found.stop_date.as_ref().map(timestamp),
            redrive_count: count(found.redrive_count),
        })
    }

    /// Of the definition as Step Functions keeps it for this execution, which is the text that Terraform rendered.
    async fn definition_hash(&self, id: &ExecutionId) -> Result<String, WorkflowError> {
        let arn = self.arn(id)?;
        let describe =
            || Box::pin(self.clients.sfn().describe_state_machine_for_execution().execution_arn(&arn).send());
        let found = self.calls.send(Repeat::Safe, describe).await;
        let failed = |error| Failed::of(id).execution("DescribeStateMachineForExecution", &error);
        let hash = Sha256::digest(found.map_err(failed)?.definition.as_bytes());
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whose operation an execution carries out, by its name; `None` where it carries out none.
    pub(super) async fn tenant_of(&self, id: &ExecutionId) -> Result<Option<TenantId>, PortError> {
        let Some(operation) = operation_of(id) else { return Ok(None) };
        if let Some(tenant) = self.owners.get(&operation) {
            return Ok(Some(tenant));
        }
        let Some(row) = self.table.get(&Key::operation_pointer(&operation)).await? else { return Ok(None) };
        let tenant = row.attributes.get("tenantId").and_then(Value::as_str).map(str::parse::<TenantId>);
        match tenant {
            Some(Ok(tenant)) => {
                self.owners.put(operation, tenant.clone());
                Ok(Some(tenant))
            }
            _ => Err(damaged(format!("the pointer of operation {operation}"))),
        }
    }
}

impl Described {
    pub(super) fn summary(&self, id: &ExecutionId, tenant_id: Option<TenantId>) -> ExecutionSummary {
        ExecutionSummary {
            id: id.clone(),
            tenant_id,
            status: self.status,
            started_at: self.started_at,
            ended_at: self.ended_at,
            redrive_count: self.redrive_count,
        }
    }
}

fn json(id: &ExecutionId, which: &str, text: &str) -> Result<Value, PortError> {
    serde_json::from_str(text).map_err(|error| damaged(format!("the {which} of {id}: {error}")))
}

impl Owners {
    fn get(&self, operation: &OperationId) -> Option<TenantId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(operation).cloned()
    }

    fn put(&self, operation: OperationId, tenant: TenantId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= OWNERS_MAX {
            known.clear();
        }
        known.insert(operation, tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_way_through_a_fraction() {
        for millis in (1_700_000_000_000..1_700_000_002_000).chain([0, 999, -1_500]) {
            let at = aws_smithy_types::DateTime::from_secs_f64(millis as f64 / 1_000.0);
            assert_eq!(timestamp(&at).as_millis(), millis);
        }
    }

    #[test]
    fn each_state_has_a_word() {
        for known in Status::values() {
            assert!(status(&(*known).into()).is_ok(), "{known}");
        }
        assert!(matches!(status(&"ON_HOLIDAY".into()), Err(PortError::Damaged { .. })));
    }

    #[test]
    fn only_attempts_of_operations_have_an_operation() {
        let operation = OperationId::from_uuid(uuid::Uuid::from_u128(7));
        let id = |name: &str| ExecutionId::new("provision_tenant", name).unwrap();
        assert_eq!(operation_of(&id(&format!("{operation}-12"))), Some(operation.clone()));
        for name in ["by-hand", "op_1-1", operation.as_str(), &format!("{operation}-x")] {
            assert_eq!(operation_of(&id(name)), None, "{name}");
        }
    }
}
