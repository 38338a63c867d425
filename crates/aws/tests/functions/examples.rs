//! Invocations that reach what a function is allowed: the payloads as Lambda is given them, and what must be there
//! before.

use super::seeds::{EXECUTION, MESSAGE, OPERATION, SERVICE, SQS_MESSAGE, SUBSCRIPTION, TENANT};
use serde_json::{Value, json};
use tenantry_core::ports::Queues;
use tenantry_handlers::REGISTRY;

/// One invocation.
pub(crate) struct Example {
    pub(crate) function: &'static str,
    pub(crate) name: String,
    /// `rows/<seed>` or `run/<function>`, in order.
    pub(crate) given: Vec<String>,
    pub(crate) event: Value,
}

fn example(function: &'static str, name: &str, given: &[&str], event: Value) -> Example {
    let given = given.iter().map(|text| (*text).to_owned()).collect();
    Example { function, name: name.to_owned(), given, event }
}

/// Every example, of each function `run` first.
pub(crate) fn all() -> Vec<Example> {
    let mut all = steps();
    all.extend(workers());
    all.extend(rounds());
    all.extend(doors());
    all
}

/// What has to be run before a step, in a tenant that has just signed up.
fn steps_before(step: &str) -> Vec<&'static str> {
    let begun = vec!["rows/tenant", "run/validate_tenant"];
    let with = |more: &[&'static str]| begun.iter().copied().chain(more.iter().copied()).collect();
    match step {
        "validate_tenant" => vec!["rows/tenant"],
        "create_secrets" => with(&["run/create_key"]),
        "snapshot_services" => with(&["rows/service"]),
        "record_integration" => with(&["rows/service", "run/snapshot_services"]),
        "check_health" => with(&[
            "run/place_tenant",
            "run/create_namespace",
            "run/create_key",
            "run/create_secrets",
            "run/create_identity",
            "run/apply_entitlements",
        ]),
        "activate_tenant" => with(&["run/place_tenant"]),
        _ => begun,
    }
}

fn steps() -> Vec<Example> {
    let mut all = Vec::new();
    for step in REGISTRY {
        let given = steps_before(step.name);
        let event: Value = serde_json::from_str(step.example).unwrap();
        all.push(example(step.name, "run", &given, event.clone()));
        let also =
            |more: &str| given.iter().map(|text| (*text).to_owned()).chain([more.to_owned()]).collect();
        let itself = format!("run/{}", step.name);
        if step.undo.is_some() {
            let mut undo = event.clone();
            undo["action"] = json!("undo");
            undo.as_object_mut().unwrap().remove("output");
            let name = "undo".to_owned();
            all.push(Example { function: step.name, name, given: also(&itself), event: undo });
        }
        let again = match step.name {
            // What it has sealed itself, it opens to answer the same.
            "fail_provisioning" => Some(also(&itself)),
            // The key is there already, for an earlier service's answer.
            "record_integration" => Some(also("rows/recordsKey")),
            _ => None,
        };
        if let Some(given) = again {
            all.push(Example { function: step.name, name: "again".to_owned(), given, event });
        }
    }
    all
}

/// One message, as an event source mapping hands it over. `<arn of queue/…>` is the queue's ARN.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
fn message(queue: &str, body: &str) -> Value {
    let symbol =
        queue.strip_prefix("deadLetterQueue/").map_or_else(|| format!("queue/{queue}"), |_| queue.to_owned());
    json!({"Records": [{
        "messageId": SQS_MESSAGE,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1735689600000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1735689600001",
            "MessageGroupId": TENANT,
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("${{{symbol}}}"),
        "awsRegion": "${region}",
    }]})
}

fn workers() -> Vec<Example> {
    let operation = json!({"tenantId": TENANT, "operationId": OPERATION}).to_string();
    let ended = json!({"executionId": EXECUTION, "status": "ABORTED", "tenantId": null}).to_string();
    let news = json!({"subscriptionId": SUBSCRIPTION, "tenantId": TENANT, "sequence": 1}).to_string();
    let request = json!({
        "action": "provision", "serviceId": SERVICE, "tenantId": TENANT, "operationId": OPERATION, "generation": 1,
        "attempt": 1, "state": "AskService", "taskToken": "${taskToken}", "timeoutSeconds": 4_102_444_800_u64,
        "heartbeatSeconds": null,
    });
    let request = request.to_string();
    let ask = |name, given: &[&str]| example("integrations", name, given, message("integrations", &request));
    let deliver = |name, given: &[&str]| example("webhooks", name, given, message("webhooks", &news));
    let end =
        |name, given: &[&str]| example("execution_status", name, given, message("execution-status", &ended));
    let start = |name, given: &[&str]| example("operations", name, given, message("operations", &operation));
    let malformed = |function, queue| example(function, "malformed", &[], message(queue, "poison"));
    let mut all = vec![
        start("run", &["rows/queuedTenant"]),
        start("again", &["rows/queuedTenant", "rows/stoppedExecution"]),
        start("failing", &["rows/damagedOperation"]),
        malformed("operations", "operations"),
        ask("run", &["rows/provisioningTenant", "rows/service", "rows/taskToken"]),
        ask("again", &["rows/provisioningTenant", "rows/recordsKey", "rows/service", "rows/taskToken"]),
        ask("refused", &["rows/provisioningTenant", "rows/taskToken"]),
        ask("failing", &["rows/damagedService", "rows/taskToken"]),
        malformed("integrations", "integrations"),
        deliver("run", &["rows/published", "rows/subscription"]),
        deliver("failing", &["rows/damagedSubscription"]),
        malformed("webhooks", "webhooks"),
        end("run", &["rows/provisioningTenant", "rows/stoppedExecution"]),
        end("again", &["rows/provisioningTenant", "rows/recordsKey", "rows/stoppedExecution"]),
        example("execution_status", "failing", &["rows/damagedOperation"], {
            let known =
                json!({"executionId": EXECUTION, "status": "ABORTED", "tenantId": TENANT}).to_string();
            message("execution-status", &known)
        }),
        malformed("execution_status", "execution-status"),
        example("dead_letters", "run", &[], message("deadLetterQueue/operations", "poison")),
    ];
    // What died before and was being redriven dies again: the tenant's key is there, and the earlier death is forgotten.
    let died_again = |function, queue| {
        example(
            function,
            "diedAgain",
            &["rows/recordsKey", "rows/claimedDeadLetters"],
            message(queue, "poison"),
        )
    };
    all.extend([
        died_again("operations", "operations"),
        died_again("integrations", "integrations"),
        died_again("webhooks", "webhooks"),
        died_again("execution_status", "execution-status"),
        died_again("dead_letters", "deadLetterQueue/operations"),
    ]);
    all
}

/// What the table's stream tells of a row that entered the outbox.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
fn outbox_record(sk: &str) -> Value {
    let keys = json!({"pk": {"S": format!("TENANT#{TENANT}")}, "sk": {"S": sk}});
    json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "${region}",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_735_689_600,
            "Keys": keys,
            "NewImage": keys,
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "${table/stream}",
    })
}

fn rounds() -> Vec<Example> {
    let records = [format!("EVENT#{:020}", 1), format!("OPERATION#{OPERATION}")].map(|sk| outbox_record(&sk));
    // EventBridge Scheduler hands over what Terraform says.
    let tick = json!({});
    vec![
        example("relay", "run", &["rows/outbox", "rows/subscription"], json!({"Records": records})),
        example("sweeper", "run", &["rows/published", "rows/subscription", "rows/behind"], tick.clone()),
        example("sweeper", "due", &["rows/dueOperation"], tick.clone()),
        example("sweeper", "outbox", &["rows/outbox", "rows/subscription"], tick.clone()),
        example("reconciler", "run", &["rows/provisioningTenant", "rows/stoppedExecution"], tick),
    ]
}

/// A request as an HTTP API hands it over.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn request(method: &str, path: &str, query: &str, body: Option<Value>) -> Value {
    let mut headers = json!({"authorization": "Bearer ${adminToken}", "host": "api.example.com"});
    if body.is_some() {
        headers["content-type"] = json!("application/json");
        headers["idempotency-key"] = json!("example");
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "tenantry"},
            "requestId": "id", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2025:00:00:00 +0000",
            "timeEpoch": 1_735_689_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = json!(body.to_string());
    }
    event
}

fn doors() -> Vec<Example> {
    let api = |name: &str, given: &[&str], event| example("api", name, given, event);
    let get = |path: &str, query: &str| request("GET", path, query, None);
    let post = |path: &str, body: Value| request("POST", path, "", Some(body));
    let delete = |path: &str| request("DELETE", path, "", None);
    let new_tenant = json!({"name": "Acme", "plan": "pro", "adminEmail": "ada@example.com"});
    let new_service = json!({"name": "billing", "url": "https://billing.example.com/tenantry"});
    let target = json!({"type": "webhook", "url": "https://crm.example.com/hooks"});
    let new_subscription =
        json!({"name": "crm", "pattern": {"detail-type": ["TenantProvisioned"]}, "target": target});
    let token = json!({"taskToken": "${taskToken}"});
    let execution = format!("/v1/executions/{EXECUTION}");
    let mut all = vec![
        api("run", &[], post("/v1/tenants", new_tenant.clone())),
        api("again", &["run/api"], post("/v1/tenants", new_tenant)),
        api("listByStatus", &[], get("/v1/tenants", "status=active")),
        api("listByPlan", &[], get("/v1/tenants", "plan=pro")),
        api("listByRegion", &[], get("/v1/tenants", "region=eu-west-1")),
        api("tenantOperations", &["rows/tenant"], get(&format!("/v1/tenants/{TENANT}/operations"), "")),
        api(
            "activation",
            &["rows/activeTenant"],
            post(&format!("/v1/tenants/{TENANT}/activation"), json!({})),
        ),
        api("retry", &["rows/failedTenant"], post(&format!("/v1/operations/{OPERATION}/retry"), json!({}))),
        api("registerService", &[], post("/v1/services", new_service.clone())),
        api("registerSecondService", &["rows/subscription"], post("/v1/services", new_service)),
        api("removeService", &["rows/service"], delete(&format!("/v1/services/{SERVICE}"))),
        api("subscribe", &[], post("/v1/subscriptions", new_subscription)),
        api("unsubscribe", &["rows/subscription"], delete(&format!("/v1/subscriptions/{SUBSCRIPTION}"))),
        api(
            "replay",
            &["rows/subscription", "rows/published"],
            post(&format!("/v1/subscriptions/{SUBSCRIPTION}/replay"), json!({})),
        ),
        api("events", &["rows/published"], get("/v1/events", "")),
        api("queues", &[], get("/v1/queues", "")),
        api("listDeadLetters", &["rows/deadLetters"], get("/v1/queues/operations/dead-letters", "")),
        api(
            "deleteDeadLetter",
            &["rows/deadLetters"],
            delete(&format!("/v1/queues/operations/dead-letters/{MESSAGE}")),
        ),
        api("executions", &["rows/stoppedExecution", "rows/tenant"], get("/v1/executions", "")),
        api("executionsOfTenant", &["rows/tenant"], get("/v1/executions", &format!("tenant={TENANT}"))),
        api("execution", &["rows/stoppedExecution"], get(&execution, "")),
        api("history", &["rows/stoppedExecution"], get(&format!("{execution}/history"), "")),
        api(
            "redrive",
            &["rows/provisioningTenant", "rows/stoppedExecution"],
            post(&format!("{execution}/redrive"), json!({})),
        ),
        api(
            "stop",
            &["rows/provisioningTenant", "rows/runningExecution"],
            post(&format!("{execution}/stop"), json!({})),
        ),
        api("taskSuccess", &["rows/taskToken"], post("/v1/task-tokens/success", token.clone())),
        api("taskFailure", &["rows/taskToken"], post("/v1/task-tokens/failure", token.clone())),
        api("taskHeartbeat", &["rows/taskToken"], post("/v1/task-tokens/heartbeat", token)),
    ];
    for queue in Queues::NAMES {
        let path = format!("/v1/queues/{queue}/dead-letters/redrive");
        all.push(api(&format!("redriveDeadLetters-{queue}"), &["rows/deadLetters"], post(&path, json!({}))));
    }
    let mut asked = request("GET", "/v1/tenants", "", None);
    asked["type"] = json!("REQUEST");
    asked["routeArn"] = json!("${api}/$default/GET/v1/tenants");
    asked["identitySource"] = json!(["Bearer ${adminToken}"]);
    all.push(example("authorizer", "run", &[], asked.clone()));
    let mut service = asked;
    service["headers"]["authorization"] = json!("Bearer nobody's");
    service["identitySource"] = json!(["Bearer nobody's"]);
    all.push(example("authorizer", "unknown", &[], service));
    all
}
