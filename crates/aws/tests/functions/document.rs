//! The data as Terraform and the tests of a deployment read it.

use super::examples::Example;
use super::seeds;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_aws::functions::{
    self, Function, Grant, Resource, SCHEDULES, Trigger, Use, call_grants, grants, key_purposes,
    mapping_grants, reason, roles, runtime_grants, variable,
};
use tenantry_core::ports::Queues;
use tenantry_definitions::workflows::SOURCES;

const COMMENT: &[&str] = &[
    "Made by UPDATE_EXPECT=1 cargo test -p tenantry-aws --test main functions, from the registry of steps, the list of functions and the definitions of the workflows. Terraform and the tests of a deployment read it; nobody writes it.",
    "functions.<name>: the Lambda function <prefix>-<name>, alias live, _HANDLER = <name>. variables: those of the TENANTRY_* variables that it needs. kind: step, queue, deadLetters, outbox, schedule, api or authorizer.",
    "statements: actions x resources of the function's role. via call: the function's own calls; each pair of action and resource is reached by one invocation with examples.<reachedBy>. via mapping: what Lambda's event source mapping does with the role. via runtime: what Lambda itself does with it. conditions: an IAM Condition block, to be left out under an emulator that does not know its keys. reason: why the resource is any.",
    "resources: table, table/index/<index>, table/stream, queue/<name>, deadLetterQueue/<name>, bus, key, secret/<reference>, stateMachine/<workflow> (itself, its alias and its versions), execution/<workflow> (all executions), taskTokens (the state machines; all resources under an emulator that knows none there), function/<name> (its alias), logGroup/<function> (its streams), rule/nestedExecutions, any (*).",
    "examples.<name>: event is the payload of an invocation. In it ${queue/<name>}, ${deadLetterQueue/<name>}, ${table/stream} and ${api} stand for ARNs, ${region} for the region, ${adminToken} for the admin token, ${taskToken} for the token of a waiting task. given: what must be there before, in order, in a table that is empty but for it: rows/<name> puts the entries of seeds.<name> in, run/<function> invokes that function with its example run. A process keeps keys and tokens in memory for a while, so each invocation needs a new process of its function.",
    "seeds.<name>: entries, each of one member. item: a row, its places in the indexes and its attributes. secret: kept in the vault. key: made by the data keys. rule: put to the bus. published: an event published on the bus. deadLetter: buried. stoppedExecution, runningExecution: started (and stopped). taskToken: the pointer row of ${taskToken}. crates/aws/tests/functions/seeds.rs puts each of them in over any ports.",
    "workflows.<name>: names are what the definition asks templatefile for, a function's alias by its name and a queue's URL by <queue>_queue_url; statements are those of the state machine's role. queues.<name>: visibilitySeconds is six times the timeout of its function; each has a dead letter queue of its own. deadLetterQueues: further ones, which no function reads.",
];

/// As AWS advises: six times the function's timeout, so that a batch that is being worked on does not come again.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_TIMEOUTS: u64 = 6;
const RETENTION_SECONDS: u64 = 14 * 24 * 3_600;

type Seen = BTreeMap<&'static str, Vec<(String, BTreeSet<Use>)>>;

pub(crate) fn text(examples: &[Example], seen: &Seen) -> String {
    let functions = functions::all();
    let described: Map<String, Value> =
        functions.iter().map(|one| (one.name.to_owned(), function(one, examples, seen))).collect();
    let document = json!({
        "comment": COMMENT,
        "functions": described,
        "workflows": workflows(),
        "queues": queues(&functions),
        "deadLetterQueues": {
            "relay": {"purpose": "Where in the table's stream records stand that the relay could not handle. Their rows are still in the outbox: what they ask for is not lost."},
            SCHEDULES: {"purpose": "Rounds of the sweeper and the reconciler that could not be begun or ended. The next round does their work."},
            "rules": {"purpose": "Events that EventBridge could not put into a queue."},
        },
        "seeds": seeds::all(),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    text
}

fn kind(function: &Function) -> &'static str {
    match function.trigger {
        None => "step",
        Some(Trigger::Queue { .. }) => "queue",
        Some(Trigger::DeadLetters { .. }) => "deadLetters",
        Some(Trigger::Outbox { .. }) => "outbox",
        Some(Trigger::Schedule { .. }) => "schedule",
        Some(Trigger::Api) => "api",
        Some(Trigger::Authorizer) => "authorizer",
    }
}

fn trigger(function: &Function) -> Option<Value> {
    Some(match function.trigger? {
        Trigger::Queue { queue, batch_size, concurrency_max } => json!({
            "type": "queue", "queue": queue, "batchSize": batch_size, "batchingWindowSeconds": 0,
            "maximumConcurrency": concurrency_max,
        }),
        Trigger::DeadLetters { batch_size } => json!({
            "type": "deadLetters", "queues": Queues::NAMES, "batchSize": batch_size, "batchingWindowSeconds": 0,
        }),
        Trigger::Outbox { batch_size, retries_max } => json!({
            "type": "stream", "batchSize": batch_size, "batchingWindowSeconds": 0, "parallelizationFactor": 1,
            "maximumRetryAttempts": retries_max, "bisectBatchOnFunctionError": true,
            "filters": [{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {
                "index1pk": {"S": [{"prefix": "OUTBOX#"}]},
            }}}],
            "onFailure": Resource::DeadLetterQueue(function.name.to_owned()).to_string(),
        }),
        Trigger::Schedule { expression } => json!({
            "type": "schedule", "expression": expression,
            "onFailure": Resource::DeadLetterQueue(SCHEDULES.to_owned()).to_string(),
        }),
        Trigger::Api => json!({"type": "api"}),
        Trigger::Authorizer => json!({"type": "authorizer"}),
    })
}

fn function(function: &Function, examples: &[Example], seen: &Seen) -> Value {
    let calls = call_grants(function);
    let variables: BTreeSet<String> = calls.iter().filter_map(|grant| variable(&grant.resource)).collect();
    let own = examples.iter().filter(|example| example.function == function.name);
    let described: Map<String, Value> = own
        .map(|example| (example.name.clone(), json!({"given": example.given, "event": example.event})))
        .collect();
    let observed = seen.get(function.name).map(Vec::as_slice).unwrap_or_default();
    let reached_by = |grant: &Grant| {
        let first = observed.iter().find(|(_, used)| used.iter().any(|used| grants(*used).contains(grant)));
        first.map(|(name, _)| name.clone())
    };
    let mut statements = grouped(
        calls.iter().map(|grant| (json!({"via": "call", "reachedBy": reached_by(grant)}), grant.clone())),
    );
    for statement in &mut statements {
        if statement["resources"] == json!(["key"]) {
            statement["conditions"] = key_condition(function);
        }
    }
    statements.extend(grouped(
        mapping_grants(function).into_iter().map(|grant| (json!({"via": "mapping"}), grant)),
    ));
    statements.extend(grouped(
        runtime_grants(function).into_iter().map(|grant| (json!({"via": "runtime"}), grant)),
    ));
    json!({
        "summary": function.summary,
        "kind": kind(function),
        "timeoutSeconds": function.timeout_seconds,
        "memoryMegabytes": function.memory_megabytes,
        "triggers": Vec::from_iter(trigger(function)),
        "variables": variables,
        "statements": statements,
        "examples": described,
    })
}

/// Only keys that were wrapped for what the function uses them for.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context>
fn key_condition(function: &Function) -> Value {
    let purposes: BTreeSet<&str> =
        function.uses.iter().flat_map(|used| key_purposes(*used)).copied().collect();
    json!({"StringEquals": {"kms:EncryptionContext:purpose": purposes}})
}

/// Statements: those of one kind and resource together, then resources of the same actions together.
fn grouped(tagged: impl Iterator<Item = (Value, Grant)>) -> Vec<Value> {
    let mut by_resource: BTreeMap<(String, String), BTreeSet<&'static str>> = BTreeMap::new();
    for (tag, grant) in tagged {
        by_resource.entry((tag.to_string(), grant.resource.to_string())).or_default().insert(grant.action);
    }
    let mut by_actions: BTreeMap<(String, Vec<&'static str>), Vec<String>> = BTreeMap::new();
    for ((tag, resource), actions) in by_resource {
        by_actions.entry((tag, actions.into_iter().collect())).or_default().push(resource);
    }
    let statement = |((tag, actions), resources): ((String, Vec<&'static str>), Vec<String>)| {
        let mut statement: Value = serde_json::from_str(&tag).unwrap();
        if resources.iter().any(|resource| resource == "any") {
            let reasons: BTreeSet<&str> = actions.iter().filter_map(|action| reason(action)).collect();
            statement["reason"] = json!(reasons.into_iter().collect::<Vec<_>>().join(" "));
        }
        statement["actions"] = json!(actions);
        statement["resources"] = json!(resources);
        statement
    };
    by_actions.into_iter().map(statement).collect()
}

fn workflows() -> Value {
    let one = |(name, file, text): &(&str, &str, &str)| {
        let tasks = roles::workflow_grants(file, text).unwrap_or_else(|error| panic!("{error}"));
        let all = tasks.into_iter().chain(roles::machine_grants());
        let statements = grouped(all.map(|grant| (json!({}), grant)));
        let names = roles::names_asked_for(text);
        ((*name).to_owned(), json!({"file": file, "names": names, "statements": statements}))
    };
    Value::Object(SOURCES.iter().map(one).collect())
}

fn queues(functions: &[Function]) -> Value {
    let one = |name: &str| {
        let works_on_it = |function: &&Function| matches!(function.trigger, Some(Trigger::Queue { queue, .. }) if queue == name);
        let worker = functions.iter().find(works_on_it);
        let worker = worker.unwrap_or_else(|| panic!("nobody works on {name}"));
        let queue = json!({
            "variable": variable(&Resource::Queue(name.to_owned())),
            "visibilitySeconds": worker.timeout_seconds * VISIBILITY_TIMEOUTS,
            "maxReceives": receives_max(name),
            "retentionSeconds": RETENTION_SECONDS,
        });
        (name.to_owned(), queue)
    };
    Value::Object(Queues::NAMES.into_iter().map(one).collect())
}

/// As on one machine; SQS counts to 1,000. The webhook sender gives messages back until it is their turn, and buries
/// them by its own rule.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
fn receives_max(queue: &str) -> u64 {
    if queue == "webhooks" { 1_000 } else { 50 }
}
