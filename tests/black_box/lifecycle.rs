//! One tenant's way, seen through the API.

use crate::support::receiver::Receiver;
use crate::support::server::Server;
use crate::support::service::{Service, Verdict};
use crate::support::{text, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_to_active_with_everything_that_is_told_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let service = Service::start(|_| Verdict::Confirm).await;
    service.register(&server, "product").await;
    let receiver = Receiver::start().await;
    let subscription = receiver.subscribe(&server).await;

    let answer = server.post("/v1/tenants", &Server::sign_up_body("Whole"), 202).await;
    let tenant = text(&answer, "/tenant/tenantId").to_owned();
    let operation = text(&answer, "/operation/operationId").to_owned();
    let settled = server.until_settled(&tenant).await;
    assert_eq!(text(&settled, "/status"), "active", "{settled:#}");
    assert!(settled["cell"].is_string() && settled["statusDetail"]["stuck"].is_null(), "{settled:#}");

    let operation = server.get(&format!("/v1/operations/{operation}")).await;
    assert_eq!(text(&operation, "/status"), "succeeded", "{operation:#}");
    let execution = text(&operation, "/executionId").to_owned();
    let described = until("the execution to be closed", || async {
        let described = server.get(&format!("/v1/executions/{execution}")).await;
        (described["status"] != "running").then_some(described)
    })
    .await;
    assert_eq!(text(&described, "/status"), "succeeded");
    let history = server.all(&format!("/v1/executions/{execution}/history")).await;
    assert_eq!(text(&history[0], "/type"), "ExecutionStarted");
    assert_eq!(text(history.last().expect("events"), "/type"), "ExecutionSucceeded");
    assert!(!serde_json::to_string(&history).expect("text").contains("whsec_"));

    let timeline = server.all(&format!("/v1/tenants/{tenant}/timeline")).await;
    assert!(timeline.len() > 10, "{timeline:#?}");
    let events = server.all(&format!("/v1/tenants/{tenant}/events")).await;
    let types: Vec<&str> = events.iter().map(|event| text(event, "/type")).collect();
    assert_eq!(types, ["TenantRegistered", "TenantProvisioningStarted", "TenantProvisioned"]);

    until("three deliveries", || async {
        (receiver.received.lock().expect("no panic").len() >= 3).then_some(())
    })
    .await;
    let deliveries = server.all(&format!("/v1/subscriptions/{subscription}/deliveries")).await;
    assert!(deliveries.iter().all(|delivery| delivery["outcome"] == "delivered"), "{deliveries:#?}");

    let body = json!({"tenantId": tenant, "type": "TenantProvisioned"});
    let replayed = server.post(&format!("/v1/subscriptions/{subscription}/replay"), &body, 200).await;
    assert_eq!(replayed["replayed"], 1, "{replayed:#}");
    until("the replay", || async {
        receiver.received.lock().expect("no panic").iter().any(|received| received.replay).then_some(())
    })
    .await;

    let first = server.post(&format!("/v1/tenants/{tenant}/activation"), &json!({}), 201).await;
    let second = server.post(&format!("/v1/tenants/{tenant}/activation"), &json!({}), 201).await;
    assert_ne!(text(&first, "/activationToken"), text(&second, "/activationToken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_provisioning_leaves_nothing_says_why_and_can_be_tried_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let healthy = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&healthy);
    let service =
        Service::start(move |_| if told.load(Ordering::SeqCst) { Verdict::Confirm } else { Verdict::Refuse })
            .await;
    service.register(&server, "moody").await;
    let answer = server.post("/v1/tenants", &Server::sign_up_body("Second Try"), 202).await;
    let tenant = text(&answer, "/tenant/tenantId").to_owned();
    let operation = text(&answer, "/operation/operationId").to_owned();

    let failed = server.until_settled(&tenant).await;
    assert_eq!(text(&failed, "/status"), "provisioning_failed");
    assert_eq!(text(&failed, "/statusDetail/lastError/code"), "Test.Refused", "{failed:#}");
    assert!(server.all(&format!("/v1/tenants/{tenant}/resources")).await.is_empty());
    assert!(service.held.lock().expect("no panic").present.is_empty());
    let events = server.all(&format!("/v1/tenants/{tenant}/events")).await;
    assert_eq!(text(events.last().expect("events"), "/type"), "TenantProvisioningFailed");

    healthy.store(true, Ordering::SeqCst);
    let retried = server.post(&format!("/v1/operations/{operation}/retry"), &json!({}), 202).await;
    assert_eq!(retried["attempt"], 2, "{retried:#}");
    let settled = until("the second try to end", || async {
        let tenant = server.get(&format!("/v1/tenants/{tenant}")).await;
        (tenant["status"] == "active").then_some(tenant)
    })
    .await;
    assert_eq!(settled["generation"], 2);
    assert_eq!(service.held.lock().expect("no panic").made[&tenant], 1);

    let (status, problem) = server
        .send(Method::POST, &format!("/v1/operations/{operation}/retry"), Some(&json!({})), None)
        .await
        .expect("an answer");
    assert_eq!((status.as_u16(), text(&problem, "/code")), (409, "TNT-0202"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_token_takes_one_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let tokens: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let router = axum::Router::new().route(
        "/",
        axum::routing::post(move |axum::Json(request): axum::Json<Value>| async move {
            seen.lock().expect("no panic").push(text(&request, "/taskToken").to_owned());
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let body = json!({"name": "silent", "url": url, "required": true, "timeoutSeconds": 3600});
    let service = server.post("/v1/services", &body, 201).await;
    let answer = server.post("/v1/tenants", &Server::sign_up_body("Tokens"), 202).await;
    let tenant = text(&answer, "/tenant/tenantId").to_owned();
    let token =
        until("the request with its token", || async { tokens.lock().expect("no panic").first().cloned() })
            .await;

    let success = json!({"taskToken": token, "output": {"url": "https://x"}});
    let other =
        json!({"name": "other", "url": "http://127.0.0.1:9/", "required": false, "timeoutSeconds": 60});
    let other = server.post("/v1/services", &other, 201).await;
    let as_other = server
        .http()
        .post(format!("{}/v1/task-tokens/success", server.base()))
        .bearer_auth(text(&other, "/token"))
        .json(&success)
        .send()
        .await
        .expect("an answer");
    assert_eq!(as_other.status().as_u16(), 403, "another service's task");

    let waiting = server.get(&format!("/v1/tenants/{tenant}")).await;
    assert_eq!(text(&waiting, "/statusDetail/step"), "RequestIntegration", "{waiting:#}");
    let executions = server.all(&format!("/v1/executions?tenant={tenant}")).await;
    let history =
        server.all(&format!("/v1/executions/{}/history", text(&executions[0], "/executionId"))).await;
    let shown = serde_json::to_string(&history).expect("text");
    assert!(!shown.contains(&token) && shown.contains("[task token]"), "the token is in the history");

    let heartbeat = json!({ "taskToken": token });
    let beat = server
        .http()
        .post(format!("{}/v1/task-tokens/heartbeat", server.base()))
        .bearer_auth(text(&service, "/token"))
        .json(&heartbeat)
        .send()
        .await
        .expect("an answer");
    assert!(beat.status().is_success(), "{}", beat.status());
    server.post("/v1/task-tokens/success", &success, 204).await;
    let problem = server.post("/v1/task-tokens/success", &success, 409).await;
    assert_eq!(text(&problem, "/code"), "TNT-0402");
    server.until_settled(&tenant).await;
    server.kill_and_restart().await;
    let problem =
        server.post("/v1/task-tokens/failure", &json!({"taskToken": token, "error": "E"}), 409).await;
    assert_eq!(text(&problem, "/code"), "TNT-0402", "used, also after its execution has ended and a kill");
    assert_eq!(text(&server.get(&format!("/v1/tenants/{tenant}")).await, "/status"), "active");
}
