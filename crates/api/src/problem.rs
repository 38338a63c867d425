//! Problems (RFC 9457): the one shape of every failure.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tenantry_core::error::ErrorClass;
use tenantry_core::{Error, ErrorCode};

/// A failure, as RFC 9457 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// The address of the code's help page.
    #[serde(rename = "type")]
    #[schema(example = "/help/errors/TNT-0107")]
    pub problem_type: String,
    /// The code in words, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened, why, and what now.
    pub detail: String,
    /// The stable code.
    #[schema(example = "TNT-0107")]
    pub code: &'static str,
    /// The request's id: what the log has the rest under.
    pub instance: String,
    /// What is wrong: a JSON pointer into the body, or the name of a parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The address of what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
}

/// The status of a class: the one place where the domain meets HTTP.
pub(crate) fn status(class: ErrorClass) -> StatusCode {
    match class {
        ErrorClass::Invalid => StatusCode::BAD_REQUEST,
        ErrorClass::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorClass::Forbidden => StatusCode::FORBIDDEN,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        ErrorClass::Conflict => StatusCode::CONFLICT,
        ErrorClass::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorClass::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorClass::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorClass::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorClass::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// The problem of `error`, met by the request `instance`.
    pub fn new(error: &Error, instance: &str) -> Self {
        let code = error.code();
        Self {
            problem_type: format!("/help/errors/{}", code.as_str()),
            title: code.title(),
            status: status(code.class()).as_u16(),
            detail: error.detail().to_owned(),
            code: code.as_str(),
            instance: instance.to_owned(),
            field: error.field().map(str::to_owned),
            existing: error.existing().map(str::to_owned),
        }
    }

    /// As JSON text.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }
}

/// What handlers and extractors refuse with. It becomes a [`Problem`] in [`crate::context`], where the request's id is
/// known.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// Carries the error from where it was met to where it is written.
#[derive(Clone)]
pub(crate) struct Carried(pub(crate) Arc<Error>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = status(self.0.code().class()).into_response();
        response.extensions_mut().insert(Carried(Arc::new(self.0)));
        response
    }
}

/// The problem as a response.
pub(crate) fn respond(error: &Error, instance: &str) -> Response {
    let class = error.code().class();
    let mut response = (status(class), Problem::new(error, instance).text()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match class {
        ErrorClass::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tenantry\""));
        }
        ErrorClass::Unavailable => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

/// A caller's text as it may stand in a detail.
pub(crate) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

pub(crate) async fn no_route(uri: Uri) -> Refusal {
    let path = shown(uri.path());
    Error::new(
        ErrorCode::RouteNotFound,
        format!("There is nothing at {path}. GET /openapi.json lists every address."),
    )
    .into()
}

pub(crate) async fn no_method(method: Method, uri: Uri) -> Refusal {
    let (method, path) = (shown(method.as_str()), shown(uri.path()));
    let detail = format!("{method} is not offered at {path}. The header Allow lists what is.");
    Error::new(ErrorCode::MethodNotAllowed, detail).into()
}
