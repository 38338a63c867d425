//! Health, metrics, the OpenAPI document, the help pages and the front page.

use super::ApiState;
use crate::Api;
use crate::answer::{Reply, ok};
use crate::help;
use crate::metrics::MEDIA_TYPE;
use crate::params::{NoParams, Params};
use crate::problem::shown;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tenantry_core::{Error, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router.routes(routes!(get_metrics))
}

/// The addresses that need no token. They are told of in the OpenAPI document's text and are no operations of it.
pub(crate) fn open() -> Router<Api> {
    Router::new()
        .route("/", get(front))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(openapi))
        .route("/help/errors/{code}", get(help_page))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn healthz() -> Reply {
    ok(&Health { status: "ok" })
}

async fn readyz(api: ApiState) -> Reply {
    api.app().ready().await?;
    ok(&Health { status: "ready" })
}

async fn openapi(api: ApiState) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], api.openapi.to_string()).into_response()
}

async fn help_page(Path(code): Path<String>) -> Reply {
    let page = help::page(&code).ok_or_else(|| {
        let detail = format!("There is no error code {}. Codes have the form TNT-0107.", shown(&code));
        Error::new(ErrorCode::RouteNotFound, detail)
    })?;
    // Markdown reads well as it is, and every browser shows plain text.
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], page).into_response())
}

const FRONT: &str = "\
Tenantry: the control plane of a multi-tenant SaaS product.

The operators' console comes later. What is here now:

  GET  /openapi.json        every address, described (OpenAPI 3.1)
  POST /v1/tenants          sign up a tenant
  GET  /v1/tenants          all tenants and how far each has come
  GET  /v1/executions       runs of the workflows
  GET  /v1/events/stream    events as they come
  GET  /v1/queues           queues and their dead letters
  GET  /metrics             metrics in Prometheus' text format
  GET  /healthz  /readyz    whether the server is there, and whether its store is
  GET  /help/errors/{code}  what an error code means and what to do

Everything under /v1, and /metrics, needs the header `Authorization: Bearer <token>`; the admin token lies in the file
admin.token of the server's data folder. `tenantry --help` shows the command line.
";

async fn front() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], FRONT).into_response()
}

/// Get metrics.
///
/// In the OpenMetrics text format, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "system",
    responses((status = 200, description = "The metrics.", body = String,
        content_type = "application/openmetrics-text")))]
async fn get_metrics(api: ApiState, _: Params<NoParams>) -> Reply {
    let mut gauges = api.app().gauges().await?;
    gauges.extend(api.state.gauges.iter().flat_map(|source| source.gauges()));
    let text = api.metrics.text(gauges)?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
