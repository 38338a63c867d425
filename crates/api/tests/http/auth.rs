//! Tokens.

use super::support::{ADMIN, Home};
use serde_json::{Value, json};

/// An address of the document with its parameters filled in.
fn address(path: &str) -> String {
    let id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn02q");
    path.replace("{tenantId}", &id("tnt"))
        .replace("{operationId}", &id("op"))
        .replace("{executionId}", "provision_tenant~x-1")
        .replace("{serviceId}", &id("svc"))
        .replace("{subscriptionId}", &id("sub"))
        .replace("{queue}", "operations")
        .replace("{messageId}", &id("msg"))
}

fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&tenantry_api::openapi_document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let address = address(path);
            assert!(!address.contains('{'), "{address}: teach the test this parameter");
            found.push((method.to_uppercase(), address));
        }
    }
    assert!(found.len() >= 35);
    found
}

#[tokio::test]
async fn every_operation_needs_a_good_token() {
    let home = Home::new();
    let service =
        home.post("/v1/services", json!({"name": "crm", "url": "http://127.0.0.1:1/"})).await.ok(201);
    let service = format!("Bearer {}", service["token"].as_str().unwrap());
    for (method, path) in operations() {
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic YTpi",
            ADMIN,
            &format!("Bearer {ADMIN}x"),
            "Bearer ä",
        ] {
            let headers: &[(&str, &str)] = &[("authorization", wrong)];
            let reply = home.call(&method, &path, None, headers).await;
            assert_eq!(
                (reply.status.as_u16(), reply.code().as_str()),
                (401, "TNT-0007"),
                "{method} {path} {wrong}"
            );
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
        // A service's token opens the task tokens, and nothing else.
        let reply = home.call(&method, &path, None, &[("authorization", &service)]).await;
        if path.starts_with("/v1/task-tokens/") {
            assert_eq!(reply.code(), "TNT-0011", "{path}: let in, and asked for JSON");
        } else {
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "TNT-0008"), "{method} {path}");
        }
        // The admin's is let in everywhere.
        if path != "/v1/events/stream" {
            let reply = home.call(&method, &path, None, &[]).await;
            assert!(![401, 403, 405].contains(&reply.status.as_u16()), "{method} {path} {reply:?}");
        }
    }
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let home = Home::new();
    let good = format!("Bearer {ADMIN}");
    let twice = [("authorization", good.as_str()), ("authorization", "Bearer x")];
    assert_eq!(home.call("GET", "/v1/tenants", None, &twice).await.code(), "TNT-0007");
    let reply =
        home.call("GET", "/v1/tenants", None, &[("authorization", &format!("bearer  {ADMIN}"))]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn health_document_help_and_front_page_need_none() {
    let home = Home::new();
    for path in ["/", "/healthz", "/readyz", "/openapi.json", "/help/errors/TNT-0107"] {
        for method in ["GET", "HEAD"] {
            let reply = home.call(method, path, None, &[("authorization", "")]).await;
            assert_eq!(reply.status, 200, "{path}");
            assert_eq!(reply.text.is_empty(), method == "HEAD", "{method} {path}");
        }
        let reply = home.call("POST", path, None, &[("authorization", "")]).await;
        assert_eq!(reply.code(), "TNT-0007");
    }
}
