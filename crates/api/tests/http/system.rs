//! Request ids, metrics, the document and panics.

use super::support::{ADMIN, Home};
use std::sync::Arc;
use tenantry_api::{ApiState, router, token_sha256};
use tenantry_app::testing::Memory;
use tenantry_app::usecases::{App, Gauge, GaugeSource, Settings};

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let home = Home::new();
    let made = home.get("/v1/tenants").await;
    assert!(made.header("x-request-id").starts_with("req-"));
    let own = home.call("GET", "/v1/nothing", None, &[("x-request-id", "my.id-1_2")]).await;
    assert_eq!((own.header("x-request-id"), own.code().as_str()), ("my.id-1_2", "TNT-0009"));
    let long = "x".repeat(129);
    for bad in ["", "a b", "a\"b", &long] {
        let reply = home.call("GET", "/v1/tenants", None, &[("x-request-id", bad)]).await;
        assert!(reply.header("x-request-id").starts_with("req-"), "{bad}");
    }
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn the_served_document_is_the_checked_in_one() {
    let served = Home::new().get("/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.text, tenantry_api::openapi_document());
}

#[tokio::test]
async fn every_code_has_a_help_page() {
    let home = Home::new();
    for code in tenantry_core::ErrorCode::ALL {
        let page = home.get(&format!("/help/errors/{}", code.as_str())).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(code.title()));
    }
}

struct Extra;

impl GaugeSource for Extra {
    fn gauges(&self) -> Vec<Gauge> {
        vec![Gauge::new("tenantry_store_wal_bytes", "Bytes of the log.", 4096.0).label("file", "main")]
    }
}

#[tokio::test]
async fn metrics_tell_requests_queues_and_the_outbox() {
    let memory = Memory::new();
    let state = ApiState {
        app: Arc::new(App::new(memory.ports(), Settings::default())),
        admin_token: Arc::new(token_sha256(ADMIN)),
        events_signal: None,
        gauges: vec![Arc::new(Extra)],
    };
    let home = Home { memory, router: router(state), ..Home::new() };
    let (tenant, operation) = home.sign_up("Acme").await;
    home.start(&tenant, &operation).await;
    home.memory.clock.advance(std::time::Duration::from_secs(5));
    home.get(&format!("/v1/tenants/{tenant}")).await;
    home.get("/v1/no-such-thing").await;
    let reply = home.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "tenantry_http_requests_total{method=\"POST\",route=\"/v1/tenants\",status=\"202\"} 1",
        "tenantry_http_requests_total{method=\"GET\",route=\"/v1/tenants/{tenantId}\",status=\"200\"} 1",
        "tenantry_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "tenantry_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/tenants\"} 1",
        "tenantry_queue_messages{queue=\"operations\",state=\"visible\"} 0",
        "tenantry_dead_letters{queue=\"webhooks\"} 0",
        "tenantry_executions_open 1",
        "tenantry_outbox_rows 2",
        "tenantry_outbox_lag_seconds 5",
        "tenantry_store_wal_bytes{file=\"main\"} 4096",
        "# EOF",
    ] {
        assert!(
            reply.text.lines().any(|found| found.trim_end_matches(".0") == line),
            "{line}\n{}",
            reply.text
        );
    }
    assert!(!reply.text.contains(&tenant), "a label with ids would grow without end");
}

/// A clock that panics stands for any fault of the program.
#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_works() {
    let home = Home::new();
    home.memory.dead_letters.panic_once();
    let reply = home.get("/v1/queues").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (500, "TNT-0001"));
    assert!(!reply.text.contains("by the test"));
    home.memory.dead_letters.panic_once();
    let reply = home.call("POST", "/v1/queues/webhooks/dead-letters/redrive", None, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (500, "TNT-0001"));
    assert_eq!(home.get("/v1/queues").await.status, 200);
}
