//! Answers.

use super::problem::Refusal;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tenantry_app::usecases::{Answer, App, Idempotency};
use tenantry_core::Result;

use super::caller::Caller;

/// What a handler comes to.
pub(crate) type Reply = Result<Response, Refusal>;

/// An answer with a body that is written already.
pub(crate) fn raw(status: u16, body: String) -> Answer {
    Answer { status, location: None, etag: None, body, replayed: false }
}

/// An answer of that status.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    raw(status.as_u16(), serde_json::to_string(body).expect("views are JSON"))
}

/// Done, and nothing to say.
pub(crate) fn empty() -> Answer {
    raw(StatusCode::NO_CONTENT.as_u16(), String::new())
}

/// `200` with a view.
pub(crate) fn ok(body: &impl Serialize) -> Reply {
    Ok(respond(json(StatusCode::OK, body)))
}

/// The answer as a response.
pub(crate) fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = if answer.body.is_empty() {
        status.into_response()
    } else {
        (status, [(header::CONTENT_TYPE, media)], answer.body).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [(header::LOCATION, answer.location), (header::ETAG, answer.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    if answer.replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        headers.insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// The reply to a write: its answer, or its refusal, which is remembered where the same request would always get it.
pub(crate) async fn finish(
    app: &App,
    caller: &Caller,
    request: Option<&Idempotency>,
    result: Result<Answer>,
) -> Reply {
    match result {
        Ok(answer) => Ok(respond(answer)),
        Err(error) => {
            let kept = app.remember_refusal(request, &error, caller.refusal(&error)).await?;
            // Nothing was kept: the refusal goes the way of all others, through the log.
            if kept.replayed { Ok(respond(kept)) } else { Err(Refusal(error)) }
        }
    }
}
