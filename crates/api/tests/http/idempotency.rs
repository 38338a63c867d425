//! The same request twice has one effect and one answer.

use super::support::{ADMIN, Home};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::time::Duration;

fn body() -> Value {
    json!({"name": "Acme", "plan": "pro", "adminEmail": "root@acme.example"})
}

async fn keyed(home: &Home, path: &str, body: &Value, key: &str) -> super::support::Reply {
    home.call("POST", path, Some(body), &[("idempotency-key", key)]).await
}

async fn tenants(home: &Home) -> usize {
    home.get("/v1/tenants?limit=500").await.ok(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_second_is_the_first() {
    let home = Home::new();
    let first = keyed(&home, "/v1/tenants", &body(), "k-1").await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (202, ""));
    home.memory.clock.advance(Duration::from_secs(3600));
    // The order of the fields and the spaces are no difference.
    let text = "{ \"adminEmail\": \"root@acme.example\",\n\"plan\":\"pro\", \"name\": \"Acme\" }";
    let request = Request::post("/v1/tenants")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("content-type", "application/json")
        .header("idempotency-key", "k-1");
    let second = home.send(request.body(Body::from(text)).unwrap()).await;
    assert_eq!((second.status, &second.text), (first.status, &first.text));
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(tenants(&home).await, 1);

    let mut other = body();
    other["name"] = "Other".into();
    let reused = keyed(&home, "/v1/tenants", &other, "k-1").await;
    assert_eq!((reused.status.as_u16(), reused.code().as_str()), (422, "TNT-0015"));
    assert_eq!(keyed(&home, "/v1/tenants", &other, "k-2").await.status, 202);
    assert_eq!(tenants(&home).await, 2);
    // The same key at another address is another request.
    let service = json!({"name": "crm", "url": "http://127.0.0.1:1/"});
    assert_eq!(keyed(&home, "/v1/services", &service, "k-1").await.status, 201);
    // After 24 hours the key is free again.
    home.memory.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(keyed(&home, "/v1/tenants", &other, "k-1").await.status, 202);
    assert_eq!(tenants(&home).await, 3);
}

#[tokio::test]
async fn sixty_four_at_once_make_one_tenant() {
    let home = Home::new();
    let (path, body) = ("/v1/tenants", body());
    let replies = futures::future::join_all((0..64).map(|_| keyed(&home, path, &body, "k"))).await;
    for reply in &replies {
        assert_eq!((reply.status.as_u16(), &reply.text), (202, &replies[0].text));
    }
    assert_eq!(tenants(&home).await, 1);
    let rows = home.memory.table.dump();
    assert_eq!(rows.iter().filter(|row| row.key.sk().starts_with("AUDIT#")).count(), 1);
    assert_eq!(rows.iter().filter(|row| row.key.pk().starts_with("SLUG#")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn also_on_several_threads_and_for_secrets() {
    let home = Home::new();
    let service = json!({"name": "crm", "url": "http://127.0.0.1:1/"});
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (home, service) = (home.clone(), service.clone());
            tokio::spawn(async move { keyed(&home, "/v1/services", &service, "k").await })
        })
        .collect();
    let replies: Vec<_> = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    for reply in &replies {
        assert_eq!((reply.status.as_u16(), &reply.text), (201, &replies[0].text));
    }
    assert_eq!(home.get("/v1/services").await.ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(home.memory.vault.references().len(), 1, "the losers' secrets are gone");
}

#[tokio::test]
async fn answers_are_sealed_at_rest() {
    let home = Home::new();
    let service = json!({"name": "crm", "url": "http://127.0.0.1:1/"});
    let made = keyed(&home, "/v1/services", &service, "k").await.ok(201);
    let rows = format!("{:?}", home.memory.table.dump());
    for secret in ["secret", "token"] {
        assert!(!rows.contains(made[secret].as_str().unwrap()), "{secret}");
    }
    keyed(&home, "/v1/tenants", &body(), "k").await.ok(202);
    let rows = home.memory.table.dump();
    let row = rows.iter().find(|row| row.key.pk().starts_with("IDEMPOTENCY#admin#POST /v1/tenants")).unwrap();
    assert!(row.attributes["tenantId"].as_str().unwrap().starts_with("tnt_"), "sealed with the tenant's key");
    assert!(row.expires_at_seconds.is_some());
}

#[tokio::test]
async fn only_what_would_stay_the_same_is_remembered() {
    let home = Home::new();
    let mut taken = body();
    taken["slug"] = "acme".into();
    home.post("/v1/tenants", taken.clone()).await.ok(202);
    let first = keyed(&home, "/v1/tenants", &taken, "k-1").await;
    assert_eq!(first.code(), "TNT-0107");
    let second = keyed(&home, "/v1/tenants", &taken, "k-1").await;
    assert_eq!((&second.text, second.header("idempotency-replayed")), (&first.text, "true"));

    let mut wrong = body();
    wrong["plan"] = "gold".into();
    let first = keyed(&home, "/v1/tenants", &wrong, "k-2").await;
    assert_eq!(first.code(), "TNT-0103");
    assert_eq!(keyed(&home, "/v1/tenants", &wrong, "k-2").await.text, first.text);
    assert_eq!(keyed(&home, "/v1/tenants", &body(), "k-2").await.code(), "TNT-0015");

    // The state may move: the next try is a try.
    let path = "/v1/operations/op_01h455vb4pex5vsknk084sn02q/retry";
    assert_eq!(keyed(&home, path, &json!({}), "k-3").await.code(), "TNT-0201");
    assert!(!home.memory.table.dump().iter().any(|row| row.key.pk().contains("k-3")));
}

#[tokio::test]
async fn malformed_keys() {
    let home = Home::new();
    for key in ["", " ", "ä", &"k".repeat(256)] {
        let reply = keyed(&home, "/v1/tenants", &body(), key).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "TNT-0016"), "{key:?}");
    }
    let headers = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let reply = home.call("POST", "/v1/tenants", Some(&body()), &headers).await;
    assert_eq!(reply.code(), "TNT-0016");
    assert_eq!(home.memory.table.commits(), 0);
}

#[tokio::test]
async fn effects_outside_the_table_happen_once() {
    let home = Home::new();
    home.memory.task_tokens.issue("token-1");
    let (path, body) = ("/v1/task-tokens/success", json!({"taskToken": "token-1", "output": {"a": 1}}));
    let replies = futures::future::join_all((0..16).map(|_| keyed(&home, path, &body, "k"))).await;
    assert!(replies.iter().all(|reply| reply.status == 204), "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| reply.header("idempotency-replayed") == "true").count(), 15);
    // Without the key a token takes one answer.
    let late = home.post(path, body).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "TNT-0402"));
}

#[tokio::test]
async fn a_claim_whose_owner_died_runs_out() {
    let home = Home::new();
    home.memory.task_tokens.issue("token-1");
    let (path, body) = ("/v1/task-tokens/success", json!({"taskToken": "token-1"}));
    // The owner writes its claim and dies before the effect's answer is kept.
    home.memory.table.lose_next_answer(tenantry_core::ports::CommitError::Port(
        tenantry_core::ports::PortError::Refused { port: "table", message: "died".into() },
    ));
    assert_eq!(keyed(&home, path, &body, "k").await.status, 500);
    assert_eq!(home.memory.task_tokens.answer("token-1"), None);
    let clock = home.memory.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_millis(50));
            tokio::task::yield_now().await;
        }
    });
    let waited = keyed(&home, path, &body, "k").await;
    assert_eq!(
        (waited.status.as_u16(), waited.code().as_str()),
        (503, "TNT-0002"),
        "it waits, and not for ever"
    );
    assert_eq!(keyed(&home, path, &body, "k").await.status, 204, "the claim has run out");
    ticking.abort();
}
