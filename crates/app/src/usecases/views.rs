//! What callers read: the public shape of every record. One list of fields each; the OpenAPI document is made from
//! them.

use super::status::{Facts, OperationStatus, Stuck};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::model::{
    Delivery, Operation, RecordedError, Resource, Service, Subscription, Target, Tenant,
};
use tenantry_core::ports::{DeadLetter, Execution, ExecutionSummary, HistoryEvent};
use tenantry_core::{
    EventId, ExecutionId, MessageId, OperationId, ResourceId, ServiceId, SubscriptionId, TenantId, Timestamp,
};
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
    pub(super) fn new(tenant: Tenant, facts: Option<&Facts>, now: Timestamp) -> Self {
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
    pub(super) fn new(facts: &Facts, now: Timestamp) -> Self {
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
    pub desired: tenantry_core::model::ResourceState,
    /// What it was when last seen.
    #[schema(value_type = String, example = "ready")]
    pub observed: tenantry_core::model::ResourceState,
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

/// A product service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Service)]
pub struct ServiceView {
    /// The id.
    #[schema(value_type = String, example = "svc_01h455vb4pex5vsknk084sn02q")]
    pub service_id: ServiceId,
    /// The name; unique.
    pub name: String,
    /// Where its requests go.
    pub url: String,
    /// Whether a tenant needs it to become active.
    pub required: bool,
    /// How long it may take to confirm, in seconds.
    pub timeout_seconds: u64,
    /// How often it must give a sign of life, in seconds.
    pub heartbeat_seconds: Option<u64>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&Service> for ServiceView {
    fn from(service: &Service) -> Self {
        Self {
            service_id: service.service_id.clone(),
            name: service.name.clone(),
            url: service.url.clone(),
            required: service.required,
            timeout_seconds: service.timeout_seconds,
            heartbeat_seconds: service.heartbeat_seconds,
            created_at: service.created_at,
            updated_at: service.updated_at,
        }
    }
}

/// Where a subscription's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetView {
    /// `webhook`.
    #[serde(rename = "type")]
    #[schema(example = "webhook")]
    pub target_type: &'static str,
    /// Where to.
    pub url: String,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Subscription)]
pub struct SubscriptionView {
    /// The id.
    #[schema(value_type = String, example = "sub_01h455vb4pex5vsknk084sn02q")]
    pub subscription_id: SubscriptionId,
    /// For people.
    pub name: String,
    /// An EventBridge pattern.
    #[schema(value_type = Object)]
    pub pattern: Value,
    /// Where the events go.
    pub target: TargetView,
    /// When it was made; events from then on are delivered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Subscription> for SubscriptionView {
    fn from(subscription: &Subscription) -> Self {
        let Target::Webhook { url } = &subscription.target;
        Self {
            subscription_id: subscription.subscription_id.clone(),
            name: subscription.name.clone(),
            pattern: subscription.pattern.clone(),
            target: TargetView { target_type: "webhook", url: url.clone() },
            created_at: subscription.created_at,
        }
    }
}

/// One try to deliver one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// The tenant.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// The event; also the `webhook-id`.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its number within the tenant.
    pub sequence: u64,
    /// The try, from 1.
    #[serde(rename = "try")]
    pub try_number: u64,
    /// How it ended: `delivered`, `failed` (there will be another try) or `dead_letter`.
    #[schema(value_type = String, example = "delivered")]
    pub outcome: tenantry_core::model::DeliveryOutcome,
    /// The receiver's status, where it answered.
    pub status_code: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// Whether it was asked for by a replay.
    pub replay: bool,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the next try is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_retry_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            tenant_id: delivery.tenant_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            sequence: delivery.sequence,
            try_number: delivery.try_number,
            outcome: delivery.outcome,
            status_code: delivery.status_code,
            error: delivery.error,
            latency_ms: delivery.latency_ms,
            replay: delivery.replay,
            at: delivery.at,
            next_retry_at: delivery.next_retry_at,
        }
    }
}

/// What lies in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub struct QueueView {
    /// The name.
    #[schema(example = "operations")]
    pub name: &'static str,
    /// Messages that can be received now.
    pub visible: u64,
    /// Messages received and not yet deleted.
    pub in_flight: u64,
    /// Messages whose delay still runs.
    pub delayed: u64,
    /// Age of the oldest message that can be received, in milliseconds.
    pub oldest_age_ms: u64,
    /// Dead letters; counting stops at 1,000.
    pub dead_letters: u64,
}

/// A message that nobody could handle.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub struct DeadLetterView {
    /// The message's id.
    #[schema(value_type = String)]
    pub message_id: MessageId,
    /// The queue where it died.
    pub queue: String,
    /// What it said; task tokens are shown as `[task token]`.
    pub body: Value,
    /// Whose it is.
    pub group: String,
    /// How often it was received.
    pub receive_count: u32,
    /// Why it died.
    pub reason: DeadReasonView,
    /// When it was first sent.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// When it died.
    #[schema(value_type = String, format = DateTime)]
    pub died_at: Timestamp,
}

/// Why a message died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadReason)]
pub struct DeadReasonView {
    /// A short name, such as `max_receives`.
    pub code: String,
    /// What happened the last time.
    pub message: String,
}

/// Every task token in a message's body made unreadable.
fn without_tokens(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "taskToken" {
                    *value = "[task token]".into();
                } else {
                    without_tokens(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_tokens),
        _ => {}
    }
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        // A body that is not JSON is none of ours: nothing is known of what it may hold.
        let mut body = serde_json::from_str(&letter.body).unwrap_or_else(|_| "[not JSON]".into());
        without_tokens(&mut body);
        Self {
            message_id: letter.id,
            queue: letter.queue,
            body,
            group: letter.group,
            receive_count: letter.receive_count,
            reason: DeadReasonView { code: letter.reason.code, message: letter.reason.message },
            sent_at: letter.sent_at,
            died_at: letter.died_at,
        }
    }
}
