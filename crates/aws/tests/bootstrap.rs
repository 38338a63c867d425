//! The bootstrap itself, as Lambda runs it, over the emulator's services.

mod runtime_api;
mod stack;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runtime_api::{Function, eventually};
use serde_json::{Value, json};
use stack::{Stack, failures, http_event, message_id, queue_event};
use std::net::UdpSocket;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Action, Commit, DeadLetters as _, EventFilter, Item};
use tenantry_core::{OperationId, TenantId};

/// A tenant that was signed up through the API's function.
async fn sign_up(stack: &Stack, api: &Function, name: &str) -> (TenantId, OperationId) {
    // Whoever asks first makes the token.
    let stranger = api.invoke(&http_event("GET", "/v1/tenants", Some("nobody"), None)).await.unwrap();
    assert_eq!(stranger["statusCode"], 401);
    let body = json!({"name": name, "plan": "pro", "adminEmail": "admin@example.com"});
    let token = stack.admin_token().await;
    let answer = api.invoke(&http_event("POST", "/v1/tenants", Some(&token), Some(&body))).await.unwrap();
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let accepted: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let id = |kind: &str, name: &str| accepted[kind][name].as_str().unwrap().to_owned();
    (id("tenant", "tenantId").parse().unwrap(), id("operation", "operationId").parse().unwrap())
}

/// The payload of the first step for that tenant.
fn payload(tenant: &TenantId, operation: &OperationId) -> Value {
    json!({
        "action": "run", "tenantId": tenant, "operationId": operation, "generation": 1, "attempt": 1,
        "executionId": format!("provision_tenant~{operation}-1"), "state": "ValidateTenant", "retryCount": 0,
    })
}

/// Records of the table's stream for these rows.
fn stream_event(rows: &[Item]) -> Value {
    let record = |(place, row): (usize, &Item)| {
        json!({
            "eventID": place.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1", "eventVersion": "1.1",
            "dynamodb": {
                "Keys": {"pk": {"S": row.key.pk()}, "sk": {"S": row.key.sk()}},
                "NewImage": {"index1pk": {"S": "OUTBOX#0"}}, "SequenceNumber": format!("10{place}"),
                "SizeBytes": 26, "StreamViewType": "NEW_IMAGE",
            },
        })
    };
    json!({"Records": rows.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// The rows that a sign-up put into the outbox.
async fn outbox(stack: &Stack, tenant: &TenantId) -> Vec<Item> {
    let mut rows = stack.rows(Range::events(tenant)).await;
    rows.extend(stack.rows(Range::operations(tenant)).await);
    assert!(rows.len() >= 2, "an event and an operation");
    rows
}

#[tokio::test]
async fn a_step_answers_and_its_clients_are_made_once() {
    let Some(stack) = Stack::make("the bootstrap's steps").await else { return };
    let api = Function::start("api", &stack.variables).await;
    let (tenant, operation) = sign_up(&stack, &api, "Acme").await;
    let step = Function::start("validate_tenant", &stack.variables).await;
    for _ in 0..20 {
        step.invoke(&payload(&tenant, &operation)).await.unwrap();
    }
    let record = stack.ports.table.get(&Key::tenant(&tenant)).await.unwrap().unwrap();
    assert_eq!(record.attributes["status"], "provisioning");

    let lines = step.whole_log().await;
    let made: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "an SDK client is made")
        .map(|line| &line["service"])
        .collect();
    assert_eq!(made, ["dynamodb"], "a step that uses the table alone makes one client, once in 20 calls");
    let of_call = lines.iter().find(|line| line["message"] == "an SDK client is made").unwrap();
    let expected = json!({
        "level": "DEBUG", "function": "validate_tenant", "requestId": "request-0", "step": "validate_tenant",
        "tenant": tenant, "operation": operation, "execution": format!("provision_tenant~{operation}-1"),
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&of_call[name], value, "{name} of {of_call}");
    }
}

#[tokio::test]
async fn a_step_fails_under_our_own_names() {
    let Some(stack) = Stack::make("the bootstrap's errors").await else { return };
    let step = Function::start("place_tenant", &stack.variables).await;
    let nobody = payload(
        &TenantId::from_uuid(stack.ports.ids.next()),
        &OperationId::from_uuid(stack.ports.ids.next()),
    );
    let (name, message) = step.invoke(&nobody).await.unwrap_err();
    assert_eq!(name, "Tenant.NotFound", "{message}");
    for malformed in [json!({}), json!(7), json!(null), json!({"action": "run"})] {
        let (name, message) = step.invoke(&malformed).await.unwrap_err();
        assert_eq!(name, "Step.InvalidInput", "{message}");
    }

    // A store that cannot be reached is told of before Lambda's own timeout.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let cut_off = Function::start("place_tenant", &stack.with("AWS_ENDPOINT_URL", &address)).await;
    let (name, message) = cut_off.send(&nobody, 1_500, None).await.unwrap_err();
    assert_eq!(name, "Store.Unavailable", "{message}");
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let Some(stack) = Stack::make("the bootstrap's start").await else { return };
    let mut unknown = Function::start("place-tenant", &stack.variables).await;
    let status = eventually("the unknown function ends", || unknown.ended()).await;
    assert!(!status.success());
    let (name, message) = unknown.init_error().expect("Lambda is told");
    assert_eq!(name, "Tenantry.UnknownFunction");
    assert!(message.contains("place_tenant") && message.contains("reconciler"), "{message}");

    let mut nobody = Function::start("place_tenant", &stack.without("AWS_ACCESS_KEY_ID")).await;
    eventually("the function without credentials ends", || nobody.ended()).await;
    let (name, message) = nobody.init_error().expect("Lambda is told");
    assert_eq!((name.as_str(), message.contains("AWS_ACCESS_KEY_ID")), ("Tenantry.MissingVariable", true));

    // A name that only some calls need is asked for by those.
    let step = Function::start("place_tenant", &stack.without("TENANTRY_TABLE")).await;
    let ids = (TenantId::from_uuid(stack.ports.ids.next()), OperationId::from_uuid(stack.ports.ids.next()));
    step.invoke(&payload(&ids.0, &ids.1)).await.unwrap_err();
    let log = step.whole_log().await;
    assert!(log.iter().any(|line| line.to_string().contains("TENANTRY_TABLE")), "{log:#?}");
}

#[tokio::test]
async fn the_messages_of_a_batch_succeed_and_fail_by_themselves() {
    let Some(stack) = Stack::make("the bootstrap's queue workers").await else { return };
    let api = Function::start("api", &stack.variables).await;
    let (tenant, operation) = sign_up(&stack, &api, "Batch").await;
    let (other, gone) = sign_up(&stack, &api, "Other").await;
    let started = stack.operation(&other, &gone).await;
    assert_eq!(started["phase"], "queued");
    let body =
        |tenant: &TenantId, operation: &OperationId| json!({"tenantId": tenant, "operationId": operation});
    let bodies = [
        "no JSON".to_owned(),
        // There is no state machine in this deployment: this one cannot be started now.
        body(&tenant, &operation).to_string(),
        body(&tenant, &OperationId::from_uuid(stack.ports.ids.next())).to_string(),
    ];
    let worker = Function::start("operations", &stack.variables).await;
    let answer = worker.invoke(&queue_event("arn:aws:sqs:x:1:operations", &bodies)).await.unwrap();
    assert_eq!(failures(&answer), [message_id(1)], "{:#?}", worker.log());
    let letters = stack.ports.dead_letters.list("operations", None, 10).await.unwrap().items;
    let mut codes: Vec<&str> = letters.iter().map(|letter| letter.reason.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["malformed", "operation_not_found"]);

    // What there is no time for is given back.
    let answer = worker.send(&queue_event("arn:aws:sqs:x:1:operations", &bodies), 0, None).await.unwrap();
    assert_eq!(failures(&answer), [message_id(0), message_id(1), message_id(2)]);

    let (name, _) = worker.invoke(&json!({"a": 1})).await.unwrap_err();
    assert_eq!(name, "Event.Malformed");
}

#[tokio::test]
async fn the_relay_publishes_what_the_stream_shows_and_the_sweeper_what_it_did_not() {
    let Some(stack) = Stack::make("the bootstrap's relay").await else { return };
    let api = Function::start("api", &stack.variables).await;
    let relay = Function::start("relay", &stack.variables).await;
    let (good, operation) = sign_up(&stack, &api, "Good").await;
    let (bad, _) = sign_up(&stack, &api, "Bad").await;
    let mut rows = outbox(&stack, &good).await;
    let good_records = rows.len();
    let bad_rows = outbox(&stack, &bad).await;
    // The bad one's first event is lost, so that the second one stands after a hole.
    let first = bad_rows[0].clone();
    assert_eq!(first.key, Key::event(&bad, 1));
    let mut second = first.clone();
    second.key = Key::event(&bad, 2);
    second.attributes.insert("sequence".to_owned(), json!(2));
    rows.push(second.clone());
    let delete = Action::Delete { key: first.key.clone(), conditions: Vec::new() };
    stack.ports.table.commit(Commit::of(vec![Action::put(second), delete])).await.unwrap();

    for _ in 0..2 {
        // The second time, the same records come again.
        let answer = relay.invoke(&stream_event(&rows)).await.unwrap();
        assert_eq!(failures(&answer), [format!("10{good_records}")], "{:#?}", relay.log());
    }
    let archive = async || stack.ports.bus.read(None, EventFilter::default(), 100).await.unwrap().items;
    let of = |events: &[tenantry_core::ports::ArchivedEvent], tenant: &TenantId| {
        events.iter().filter(|archived| archived.event.tenant_id == *tenant).count()
    };
    let events = archive().await;
    assert_eq!((of(&events, &good), of(&events, &bad)), (1, 0), "each event is published once");
    assert_eq!(stack.bodies("operations").await, [json!({"tenantId": good, "operationId": operation})]);

    // A tenant of which the stream shows nothing.
    let (quiet, _) = sign_up(&stack, &api, "Quiet").await;
    let sweeper = Function::start("sweeper", &stack.variables).await;
    let done = sweeper.invoke(&json!({})).await.unwrap();
    assert!(done["published"].as_u64() >= Some(1), "{done}");
    assert_eq!(of(&archive().await, &quiet), 1);

    let reconciler = Function::start("reconciler", &stack.variables).await;
    let done = reconciler.invoke(&json!({})).await.unwrap();
    assert_eq!((done["finished"].clone(), done["told"].clone()), (json!(true), json!(0)), "{done}");
    assert!(done["lookedAt"].as_u64() >= Some(3), "{done}");
}

#[tokio::test]
async fn what_died_in_a_queue_is_written_down() {
    let Some(stack) = Stack::make("the bootstrap's drain").await else { return };
    let drain = Function::start("dead_letters", &stack.variables).await;
    let bodies = [json!({"a": 1}).to_string()];
    let arn = "arn:aws:sqs:eu-central-1:123456789012:stack-execution-status-dead-letters";
    let answer = drain.invoke(&queue_event(arn, &bodies)).await.unwrap();
    assert!(failures(&answer).is_empty(), "{:#?}", drain.log());
    let letters = stack.home.dead_letters().list("execution-status", None, 10).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].reason.code.as_str(), letters[0].body.as_str()),
        ("max_receives", bodies[0].as_str())
    );

    let answer = drain.invoke(&queue_event("arn:aws:sqs:x:1:others-queue", &bodies)).await.unwrap();
    assert_eq!(failures(&answer), [message_id(0)], "what is none of ours stays where it is");
}

#[tokio::test]
async fn the_api_answers_as_on_one_machine() {
    let Some(stack) = Stack::make("the bootstrap's API").await else { return };
    let api = Function::start("api", &stack.variables).await;
    let health = api.invoke(&http_event("GET", "/healthz", None, None)).await.unwrap();
    assert_eq!((&health["statusCode"], &health["body"]), (&json!(200), &json!(r#"{"status":"ok"}"#)));
    assert_eq!(health["headers"]["x-request-id"], "request-0");
    assert_eq!(health["isBase64Encoded"], false);

    let stranger = api.invoke(&http_event("GET", "/v1/tenants", None, None)).await.unwrap();
    assert_eq!(stranger["statusCode"], 401);
    assert_eq!(stranger["headers"]["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(stranger["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "TNT-0007");

    sign_up(&stack, &api, "Acme").await;
    let token = stack.admin_token().await;
    let found = api
        .invoke(&http_event("GET", "/v1/tenants?status=registered&limit=5", Some(&token), None))
        .await
        .unwrap();
    assert_eq!(found["statusCode"], 200, "{found}");
    let stream = api.invoke(&http_event("GET", "/v1/events/stream", Some(&token), None)).await.unwrap();
    assert_eq!(stream["statusCode"], 501);

    // A named stage stands before the path, and a body may come in base64.
    let body = json!({"name": "Staged", "plan": "pro", "adminEmail": "admin@example.com"});
    let mut staged = http_event("POST", "/prod/v1/tenants", Some(&token), Some(&body));
    staged["requestContext"]["stage"] = json!("prod");
    staged["body"] = STANDARD.encode(body.to_string()).into();
    staged["isBase64Encoded"] = json!(true);
    let accepted = api.invoke(&staged).await.unwrap();
    assert_eq!(accepted["statusCode"], 202, "{accepted}");

    let (name, _) = api.invoke(&json!({"Records": []})).await.unwrap_err();
    assert_eq!(name, "Event.Malformed");
    let log = api.whole_log().await;
    assert!(
        !log.is_empty() && log.iter().all(|line| !line.to_string().contains(&token)),
        "no secret in the log"
    );
}

#[tokio::test]
async fn the_authorizer_knows_who_may_go_where() {
    let Some(stack) = Stack::make("the bootstrap's authorizer").await else { return };
    let api = Function::start("api", &stack.variables).await;
    sign_up(&stack, &api, "Acme").await;
    let token = stack.admin_token().await;
    let service =
        json!({"name": "billing", "url": "http://127.0.0.1:9/hook", "required": true, "timeoutSeconds": 600});
    let answer = api.invoke(&http_event("POST", "/v1/services", Some(&token), Some(&service))).await.unwrap();
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let service: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let (service_id, service_token) = (&service["serviceId"], service["token"].as_str().unwrap());

    let authorizer = Function::start("authorizer", &stack.variables).await;
    let ask = async |method: &str, path: &str, token: Option<&str>| {
        authorizer.invoke(&http_event(method, path, token, None)).await.unwrap()
    };
    let no = json!({"isAuthorized": false});
    let yes = |principal: &Value| json!({"isAuthorized": true, "context": {"principal": principal}});
    assert_eq!(ask("GET", "/v1/tenants", Some(&token)).await, yes(&json!("admin")));
    assert_eq!(ask("GET", "/v1/tenants", Some("wrong")).await, no);
    assert_eq!(ask("GET", "/v1/tenants", None).await, no);
    assert_eq!(ask("POST", "/v1/task-tokens/success", Some(service_token)).await, yes(service_id));
    assert_eq!(ask("GET", "/v1/tenants", Some(service_token)).await, no);

    // Where nobody can tell, that is an error and no refusal.
    let blind = Function::start("authorizer", &stack.without("TENANTRY_SECRETS_PREFIX")).await;
    let (name, _) = blind.invoke(&http_event("GET", "/v1/tenants", Some(&token), None)).await.unwrap_err();
    assert_eq!(name, "Store.Unavailable");
}

#[tokio::test]
async fn a_unit_of_work_is_traced_where_its_invocation_is() {
    let Some(stack) = Stack::make("the bootstrap's traces").await else { return };
    let daemon = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    daemon.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let step = Function::start("place_tenant", &stack.with("AWS_XRAY_DAEMON_ADDRESS", &address)).await;
    let (tenant, operation) =
        (TenantId::from_uuid(stack.ports.ids.next()), OperationId::from_uuid(stack.ports.ids.next()));
    let payload = payload(&tenant, &operation);
    // The first is not sampled: the datagram that comes is the second's.
    step.send(
        &payload,
        30_000,
        Some("Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb;Parent=1111111111111111;Sampled=0"),
    )
    .await
    .unwrap_err();
    step.send(
        &payload,
        30_000,
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
    )
    .await
    .unwrap_err();
    let mut datagram = [0_u8; 4096];
    let length = daemon.recv(&mut datagram).unwrap();
    let text = std::str::from_utf8(&datagram[..length]).unwrap();
    let (header, document) = text.split_once('\n').unwrap();
    assert_eq!(serde_json::from_str::<Value>(header).unwrap(), json!({"format": "json", "version": 1}));
    let mut document: Value = serde_json::from_str(document).unwrap();
    let (start, end) = (document["start_time"].as_f64().unwrap(), document["end_time"].as_f64().unwrap());
    assert!(start > 1_700_000_000.0 && end >= start);
    assert_eq!(document["id"].as_str().unwrap().len(), 16);
    for varying in ["start_time", "end_time", "id"] {
        document.as_object_mut().unwrap().remove(varying);
    }
    let expected = json!({
        "name": "place_tenant", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "parent_id": "53995c3f42cd8ad8",
        "type": "subsegment", "fault": true,
        "annotations": {
            "tenant": tenant, "operation": operation, "execution": format!("provision_tenant~{operation}-1"),
            "step": "place_tenant",
        },
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn a_function_that_is_told_to_end_finishes_what_it_is_at() {
    let Some(stack) = Stack::make("the bootstrap's end").await else { return };
    let mut idle = Function::start("api", &stack.variables).await;
    idle.invoke(&http_event("GET", "/healthz", None, None)).await.unwrap();
    eventually("it asks for the next event", || (idle.asked() == 2).then_some(())).await;
    idle.terminate();
    let status = eventually("the idle function ends", || idle.ended()).await;
    assert_eq!(status.code(), Some(0));

    let mut busy = Function::start("api", &stack.variables).await;
    busy.hold_answers();
    let answered = busy.begin(&http_event("GET", "/healthz", None, None), 30_000, None);
    eventually("it is at its answer", || (busy.offered() == 1).then_some(())).await;
    busy.terminate();
    let told = |busy: &Function| busy.log().iter().any(|line| line.contains("told to end"));
    eventually("the signal has come", || told(&busy).then_some(())).await;
    assert_eq!(busy.ended(), None, "it waits for its answer to be taken");
    busy.take_answers();
    assert_eq!(answered.await.unwrap().unwrap()["statusCode"], 200);
    let status = eventually("the busy function ends", || busy.ended()).await;
    assert_eq!((status.code(), busy.asked()), (Some(0), 1), "nothing more was asked for");
}
