//! Tenants, operations and resources.

use crate::usecases::status::{Facts, OperationStatus, Stuck};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::model::{Operation, RecordedError, Resource, ResourceState, Tenant};
use tenantry_core::{ExecutionId, OperationId, ResourceId, TenantId, Timestamp};
use utoipa::ToSchema;

/// An error of a step or an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StepError)]
pub struct ErrorView {
    /// The error's name.
    #[schema(example = "Tenant.NoCapacity")]
    pub code: String,
    /// What, why and what now.
    pub message: String,
    /// The step that failed, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

impl From<RecordedError> for ErrorView {
    fn from(error: RecordedError) -> Self {
        Self { code: error.code, message: error.message, step: error.step }
    }
}

/// A status that cannot lie: computed from durable facts at each reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetail {
    /// Since when the tenant is in its state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The operation that holds the tenant, or that failed last.
    #[schema(value_type = Option<String>)]
    pub operation_id: Option<OperationId>,
    /// The step at which it is: the state's name in the workflow.
    pub step: Option<String>,
    /// The operation's attempt, from 1.
    pub attempt: Option<u64>,
    /// The step's try, from 1.
    #[serde(rename = "try")]
    pub try_number: Option<u64>,
    /// The latest time at which the step's next try begins, where there is one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_retry_at: Option<Timestamp>,
    /// The last error.
    pub last_error: Option<ErrorView>,
    /// Why it stands still and what to do; null where it does not.
    pub stuck: Option<Stuck>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
pub struct TenantView {
    /// The id.
    #[schema(value_type = String, example = "tnt_01h455vb4pex5vsknk084sn02q")]
    pub tenant_id: TenantId,
    /// The display name.
    pub name: String,
    /// The name in addresses; unique.
    pub slug: String,
    /// What was bought.
    pub plan: String,
    /// How far it is kept apart: `pool`, `bridge` or `silo`.
    #[schema(example = "pool")]
    pub isolation: &'static str,
    /// Where its data lives.
    pub region: String,
    /// The cell that serves it, once placed.
    pub cell: Option<String>,
    /// `registered`, `provisioning`, `active`, `upgrading`, `suspended`, `offboarding`, `offboarded`, `purged` or
    /// `provisioning_failed`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Where exactly it stands.
    pub status_detail: StatusDetail,
    /// Attempts begun so far.
    pub generation: u64,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its record last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The caller's own id; unique.
    pub external_id: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Writes so far: what `If-Match` asks for.
    #[serde(skip)]
    pub revision: u64,
}

impl TenantView {
    pub(in crate::usecases) fn new(tenant: Tenant, facts: Option<&Facts>, now: Timestamp) -> Self {
        let current = facts.and_then(Facts::current).map(|row| &row.progress);
        let failed_step = facts.and_then(Facts::last_error).and_then(|error| error.step);
        let detail = StatusDetail {
            since: tenant.status_since,
            operation_id: facts.map(|facts| facts.operation.operation_id.clone()),
            step: current.map(|row| row.step.clone()).or(failed_step),
            attempt: facts.map(|facts| facts.operation.attempt),
            try_number: current.map(|row| row.try_number),
            next_retry_at: current.and_then(|row| row.next_retry_at),
            last_error: facts.and_then(Facts::last_error).map(ErrorView::from),
            stuck: facts.and_then(|facts| facts.stuck(now)),
        };
        Self {
            tenant_id: tenant.tenant_id,
            name: tenant.name,
            slug: tenant.slug,
            plan: tenant.plan,
            isolation: tenant.isolation.as_str(),
            region: tenant.region,
            cell: tenant.cell,
            status: tenant.status.as_str(),
            status_detail: detail,
            generation: tenant.generation,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            external_id: tenant.external_id,
            metadata: tenant.metadata,
            revision: tenant.revision,
        }
    }
}

/// A lifecycle request and its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Operation)]
pub struct OperationView {
    /// The id.
    #[schema(value_type = String, example = "op_01h455vb4pex5vsknk084sn02q")]
    pub operation_id: OperationId,
    /// Whose.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// What it does.
    #[schema(example = "provision")]
    pub kind: &'static str,
    /// How far it has come; computed.
    pub status: OperationStatus,
    /// The running or last attempt, from 1.
    pub attempt: u64,
    /// The execution of that attempt.
    #[schema(value_type = String, example = "provision_tenant~op_01h455vb4pex5vsknk084sn02q-1")]
    pub execution_id: ExecutionId,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it failed, or what failed last.
    pub error: Option<ErrorView>,
    /// Why it stands still and what to do; null where it does not.
    pub stuck: Option<Stuck>,
    /// Writes so far: what `If-Match` asks for.
    #[serde(skip)]
    pub revision: u64,
}

impl OperationView {
    pub(in crate::usecases) fn new(facts: &Facts, now: Timestamp) -> Self {
        let Operation { operation_id, tenant_id, kind, attempt, requested_by, created_at, ended_at, .. } =
            facts.operation.clone();
        Self {
            operation_id,
            tenant_id,
            kind: kind.as_str(),
            status: facts.status(now),
            attempt,
            execution_id: facts.operation.execution_id(),
            requested_by,
            created_at,
            ended_at,
            error: facts.last_error().map(ErrorView::from),
            stuck: facts.stuck(now),
            revision: facts.operation.revision,
        }
    }
}

/// One thing made for a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Resource)]
pub struct ResourceView {
    /// The id.
    #[schema(value_type = String)]
    pub resource_id: ResourceId,
    /// The kind, such as `namespace`.
    pub kind: &'static str,
    /// The name, unique within tenant and kind.
    pub name: String,
    /// What it should be: `pending`, `ready` or `absent`.
    #[schema(value_type = String, example = "ready")]
    pub desired: ResourceState,
    /// What it was when last seen.
    #[schema(value_type = String, example = "ready")]
    pub observed: ResourceState,
    /// The tenant's generation that made it.
    pub generation: u64,
    /// References and settings; never a secret.
    #[schema(value_type = Object)]
    pub spec: Map<String, Value>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Resource> for ResourceView {
    fn from(resource: Resource) -> Self {
        Self {
            resource_id: resource.resource_id,
            kind: resource.kind.as_str(),
            name: resource.name,
            desired: resource.desired,
            observed: resource.observed,
            generation: resource.generation,
            spec: resource.spec,
            created_at: resource.created_at,
            updated_at: resource.updated_at,
        }
    }
}
