//! Bearer tokens (RFC 6750).

use super::Api;
use super::problem::Refusal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tenantry_app::usecases::{Principal, token_hash};
use tenantry_core::keys::Key;
use tenantry_core::{Error, ErrorCode, Result, ServiceId};

/// Where services may go with their token.
const TASK_TOKENS: &str = "/v1/task-tokens/";

/// Longest token that is looked at.
const TOKEN_LENGTH_MAX: usize = 512;

/// SHA-256 of a token: what [`crate::ApiState`] holds of the admin's.
pub fn token_sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Health, the OpenAPI document, the help pages and the front page need no token.
fn is_open(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && (matches!(path, "/" | "/healthz" | "/readyz" | "/openapi.json")
            || path.starts_with("/help/errors/"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && (1..=TOKEN_LENGTH_MAX).contains(&token.len())).then_some(token)
}

fn unauthenticated() -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        "This call needs the header `Authorization: Bearer <token>` with a valid token. The admin token lies in the \
         file admin.token of the server's data folder.",
    )
}

/// Whose token it is. The admin's is compared in constant time; a service's is found by its hash, so that no
/// comparison can tell how much of a guess was right.
async fn principal(api: &Api, headers: &HeaderMap) -> Result<Principal> {
    let token = bearer(headers).ok_or_else(unauthenticated)?;
    if bool::from(token_sha256(token).ct_eq(&api.state.admin_token_hash)) {
        return Ok(Principal::Admin);
    }
    let item = api.app().ports().table.get(&Key::bearer(&token_hash(token))).await?;
    let service = item.and_then(|item| {
        let kind = item.attributes.get("kind")?.as_str()?;
        let id = item.attributes.get("serviceId")?.as_str()?.parse::<ServiceId>().ok()?;
        (kind == "service").then_some(id)
    });
    service.map(Principal::Service).ok_or_else(unauthenticated)
}

pub(crate) async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    if is_open(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let principal = match principal(&api, request.headers()).await {
        Ok(principal) => principal,
        Err(error) => return Refusal(error).into_response(),
    };
    if principal != Principal::Admin && !request.uri().path().starts_with(TASK_TOKENS) {
        let detail = "A service's token is good for answering its own task tokens and for nothing else.";
        return Refusal(Error::new(ErrorCode::Forbidden, detail)).into_response();
    }
    request.extensions_mut().insert(principal);
    next.run(request).await
}
