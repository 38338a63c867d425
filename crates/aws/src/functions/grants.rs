//! From what a function uses to what its role must be allowed: which AWS actions the adapters of this crate call, and
//! on what.

use super::{Function, Trigger, Use};
use std::fmt;
use tenantry_core::ports::Queues;
use tenantry_definitions::workflows::SOURCES;
use tenantry_handlers::Access;

/// What an action is allowed on, by a name that Terraform turns into an ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The table.
    Table,
    /// An index of the table.
    TableIndex(u8),
    /// The table's stream.
    TableStream,
    /// A queue.
    Queue(String),
    /// A queue for what died, or got lost on the way.
    DeadLetterQueue(String),
    /// The bus.
    Bus,
    /// The key under which tenants' keys are wrapped.
    Key,
    /// A secret in Secrets Manager, by its reference.
    Secret(&'static str),
    /// A state machine, its alias and its versions.
    StateMachine(String),
    /// The executions of a workflow.
    Execution(String),
    /// What `SendTask*` is allowed on: the state machines. An emulator may know no resource there.
    TaskTokens,
    /// A function, its alias and its versions.
    Function(String),
    /// The log group of a function and its streams.
    LogGroup(String),
    /// The rule by which Step Functions hears of the end of an execution that it waits for.
    NestedExecutionsRule,
    /// Everything, because AWS knows no resource there.
    Any,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Table => f.write_str("table"),
            Resource::TableIndex(number) => write!(f, "table/index/index{number}"),
            Resource::TableStream => f.write_str("table/stream"),
            Resource::Queue(name) => write!(f, "queue/{name}"),
            Resource::DeadLetterQueue(name) => write!(f, "deadLetterQueue/{name}"),
            Resource::Bus => f.write_str("bus"),
            Resource::Key => f.write_str("key"),
            Resource::Secret(reference) => write!(f, "secret/{reference}"),
            Resource::StateMachine(workflow) => write!(f, "stateMachine/{workflow}"),
            Resource::Execution(workflow) => write!(f, "execution/{workflow}"),
            Resource::TaskTokens => f.write_str("taskTokens"),
            Resource::Function(name) => write!(f, "function/{name}"),
            Resource::LogGroup(function) => write!(f, "logGroup/{function}"),
            Resource::NestedExecutionsRule => f.write_str("rule/nestedExecutions"),
            Resource::Any => f.write_str("any"),
        }
    }
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// The IAM action.
    pub action: &'static str,
    /// On what.
    pub resource: Resource,
}

impl Grant {
    fn of(action: &'static str, resource: Resource) -> Self {
        Self { action, resource }
    }
}

/// Why an action of a function is allowed on everything.
pub fn reason(action: &str) -> Option<&'static str> {
    match action {
        "dynamodb:ListStreams" => Some("ListStreams knows no resource."),
        "xray:PutTraceSegments" | "xray:PutTelemetryRecords" => Some("X-Ray knows no resource to write to."),
        "xray:GetSamplingRules" | "xray:GetSamplingTargets" => Some("X-Ray's sampling knows no resource."),
        action if action.starts_with("logs:") => {
            Some("CloudWatch Logs knows no resource for log deliveries and resource policies.")
        }
        _ => None,
    }
}

/// Where the admin token lies in Secrets Manager.
pub const ADMIN_TOKEN: &str = "system/admin-token";

const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";
const PUT: &str = "dynamodb:PutItem";
const UPDATE: &str = "dynamodb:UpdateItem";
const DELETE: &str = "dynamodb:DeleteItem";
const CHECK: &str = "dynamodb:ConditionCheckItem";
const DATA_KEY: &str = "kms:GenerateDataKey";
const DECRYPT: &str = "kms:Decrypt";

/// What a use comes to. Transactions are allowed by the actions in them.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
pub fn grants(used: Use) -> Vec<Grant> {
    match used {
        Use::Port(access) => port(access),
        Use::IndexQuery(index) => vec![Grant::of(QUERY, Resource::TableIndex(index.number()))],
        Use::AdminToken => ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
            .map(|action| Grant::of(action, Resource::Secret(ADMIN_TOKEN)))
            .to_vec(),
        Use::QueueSend(queue) => on_queue("sqs:SendMessage", queue),
        Use::QueueExtend(queue) => on_queue("sqs:ChangeMessageVisibility", queue),
        Use::QueueDepth(queue) => on_queue("sqs:GetQueueAttributes", queue),
        Use::SharedSecretStore => sealed(&[GET, PUT], &[DATA_KEY, DECRYPT]),
        Use::SharedSecretResolve => sealed(&[GET], &[DECRYPT]),
        Use::EventsPut => vec![Grant::of("events:PutEvents", Resource::Bus)],
        Use::DeadLetterRedrive(queue) => {
            let mut all = sealed(&[GET, PUT, DELETE], &[DECRYPT]);
            all.extend(on_queue("sqs:SendMessage", queue));
            all
        }
        Use::ExecutionStart => on_state_machines("states:StartExecution"),
        Use::ExecutionStartAgain => on_executions("states:DescribeExecution"),
        Use::ExecutionList => {
            let mut all = on_state_machines("states:ListExecutions");
            all.extend(on_table(&[GET]));
            all
        }
        Use::ExecutionListOfTenant => {
            let mut all = on_executions("states:DescribeExecution");
            all.extend(on_table(&[QUERY]));
            all
        }
        Use::ExecutionDescribe => {
            let mut all = on_executions("states:DescribeExecution");
            all.extend(on_executions("states:DescribeStateMachineForExecution"));
            all
        }
        Use::ExecutionHistory => on_executions("states:GetExecutionHistory"),
        Use::ExecutionRedrive => on_executions("states:RedriveExecution"),
        Use::ExecutionStop => {
            let mut all = on_executions("states:DescribeExecution");
            all.extend(on_executions("states:StopExecution"));
            all
        }
        Use::TaskSucceed => vec![Grant::of("states:SendTaskSuccess", Resource::TaskTokens)],
        Use::TaskFail => vec![Grant::of("states:SendTaskFailure", Resource::TaskTokens)],
        Use::TaskHeartbeat => vec![Grant::of("states:SendTaskHeartbeat", Resource::TaskTokens)],
    }
}

/// Which keys a use wraps or unwraps, by the `purpose` of their encryption context.
pub fn key_purposes(used: Use) -> &'static [&'static str] {
    match used {
        Use::Port(Access::KeyCreate | Access::KeySeal | Access::KeyOpen) => &["data", "records"],
        Use::Port(Access::SecretStore | Access::SecretResolve | Access::SecretRotate) => &["data"],
        Use::SharedSecretStore | Use::SharedSecretResolve => &["vault"],
        Use::DeadLetterRedrive(_) => &["records"],
        _ => &[],
    }
}

/// What the adapters of table, data keys and vault call. A tenant's secrets are sealed by its data key. Keys and secrets
/// are rows of the table; the table itself reaches its own key through DynamoDB, which the key's policy allows.
fn port(access: Access) -> Vec<Grant> {
    match access {
        Access::TableGet => on_table(&[GET]),
        Access::TableQuery => on_table(&[QUERY]),
        Access::TablePut => on_table(&[PUT]),
        Access::TableUpdate => on_table(&[UPDATE]),
        Access::TableDelete => on_table(&[DELETE]),
        Access::TableCheck => on_table(&[CHECK]),
        Access::KeyCreate => sealed(&[GET, PUT], &[DATA_KEY]),
        Access::KeySeal | Access::KeyOpen => sealed(&[GET], &[DECRYPT]),
        Access::KeyExists => on_table(&[GET]),
        Access::KeyDestroy => on_table(&[DELETE]),
        Access::SecretStore | Access::SecretRotate => sealed(&[GET, PUT], &[DECRYPT]),
        Access::SecretResolve => sealed(&[GET], &[DECRYPT]),
        Access::SecretDelete => on_table(&[DELETE]),
    }
}

fn on_table(actions: &[&'static str]) -> Vec<Grant> {
    actions.iter().map(|action| Grant::of(action, Resource::Table)).collect()
}

fn sealed(on_rows: &[&'static str], on_key: &[&'static str]) -> Vec<Grant> {
    let mut all = on_table(on_rows);
    all.extend(on_key.iter().map(|action| Grant::of(action, Resource::Key)));
    all
}

fn on_queue(action: &'static str, queue: &str) -> Vec<Grant> {
    vec![Grant::of(action, Resource::Queue(queue.to_owned()))]
}

fn on_state_machines(action: &'static str) -> Vec<Grant> {
    SOURCES.iter().map(|(name, ..)| Grant::of(action, Resource::StateMachine((*name).to_owned()))).collect()
}

fn on_executions(action: &'static str) -> Vec<Grant> {
    SOURCES.iter().map(|(name, ..)| Grant::of(action, Resource::Execution((*name).to_owned()))).collect()
}

/// What Lambda itself does with the function's role: it reads what sets the function off, and tells what it cannot
/// hand over.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>
pub fn mapping_grants(function: &Function) -> Vec<Grant> {
    const READ: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    let Some(trigger) = function.trigger else { return Vec::new() };
    match trigger {
        Trigger::Queue { queue, .. } => {
            READ.map(|action| Grant::of(action, Resource::Queue(queue.to_owned()))).to_vec()
        }
        Trigger::DeadLetters { .. } => Queues::NAMES
            .into_iter()
            .flat_map(|queue| {
                READ.map(|action| Grant::of(action, Resource::DeadLetterQueue(queue.to_owned())))
            })
            .collect(),
        Trigger::Outbox { .. } => {
            let mut all: Vec<Grant> =
                ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
                    .map(|action| Grant::of(action, Resource::TableStream))
                    .to_vec();
            all.push(Grant::of("dynamodb:ListStreams", Resource::Any));
            all.push(Grant::of("sqs:SendMessage", Resource::DeadLetterQueue(function.name.to_owned())));
            all
        }
        Trigger::Schedule { .. } => {
            vec![Grant::of("sqs:SendMessage", Resource::DeadLetterQueue(SCHEDULES.to_owned()))]
        }
        Trigger::Api | Trigger::Authorizer => Vec::new(),
    }
}

/// The queue for rounds that could not be begun or ended.
pub const SCHEDULES: &str = "schedules";

/// What every function's role is allowed for its logs, and, but for rounds that nobody waits for, its traces.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSXRayDaemonWriteAccess.html>
pub fn runtime_grants(function: &Function) -> Vec<Grant> {
    let mut all: Vec<Grant> = ["logs:CreateLogStream", "logs:PutLogEvents"]
        .map(|action| Grant::of(action, Resource::LogGroup(function.name.to_owned())))
        .to_vec();
    let is_round = matches!(function.trigger, Some(Trigger::Schedule { .. }));
    if !is_round {
        let traces = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
        all.extend(traces.map(|action| Grant::of(action, Resource::Any)));
    }
    all
}

/// The variable that tells a function where the resource is, for what it calls itself.
pub fn variable(resource: &Resource) -> Option<String> {
    use crate::deployment::{BUS, KEY, QUEUE_PREFIX, SECRETS_PREFIX, STATE_MACHINES, TABLE};
    match resource {
        Resource::Table | Resource::TableIndex(_) => Some(TABLE.to_owned()),
        Resource::Bus => Some(BUS.to_owned()),
        Resource::Key => Some(KEY.to_owned()),
        Resource::Secret(_) => Some(SECRETS_PREFIX.to_owned()),
        Resource::StateMachine(_) | Resource::Execution(_) => Some(STATE_MACHINES.to_owned()),
        Resource::Queue(name) => Some(format!("{QUEUE_PREFIX}{}", name.to_uppercase().replace('-', "_"))),
        _ => None,
    }
}

/// Everything that the function itself calls, each once.
pub fn call_grants(function: &Function) -> std::collections::BTreeSet<Grant> {
    function.uses.iter().copied().flat_map(grants).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_core::ports::Index;

    #[test]
    fn only_what_has_no_resource_is_allowed_on_everything_and_says_why() {
        for function in super::super::all() {
            let mut all: Vec<Grant> = call_grants(&function).into_iter().collect();
            all.extend(mapping_grants(&function));
            all.extend(runtime_grants(&function));
            for grant in all {
                assert_eq!(
                    grant.resource == Resource::Any,
                    reason(grant.action).is_some() && !is_stream(&grant)
                );
                assert!(!grant.action.contains('*'), "{}", grant.action);
            }
        }
    }

    fn is_stream(grant: &Grant) -> bool {
        matches!(grant.resource, Resource::LogGroup(_))
    }

    #[test]
    fn indexes_are_named_as_in_the_table() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../../../schema/table.json")).unwrap_or_default();
        for index in Index::ALL {
            let name = format!("index{}", index.number());
            let known = table["indexes"].as_array().is_some_and(|all| all.iter().any(|i| i["name"] == name));
            assert!(known, "{name}");
        }
    }
}
