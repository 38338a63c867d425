//! Executions and their histories.

use serde::Serialize;
use serde_json::Value;
use tenantry_core::ports::{Execution, ExecutionSummary, HistoryEvent};
use tenantry_core::{ExecutionId, TenantId, Timestamp};
use utoipa::ToSchema;

/// An execution in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExecutionSummary)]
pub struct ExecutionSummaryView {
    /// The id: `<workflow>~<name>`.
    #[schema(value_type = String, example = "provision_tenant~op_01h455vb4pex5vsknk084sn02q-1")]
    pub execution_id: ExecutionId,
    /// The workflow.
    pub workflow: String,
    /// The tenant that its input names.
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// `running`, `succeeded`, `failed`, `timed_out` or `aborted`.
    #[schema(example = "running")]
    pub status: &'static str,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// How often it was redriven.
    pub redrive_count: u32,
}

impl From<ExecutionSummary> for ExecutionSummaryView {
    fn from(summary: ExecutionSummary) -> Self {
        Self {
            workflow: summary.id.workflow().to_owned(),
            execution_id: summary.id,
            tenant_id: summary.tenant_id,
            status: summary.status.as_str(),
            started_at: summary.started_at,
            ended_at: summary.ended_at,
            redrive_count: summary.redrive_count,
        }
    }
}

/// An execution.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Execution)]
pub struct ExecutionView {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: ExecutionSummaryView,
    /// Its input.
    pub input: Value,
    /// Its output, once it succeeded.
    pub output: Option<Value>,
    /// Its error's name, once it failed.
    pub error: Option<String>,
    /// Its cause, once it failed.
    pub cause: Option<String>,
    /// SHA-256 of the definition that it is pinned to, in hex.
    pub definition_hash: String,
}

impl From<Execution> for ExecutionView {
    fn from(execution: Execution) -> Self {
        Self {
            summary: execution.summary.into(),
            input: execution.input,
            output: execution.output,
            error: execution.error,
            cause: execution.cause,
            definition_hash: execution.definition_hash,
        }
    }
}

/// One event of an execution's history, in Step Functions' types.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HistoryEvent)]
pub struct HistoryEventView {
    /// From 1, without holes.
    pub id: u64,
    /// The event that led to this one; 0 for none.
    pub previous_id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The type, such as `TaskStateEntered`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The details that Step Functions gives for the type.
    pub details: Value,
}

impl From<HistoryEvent> for HistoryEventView {
    fn from(event: HistoryEvent) -> Self {
        Self {
            id: event.id,
            previous_id: event.previous_id,
            timestamp: event.timestamp,
            event_type: event.event_type,
            details: event.details,
        }
    }
}
