//! Each bad input has its own code and loses nothing.

use super::support::{ADMIN, Home};
use axum::body::{Body, Bytes};
use axum::http::Request;
use futures::stream;
use serde_json::{Value, json};

const ID: &str = "01h455vb4pex5vsknk084sn02q";

fn good() -> Value {
    json!({"name": "Acme", "plan": "pro", "adminEmail": "root@acme.example"})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = good();
    body[field] = value;
    body
}

#[tokio::test]
async fn fields_of_a_sign_up() {
    let home = Home::new();
    for (body, code, field) in [
        (with("adminEmial", json!("x")), "TNT-0004", "/adminEmial"),
        (with("name", json!(7)), "TNT-0005", "/name"),
        (with("metadata", json!({"a": 1})), "TNT-0005", "/metadata/a"),
        (json!({"name": "Acme", "plan": "pro"}), "TNT-0005", "/adminEmail"),
        (with("name", json!("")), "TNT-0102", "/name"),
        (with("name", json!("x".repeat(101))), "TNT-0102", "/name"),
        (with("name", json!("a\u{7}b")), "TNT-0102", "/name"),
        (with("plan", json!("gold")), "TNT-0103", "/plan"),
        (with("region", json!("mars-1")), "TNT-0104", "/region"),
        (with("isolation", json!("silo")), "TNT-0105", "/isolation"),
        (with("slug", json!("Not A Slug")), "TNT-0106", "/slug"),
        (with("adminEmail", json!("nobody")), "TNT-0109", "/adminEmail"),
        (with("externalId", json!("")), "TNT-0110", "/externalId"),
        (with("metadata", json!({"a": "x".repeat(513)})), "TNT-0110", "/metadata/a"),
    ] {
        let reply = home.post("/v1/tenants", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, code), "{body}");
        assert_eq!(reply.json()["field"], field, "{body}");
    }
    assert_eq!(home.memory.table.commits(), 0);
}

async fn raw(home: &Home, body: Body, media: Option<&str>) -> super::support::Reply {
    let mut request = Request::post("/v1/tenants").header("authorization", format!("Bearer {ADMIN}"));
    if let Some(media) = media {
        request = request.header("content-type", media);
    }
    home.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn bodies() {
    let home = Home::new();
    let json = Some("application/json");
    let reply = raw(&home, Body::from("{\"name\": \"Acme\",\n  oops}"), json).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "TNT-0003"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("Line 2, column 3"), "{reply:?}");
    assert_eq!(raw(&home, Body::empty(), json).await.code(), "TNT-0003");
    assert_eq!(raw(&home, Body::from(vec![b'"', 0xff, b'"']), json).await.code(), "TNT-0003");

    for media in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let reply = raw(&home, Body::from(good().to_string()), media).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (415, "TNT-0011"), "{media:?}");
    }
    assert_eq!(home.memory.table.commits(), 0);
    for media in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.acme+json"] {
        assert_eq!(raw(&home, Body::from(good().to_string()), Some(media)).await.status, 202, "{media}");
    }
}

#[tokio::test]
async fn a_body_over_one_mebibyte_whole_and_in_chunks() {
    let home = Home::new();
    let json = Some("application/json");
    let fits = |bytes: usize| {
        let mut text = good().to_string();
        text.push_str(&" ".repeat(bytes - text.len()));
        text
    };
    assert_eq!(raw(&home, Body::from(fits(1024 * 1024)), json).await.status, 202);
    let commits = home.memory.table.commits();
    let whole = raw(&home, Body::from(fits(1024 * 1024 + 1)), json).await;
    assert_eq!((whole.status.as_u16(), whole.code().as_str()), (413, "TNT-0006"));
    // Without a length, and without an end: it must not be read on.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 4096])));
    let chunks = raw(&home, Body::from_stream(endless), json).await;
    assert_eq!((chunks.status.as_u16(), chunks.code().as_str()), (413, "TNT-0006"));
    let broken = stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("gone"))]);
    assert_eq!(raw(&home, Body::from_stream(broken), json).await.code(), "TNT-0003");
    let lying = Request::post("/v1/tenants")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("content-type", "application/json")
        .header("content-length", "9999999");
    assert_eq!(home.send(lying.body(Body::from("{}")).unwrap()).await.code(), "TNT-0006");
    assert_eq!(home.memory.table.commits(), commits);
}

#[tokio::test]
async fn addresses_ids_and_parameters() {
    let home = Home::new();
    for (method, path, status, code) in [
        ("GET", "/v2/tenants".to_owned(), 404, "TNT-0009"),
        ("GET", "/v1/tenants/".to_owned(), 404, "TNT-0009"),
        ("GET", "/help/errors/TNT-9999".to_owned(), 404, "TNT-0009"),
        ("PUT", "/v1/tenants".to_owned(), 405, "TNT-0010"),
        ("DELETE", "/healthz".to_owned(), 405, "TNT-0010"),
        ("BREW", "/v1/queues".to_owned(), 405, "TNT-0010"),
        ("GET", "/v1/tenants/acme".to_owned(), 400, "TNT-0014"),
        ("GET", format!("/v1/tenants/op_{ID}"), 400, "TNT-0014"),
        ("GET", "/v1/tenants/%FF".to_owned(), 400, "TNT-0014"),
        ("GET", "/v1/executions/no-tilde".to_owned(), 400, "TNT-0014"),
        ("DELETE", "/v1/queues/operations/dead-letters/1".to_owned(), 400, "TNT-0014"),
        ("GET", format!("/v1/tenants/tnt_{ID}"), 404, "TNT-0101"),
        ("GET", format!("/v1/tenants/tnt_{ID}/timeline"), 404, "TNT-0101"),
        ("GET", format!("/v1/tenants/tnt_{ID}/resources"), 404, "TNT-0101"),
        ("GET", format!("/v1/operations/op_{ID}"), 404, "TNT-0201"),
        ("GET", "/v1/executions/provision_tenant~x-1".to_owned(), 404, "TNT-0301"),
        ("GET", "/v1/executions/other~x-1".to_owned(), 404, "TNT-0301"),
        ("GET", format!("/v1/services/svc_{ID}"), 404, "TNT-0501"),
        ("GET", format!("/v1/subscriptions/sub_{ID}"), 404, "TNT-0601"),
        ("GET", "/v1/queues/mail/dead-letters".to_owned(), 404, "TNT-0701"),
        ("GET", format!("/v1/queues/webhooks/dead-letters/msg_{ID}"), 404, "TNT-0702"),
        ("GET", "/v1/tenants?plna=pro".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?status=alive".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?limit=0".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?limit=501".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?limit=many".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?plan=a&plan=b".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/executions?tenant=acme".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/executions?status=RUNNING".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/executions/a~b/history?order=up".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/events?type=Nothing".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/queues?x=1".to_owned(), 400, "TNT-0013"),
        ("GET", "/v1/tenants?cursor=xyz".to_owned(), 400, "TNT-0012"),
        ("GET", "/v1/events?after=xyz".to_owned(), 400, "TNT-0012"),
        ("GET", "/v1/events/stream?after=xyz".to_owned(), 400, "TNT-0012"),
    ] {
        let reply = home.call(method, &path, None, &[]).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (status, code),
            "{method} {path}: {reply:?}"
        );
    }
    let named = |path: &'static str| async { home.get(path).await.json()["field"].clone() };
    assert_eq!(named("/v1/tenants?plna=pro").await, "plna");
    assert_eq!(named("/v1/tenants?limit=many").await, "limit");
    assert_eq!(home.call("PUT", "/v1/tenants", None, &[]).await.header("allow"), "POST,GET,HEAD");
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    let home = Home::new();
    for name in ["A", "B", "C"] {
        home.sign_up(name).await;
    }
    let page = home.get("/v1/tenants?limit=1").await.ok(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    assert_eq!(home.get(&format!("/v1/tenants?limit=2&cursor={cursor}")).await.status, 200);
    for path in [
        format!("/v1/tenants?plan=pro&cursor={cursor}"),
        format!("/v1/services?cursor={cursor}"),
        format!("/v1/tenants?cursor={}", &cursor[1..]),
        format!("/v1/tenants?cursor={cursor}AA"),
    ] {
        assert_eq!(home.get(&path).await.code(), "TNT-0012", "{path}");
    }
}

#[tokio::test]
async fn registrations() {
    let home = Home::with(false, true);
    let service = |name: &str, url: &str, timeout: i64, heartbeat: Value| json!({"name": name, "url": url, "required": true, "timeoutSeconds": timeout, "heartbeatSeconds": heartbeat});
    let url = "https://crm.example.com/";
    for (body, code, field) in [
        (service("", url, 10, Value::Null), "TNT-0102", "/name"),
        (service("crm", "http://crm.example.com/", 10, Value::Null), "TNT-0503", "/url"),
        (service("crm", "https://127.0.0.1/", 10, Value::Null), "TNT-0503", "/url"),
        (service("crm", "https://a:b@crm.example.com/", 10, Value::Null), "TNT-0503", "/url"),
        (service("crm", url, 0, Value::Null), "TNT-0504", "/timeoutSeconds"),
        (service("crm", url, 86_401, Value::Null), "TNT-0504", "/timeoutSeconds"),
        (service("crm", url, 10, json!(11)), "TNT-0504", "/heartbeatSeconds"),
        (service("crm", url, 10, json!(0)), "TNT-0504", "/heartbeatSeconds"),
        (service("crm", url, -1, Value::Null), "TNT-0005", "/timeoutSeconds"),
    ] {
        let reply = home.post("/v1/services", body.clone()).await;
        assert_eq!((reply.code().as_str(), &reply.json()["field"]), (code, &json!(field)), "{body}");
    }
    let subscription = |name: &str, pattern: Value, target: Value| json!({"name": name, "pattern": pattern, "target": target});
    let (all, hook) = (json!({"source": ["tenantry"]}), json!({"type": "webhook", "url": url}));
    for (body, code, field) in [
        (subscription("", all.clone(), hook.clone()), "TNT-0102", "/name"),
        (subscription("crm", json!({"source": "tenantry"}), hook.clone()), "TNT-0602", "/pattern"),
        (subscription("crm", json!([]), hook.clone()), "TNT-0602", "/pattern"),
        (subscription("crm", json!({"source": ["x".repeat(5000)]}), hook), "TNT-0602", "/pattern"),
        (subscription("crm", all.clone(), json!({"type": "mail", "url": url})), "TNT-0603", "/target/type"),
        (subscription("crm", all.clone(), json!({"type": "webhook"})), "TNT-0603", "/target/url"),
        (subscription("crm", all.clone(), json!({"url": url})), "TNT-0005", "/target/type"),
        (
            subscription("crm", all, json!({"type": "webhook", "url": "https://[::1]/"})),
            "TNT-0503",
            "/target/url",
        ),
    ] {
        let reply = home.post("/v1/subscriptions", body.clone()).await;
        assert_eq!((reply.code().as_str(), &reply.json()["field"]), (code, &json!(field)), "{body}");
    }
    assert_eq!(home.memory.table.commits(), 0);
    assert_eq!(home.memory.vault.references(), Vec::<String>::new());
}
