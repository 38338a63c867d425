//! The HTTP API behind API Gateway: the router of `tenantry serve`, called with events of payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use super::invocation::{Invocation, Invoke, MALFORMED, answer, failure};
use super::trace::Tracer;
use futures::future::{Either, select};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::{HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use lambda_http::request::RequestContext;
use lambda_http::tower::Service as _;
use lambda_http::{Body, RequestExt as _};
use lambda_runtime::Diagnostic;
use serde_json::Map;
use serde_json::value::RawValue;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::Clock;

/// The API's function.
pub(super) struct ApiFunction {
    pub(super) router: axum::Router,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracer: Tracer,
}

/// The path as the router knows it: API Gateway puts the stage before it, but for the stage `$default`.
pub(super) fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The request that the event tells of.
fn request(event: &RawValue, invocation: &Invocation) -> Result<Request<Body>, Diagnostic> {
    let malformed =
        || failure(MALFORMED, "the event is not an HTTP API's, format 2.0: check the function's trigger");
    let mut request = lambda_http::request::from_str(event.get()).map_err(|_| malformed())?;
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.clone(),
        _ => return Err(malformed()),
    };
    let path = without_stage(request.uri().path(), stage.as_deref());
    if path.len() != request.uri().path().len() {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let path: PathAndQuery = format!("{path}{query}").parse().map_err(|_| malformed())?;
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| malformed())?;
    }
    // The id in a problem's text is then the one in the function's log.
    if let Ok(id) = HeaderValue::from_str(&invocation.request_id) {
        request.headers_mut().entry("x-request-id").or_insert(id);
    }
    Ok(request)
}

/// The largest answer that Lambda takes from a function that is waited for.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

fn problem(status: StatusCode, code: &str, title: &str, detail: &str) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status.as_u16());
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let problem = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code,
    });
    response.body = Some(Body::Text(problem.to_string()));
    response
}

/// What is answered where the router did not get done in time.
fn out_of_time() -> ApiGatewayV2httpResponse {
    let detail =
        "It took too long. Send the request again, with the same Idempotency-Key where it changes something.";
    let title = "The control plane cannot take this request now";
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "TNT-0002", title, detail);
    response.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The answer as Lambda takes it; one that is too large for it becomes a problem that says what to do.
fn fitting(response: &ApiGatewayV2httpResponse) -> Result<Box<RawValue>, Diagnostic> {
    let whole = answer(response)?;
    if whole.get().len() <= ANSWER_BYTES_MAX {
        return Ok(whole);
    }
    tracing::warn!(bytes = whole.get().len(), "an answer is larger than Lambda takes");
    let detail = "The answer is larger than the 6 MB that AWS Lambda carries. Ask for fewer items: give a smaller limit.";
    answer(&problem(StatusCode::BAD_REQUEST, "TNT-0013", "The answer is too large", detail))
}

async fn response(answered: lambda_http::Response<axum::body::Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = answered.into_parts();
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(parts.status.as_u16());
    response.headers = parts.headers;
    match axum::body::to_bytes(body, usize::MAX).await.map(|bytes| String::from_utf8(bytes.into())) {
        Ok(Ok(text)) => response.body = Some(Body::Text(text)),
        Ok(Err(binary)) => {
            response.is_base64_encoded = true;
            response.body = Some(Body::Binary(binary.into_bytes()));
        }
        // The router's bodies are whole before they are answered; only a stream could break off, and there is none.
        Err(error) => {
            tracing::error!(%error, "an answer broke off");
            return out_of_time();
        }
    }
    response
}

impl Invoke for ApiFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            let request = request(event, invocation)?;
            let subsegment = self.tracer.begin(invocation.trace.as_ref(), "router", Map::new());
            let mut router = self.router.clone();
            let work = Box::pin(async move {
                match router.call(request).await {
                    Ok(answered) => response(answered).await,
                    Err(never) => match never {},
                }
            });
            let response = match select(work, self.clock.sleep_until(invocation.until)).await {
                Either::Left((response, _)) => response,
                Either::Right(_) => {
                    tracing::warn!("a request was cut off: the time is up");
                    out_of_time()
                }
            };
            subsegment.end(response.status_code >= 500);
            fitting(&response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lambda_does_not_take_becomes_a_problem() {
        let of_bytes = |bytes: usize| {
            let mut response = ApiGatewayV2httpResponse::default();
            response.body = Some(Body::Text("\"".repeat(bytes)));
            let answered = fitting(&response).unwrap();
            assert!(answered.get().len() <= ANSWER_BYTES_MAX);
            serde_json::from_str::<serde_json::Value>(answered.get()).unwrap()
        };
        assert_eq!(of_bytes(ANSWER_BYTES_MAX / 2 - 1_000)["statusCode"], 0);
        // As it is written, and not as it is read, it is too large.
        let problem = of_bytes(ANSWER_BYTES_MAX / 2);
        assert_eq!(problem["statusCode"], 400);
        assert!(problem["body"].as_str().unwrap().contains("smaller limit"));
    }

    #[test]
    fn only_a_whole_stage_is_taken_off() {
        assert_eq!(without_stage("/prod/v1/tenants", Some("prod")), "/v1/tenants");
        assert_eq!(without_stage("/prod/", Some("prod")), "/");
        assert_eq!(without_stage("/production/x", Some("prod")), "/production/x");
        assert_eq!(without_stage("/v1/tenants", Some("$default")), "/v1/tenants");
        assert_eq!(without_stage("/v1/tenants", None), "/v1/tenants");
    }
}
