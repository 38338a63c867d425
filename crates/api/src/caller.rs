//! Who asks, and what the headers of the request say.

use super::answer;
use super::context::RequestId;
use super::etag;
use super::problem::{Problem, Refusal};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde_json::Value;
use tenantry_app::usecases::{Answer, Idempotency, Principal};
use tenantry_core::{Error, ErrorCode, Result};

/// An authenticated request's head.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    request_id: String,
    method: Method,
    path: String,
    headers: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let principal = parts.extensions.get::<Principal>().cloned();
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let (Some(principal), Some(request_id)) = (principal, request_id) else {
            return Err(Refusal(Error::internal("a route outside the middleware")));
        };
        Ok(Self {
            principal,
            request_id,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            headers: parts.headers.clone(),
        })
    }
}

impl Caller {
    /// The request under its `Idempotency-Key`, where it has one.
    pub(crate) fn idempotency(&self, body: &Value) -> Result<Option<Idempotency>> {
        let mut keys = self.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else { return Ok(None) };
        if keys.next().is_some() {
            let detail = "There are several Idempotency-Key headers; send one.";
            return Err(Error::new(ErrorCode::InvalidIdempotencyKey, detail).with_field("Idempotency-Key"));
        }
        // What is not ASCII is refused below as what it is.
        let key = key.to_str().unwrap_or("\u{fffd}");
        Idempotency::new(&self.principal, self.method.as_str(), &self.path, key, body).map(Some)
    }

    /// The revision that `If-Match` asks for.
    pub(crate) fn if_match(&self) -> Result<Option<u64>> {
        match self.headers.get(header::IF_MATCH) {
            Some(value) => etag::revision(value.to_str().unwrap_or_default()),
            None => Ok(None),
        }
    }

    /// Whether `If-None-Match` names `etag` (weak comparison, RFC 9110 section 13.1.2).
    pub(crate) fn has(&self, etag: &str) -> bool {
        let values = self.headers.get_all(header::IF_NONE_MATCH).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|known| {
            let known = known.trim();
            known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag
        })
    }

    /// The header that an event stream resumes with.
    pub(crate) fn last_event_id(&self) -> Option<String> {
        let value = self.headers.get("last-event-id")?.to_str().ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The refusal as an answer that can be remembered.
    pub(crate) fn refusal(&self, error: &Error) -> Answer {
        let problem = Problem::new(error, &self.request_id);
        answer::raw(problem.status, problem.text())
    }
}
