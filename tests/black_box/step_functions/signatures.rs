//! Requests that are not signed, or not as they are.

use super::aws::{Aws, Signing, basic, hex};
use crate::support::server::Server;
use crate::support::text;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BODY: &[u8] = br#"{"name":"made"}"#;

fn set(signing: &mut Signing, name: &str, value: &str) {
    for (known, its) in &mut signing.headers {
        if known == name {
            value.clone_into(its);
        }
    }
}

/// Sends headers and a body as they stand; the status and the body's code.
async fn raw(aws: &Aws, target: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(aws.host()).await.expect("a connection");
    let mut head =
        format!("POST {target} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("sent");
    stream.write_all(body).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body: Value = answer
        .split_once("\r\n\r\n")
        .and_then(|(_, body)| serde_json::from_str(body).ok())
        .unwrap_or_default();
    (status, body["__type"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_key_signed_is_done() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    let sign = || aws.signing("CreateActivity", BODY);

    type Spoil = fn(&mut Signing);
    let refused: [(&str, &str, Spoil); 9] = [
        ("another key", "UnrecognizedClientException", |s| s.key_id = "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("no key", "UnrecognizedClientException", |s| s.key_id.clear()),
        ("another secret", "InvalidSignatureException", |s| s.secret.push('x')),
        ("another service", "InvalidSignatureException", |s| s.service = "sqs".to_owned()),
        ("a signature of long ago", "InvalidSignatureException", |s| {
            s.date = basic(-16 * 60);
            let date = s.date.clone();
            set(s, "x-amz-date", &date);
        }),
        ("a signature for later", "InvalidSignatureException", |s| {
            s.date = basic(16 * 60);
            let date = s.date.clone();
            set(s, "x-amz-date", &date);
        }),
        ("a date that is none", "InvalidSignatureException", |s| set(s, "x-amz-date", "20261302T030405Z")),
        ("an unsigned target", "InvalidSignatureException", |s| s.headers[3].0 = "x-other".to_owned()),
        ("a session", "UnrecognizedClientException", |s| {
            s.headers.insert(3, ("x-amz-security-token".to_owned(), "t".to_owned()));
        }),
    ];
    for (what, code, spoil) in refused {
        let mut signing = sign();
        spoil(&mut signing);
        let target = "AWSStepFunctions.CreateActivity";
        let authorization = signing.authorization();
        let mut headers: Vec<(&str, &str)> =
            signing.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("authorization", &authorization));
        if !headers.iter().any(|(name, _)| *name == "x-amz-target") {
            headers.push(("x-amz-target", target));
        }
        assert_eq!(raw(&aws, "/", &headers, BODY).await, (403, code.to_owned()), "{what}");
    }

    let signing = sign();
    let authorization = signing.authorization();
    let whole: Vec<(&str, &str)> = signing
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain([("authorization", authorization.as_str())])
        .collect();
    let other = br#"{"name":"mad3"}"#;
    assert_eq!(raw(&aws, "/", &whole, other).await.0, 403, "another body");
    assert_eq!(raw(&aws, "/?Action=1", &whole, BODY).await.0, 403, "another query");
    for (left_out, code) in [
        ("authorization", "MissingAuthenticationTokenException"),
        ("x-amz-date", "IncompleteSignatureException"),
        ("content-type", "InvalidSignatureException"),
    ] {
        let rest: Vec<_> = whole.iter().copied().filter(|(name, _)| *name != left_out).collect();
        assert_eq!(raw(&aws, "/", &rest, BODY).await, (403, code.to_owned()), "without {left_out}");
    }
    let no_target: Vec<_> = whole.iter().copied().filter(|(name, _)| *name != "x-amz-target").collect();
    assert_eq!(raw(&aws, "/", &no_target, BODY).await.0, 404);
    for (name, value) in [
        ("x-amz-target", "AWSStepFunctions.DeleteActivity"),
        ("x-amz-date", "20200101T000000Z"),
        ("content-type", "text/plain"),
    ] {
        for at_the_front in [true, false] {
            let mut twice = whole.clone();
            twice.insert(if at_the_front { 0 } else { twice.len() }, (name, value));
            assert_eq!(
                raw(&aws, "/", &twice, BODY).await.0,
                403,
                "a second {name}, in front: {at_the_front}"
            );
        }
    }
    let mut second = whole.clone();
    second.insert(
        0,
        ("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0"),
    );
    assert_eq!(raw(&aws, "/", &second, BODY).await.0, 403, "two authorizations");
    for garbage in
        ["", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature="]
    {
        let mut headers: Vec<_> =
            whole.iter().copied().filter(|(name, _)| *name != "authorization").collect();
        headers.push(("authorization", garbage));
        assert_eq!(raw(&aws, "/", &headers, BODY).await.0, 403, "{garbage:?}");
    }
    let long = "a;".repeat(3_000);
    let many = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}/us-east-1/states/aws4_request, SignedHeaders={long}, Signature={}",
        aws.key_id,
        &signing.date[..8],
        hex(&[0; 32])
    );
    let mut headers: Vec<_> = whole.iter().copied().filter(|(name, _)| *name != "authorization").collect();
    headers.push(("authorization", &many));
    assert_eq!(raw(&aws, "/", &headers, BODY).await.0, 403, "thousands of signed headers");

    let none = aws.call("ListActivities", &json!({})).await;
    assert_eq!(none["activities"], json!([]), "nothing of it was done");

    // What is signed as it is sent is taken: parameters in any order, and names beyond ASCII in the body.
    let mut ordered = aws.signing("CreateActivity", "{\"name\":\"größer-名\"}".as_bytes());
    ordered.query = "a=1&b=2".to_owned();
    let (status, made) = aws.send(ordered.clone()).await.expect("an answer");
    assert_eq!(status, 200, "{made:#}");
    assert!(text(&made, "/activityArn").ends_with(":activity:größer-名"));
    let authorization = ordered.authorization();
    let mut headers: Vec<(&str, &str)> =
        ordered.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("authorization", &authorization));
    assert_eq!(
        raw(&aws, "/?b=2&a=1", &headers, &ordered.body).await.0,
        200,
        "in another order it is the same"
    );
    let elsewhere = raw(&aws, "/gr%C3%B6%C3%9Fe", &headers, &ordered.body).await.0;
    assert_eq!(elsewhere, 401, "other paths are another API's, which asks for a bearer token");
}
