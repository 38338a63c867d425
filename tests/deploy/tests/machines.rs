//! What state machines, mappings and schedules may do: exactly what the deployed definitions and settings need. The
//! emulator does not hold these roles against their policies, so that IAM's own simulation is asked.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_deploy::contract::Contract;
use tenantry_deploy::policies::{EMULATORS_OWN, Grant, grants, simulated};
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::Stack;

/// What Step Functions does with a machine's role to log: no resource is known to these actions.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>
const LOG_DELIVERY: &[&str] = &[
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
];

/// What Step Functions does with it to trace. The emulator forgets that a machine is traced; the modules' own tests hold
/// that it is. <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html>
const MACHINE_TRACES: &[&str] = &[
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What Lambda does with a function's role to trace.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html>
const FUNCTION_TRACES: &[&str] = &["xray:PutTelemetryRecords", "xray:PutTraceSegments"];

/// What Lambda does with a function's role to log.
const FUNCTION_LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// What a mapping does at a queue. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const QUEUE_MAPPING: &[&str] = &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// What a mapping does at a stream. <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>
const STREAM_MAPPING: &[&str] =
    &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];

/// Actions on resources.
type Pairs = BTreeSet<(String, String)>;

/// By the role's name: what must be allowed.
type Needs = BTreeMap<String, Pairs>;

fn need(needs: &mut Needs, role: &str, actions: &[&str], resource: &str) {
    let pairs = actions.iter().map(|action| ((*action).to_owned(), resource.to_owned()));
    needs.entry(role.to_owned()).or_default().extend(pairs);
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}

fn role_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_machines_mappings_and_schedules_allow_what_is_needed_and_nothing_else() {
    let Some(stack) = Stack::start("the roles of state machines, mappings and schedules", false) else {
        return;
    };
    let stage = Stage::begin("roles of machines, mappings and schedules");
    let mut needs = Needs::new();
    machines(&stack, &mut needs).await;
    mappings(&stack, &mut needs).await;
    functions(&stack, &mut needs).await;
    schedules(&stack, &mut needs).await;

    let contract = Contract::read();
    let own = own_calls(&stack, &contract);
    let (mut faults, mut allowed) = (Vec::new(), 0);
    let roles = stack.aws.list("iam", "list_roles", json!({}), "Roles").await;
    for role in roles.iter().filter(|role| !text(role, "/Path").starts_with("/aws-service-role/")) {
        let (name, arn) = (text(role, "/RoleName"), text(role, "/Arn"));
        let needed = needs.remove(name).unwrap_or_default();
        for (action, resource) in &needed {
            allowed += 1;
            if !simulated(&stack.aws, arn, action, &inside(resource)).await {
                faults.push(format!("{name} needs {action} on {resource}, and is not allowed it"));
            }
        }
        for mut grant in grants(&stack.aws, name).await {
            if grant.action == EMULATORS_OWN.1 {
                EMULATORS_OWN.0.clone_into(&mut grant.action);
            }
            let of_mine = own.get(name).is_some_and(|calls| calls.contains(&grant));
            if !of_mine && !needed.contains(&(grant.action.clone(), grant.resource.clone())) {
                faults.push(format!(
                    "{name} is granted {} on {}, and nothing needs it",
                    grant.action, grant.resource
                ));
            }
        }
    }
    assert!(needs.is_empty(), "roles that are not there: {:?}", needs.keys());
    let denied = strangers(&stack, &mut faults).await;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(allowed > 100 && denied > 100, "{allowed} pairs allowed, {denied} refused");
    stage.end_with(format_args!(
        "{allowed} needed pairs allowed, {denied} others refused, {} roles",
        roles.len()
    ));
}

/// A resource that a pattern covers.
fn inside(resource: &str) -> String {
    match resource {
        "*" => "*".to_owned(),
        pattern => pattern.replace('*', "something"),
    }
}

/// What a machine's own definition calls, and its settings.
async fn machines(stack: &Stack, needs: &mut Needs) {
    let machines = stack.aws.list("stepfunctions", "list_state_machines", json!({}), "stateMachines").await;
    assert!(!machines.is_empty(), "no state machine is deployed");
    for machine in machines {
        let which = json!({"stateMachineArn": machine["stateMachineArn"]});
        let described = stack.aws.must("stepfunctions", "describe_state_machine", which).await;
        let role = role_name(text(&described, "/roleArn"));
        let definition: Value = serde_json::from_str(text(&described, "/definition")).expect("JSON");
        let mut calls = Vec::new();
        tasks(&definition, &mut calls);
        assert!(calls.len() > 10, "{definition:#}");
        for (resource, arguments) in calls {
            match resource.trim_end_matches(".waitForTaskToken") {
                "arn:aws:states:::lambda:invoke" => {
                    need(needs, &role, &["lambda:InvokeFunction"], text(arguments, "/FunctionName"));
                }
                "arn:aws:states:::sqs:sendMessage" => {
                    let queue = arn_of_queue(stack, text(arguments, "/QueueUrl")).await;
                    need(needs, &role, &["sqs:SendMessage"], &queue);
                }
                other => panic!("teach this test what {other} needs"),
            }
        }
        if described.pointer("/loggingConfiguration/level").is_some_and(|level| level != "OFF") {
            need(needs, &role, LOG_DELIVERY, "*");
        }
        need(needs, &role, MACHINE_TRACES, "*");
    }
}

/// Every Task of a definition, wherever it stands: its resource and its arguments.
fn tasks<'a>(value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            if fields.get("Type").is_some_and(|kind| kind == "Task") {
                found.push((text(value, "/Resource"), &value["Arguments"]));
            }
            fields.values().for_each(|field| tasks(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| tasks(item, found)),
        _ => {}
    }
}

async fn arn_of_queue(stack: &Stack, url: &str) -> String {
    let question = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let answer = stack.aws.must("sqs", "get_queue_attributes", question).await;
    text(&answer, "/Attributes/QueueArn").to_owned()
}

/// The role that a function's alias, or the function itself, runs under.
async fn role_of_function(stack: &Stack, arn: &str) -> String {
    let function = stack.aws.must("lambda", "get_function_configuration", json!({"FunctionName": arn})).await;
    role_name(text(&function, "/Role"))
}

async fn mappings(stack: &Stack, needs: &mut Needs) {
    let mappings =
        stack.aws.list("lambda", "list_event_source_mappings", json!({}), "EventSourceMappings").await;
    assert!(mappings.len() >= 9, "{mappings:#?}");
    for mapping in mappings {
        let role = role_of_function(stack, text(&mapping, "/FunctionArn")).await;
        let source = text(&mapping, "/EventSourceArn");
        if source.contains(":sqs:") {
            need(needs, &role, QUEUE_MAPPING, source);
        } else {
            need(needs, &role, STREAM_MAPPING, source);
            need(needs, &role, &["dynamodb:ListStreams"], "*");
        }
        if let Some(to) = mapping.pointer("/DestinationConfig/OnFailure/Destination").and_then(Value::as_str)
        {
            need(needs, &role, &["sqs:SendMessage"], to);
        }
    }
}

async fn functions(stack: &Stack, needs: &mut Needs) {
    for function in stack.aws.list("lambda", "list_functions", json!({}), "Functions").await {
        let (name, role) = (text(&function, "/FunctionName"), role_name(text(&function, "/Role")));
        let group = text(&function, "/LoggingConfig/LogGroup");
        let account: Vec<&str> = text(&function, "/FunctionArn").split(':').take(5).collect();
        let [_, partition, _, region, id] = account[..] else { panic!("{function:#}") };
        need(needs, &role, FUNCTION_LOGS, &format!("arn:{partition}:logs:{region}:{id}:log-group:{group}:*"));
        if function.pointer("/TracingConfig/Mode").is_some_and(|mode| mode == "Active") {
            need(needs, &role, FUNCTION_TRACES, "*");
        }
        let which = json!({"FunctionName": name, "Qualifier": "live"});
        if let Ok(config) = stack.aws.call("lambda", "get_function_event_invoke_config", which).await {
            let to = text(&config, "/DestinationConfig/OnFailure/Destination");
            need(needs, &role, &["sqs:SendMessage"], to);
        }
    }
}

async fn schedules(stack: &Stack, needs: &mut Needs) {
    let schedules = stack.aws.list("scheduler", "list_schedules", json!({}), "Schedules").await;
    assert!(!schedules.is_empty(), "nothing is scheduled");
    for schedule in schedules {
        let which = json!({"Name": schedule["Name"], "GroupName": schedule["GroupName"]});
        let target = stack.aws.must("scheduler", "get_schedule", which).await["Target"].take();
        let role = role_name(text(&target, "/RoleArn"));
        need(needs, &role, &["lambda:InvokeFunction"], text(&target, "/Arn"));
        need(needs, &role, &["sqs:SendMessage"], text(&target, "/DeadLetterConfig/Arn"));
    }
}

/// What functions do themselves: that each of these is needed is seen by taking it away (`permissions.rs`).
fn own_calls(stack: &Stack, contract: &Contract) -> BTreeMap<String, BTreeSet<Grant>> {
    let mut calls: BTreeMap<String, BTreeSet<Grant>> = BTreeMap::new();
    for function in contract.functions() {
        let own = calls.entry(stack.output(&format!("/function_roles/{function}")).to_owned()).or_default();
        for one in contract.uses(function).into_iter().filter(|one| one.via == "call") {
            for resource in stack.resources(&one.symbol) {
                own.insert(Grant { action: one.action.clone(), resource });
            }
        }
    }
    calls
}

/// Asks for what no machine needs: the machines' actions on everything else of this deployment. Answers how many.
async fn strangers(stack: &Stack, faults: &mut Vec<String>) -> usize {
    let mut needs = Needs::new();
    machines(stack, &mut needs).await;
    let functions = stack.prepared.outputs["functions"].as_object().expect("functions");
    let mut resources: BTreeSet<String> =
        functions.values().map(|arn| arn.as_str().expect("an ARN").to_owned()).collect();
    let urls = ["queues", "dead_letter_queues"]
        .map(|name| stack.prepared.outputs[name].as_object().expect("queues"));
    for url in urls.into_iter().flat_map(serde_json::Map::values) {
        resources.insert(arn_of_queue(stack, url.as_str().expect("a URL")).await);
    }
    let actions = [
        "lambda:InvokeFunction",
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "dynamodb:PutItem",
        "states:StartExecution",
    ];
    let mut refused = 0;
    for (name, needed) in &needs {
        let role = stack.aws.must("iam", "get_role", json!({"RoleName": name})).await;
        let arn = text(&role, "/Role/Arn");
        for action in actions {
            for resource in &resources {
                if needed.contains(&(action.to_owned(), resource.clone())) {
                    continue;
                }
                refused += 1;
                if simulated(&stack.aws, arn, action, resource).await {
                    faults.push(format!("{name} is allowed {action} on {resource}, and nothing needs it"));
                }
            }
        }
    }
    refused
}
