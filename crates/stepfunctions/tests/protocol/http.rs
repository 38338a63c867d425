use crate::support::Home;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_core::ports::Clock as _;
use tenantry_stepfunctions::{AccessKey, Verifier, router};
use tower::ServiceExt as _;

/// An unsigned request with this target; the answer's status, request id, content type and body.
async fn post(home: &Home, target: Option<&str>, body: Vec<u8>) -> (StatusCode, Value) {
    let verifier = Verifier::new(AccessKey::new("AKIDEXAMPLE", "secret"), Arc::new(home.clock.clone()));
    let mut request = Request::post("/");
    if let Some(target) = target {
        request = request.header("X-Amz-Target", target);
    }
    let router = router(home.endpoint.clone(), verifier);
    let answer = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn only_signed_calls_of_the_service_are_carried_out() {
    let home = Home::new().await;
    let (status, body) =
        post(&home, Some("AWSStepFunctions.CreateActivity"), br#"{"name": "a"}"#.to_vec()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        body,
        json!({"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"})
    );
    assert_eq!(home.ok("ListActivities", json!({})).await, json!({"activities": []}));
    for target in [None, Some("DynamoDB_20120810.ListTables"), Some("")] {
        let (status, body) = post(&home, target, Vec::new()).await;
        assert_eq!((status, &body["__type"]), (StatusCode::NOT_FOUND, &json!("UnknownOperationException")));
    }
}

#[tokio::test]
async fn bodies_end_at_a_mebibyte() {
    let home = Home::new().await;
    let time = home.clock.now().to_string();
    let time: String = time[..19].chars().filter(|character| !"-:".contains(*character)).collect();
    let verifier = Verifier::new(AccessKey::new("AKIDEXAMPLE", "secret"), Arc::new(home.clock.clone()));
    for (bytes, known, expected) in [
        (1024 * 1024, true, (StatusCode::FORBIDDEN, "InvalidSignatureException")),
        (1024 * 1024 + 1, true, (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException")),
        // Whoever is not known is told that first.
        (1024 * 1024 + 1, false, (StatusCode::FORBIDDEN, "UnrecognizedClientException")),
    ] {
        let key = if known { "AKIDEXAMPLE" } else { "AKIDOTHER" };
        let request = Request::post("/")
            .header("X-Amz-Target", "AWSStepFunctions.ListActivities")
            .header("X-Amz-Date", format!("{time}Z"))
            .header(
                "Authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={key}/{}/us-east-1/states/aws4_request, \
                     SignedHeaders=x-amz-date;x-amz-target, Signature=0",
                    &time[..8]
                ),
            )
            .body(Body::from(vec![b' '; bytes]))
            .unwrap();
        let answer = router(home.endpoint.clone(), verifier.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["__type"].as_str().unwrap()), expected, "{bytes} {known}");
    }
}

#[tokio::test]
async fn operations_that_are_none() {
    let home = Home::new().await;
    assert_eq!(home.refused("DescribeTable", json!({})).await.0, "UnknownOperationException");
}
