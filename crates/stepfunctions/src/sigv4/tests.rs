use super::*;
use axum::http::HeaderName;
use tenantry_core::BoxFuture;

/// Stands still.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

const BODY: &[u8] = br#"{"name": "a"}"#;
/// Made by botocore 1.40 with the key below, for `POST http://127.0.0.1:8080/`.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/states/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
    Signature=e1dff55aa619e5cfd4ef26818803a7935ecde632fd5a379ab32c96fb58d796bb";

fn verifier(now: &str) -> Verifier {
    let key = AccessKey::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    Verifier::new(key, Arc::new(At(Timestamp::parse(now).unwrap())))
}

fn headers(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "127.0.0.1:8080"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20260102T030405Z"),
        ("x-amz-target", "AWSStepFunctions.CreateActivity"),
        ("authorization", authorization),
    ] {
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    headers
}

fn verify(now: &str, uri: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    verifier(now).verify(&Method::POST, &uri.parse().unwrap(), headers, body)
}

const SOON: &str = "2026-01-02T03:05:00Z";

#[test]
fn what_botocore_signs_is_taken() {
    assert_eq!(verify(SOON, "/", &headers(AUTHORIZATION), BODY), Ok(()));
    let mut spaced = headers(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/states/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-meta;x-amz-target, \
         Signature=3298c08741c61b66ea895f1e2d8330b3a3955841ec3d079214595a942dc09145",
    );
    spaced.insert("x-amz-meta", "two   spaces".parse().unwrap());
    assert_eq!(verify(SOON, "/?b=2&a=1", &spaced, BODY), Ok(()));
}

#[test]
fn anything_changed_is_refused() {
    let refused = |result: Result<(), ApiError>| {
        let error = result.unwrap_err();
        assert_eq!((error.code, error.status), ("InvalidSignatureException", 403));
        error.message
    };
    let good = headers(AUTHORIZATION);
    refused(verify(SOON, "/", &good, br#"{"name": "b"}"#));
    refused(verify(SOON, "/x", &good, BODY));
    refused(verify(SOON, "/?a=1", &good, BODY));
    for (name, value) in [
        ("host", "localhost:8080"),
        ("x-amz-target", "AWSStepFunctions.DeleteActivity"),
        ("x-amz-date", "20260102T030406Z"),
        ("content-type", "text/plain"),
    ] {
        let mut changed = good.clone();
        changed.insert(name, value.parse().unwrap());
        refused(verify(SOON, "/", &changed, BODY));
    }
    let mut unsigned = good;
    unsigned.remove("content-type");
    assert!(refused(verify(SOON, "/", &unsigned, BODY)).contains("'content-type'"));
    let uncovered = AUTHORIZATION.replace(";x-amz-target", "");
    assert!(refused(verify(SOON, "/", &headers(&uncovered), BODY)).contains("'x-amz-target'"));
    for (part, other) in
        [("/states/", "/s3/"), ("aws4_request", "aws5_request"), ("20260102/", "20260103/"), ("=e1", "=e2")]
    {
        refused(verify(SOON, "/", &headers(&AUTHORIZATION.replace(part, other)), BODY));
    }
}

#[test]
fn time_may_differ_by_a_quarter_of_an_hour() {
    let good = headers(AUTHORIZATION);
    for (now, taken) in [
        ("2026-01-02T03:19:05Z", true),
        ("2026-01-02T03:19:06Z", false),
        ("2026-01-02T02:49:05Z", true),
        ("2026-01-02T02:49:04Z", false),
    ] {
        assert_eq!(verify(now, "/", &good, BODY).is_ok(), taken, "{now}");
    }
    assert_eq!(
        verify("2026-01-02T03:20:05Z", "/", &good, BODY).unwrap_err().message,
        "Signature expired: 20260102T030405Z is now earlier than 20260102T030505Z (20260102T032005Z - 15 min.)"
    );
}

#[test]
fn others_are_told_what_is_missing() {
    let code = |headers: &HeaderMap| verify(SOON, "/", headers, BODY).unwrap_err().code;
    let mut none = headers(AUTHORIZATION);
    none.remove("authorization");
    assert_eq!(code(&none), "MissingAuthenticationTokenException");
    assert_eq!(code(&headers("Bearer x")), "IncompleteSignatureException");
    assert_eq!(code(&headers("AWS4-HMAC-SHA256 Credential=a")), "IncompleteSignatureException");
    assert_eq!(
        code(&headers("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0")),
        "IncompleteSignatureException"
    );
    assert_eq!(
        code(&headers(&AUTHORIZATION.replace("AKIDEXAMPLE", "AKIDOTHER"))),
        "UnrecognizedClientException"
    );
    let mut temporary = headers(AUTHORIZATION);
    temporary.insert("x-amz-security-token", "t".parse().unwrap());
    assert_eq!(code(&temporary), "UnrecognizedClientException");
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", verifier(SOON));
    assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("wJalr"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn any_header_is_refused_without_a_panic(authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,200}") {
        proptest::prop_assert!(verify(SOON, "/", &headers(&authorization), BODY).is_err());
    }
}
