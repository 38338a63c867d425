//! One request, one effect: repeated, at once, and across a kill.

use crate::support::server::Server;
use crate::support::text;
use reqwest::Method;
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_tenant_also_across_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let body = Server::sign_up_body("Once");
    let send = |server: &Server| {
        let http = server.http().clone();
        let (base, token, body) = (server.base(), server.token(), body.clone());
        async move {
            let answer = http
                .post(format!("{base}/v1/tenants"))
                .bearer_auth(token)
                .header("idempotency-key", "the-key")
                .json(&body)
                .send()
                .await
                .expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("a body"))
        }
    };
    let first = send(&server).await;
    let second = send(&server).await;
    server.kill_and_restart().await;
    let third = send(&server).await;
    assert_eq!(first.0, 202, "{}", first.1);
    assert_eq!(first, second, "the same answer, to the letter");
    assert_eq!(first, third, "also after a kill");
    assert_eq!(server.all("/v1/tenants").await.len(), 1);

    let other = Server::sign_up_body("Another body");
    let (status, problem) =
        server.send(Method::POST, "/v1/tenants", Some(&other), Some("the-key")).await.expect("an answer");
    assert_eq!((status.as_u16(), text(&problem, "/code")), (422, "TNT-0015"), "{problem:#}");
    assert_eq!(server.all("/v1/tenants").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_make_one_tenant() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Arc::new(Server::start(dir.path()).await);
    let body = Server::sign_up_body("Crowd");
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (server, body) = (Arc::clone(&server), body.clone());
            tokio::spawn(async move {
                server.send(Method::POST, "/v1/tenants", Some(&body), Some("crowd")).await.expect("an answer")
            })
        })
        .collect();
    let mut tenants = BTreeSet::new();
    for request in requests {
        let (status, answer) = request.await.expect("no panic");
        assert_eq!(status.as_u16(), 202, "{answer:#}");
        tenants.insert(text(&answer, "/tenant/tenantId").to_owned());
    }
    assert_eq!(tenants.len(), 1);
    assert_eq!(server.all("/v1/tenants").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_ask_for_one_slug_at_once_one_wins() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Arc::new(Server::start(dir.path()).await);
    for round in 0..8 {
        let slug = format!("wanted-{round}");
        let requests: Vec<_> = (0..2)
            .map(|n| {
                let server = Arc::clone(&server);
                let mut body = Server::sign_up_body(&format!("Wants {n}"));
                body["slug"] = slug.clone().into();
                tokio::spawn(async move {
                    server.send(Method::POST, "/v1/tenants", Some(&body), None).await.expect("an answer")
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for request in requests {
            let (status, answer) = request.await.expect("no panic");
            if status.as_u16() == 409 {
                assert_eq!(text(&answer, "/code"), "TNT-0107", "{answer:#}");
            }
            statuses.push(status.as_u16());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 409]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_made_from_the_name_gives_way() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let mut slugs = BTreeSet::new();
    for _ in 0..3 {
        let answer = server.post("/v1/tenants", &Server::sign_up_body("Same Name"), 202).await;
        slugs.insert(text(&answer, "/tenant/slug").to_owned());
    }
    assert_eq!(slugs.len(), 3, "{slugs:?}");
    assert!(slugs.contains("same-name"), "{slugs:?}");
}
