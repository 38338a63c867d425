//! Every Lambda function: what it is for, what sets it off, and what it uses. Terraform makes the functions, their
//! roles and their triggers from this list alone (`terraform/generated/functions.json`); the bootstrap runs them.

mod grants;
pub mod roles;
mod uses;

pub use grants::{
    ADMIN_TOKEN, Grant, Resource, SCHEDULES, call_grants, grants, key_purposes, mapping_grants, reason,
    runtime_grants, variable,
};
pub use uses::Use;

use tenantry_core::ports::Index::One;
use tenantry_handlers::{Access, REGISTRY};
use uses::Use::{
    AdminToken, DeadLetterRedrive, EventsPut, ExecutionDescribe, ExecutionHistory, ExecutionList,
    ExecutionListOfTenant, ExecutionRedrive, ExecutionStart, ExecutionStartAgain, ExecutionStop, IndexQuery,
    Port, QueueDepth, QueueExtend, QueueSend, SharedSecretResolve, SharedSecretStore, TaskFail,
    TaskHeartbeat, TaskSucceed,
};

/// What sets a function off, beside a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Messages of a queue, up to so many a time, by at most so many calls at once.
    Queue {
        /// The queue.
        queue: &'static str,
        /// Most messages of a call.
        batch_size: u32,
        /// Most calls at once; AWS takes 2 to 1,000.
        concurrency_max: u32,
    },
    /// What dies in the queues.
    DeadLetters {
        /// Most messages of a call.
        batch_size: u32,
    },
    /// Rows that enter the outbox, by the table's stream.
    Outbox {
        /// Most records of a call.
        batch_size: u32,
        /// How often a batch is tried again, halved each time, before the place where it stands goes to a queue of its
        /// own.
        retries_max: u32,
    },
    /// Time.
    Schedule {
        /// EventBridge Scheduler's expression.
        expression: &'static str,
    },
    /// A request to the HTTP API.
    Api,
    /// A request to the HTTP API, before it is let in.
    Authorizer,
}

/// One Lambda function. Its `_HANDLER` is its name.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name; the deployment's prefix comes before it.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The longest that a call may take.
    pub timeout_seconds: u64,
    /// Memory, which also decides how much of a processor it has.
    pub memory_megabytes: u64,
    /// What sets it off; a step has none, because a state machine calls it.
    pub trigger: Option<Trigger>,
    /// What it uses.
    pub uses: Vec<Use>,
}

/// A call of a step ends, in good order, within its own time limit; Lambda's is longer, so that a limit that is met is
/// told by the step and not as a crash.
const STEP_MARGIN_SECONDS: u64 = 5;
const STEP_MEMORY_MEGABYTES: u64 = 256;

fn steps() -> impl Iterator<Item = Function> {
    REGISTRY.iter().map(|step| Function {
        name: step.name,
        summary: step.summary,
        timeout_seconds: step.timeout_seconds + STEP_MARGIN_SECONDS,
        memory_megabytes: STEP_MEMORY_MEGABYTES,
        trigger: None,
        uses: step.access.iter().copied().map(Port).collect(),
    })
}

/// Every function: the steps in the order of the registry, then the workers and the API.
pub fn all() -> Vec<Function> {
    let mut all: Vec<Function> = steps().collect();
    all.extend(workers());
    all.extend(doors());
    all
}

const fn queue(queue: &'static str, concurrency_max: u32) -> Option<Trigger> {
    Some(Trigger::Queue { queue, batch_size: 10, concurrency_max })
}

fn workers() -> Vec<Function> {
    use Access::{KeyCreate, KeyOpen, KeySeal, TableDelete, TableGet, TablePut, TableQuery, TableUpdate};
    vec![
        Function {
            name: "operations",
            summary: "Starts the execution of an operation that was accepted.",
            timeout_seconds: 30,
            memory_megabytes: 256,
            trigger: queue("operations", 20),
            uses: vec![
                Port(TableGet),
                Port(TableUpdate),
                Port(TablePut),
                Port(TableDelete),
                Port(KeyCreate),
                Port(KeySeal),
                ExecutionStart,
                ExecutionStartAgain,
                QueueExtend("operations"),
            ],
        },
        Function {
            name: "integrations",
            summary: "Asks a product service to do its part, or answers for one that cannot be asked.",
            timeout_seconds: 60,
            memory_megabytes: 256,
            trigger: queue("integrations", 50),
            uses: vec![
                Port(TableGet),
                Port(TablePut),
                Port(KeySeal),
                Port(KeyCreate),
                Port(TableDelete),
                SharedSecretResolve,
                TaskHeartbeat,
                TaskFail,
                QueueSend("integrations"),
                QueueExtend("integrations"),
            ],
        },
        Function {
            name: "webhooks",
            summary: "Delivers events to their subscribers, in order for each tenant.",
            timeout_seconds: 60,
            memory_megabytes: 256,
            trigger: queue("webhooks", 50),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                Port(TablePut),
                Port(TableDelete),
                Port(KeyCreate),
                Port(KeySeal),
                SharedSecretResolve,
                QueueSend("webhooks"),
                QueueExtend("webhooks"),
            ],
        },
        Function {
            name: "execution_status",
            summary: "Leaves the error of an execution that ended badly with its operation.",
            timeout_seconds: 30,
            memory_megabytes: 256,
            trigger: queue("execution-status", 20),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                Port(TablePut),
                Port(TableUpdate),
                Port(KeySeal),
                Port(KeyOpen),
                Port(KeyCreate),
                Port(TableDelete),
                ExecutionDescribe,
                ExecutionHistory,
                QueueExtend("execution-status"),
            ],
        },
        Function {
            name: "dead_letters",
            summary: "Keeps what the queues gave up, with the reason, until an operator decides.",
            timeout_seconds: 30,
            memory_megabytes: 256,
            trigger: Some(Trigger::DeadLetters { batch_size: 10 }),
            uses: vec![Port(TableGet), Port(TablePut), Port(TableDelete), Port(KeySeal), Port(KeyCreate)],
        },
        Function {
            name: "relay",
            summary: "Publishes the events and sends the operations that a commit left in the outbox.",
            timeout_seconds: 60,
            memory_megabytes: 512,
            trigger: Some(Trigger::Outbox { batch_size: 100, retries_max: 10 }),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                Port(TableUpdate),
                Port(TablePut),
                EventsPut,
                QueueSend("operations"),
                QueueSend("webhooks"),
            ],
        },
        Function {
            name: "sweeper",
            summary: "Takes up what is due, and what was lost on the way.",
            timeout_seconds: 120,
            memory_megabytes: 256,
            trigger: Some(Trigger::Schedule { expression: "rate(1 minute)" }),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                Port(TablePut),
                Port(TableUpdate),
                IndexQuery(One),
                QueueSend("operations"),
                QueueSend("webhooks"),
                EventsPut,
            ],
        },
        Function {
            name: "reconciler",
            summary: "Asks Step Functions about operations that make no progress.",
            timeout_seconds: 120,
            memory_megabytes: 256,
            trigger: Some(Trigger::Schedule { expression: "rate(5 minutes)" }),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                IndexQuery(One),
                ExecutionDescribe,
                QueueSend("execution-status"),
            ],
        },
    ]
}

fn doors() -> Vec<Function> {
    use Access::{
        KeyCreate, KeyDestroy, KeyOpen, SecretDelete, TableCheck, TableDelete, TableGet, TablePut,
        TableQuery, TableUpdate,
    };
    use tenantry_core::ports::Index::{Three, Two};
    vec![
        Function {
            name: "api",
            summary: "Serves the HTTP API.",
            // API Gateway waits 30 s at most.
            // <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
            timeout_seconds: 29,
            memory_megabytes: 512,
            trigger: Some(Trigger::Api),
            uses: vec![
                Port(TableGet),
                Port(TableQuery),
                Port(TablePut),
                Port(TableUpdate),
                Port(TableDelete),
                Port(TableCheck),
                Port(KeyCreate),
                Port(KeyOpen),
                Port(KeyDestroy),
                Port(SecretDelete),
                IndexQuery(One),
                IndexQuery(Two),
                IndexQuery(Three),
                SharedSecretStore,
                AdminToken,
                QueueDepth("operations"),
                QueueDepth("integrations"),
                QueueDepth("webhooks"),
                QueueDepth("execution-status"),
                DeadLetterRedrive("operations"),
                DeadLetterRedrive("integrations"),
                DeadLetterRedrive("webhooks"),
                DeadLetterRedrive("execution-status"),
                ExecutionDescribe,
                ExecutionHistory,
                ExecutionList,
                ExecutionListOfTenant,
                ExecutionRedrive,
                ExecutionStop,
                TaskSucceed,
                TaskFail,
                TaskHeartbeat,
                QueueSend("webhooks"),
            ],
        },
        Function {
            name: "authorizer",
            summary: "Knows the callers of the HTTP API by their tokens.",
            timeout_seconds: 10,
            memory_megabytes: 256,
            trigger: Some(Trigger::Authorizer),
            uses: vec![Port(TableGet), AdminToken],
        },
    ]
}
