//! The HTTP API: the same router under `tenantry serve` and under Lambda.
//!
//! **Invariant:** what a request does is decided in `tenantry_app`; here it is read, authenticated, answered and
//! measured. Every failure is an RFC 9457 problem with a stable code. No body, token or secret reaches the log.

mod answer;
mod auth;
mod body;
mod caller;
mod context;
mod etag;
mod help;
mod metrics;
mod openapi;
mod params;
mod problem;
mod routes;

pub use auth::{AdminToken, Authenticator, token_sha256};
pub use help::page as help_page;
pub use openapi::document as openapi_document;
pub use problem::Problem;

use std::sync::Arc;
use tenantry_app::usecases::{App, GaugeSource};
use tokio::sync::watch;

/// What the router needs. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The use cases.
    pub app: Arc<App>,
    /// The admin token's hash: [`token_sha256`] of it where it never changes.
    pub admin_token: Arc<dyn AdminToken>,
    /// Changes whenever the archive of events grew; `None` where nothing can be awaited: then the stream answers 501.
    pub events_signal: Option<watch::Receiver<u64>>,
    /// Further gauges for `/metrics`.
    pub gauges: Vec<Arc<dyn GaugeSource>>,
}

/// [`ApiState`] with what only the API itself knows.
#[derive(Clone)]
struct Api {
    state: ApiState,
    authenticator: Authenticator,
    metrics: Arc<metrics::HttpMetrics>,
    openapi: Arc<str>,
}

impl Api {
    fn app(&self) -> &App {
        &self.state.app
    }
}

/// The router of the whole API.
pub fn router(state: ApiState) -> axum::Router {
    let (router, document) = openapi::split();
    let authenticator = Authenticator::new(state.app.ports().table.clone(), state.admin_token.clone());
    let api = Api { state, authenticator, metrics: Arc::default(), openapi: openapi::text(&document).into() };
    router
        .merge(routes::open())
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(axum::middleware::from_fn_with_state(api.clone(), auth::authenticate))
        .layer(axum::middleware::from_fn_with_state(api.clone(), context::wrap))
        .with_state(api)
}
