//! Retry, redrive, stop, task tokens and dead letters.

use super::support::Home;
use serde_json::{Value, json};
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::TenantStatus;
use tenantry_core::ports::{Action, ExecutionStatus, Item, OutgoingMessage, Queue as _};

#[tokio::test]
async fn a_failed_provisioning_is_retried_as_the_next_attempt() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    let path = format!("/v1/operations/{operation}/retry");
    for _ in 0..2 {
        let early = home.call("POST", &path, None, &[]).await;
        assert_eq!((early.status.as_u16(), early.code().as_str()), (409, "TNT-0202"));
        if home.operation_row(&tenant, &operation).await.phase == tenantry_core::model::OperationPhase::Queued
        {
            home.start(&tenant, &operation).await;
        }
    }
    home.fail(&tenant, &operation).await;
    let old = home.call("POST", &path, None, &[("if-match", "\"1\"")]).await;
    assert_eq!((old.status.as_u16(), old.code().as_str()), (412, "TNT-0017"));

    let replies = futures::future::join_all((0..8).map(|_| home.call("POST", &path, None, &[]))).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409, 409, 409]);
    let taken = replies.iter().find(|reply| reply.status == 202).unwrap();
    let view = taken.ok(202);
    assert_eq!(
        (&view["attempt"], &view["status"], &view["error"]),
        (&json!(2), &json!("queued"), &Value::Null)
    );
    assert_eq!(view["executionId"], format!("provision_tenant~{operation}-2"));
    assert_eq!(taken.header("location"), format!("/v1/operations/{operation}"));

    let row = home.tenant_row(&tenant).await;
    assert_eq!((row.generation, row.operation_id.unwrap().to_string()), (2, operation.clone()));
    let operation_row = home.operation_row(&tenant, &operation).await;
    assert_eq!((operation_row.generation, operation_row.attempt, operation_row.ended_at), (2, 2, None));
    let key = Key::operation(&tenant.parse().unwrap(), &operation.parse().unwrap());
    let item = home.memory.table.dump().into_iter().find(|item| item.key == key).unwrap();
    assert_eq!(item.indexes.len(), 1, "it waits for the relay again");
    let lines = home.get(&format!("/v1/tenants/{tenant}/timeline")).await.ok(200);
    let retried =
        lines["items"].as_array().unwrap().iter().filter(|line| line["summary"] == "operation.retry");
    assert_eq!(retried.count(), 1);
}

#[tokio::test]
async fn a_stuck_operation_is_redriven() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    home.start(&tenant, &operation).await;
    let id = format!("provision_tenant~{operation}-1");
    let path = format!("/v1/executions/{id}/redrive");
    let running = home.call("POST", &path, None, &[]).await;
    assert_eq!((running.status.as_u16(), running.code().as_str()), (409, "TNT-0302"));

    home.memory.workflows.end(&id.parse().unwrap(), ExecutionStatus::Failed, Some("Boom"), Some("why"));
    home.end_attempt(&tenant, &operation).await;
    let stuck = home.get(&format!("/v1/operations/{operation}")).await.ok(200);
    assert_eq!(stuck["status"], "stuck");
    assert_eq!(stuck["stuck"]["step"], "Place");
    assert!(stuck["stuck"]["remedy"].as_str().unwrap().contains(&format!("POST {path}")), "{stuck}");
    assert_eq!(home.get(&format!("/v1/executions/{id}")).await.ok(200)["cause"], "why");

    let redriven = home.call("POST", &path, None, &[]).await.ok(202);
    assert_eq!((&redriven["status"], &redriven["redriveCount"]), (&json!("running"), &json!(1)));
    let view = home.get(&format!("/v1/operations/{operation}")).await.ok(200);
    assert_eq!((&view["status"], &view["stuck"]), (&json!("running"), &Value::Null));
    let lines = home.get(&format!("/v1/tenants/{tenant}/timeline")).await.ok(200);
    assert!(lines["items"].as_array().unwrap().iter().any(|line| line["summary"] == "execution.redrive"));

    // Where the state machines cannot be reached, the operation stays as stuck as it was.
    home.memory.workflows.end(&id.parse().unwrap(), ExecutionStatus::Failed, Some("Boom"), None);
    home.end_attempt(&tenant, &operation).await;
    home.memory.workflows.set_unavailable(true);
    assert_eq!(home.call("POST", &path, None, &[]).await.code(), "TNT-0002");
    home.memory.workflows.set_unavailable(false);
    assert_eq!(home.get(&format!("/v1/operations/{operation}")).await.ok(200)["status"], "stuck");

    // What was undone is retried, not redriven.
    home.change_operation(&tenant, &operation, |row| row.attempt_end = None).await;
    home.fail(&tenant, &operation).await;
    let undone = home.call("POST", &path, None, &[]).await;
    assert_eq!(undone.code(), "TNT-0302");
    assert!(undone.json()["detail"].as_str().unwrap().contains("/retry"));
}

#[tokio::test]
async fn executions_are_listed_followed_and_stopped() {
    let home = Home::new();
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        let (tenant, operation) = home.sign_up(name).await;
        home.start(&tenant, &operation).await;
        home.memory.clock.advance(Duration::from_secs(1));
        ids.push((tenant, format!("provision_tenant~{operation}-1")));
    }
    let page = home.get("/v1/executions?limit=2").await.ok(200);
    assert_eq!(page["items"][0]["executionId"], ids[2].1);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = home.get(&format!("/v1/executions?cursor={cursor}")).await.ok(200);
    assert_eq!((&rest["items"][0]["executionId"], &rest["nextCursor"]), (&json!(ids[0].1), &Value::Null));
    let one = home
        .get(&format!("/v1/executions?tenant={}&status=running&workflow=provision_tenant", ids[1].0))
        .await;
    assert_eq!(one.ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(home.get("/v1/executions?workflow=other").await.ok(200)["items"], json!([]));

    let (tenant, id) = &ids[0];
    for n in 0..4 {
        home.memory.workflows.record(&id.parse().unwrap(), "TaskStateEntered", json!({"n": n}));
    }
    let history = format!("/v1/executions/{id}/history");
    let up = |value: &Value| -> Vec<u64> {
        value["items"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect()
    };
    let first = home.get(&format!("{history}?limit=2")).await.ok(200);
    assert_eq!((up(&first), &first["items"][0]["type"]), (vec![1, 2], &json!("ExecutionStarted")));
    let next = home
        .get(&format!("{history}?limit=2&cursor={}", first["nextCursor"].as_str().unwrap()))
        .await
        .ok(200);
    assert_eq!(up(&next), [3, 4]);
    let last = home.get(&format!("{history}?order=desc&limit=2")).await.ok(200);
    assert_eq!(up(&last), [5, 4]);
    let before =
        home.get(&format!("{history}?order=desc&cursor={}", last["nextCursor"].as_str().unwrap())).await;
    assert_eq!(up(&before.ok(200)), [3, 2, 1]);
    assert_eq!(up(&home.get(&format!("{history}?after=4")).await.ok(200)), [5]);
    let both = format!("{history}?after=4&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(home.get(&both).await.code(), "TNT-0013");

    let stop = format!("/v1/executions/{id}/stop");
    let long = json!({"error": "x".repeat(257)});
    assert_eq!(home.post(&stop, long).await.code(), "TNT-0405");
    let stopped = home.post(&stop, json!({"error": "Operator", "cause": "maintenance"})).await.ok(200);
    assert_eq!((&stopped["status"], &stopped["cause"]), (&json!("aborted"), &json!("maintenance")));
    assert_eq!(home.call("POST", &stop, None, &[]).await.code(), "TNT-0303");
    let lines = home.get(&format!("/v1/tenants/{tenant}/timeline")).await.ok(200);
    let line = lines["items"].as_array().unwrap().iter().find(|line| line["summary"] == "execution.stop");
    assert_eq!(line.unwrap()["reason"], "maintenance");
}

#[tokio::test]
async fn task_tokens_belong_to_their_service() {
    let home = Home::new();
    let register = |name: &'static str| {
        let home = home.clone();
        async move {
            let made =
                home.post("/v1/services", json!({"name": name, "url": "http://127.0.0.1:1/"})).await.ok(201);
            let text = |field: &str| made[field].as_str().unwrap().to_owned();
            assert!(text("secret").starts_with("whsec_") && text("token").starts_with("svct_"));
            (text("serviceId"), format!("Bearer {}", text("token")))
        }
    };
    let (crm, crm_token) = register("crm").await;
    let (_, mail_token) = register("mail").await;
    for n in 1..=4 {
        let token = format!("task-{n}");
        home.memory.task_tokens.issue(&token);
        let key = Key::task_token(&tenantry_app::usecases::token_hash(&token));
        let row = json!({"serviceId": crm, "tenantId": "tnt_01h455vb4pex5vsknk084sn02q"});
        home.commit(vec![Action::put(Item::of(key, &row))]).await;
    }
    let answer = |what: &str, body: Value, token: &str| {
        let (home, path, token) = (home.clone(), format!("/v1/task-tokens/{what}"), token.to_owned());
        async move { home.call("POST", &path, Some(&body), &[("authorization", &token)]).await }
    };
    let one = json!({"taskToken": "task-1", "output": {"id": 7}});
    let foreign = answer("success", one.clone(), &mail_token).await;
    assert_eq!((foreign.status.as_u16(), foreign.code().as_str()), (403, "TNT-0008"));
    answer("heartbeat", json!({"taskToken": "task-1"}), &crm_token).await.ok(204);
    assert_eq!(home.memory.task_tokens.heartbeats("task-1"), 1);
    let done = answer("success", one.clone(), &crm_token).await;
    assert_eq!((done.status.as_u16(), done.text.as_str(), done.header("content-type")), (204, "", ""));
    assert_eq!(home.memory.task_tokens.answer("task-1"), Some(json!({"output": {"id": 7}})));
    assert_eq!(answer("success", one, &crm_token).await.code(), "TNT-0402");

    home.memory.task_tokens.expire("task-2");
    assert_eq!(answer("failure", json!({"taskToken": "task-2"}), &crm_token).await.code(), "TNT-0403");
    let unknown = home.post("/v1/task-tokens/success", json!({"taskToken": "never-issued"})).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (400, "TNT-0401"));
    let unknown = answer("success", json!({"taskToken": "never-issued"}), &crm_token).await;
    assert_eq!(unknown.code(), "TNT-0008", "a service learns nothing of tokens that are not its own");
    let large = json!({"taskToken": "task-3", "output": "x".repeat(262_144)});
    assert_eq!(answer("success", large, &crm_token).await.code(), "TNT-0404");
    let long = json!({"taskToken": "task-3", "error": "E", "cause": "x".repeat(32_769)});
    assert_eq!(answer("failure", long, &crm_token).await.code(), "TNT-0405");
    let failed = json!({"taskToken": "task-3", "error": "Integration.Rejected", "cause": "no"});
    answer("failure", failed, &crm_token).await.ok(204);
    assert_eq!(home.memory.task_tokens.answer("task-3").unwrap()["error"], "Integration.Rejected");

    // A removed service still answers for what it made.
    home.call("DELETE", &format!("/v1/services/{crm}"), None, &[]).await.ok(204);
    answer("success", json!({"taskToken": "task-4"}), &crm_token).await.ok(204);
}

#[tokio::test]
async fn services_are_registered_and_removed() {
    let home = Home::new();
    let body = json!({"name": "crm", "url": "http://127.0.0.1:1/", "required": false, "timeoutSeconds": 60,
        "heartbeatSeconds": 20});
    let reply = home.post("/v1/services", body.clone()).await;
    let made = reply.ok(201);
    let id = made["serviceId"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("/v1/services/{id}"));
    let taken = home.post("/v1/services", body.clone()).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "TNT-0502"));
    assert_eq!(taken.json()["existing"], format!("/v1/services/{id}"));
    assert_eq!(home.memory.vault.references(), [format!("services/{id}/signing")]);

    let shown = home.get(&format!("/v1/services/{id}")).await.ok(200);
    assert_eq!((&shown["heartbeatSeconds"], &shown["required"]), (&json!(20), &json!(false)));
    assert!(
        shown.get("secret").is_none() && shown.get("token").is_none() && shown.get("tokenHash").is_none()
    );
    assert_eq!(home.get("/v1/services").await.ok(200)["items"], json!([shown]));

    home.call("DELETE", &format!("/v1/services/{id}"), None, &[]).await.ok(204);
    assert_eq!(home.call("DELETE", &format!("/v1/services/{id}"), None, &[]).await.code(), "TNT-0501");
    assert_eq!(home.get(&format!("/v1/services/{id}")).await.code(), "TNT-0501");
    assert_eq!(home.get("/v1/services").await.ok(200)["items"], json!([]));
    assert_eq!(home.post("/v1/services", body).await.status, 201, "the name is free again");
}

async fn bury(home: &Home, group: &str, body: Value) {
    let message = OutgoingMessage { body: body.to_string(), group: group.to_owned(), delay: Duration::ZERO };
    home.memory.integrations.send(vec![message]).await.unwrap();
    for _ in 0..6 {
        home.memory.integrations.receive(10, Duration::ZERO, Duration::ZERO).await.unwrap();
        home.memory.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn dead_letters_are_read_redriven_and_deleted() {
    let home = Home::new();
    let tenant = |n: u32| format!("tnt_01h455vb4pex5vsknk084sn0{n:02}");
    for n in 10..15 {
        bury(&home, &tenant(n), json!({"taskToken": "very-secret", "inner": [{"taskToken": "x"}], "n": n}))
            .await;
    }
    let base = "/v1/queues/integrations/dead-letters";
    let page = home.get(&format!("{base}?limit=2")).await;
    assert!(!page.text.contains("very-secret"));
    let page = page.ok(200);
    let letter = &page["items"][0];
    assert_eq!(letter["body"]["inner"][0]["taskToken"], "[task token]");
    assert_eq!((&letter["reason"]["code"], &letter["receiveCount"]), (&json!("max_receives"), &json!(5)));
    let next =
        home.get(&format!("{base}?limit=500&cursor={}", page["nextCursor"].as_str().unwrap())).await.ok(200);
    assert_eq!(next["items"].as_array().unwrap().len(), 3);
    let id = letter["messageId"].as_str().unwrap();
    assert_eq!(home.get(&format!("{base}/{id}")).await.ok(200), *letter);

    home.call("DELETE", &format!("{base}/{id}"), None, &[]).await.ok(204);
    assert_eq!(home.call("DELETE", &format!("{base}/{id}"), None, &[]).await.code(), "TNT-0702");
    let redrive = format!("{base}/redrive");
    let count = |reply: Value| (reply["redriven"].as_u64().unwrap(), reply["more"].as_bool().unwrap());
    assert_eq!(home.post(&redrive, json!({"messageId": id})).await.code(), "TNT-0702");
    assert_eq!(home.post(&redrive, json!({"max": 0})).await.code(), "TNT-0005");
    assert_eq!(count(home.post(&redrive, json!({"tenantId": tenant(12)})).await.ok(200)), (1, false));
    assert_eq!(count(home.post(&redrive, json!({"reason": "other"})).await.ok(200)), (0, false));
    assert_eq!(count(home.post(&redrive, json!({"max": 2})).await.ok(200)), (2, true));
    let queues = home.get("/v1/queues").await.ok(200);
    let integrations =
        queues["items"].as_array().unwrap().iter().find(|q| q["name"] == "integrations").unwrap();
    assert_eq!((&integrations["visible"], &integrations["deadLetters"]), (&json!(3), &json!(1)));
    assert_eq!(count(home.call("POST", &redrive, None, &[]).await.ok(200)), (1, false));
    assert_eq!(queues["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_buried_start_message_makes_its_operation_stuck() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    let body = json!({"tenantId": tenant, "operationId": operation}).to_string();
    home.memory
        .operations
        .send(vec![OutgoingMessage { body, group: tenant.clone(), delay: Duration::ZERO }])
        .await
        .unwrap();
    for _ in 0..6 {
        home.memory.operations.receive(10, Duration::ZERO, Duration::ZERO).await.unwrap();
        home.memory.clock.advance(Duration::from_secs(20));
    }
    let view = home.get(&format!("/v1/operations/{operation}")).await.ok(200);
    assert_eq!(view["status"], "stuck");
    assert!(view["stuck"]["reason"].as_str().unwrap().contains("dead letters"), "{view}");
    home.call("POST", "/v1/queues/operations/dead-letters/redrive", None, &[]).await.ok(200);
    assert_eq!(home.get(&format!("/v1/operations/{operation}")).await.ok(200)["status"], "queued");
    assert_eq!(home.tenant_row(&tenant).await.status, TenantStatus::Registered);
}
