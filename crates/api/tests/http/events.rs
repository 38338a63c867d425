//! Events: the archive, the stream, the catalogue and subscriptions.

use super::support::{ADMIN, Home};
use axum::body::Body;
use axum::http::Request;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::{Delivery, DeliveryOutcome};
use tenantry_core::ports::{Action, Bus as _, Clock as _, Item};
use tower::ServiceExt as _;

#[tokio::test]
async fn the_archive_is_read_in_pages() {
    let home = Home::new();
    let (a, _) = home.sign_up("A").await;
    let (b, operation) = home.sign_up("B").await;
    let empty = home.get("/v1/events").await.ok(200);
    assert_eq!(empty, json!({"items": [], "nextCursor": null, "readUpTo": null}));
    home.publish(&a).await;
    home.start(&b, &operation).await;
    home.publish(&b).await;
    let all = home.get("/v1/events").await.ok(200);
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["event"]["tenantId"], a);
    assert_eq!((&items[2]["event"]["sequence"], &all["nextCursor"]), (&json!(2), &Value::Null));
    assert_eq!(all["readUpTo"], items[2]["position"]);

    let first = home.get("/v1/events?limit=1").await.ok(200);
    let rest = home.get(&format!("/v1/events?after={}", first["nextCursor"].as_str().unwrap())).await.ok(200);
    assert_eq!(rest["items"].as_array().unwrap()[..], items[1..]);
    let chosen = home.get(&format!("/v1/events?tenant={b}&type=TenantRegistered")).await.ok(200);
    assert_eq!(chosen["items"], json!([items[1]]));
    // One who polls goes on after what did not match either.
    let after = chosen["readUpTo"].as_str().unwrap();
    assert_eq!(home.get(&format!("/v1/events?after={after}")).await.ok(200)["items"], json!([]));
}

/// The stream's text so far, until it holds `wanted`.
struct Follower {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Follower {
    async fn open(home: &Home, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = Request::get(path).header("authorization", format!("Bearer {ADMIN}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = home.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    async fn until(&mut self, wanted: &str) {
        while !self.text.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{wanted:?} never came: {}", self.text));
            self.text.push_str(std::str::from_utf8(&chunk.expect("the stream goes on").unwrap()).unwrap());
        }
    }

    /// `id`, `event` and the sequence of each event.
    fn events(&self) -> Vec<(String, String, u64)> {
        let blocks = self.text.split("\n\n").filter(|block| block.contains("data:"));
        blocks
            .map(|block| {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                let data: Value = serde_json::from_str(&field("data:")).unwrap();
                (field("id:"), field("event:"), data["sequence"].as_u64().unwrap())
            })
            .collect()
    }
}

#[tokio::test]
async fn events_stream_as_they_come_and_resume() {
    let home = Home::new();
    let (a, operation) = home.sign_up("A").await;
    home.publish(&a).await;
    let mut now = Follower::open(&home, "/v1/events/stream", None).await;
    now.until("open").await;
    now.until("id: pos-1\n\n").await;
    let mut start = Follower::open(&home, "/v1/events/stream?from=start&type=TenantRegistered", None).await;
    start.until("TenantRegistered").await;
    home.start(&a, &operation).await;
    home.publish(&a).await;
    now.until("TenantProvisioningStarted").await;
    let seen = now.events();
    assert_eq!(seen.len(), 1, "from now on, and each once: {seen:?}");
    assert_eq!((seen[0].1.as_str(), seen[0].2), ("TenantProvisioningStarted", 2));

    let (b, _) = home.sign_up("B").await;
    home.publish(&b).await;
    start.until(&b).await;
    let types: Vec<String> = start.events().into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(types, ["TenantRegistered", "TenantRegistered"]);
    // A client that comes back with the last id it saw misses nothing and gets nothing twice.
    let first = start.events()[0].0.clone();
    let mut back = Follower::open(&home, "/v1/events/stream?after=nonsense", Some(&first)).await;
    back.until(&b).await;
    let sequences: Vec<u64> = back.events().into_iter().map(|(_, _, sequence)| sequence).collect();
    assert_eq!(sequences, [2, 1]);
}

#[tokio::test]
async fn a_stream_looks_without_a_signal_and_ends_with_the_server() {
    let home = Home::new();
    let (a, _) = home.sign_up("A").await;
    let mut stream = Follower::open(&home, "/v1/events/stream", None).await;
    stream.until("open").await;
    // Published, but the signal is lost.
    let events: Vec<_> = {
        let other = home.clone();
        other.signal.send_replace(0);
        let page = home.get(&format!("/v1/tenants/{a}/events")).await.ok(200);
        serde_json::from_value::<Vec<tenantry_events::Envelope>>(page["items"].clone()).unwrap()
    };
    stream.body.by_ref();
    home.memory
        .bus
        .publish(events.iter().map(tenantry_events::Envelope::to_bus_event).collect())
        .await
        .unwrap();
    let clock = home.memory.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    });
    stream.until("TenantRegistered").await;
    ticking.abort();
    let _ = ticking.await;
    drop(home);
    let rest = tokio::time::timeout(Duration::from_secs(20), stream.body.next()).await;
    assert!(rest.expect("the stream ends").is_none());
}

#[tokio::test]
async fn a_home_without_streams_says_where_to_poll() {
    let home = Home::with(true, false);
    let reply = home.get("/v1/events/stream").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (501, "TNT-0018"));
    assert_eq!(reply.json()["existing"], "/v1/events");
}

#[tokio::test]
async fn the_catalogue_has_schemas_and_examples() {
    let types = Home::new().get("/v1/event-types").await.ok(200);
    let items = types["items"].as_array().unwrap();
    assert_eq!(items.len(), tenantry_events::EventType::ALL.len());
    for item in items {
        assert_eq!(item["example"]["type"], item["type"]);
        assert!(item["schema"]["$schema"].is_string() && item["summary"].is_string());
    }
}

#[tokio::test]
async fn subscriptions_get_what_they_match() {
    let home = Home::new();
    let body = json!({"name": "crm", "pattern": {"detail-type": ["TenantRegistered"]},
        "target": {"type": "webhook", "url": "http://127.0.0.1:1/hook"}});
    let reply = home.post("/v1/subscriptions", body).await;
    let made = reply.ok(201);
    let id = made["subscriptionId"].as_str().unwrap();
    let path = format!("/v1/subscriptions/{id}");
    assert_eq!(reply.header("location"), path);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let shown = home.get(&path).await.ok(200);
    assert!(shown.get("secret").is_none() && shown.get("secretRef").is_none());
    assert_eq!(shown["target"], json!({"type": "webhook", "url": "http://127.0.0.1:1/hook"}));
    assert_eq!(home.get("/v1/subscriptions").await.ok(200)["items"], json!([shown]));

    let (a, operation) = home.sign_up("A").await;
    home.memory.clock.advance(Duration::from_secs(60));
    home.start(&a, &operation).await;
    home.publish(&a).await;
    let message = json!({"subscriptionId": id, "tenantId": a, "sequence": 1});
    assert_eq!(home.memory.webhooks.bodies(), std::slice::from_ref(&message));

    let replay = format!("{path}/replay");
    let count = |reply: Value| reply["replayed"].as_u64().unwrap();
    assert_eq!(count(home.call("POST", &replay, None, &[]).await.ok(200)), 1);
    let mut again = message;
    again["replay"] = true.into();
    assert_eq!(home.memory.webhooks.bodies()[1], again);
    assert_eq!(count(home.post(&replay, json!({"from": "2026-01-01T00:00:01Z"})).await.ok(200)), 0);
    assert_eq!(
        count(home.post(&replay, json!({"to": "2026-01-01T00:00:01Z", "tenantId": a})).await.ok(200)),
        1
    );
    assert_eq!(home.post(&replay, json!({"type": "Nothing"})).await.code(), "TNT-0013");
    assert_eq!(home.post(&replay, json!({"from": "yesterday"})).await.code(), "TNT-0005");

    for n in 1..=3 {
        let delivery = Delivery {
            subscription_id: id.parse().unwrap(),
            tenant_id: a.parse().unwrap(),
            event_id: "evt_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            event_type: "TenantRegistered".into(),
            sequence: 1,
            try_number: n,
            outcome: DeliveryOutcome::Failed,
            status_code: Some(500),
            error: None,
            latency_ms: 3,
            replay: false,
            at: home.memory.clock.now(),
            next_retry_at: None,
        };
        let key = Key::delivery(&delivery.subscription_id, delivery.at, &delivery.event_id, n);
        home.commit(vec![Action::put(Item::of(key, &delivery))]).await;
        home.memory.clock.advance(Duration::from_secs(1));
    }
    let log = home.get(&format!("{path}/deliveries?limit=2")).await.ok(200);
    assert_eq!((&log["items"][0]["try"], &log["items"][0]["outcome"]), (&json!(3), &json!("failed")));
    let rest =
        home.get(&format!("{path}/deliveries?cursor={}", log["nextCursor"].as_str().unwrap())).await.ok(200);
    assert_eq!(rest["items"][0]["try"], 1);

    home.call("DELETE", &path, None, &[]).await.ok(204);
    assert_eq!(home.get(&path).await.code(), "TNT-0601");
    assert_eq!(home.call("DELETE", &path, None, &[]).await.code(), "TNT-0601");
    assert_eq!(home.call("POST", &replay, None, &[]).await.code(), "TNT-0601");
    assert_eq!(home.memory.vault.references(), Vec::<String>::new());
    assert!(home.memory.bus.list_rules().await.unwrap().is_empty());
}
