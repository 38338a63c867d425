//! Bad input: each gets its own code, and nothing is kept of it.

use crate::support::server::Server;
use crate::support::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn sign_up(changes: Value) -> String {
    let mut body = Server::sign_up_body("Good Name");
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_sign_up_has_its_own_code_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("an unknown field", sign_up(json!({"status": "active"})), 400, "TNT-0004"),
        ("a wrong type", sign_up(json!({"name": 7})), 400, "TNT-0005"),
        ("a missing field", json!({"name": "A"}).to_string(), 400, "TNT-0005"),
        ("no object", "[]".to_owned(), 400, "TNT-0005"),
        ("an empty name", sign_up(json!({"name": ""})), 400, "TNT-0102"),
        ("a blank name", sign_up(json!({"name": "   "})), 400, "TNT-0102"),
        ("a long name", sign_up(json!({"name": "x".repeat(101)})), 400, "TNT-0102"),
        ("an unprintable name", sign_up(json!({"name": "a\u{7}b"})), 400, "TNT-0102"),
        ("an unknown plan", sign_up(json!({"plan": "platinum"})), 400, "TNT-0103"),
        ("an unknown region", sign_up(json!({"region": "mars-1"})), 400, "TNT-0104"),
        (
            "an isolation that the plan has not",
            sign_up(json!({"plan": "free", "isolation": "silo"})),
            400,
            "TNT-0105",
        ),
        ("a malformed slug", sign_up(json!({"slug": "No Good!"})), 400, "TNT-0106"),
        ("a malformed address", sign_up(json!({"adminEmail": "nobody"})), 400, "TNT-0109"),
        ("metadata over its limits", sign_up(json!({"metadata": {"k": "v".repeat(600)}})), 400, "TNT-0110"),
        ("bad JSON", "{\"name\": \"A\",\n  oops}".to_owned(), 400, "TNT-0003"),
        ("half a body", "{\"name\"".to_owned(), 400, "TNT-0003"),
        ("a body over 1 MiB", sign_up(json!({"name": "x".repeat(1_100_000)})), 413, "TNT-0006"),
    ];
    for (what, body, status, code) in cases {
        let answer = server
            .http()
            .post(format!("{}/v1/tenants", server.base()))
            .bearer_auth(server.token())
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{what}");
        let got = answer.status().as_u16();
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!((got, text(&problem, "/code")), (status, code), "{what}: {problem:#}");
        for member in ["/type", "/title", "/detail", "/instance"] {
            assert!(!text(&problem, member).is_empty(), "{what}: {problem:#}");
        }
        if code == "TNT-0003" && what == "bad JSON" {
            let detail = text(&problem, "/detail").to_lowercase();
            assert!(detail.contains("line 2") && detail.contains("column"), "{detail}");
        }
    }
    assert!(server.all("/v1/tenants").await.is_empty());
    assert!(server.archive().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bad_requests_have_their_own_codes() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    for name in ["One", "Two", "Three"] {
        server.post("/v1/tenants", &Server::sign_up_body(name), 202).await;
    }
    let page = server.get("/v1/tenants?limit=1").await;
    let cursor = text(&page, "/nextCursor").to_owned();
    let nobody = "tnt_01h455vb4pex5vsknk084sn02q";
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), Some(body));
    let get = |path: String| (Method::GET, path, None::<Value>);
    let hook = |url: &str| json!({"name": "h", "pattern": {"source": ["tenantry"]}, "target": {"type": "webhook", "url": url}});
    let cases = vec![
        (
            get(format!("/v1/tenants?status=active&cursor={cursor}")),
            400,
            "TNT-0012",
            "a cursor of another query",
        ),
        (get("/v1/tenants?cursor=nonsense".into()), 400, "TNT-0012", "a malformed cursor"),
        (get("/v1/tenants?colour=red".into()), 400, "TNT-0013", "an unknown parameter"),
        (get("/v1/tenants?status=happy".into()), 400, "TNT-0013", "an unknown status"),
        (get("/v1/tenants?limit=0".into()), 400, "TNT-0013", "a limit of nothing"),
        (get("/v1/tenants/nonsense".into()), 400, "TNT-0014", "a malformed id"),
        (get(format!("/v1/tenants/{nobody}")), 404, "TNT-0101", "an unknown tenant"),
        (get("/v1/operations/op_01h455vb4pex5vsknk084sn02q".into()), 404, "TNT-0201", "an unknown operation"),
        (get("/v1/executions/provision_tenant~nothing".into()), 404, "TNT-0301", "an unknown execution"),
        (get("/v1/nowhere".into()), 404, "TNT-0009", "an unknown address"),
        (
            (Method::PUT, "/v1/tenants".into(), Some(json!({}))),
            405,
            "TNT-0010",
            "a method that is not offered",
        ),
        (get("/v1/queues/nowhere/dead-letters".into()), 404, "TNT-0701", "an unknown queue"),
        (
            post("/v1/task-tokens/success", json!({"taskToken": "forged", "output": {}})),
            400,
            "TNT-0401",
            "a forged task token",
        ),
        (
            post(
                "/v1/subscriptions",
                json!({"name": "h", "pattern": {"source": [{"prefixx": 1}]}, "target": {"type": "webhook", "url": "http://127.0.0.1:1/"}}),
            ),
            400,
            "TNT-0602",
            "a malformed pattern",
        ),
        (
            post("/v1/subscriptions", hook("ftp://example.com/")),
            400,
            "TNT-0503",
            "an address of another kind",
        ),
        (
            post("/v1/subscriptions", hook("http://user:pw@127.0.0.1/")),
            400,
            "TNT-0503",
            "an address with credentials",
        ),
        (
            post(
                "/v1/services",
                json!({"name": "s", "url": "http://127.0.0.1:1/", "required": true, "timeoutSeconds": 0}),
            ),
            400,
            "TNT-0504",
            "a timeout of nothing",
        ),
    ];
    for ((method, path, body), status, code, what) in cases {
        let (got, problem) = server.send(method, &path, body.as_ref(), None).await.expect("an answer");
        assert_eq!(
            (got.as_u16(), problem["code"].as_str().unwrap_or("-")),
            (status, code),
            "{what}: {problem:#}"
        );
    }
    let answer = server
        .http()
        .post(format!("{}/v1/tenants", server.base()))
        .bearer_auth(server.token())
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let key = "k".repeat(300);
    let body = Server::sign_up_body("Key");
    let (status, problem) =
        server.send(Method::POST, "/v1/tenants", Some(&body), Some(&key)).await.expect("an answer");
    assert_eq!((status.as_u16(), text(&problem, "/code")), (400, "TNT-0016"));
}

/// Walks the OpenAPI document, so that an operation added later is covered the day it is added.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_asks_for_a_token() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let document: Value = server
        .http()
        .get(format!("{}/openapi.json", server.base()))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    // DESIGN: every call but health and the OpenAPI document.
    let open = ["/healthz", "/readyz", "/openapi.json", "/", "/help/errors/{code}"];
    let mut walked = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        if open.contains(&path.as_str()) {
            continue;
        }
        for method in operations.as_object().expect("operations").keys() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            let mut address = path.clone();
            while let (Some(from), Some(to)) = (address.find('{'), address.find('}')) {
                address.replace_range(from..=to, "x");
            }
            for token in [None, Some("wrong"), Some(""), Some("svct_wrong")] {
                let mut request =
                    server.http().request(method.clone(), format!("{}{address}", server.base()));
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                let answer = request.send().await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} with {token:?}");
                let problem: Value = answer.json().await.unwrap_or(Value::Null);
                if method != Method::HEAD {
                    assert_eq!(text(&problem, "/code"), "TNT-0007", "{method} {path}");
                }
            }
            walked += 1;
        }
    }
    assert!(walked >= 35, "the document has only {walked} operations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_token_is_good_for_its_task_tokens_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let body = json!({"name": "svc", "url": "http://127.0.0.1:9/", "required": false, "timeoutSeconds": 60});
    let service = server.post("/v1/services", &body, 201).await;
    let token = text(&service, "/token");
    for (method, path) in [
        (Method::GET, "/v1/tenants".to_owned()),
        (Method::GET, "/v1/events".to_owned()),
        (Method::GET, "/metrics".to_owned()),
        (Method::GET, format!("/v1/services/{}", text(&service, "/serviceId"))),
        (Method::DELETE, format!("/v1/services/{}", text(&service, "/serviceId"))),
    ] {
        let answer = server
            .http()
            .request(method.clone(), format!("{}{path}", server.base()))
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}");
    }
}
