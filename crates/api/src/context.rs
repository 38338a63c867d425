//! Around every request: its id, its problem, its panic, its measurement, its line in the log.

use super::Api;
use super::problem::{Carried, respond};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tenantry_core::error::ErrorClass;
use tenantry_core::{Error, ErrorCode};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id: the caller's own `x-request-id` where it is 1 to 128 letters, digits, hyphens, underscores or
/// dots; else a new one.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

fn request_id(api: &Api, headers: &HeaderMap) -> String {
    let good = |text: &&str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(good) {
        Some(text) => text.to_owned(),
        None => format!("req-{}", api.app().ports().ids.next()),
    }
}

/// The panic hook has written message and place to the log; neither is for the caller.
fn panicked() -> Error {
    Error::new(ErrorCode::Internal, "An unexpected fault; it is in the log under this request's id.")
}

pub(crate) async fn wrap(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let clock = api.app().ports().clock.clone();
    let started = clock.now();
    let id = request_id(&api, request.headers());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = matched.unwrap_or_else(|| "unmatched".to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));

    let span = tracing::info_span!("request", id = %id, method = %method, route = %route);
    let run = next.run(request).instrument(span.clone());
    let safe = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let outcome = if safe {
        AssertUnwindSafe(run).catch_unwind().await.ok()
    } else {
        // A write that has begun is carried through though its caller goes away: an effect without its answer would
        // leave a claim of an Idempotency-Key behind.
        tokio::spawn(run).await.ok()
    };
    let _entered = span.enter();
    let mut response = match outcome {
        Some(response) => finish(response, &id),
        None => {
            tracing::error!("a handler panicked");
            respond(&panicked(), &id)
        }
    };
    let elapsed = clock.now().saturating_since(started);
    let status = response.status().as_u16();
    api.metrics.observe(&route, method.as_str(), status, elapsed);
    // Failures have lines of their own; a line per request would cost more than many of the requests.
    tracing::debug!(status, elapsed_ms = elapsed.as_millis() as u64, "answered");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Writes the problem that a handler carried here.
fn finish(response: Response, id: &str) -> Response {
    let Some(Carried(error)) = response.extensions().get::<Carried>().cloned() else { return response };
    let cause = std::error::Error::source(&*error).map(ToString::to_string).unwrap_or_default();
    match error.code().class() {
        ErrorClass::Internal => tracing::error!(code = error.code().as_str(), cause, "failed"),
        ErrorClass::Unavailable => tracing::warn!(code = error.code().as_str(), cause, "unavailable"),
        _ => tracing::debug!(code = error.code().as_str(), cause, "refused"),
    }
    let mut written = respond(&error, id);
    // `Allow`, above all.
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && !written.headers().contains_key(name) {
            written.headers_mut().insert(name.clone(), value.clone());
        }
    }
    written
}
