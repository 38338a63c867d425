//! `POST /` with `X-Amz-Target: AWSStepFunctions.<operation>`: AWS's JSON 1.0.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>

use crate::sigv4::Verifier;
use crate::{ApiError, Endpoint};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tenantry_core::limits::REQUEST_BODY_BYTES_MAX;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AWSStepFunctions.";
const REQUEST_ID: &str = "x-amzn-requestid";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

#[derive(Clone)]
struct Service {
    endpoint: Endpoint,
    verifier: Verifier,
}

/// The protocol at `/`, whatever the host's name: SDKs put `sync-` before it for StartSyncExecution and TestState.
/// Requests that the verifier does not accept go no further.
pub fn router(endpoint: Endpoint, verifier: Verifier) -> Router {
    Router::new().route("/", post(serve)).with_state(Service { endpoint, verifier })
}

async fn serve(State(service): State<Service>, request: Request) -> Response {
    let request_id = service.endpoint.registry().uuid();
    let answer = handle(&service, request).await;
    if let Err(refusal) = &answer {
        tracing::debug!(request_id, code = refusal.code, status = refusal.status, "refused");
    }
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(ApiError { code, message, status }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, json!({"__type": code, "message": message}))
        }
    };
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

async fn handle(service: &Service, request: Request) -> Result<Value, ApiError> {
    let (parts, body) = request.into_parts();
    let recognised = operation(&parts.headers)
        .and_then(|operation| service.verifier.recognise(&parts.headers).map(|()| operation.to_owned()));
    let operation = match recognised {
        Ok(operation) => operation,
        Err(refusal) => {
            // Nothing of a stranger's body is kept; but who still sends would not hear the answer.
            discard(body).await;
            return Err(refusal);
        }
    };
    let body = read(&parts.headers, body).await?;
    service.verifier.verify(&parts.method, &parts.uri, &parts.headers, &body)?;
    service.endpoint.call(&operation, &body).await
}

async fn discard(body: Body) {
    let mut body = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(chunk)) = body.next().await {
        bytes += chunk.len();
        if bytes > REQUEST_BODY_BYTES_MAX {
            return;
        }
    }
}

fn operation(headers: &HeaderMap) -> Result<&str, ApiError> {
    let target = headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.strip_prefix(TARGET_PREFIX).ok_or_else(|| {
        ApiError::new(
            "UnknownOperationException",
            "This address takes calls of AWS Step Functions: POST with the header X-Amz-Target: \
             AWSStepFunctions.<operation>. The HTTP API of this server is under /v1.",
        )
        .with_status(404)
    })
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, ApiError> {
    let too_large = || {
        ApiError::new(
            "RequestEntityTooLargeException",
            format!("The request has more than {REQUEST_BODY_BYTES_MAX} bytes. Nothing was done."),
        )
        .with_status(413)
    };
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > REQUEST_BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::new(
                "RequestTimeoutException",
                format!("The request's body did not come whole: {error}"),
            )
            .with_status(408)
        })?;
        if bytes.len() + chunk.len() > REQUEST_BODY_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
