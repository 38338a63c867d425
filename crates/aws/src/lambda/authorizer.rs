//! The request authorizer of the HTTP API: the same question as the router's own, asked before the API is called.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use super::invocation::{Invocation, Invoke, UNAVAILABLE, answer, failure, read};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tenantry_api::Authenticator;
use tenantry_core::BoxFuture;
use tenantry_core::error::ErrorClass;

/// The authorizer's function.
pub(super) struct AuthorizerFunction {
    pub(super) authenticator: Authenticator,
}

/// A request authorizer's event, format 2.0; what else is in it is not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    raw_path: String,
    request_context: RequestContext,
}

#[derive(Deserialize)]
struct RequestContext {
    http: Http,
    stage: Option<String>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl Event {
    fn headers(&self) -> HeaderMap {
        let pair = |(name, value): (&String, &String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        self.headers.iter().filter_map(pair).collect()
    }
}

impl Invoke for AuthorizerFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        _: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            let event: Event = read(event, "a request authorizer's, format 2.0")?;
            // A method that nobody knows is no open one.
            let method = event.request_context.http.method.parse().unwrap_or(Method::POST);
            let path = super::api::without_stage(&event.raw_path, event.request_context.stage.as_deref());
            let principal = match self.authenticator.authenticate(&method, path, &event.headers()).await {
                Ok(principal) => principal,
                Err(error) => {
                    return match error.code().class() {
                        ErrorClass::Unauthenticated | ErrorClass::Forbidden => {
                            answer(&json!({"isAuthorized": false}))
                        }
                        // Nobody can tell now: that is no refusal.
                        _ => {
                            let cause = std::error::Error::source(&error).map(ToString::to_string);
                            tracing::error!(cause, "nobody can tell now who asks");
                            Err(failure(UNAVAILABLE, error.detail()))
                        }
                    };
                }
            };
            let principal = principal.map_or_else(|| "anyone".to_owned(), |principal| principal.to_string());
            answer(&json!({"isAuthorized": true, "context": {"principal": principal}}))
        })
    }
}
