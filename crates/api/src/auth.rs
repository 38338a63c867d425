//! Bearer tokens (RFC 6750): one place that says who may call what, for the router and for an authorizer in front of it.

use super::Api;
use super::problem::Refusal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tenantry_app::usecases::{Principal, token_hash};
use tenantry_core::keys::Key;
use tenantry_core::ports::{PortError, Table};
use tenantry_core::{BoxFuture, Error, ErrorCode, Result, ServiceId};

/// Where services may go with their token.
const TASK_TOKENS: &str = "/v1/task-tokens/";

/// Longest token that is looked at.
const TOKEN_LENGTH_MAX: usize = 512;

/// Where the hash of the admin token comes from; the token itself is not kept.
pub trait AdminToken: Send + Sync {
    /// [`token_sha256`] of the token that is good now.
    ///
    /// # Errors
    /// [`PortError`]: nobody can tell now.
    fn sha256(&self) -> BoxFuture<'_, Result<[u8; 32], PortError>>;
}

/// A token that stays the same as long as the process lives.
impl AdminToken for [u8; 32] {
    fn sha256(&self) -> BoxFuture<'_, Result<[u8; 32], PortError>> {
        let hash = *self;
        Box::pin(async move { Ok(hash) })
    }
}

/// SHA-256 of a token.
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
         file admin.token of the server's data folder; on AWS, in the secret `<prefix>/system/admin-token`.",
    )
}

/// Tells who asks, and whether they may go there. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    table: Arc<dyn Table>,
    admin: Arc<dyn AdminToken>,
}

impl Authenticator {
    /// An authenticator that finds services' tokens in `table`.
    pub fn new(table: Arc<dyn Table>, admin: Arc<dyn AdminToken>) -> Self {
        Self { table, admin }
    }

    /// Who asks; `None` where the address is open to everyone.
    ///
    /// # Errors
    /// `Unauthenticated` without a valid token, `Forbidden` for a valid one that may not go there, `Unavailable` or
    /// `Internal` where nobody can tell now.
    pub async fn authenticate(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>> {
        if is_open(method, path) {
            return Ok(None);
        }
        let principal = self.principal(headers).await?;
        if principal != Principal::Admin && !path.starts_with(TASK_TOKENS) {
            let detail = "A service's token is good for answering its own task tokens and for nothing else.";
            return Err(Error::new(ErrorCode::Forbidden, detail));
        }
        Ok(Some(principal))
    }

    /// Whose token it is. The admin's is compared in constant time; a service's is found by its hash, so that no
    /// comparison can tell how much of a guess was right.
    async fn principal(&self, headers: &HeaderMap) -> Result<Principal> {
        let token = bearer(headers).ok_or_else(unauthenticated)?;
        if bool::from(token_sha256(token).ct_eq(&self.admin.sha256().await?)) {
            return Ok(Principal::Admin);
        }
        let item = self.table.get(&Key::bearer(&token_hash(token))).await?;
        let service = item.and_then(|item| {
            let kind = item.attributes.get("kind")?.as_str()?;
            let id = item.attributes.get("serviceId")?.as_str()?.parse::<ServiceId>().ok()?;
            (kind == "service").then_some(id)
        });
        service.map(Principal::Service).ok_or_else(unauthenticated)
    }
}

pub(crate) async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let asked = api.authenticator.authenticate(request.method(), request.uri().path(), request.headers());
    match asked.await {
        Ok(Some(principal)) => {
            request.extensions_mut().insert(principal);
        }
        Ok(None) => {}
        Err(error) => return Refusal(error).into_response(),
    }
    next.run(request).await
}
