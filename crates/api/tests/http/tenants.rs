//! Sign-up, reading and listing.

use super::support::Home;
use super::world::recorded;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tenantry_core::keys::{Key, index};
use tenantry_core::model::{ProgressState, TenantStatus};
use tenantry_core::ports::{Clock as _, CommitError, Index, PortError};

#[tokio::test]
async fn a_sign_up_answers_202_and_writes_everything_at_once() {
    let home = Home::new();
    let body = json!({"name": "Acme, Inc.", "plan": "pro", "adminEmail": "root@acme.example", "isolation": "bridge",
        "externalId": "crm/7#1", "metadata": {"crm": "7"}});
    let reply = home.post("/v1/tenants", body).await;
    let answer = reply.ok(202);
    let (tenant, operation) = (&answer["tenant"], &answer["operation"]);
    let (tenant_id, operation_id) =
        (tenant["tenantId"].as_str().unwrap(), operation["operationId"].as_str().unwrap());
    assert_eq!(reply.header("location"), format!("/v1/operations/{operation_id}"));
    let expected = json!({
        "tenantId": tenant_id, "name": "Acme, Inc.", "slug": "acme-inc", "plan": "pro", "isolation": "bridge",
        "region": "eu-west-1", "cell": null, "status": "registered",
        "statusDetail": {"since": "2026-01-01T00:00:00.000Z", "operationId": operation_id, "step": null,
            "attempt": 1, "try": null, "nextRetryAt": null, "lastError": null, "stuck": null},
        "generation": 1, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
        "externalId": "crm/7#1", "metadata": {"crm": "7"}
    });
    assert_eq!(*tenant, expected);
    let expected = json!({
        "operationId": operation_id, "tenantId": tenant_id, "kind": "provision", "status": "queued", "attempt": 1,
        "executionId": format!("provision_tenant~{operation_id}-1"), "requestedBy": "admin",
        "createdAt": "2026-01-01T00:00:00.000Z", "endedAt": null, "error": null, "stuck": null
    });
    assert_eq!(*operation, expected);
    assert_eq!(home.get(&format!("/v1/tenants/{tenant_id}")).await.ok(200), *tenant);
    assert_eq!(home.get(reply.header("location")).await.ok(200), *operation);

    assert_eq!(home.memory.table.commits(), 1);
    let rows = home.memory.table.dump();
    let kinds: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            let head = |text: &str| text.split('#').next().unwrap().to_owned();
            format!("{} {}", head(row.key.pk()), head(row.key.sk()))
        })
        .collect();
    let expected = [
        "EXTERNAL POINTER",
        "OPERATION POINTER",
        "SLUG POINTER",
        "TENANT AUDIT",
        "TENANT EVENT",
        "TENANT METADATA",
        "TENANT OPERATION",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    let outbox = index::outbox(index::shard(&tenant_id.parse().unwrap()));
    let waiting =
        rows.iter().filter(|row| row.indexes.get(&Index::One).is_some_and(|place| place.pk == outbox));
    assert_eq!(waiting.count(), 2, "the event and the operation wait for the relay");
}

#[tokio::test]
async fn slugs_and_external_ids_are_unique() {
    let home = Home::new();
    let body = |slug: Option<&str>, external: Option<&str>| {
        let mut body = json!({"name": "Acme", "plan": "pro", "adminEmail": "root@acme.example"});
        if let Some(slug) = slug {
            body["slug"] = slug.into();
        }
        if let Some(external) = external {
            body["externalId"] = external.into();
        }
        body
    };
    let first = home.post("/v1/tenants", body(Some("acme"), Some("x"))).await.ok(202);
    let address = format!("/v1/tenants/{}", first["tenant"]["tenantId"].as_str().unwrap());
    let taken = home.post("/v1/tenants", body(Some("acme"), None)).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "TNT-0107"));
    assert_eq!((&taken.json()["existing"], &taken.json()["field"]), (&json!(address), &json!("/slug")));
    let taken = home.post("/v1/tenants", body(None, Some("x"))).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "TNT-0108"));
    assert_eq!(taken.json()["existing"], address);

    let mut slugs = BTreeSet::new();
    for _ in 0..5 {
        let made = home.post("/v1/tenants", body(None, None)).await.ok(202);
        let slug = made["tenant"]["slug"].as_str().unwrap().to_owned();
        assert!(slug.starts_with("acme-"), "{slug}");
        slugs.insert(slug);
    }
    assert_eq!(slugs.len(), 5);
}

#[tokio::test]
async fn two_ask_for_one_slug_at_once() {
    let home = Home::new();
    let body = json!({"name": "Acme", "plan": "pro", "adminEmail": "root@acme.example", "slug": "acme"});
    let replies = futures::future::join_all((0..8).map(|_| home.post("/v1/tenants", body.clone()))).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409, 409, 409]);
    let page = home.get("/v1/tenants").await.ok(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_store_may_be_away_and_an_answer_may_be_lost() {
    let home = Home::new();
    let away = || CommitError::Port(PortError::Unavailable { port: "table", message: "away".into() });
    for _ in 0..6 {
        home.memory.table.fail_next_commit(away());
    }
    let clock = home.memory.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    });
    let body = json!({"name": "Acme", "plan": "pro", "adminEmail": "root@acme.example", "slug": "acme"});
    let reply = home.post("/v1/tenants", body.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "TNT-0002"));
    assert_eq!(reply.header("retry-after"), "1");
    assert!(!reply.text.contains("away"), "what the adapter was told is for the log");

    home.memory.table.lose_next_answer(away());
    home.memory.table.fail_next_commit(CommitError::Conflict);
    assert_eq!(
        home.post("/v1/tenants", body).await.status,
        202,
        "done once, though the first answer was lost"
    );
    assert_eq!(home.get("/v1/tenants").await.ok(200)["items"].as_array().unwrap().len(), 1);
    ticking.abort();
}

#[tokio::test]
async fn status_follows_the_durable_rows() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    let path = format!("/v1/tenants/{tenant}");
    home.start(&tenant, &operation).await;
    let mut failed = home.step(&operation, "CreateKey", ProgressState::Failed);
    failed.try_number = 2;
    failed.last_error = Some(recorded());
    failed.next_retry_at = Some(home.memory.clock.now().saturating_add(Duration::from_secs(10)));
    home.progress(failed, &tenant, "").await;
    let view = home.get(&path).await.ok(200);
    assert_eq!(view["status"], "provisioning");
    let detail = &view["statusDetail"];
    assert_eq!(
        (&detail["step"], &detail["attempt"], &detail["try"]),
        (&json!("CreateKey"), &json!(1), &json!(2))
    );
    assert_eq!(detail["nextRetryAt"], "2026-01-01T00:00:10.000Z");
    assert_eq!(detail["lastError"]["code"], "Tenant.NoCapacity");
    assert_eq!(detail["stuck"], Value::Null);
    assert_eq!(home.get(&format!("/v1/operations/{operation}")).await.ok(200)["status"], "running");

    home.memory.clock.advance(Duration::from_secs(60));
    let stuck = home.get(&path).await.ok(200)["statusDetail"]["stuck"].clone();
    assert_eq!((&stuck["step"], &stuck["since"]), (&json!("CreateKey"), &json!("2026-01-01T00:00:10.000Z")));
    assert!(stuck["reason"].as_str().unwrap().contains("retry of CreateKey was due"), "{stuck}");
    assert!(stuck["remedy"].as_str().unwrap().contains("/redrive"), "{stuck}");
    assert_eq!(home.get(&format!("/v1/operations/{operation}")).await.ok(200)["status"], "stuck");
    // The list says the same as the tenant.
    let list = home.get("/v1/tenants?status=provisioning").await.ok(200);
    assert_eq!(list["items"][0]["statusDetail"]["stuck"], stuck);
}

#[tokio::test]
async fn entity_tags() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    let path = format!("/v1/tenants/{tenant}");
    let moving = home.get(&path).await.header("etag").to_owned();
    assert!(moving.starts_with("\"1-"), "{moving}");
    let again = |tag: String| {
        let (home, path) = (home.clone(), path.clone());
        async move { home.call("GET", &path, None, &[("if-none-match", &tag)]).await }
    };
    let same = again(moving.clone()).await;
    assert_eq!((same.status.as_u16(), same.text.as_str(), same.header("etag")), (304, "", moving.as_str()));
    home.change_operation(&tenant, &operation, |row| row.attempt = 2).await;
    assert_eq!(again(moving.clone()).await.status, 200, "the status changed, though the record did not");

    home.start(&tenant, &operation).await;
    home.move_tenant(&tenant, TenantStatus::Active, |row| row.operation_id = None).await;
    assert_eq!(again(moving).await.header("etag"), "\"3\"");
    for tag in ["\"3\"", "W/\"3\"", "\"1\", \"3\"", "*"] {
        assert_eq!(again(tag.to_owned()).await.status, 304, "{tag}");
    }
    assert_eq!(again("\"2\"".to_owned()).await.status, 200);
}

#[tokio::test]
async fn activation_tokens() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    let path = format!("/v1/tenants/{tenant}/activation");
    let early = home.call("POST", &path, None, &[]).await;
    assert_eq!((early.status.as_u16(), early.code().as_str()), (409, "TNT-0111"));
    home.start(&tenant, &operation).await;
    home.move_tenant(&tenant, TenantStatus::Active, |row| row.operation_id = None).await;

    let old = home.call("POST", &path, None, &[("if-match", "\"2\"")]).await;
    assert_eq!((old.status.as_u16(), old.code().as_str()), (412, "TNT-0017"));
    let first = home.call("POST", &path, None, &[("if-match", "\"3\"")]).await.ok(201);
    let second = home.post(&path, json!({})).await.ok(201);
    assert_eq!(home.post(&path, json!({"x": 1})).await.code(), "TNT-0004");
    let token = second["activationToken"].as_str().unwrap();
    assert!(token.starts_with("act_") && first["activationToken"] != token);
    assert_eq!(second["expiresAt"], "2026-01-04T00:00:00.000Z");
    let row =
        home.memory.table.dump().into_iter().find(|row| row.key == Key::activation(&tenant.parse().unwrap()));
    let row = row.unwrap();
    assert_eq!(
        row.attributes["tokenHash"],
        tenantry_app::usecases::token_hash(token),
        "the last one is kept, hashed"
    );
    assert!(!format!("{:?}", home.memory.table.dump()).contains(token));
}

/// Every tenant of `path`, page by page.
async fn walk(home: &Home, path: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = home.get(&format!("{path}limit={limit}{cursor}")).await.ok(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|item| item["tenantId"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Id, plan, region, status and cell.
type Known = (String, &'static str, &'static str, &'static str, Option<&'static str>);

#[tokio::test]
async fn lists_are_paged_filtered_and_never_stale() {
    let home = Home::new();
    let mut all: Vec<Known> = Vec::new();
    for n in 0..23 {
        let region = if n % 5 == 0 { "us-east-1" } else { "eu-west-1" };
        let plan = if n % 3 == 0 { "starter" } else { "pro" };
        let body =
            json!({"name": format!("T {n}"), "plan": plan, "adminEmail": "a@b.example", "region": region});
        let made = home.post("/v1/tenants", body).await.ok(202);
        all.push((made["tenant"]["tenantId"].as_str().unwrap().to_owned(), plan, region, "registered", None));
    }
    // Some move on, some of them to a cell.
    home.memory.table.delay_indexes();
    for n in [1, 4, 7, 10, 20] {
        let (id, ..) = all[n].clone();
        let cell = (n % 2 == 0).then(|| if all[n].2 == "us-east-1" { "cell-3" } else { "cell-1" });
        home.move_tenant(&id, TenantStatus::Provisioning, |row| row.cell = cell.map(str::to_owned)).await;
        (all[n].3, all[n].4) = ("provisioning", cell);
    }
    let expect = |choose: &dyn Fn(&Known) -> bool| -> Vec<String> {
        all.iter().filter(|row| choose(row)).map(|row| row.0.clone()).collect()
    };
    // The indexes still show the old states: who is found must match as it is now, and everyone is found once.
    for limit in [1, 4, 50] {
        assert_eq!(walk(&home, "/v1/tenants?", limit).await, expect(&|_| true));
        assert_eq!(
            walk(&home, "/v1/tenants?status=registered&", limit).await,
            expect(&|row| row.3 == "registered")
        );
    }
    home.memory.table.show_indexes();
    for cap in [3, 1000] {
        home.memory.table.shorten_pages(cap);
        for limit in [1, 4, 50] {
            assert_eq!(walk(&home, "/v1/tenants?", limit).await, expect(&|_| true));
            for status in ["registered", "provisioning", "active"] {
                let path = format!("/v1/tenants?status={status}&");
                assert_eq!(walk(&home, &path, limit).await, expect(&|row| row.3 == status), "{status}");
            }
            let path = "/v1/tenants?plan=starter&";
            assert_eq!(walk(&home, path, limit).await, expect(&|row| row.1 == "starter"));
            let path = "/v1/tenants?plan=pro&region=us-east-1&status=registered&";
            let chosen = expect(&|row| row.1 == "pro" && row.2 == "us-east-1" && row.3 == "registered");
            assert_eq!(walk(&home, path, limit).await, chosen);
            for path in ["/v1/tenants?cell=cell-1&", "/v1/tenants?cell=cell-1&region=eu-west-1&"] {
                assert_eq!(walk(&home, path, limit).await, expect(&|row| row.4 == Some("cell-1")), "{path}");
            }
            // By region alone the order is that of the cells.
            let found: BTreeSet<String> =
                walk(&home, "/v1/tenants?region=us-east-1&", limit).await.into_iter().collect();
            assert_eq!(found, expect(&|row| row.2 == "us-east-1").into_iter().collect());
        }
        assert_eq!(walk(&home, "/v1/tenants?plan=none&", 5).await, Vec::<String>::new());
        assert_eq!(walk(&home, "/v1/tenants?cell=cell-9&", 5).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_belongs_to_a_tenant() {
    let home = Home::new();
    let (tenant, operation) = home.sign_up("Acme").await;
    home.memory.clock.advance(Duration::from_secs(1));
    home.start(&tenant, &operation).await;
    home.memory.clock.advance(Duration::from_secs(1));
    for (step, part) in [("Place", ""), ("Integrate", "svc_a"), ("Integrate", "svc_b")] {
        let row = home.step(&operation, step, ProgressState::Succeeded);
        home.progress(row, &tenant, part).await;
    }
    home.memory.clock.advance(Duration::from_secs(1));
    home.fail(&tenant, &operation).await;

    let events = home.get(&format!("/v1/tenants/{tenant}/events")).await.ok(200);
    let types: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["TenantRegistered", "TenantProvisioningStarted", "TenantProvisioningStarted"]);
    assert_eq!(events["items"][2]["sequence"], 3);
    let operations = home.get(&format!("/v1/tenants/{tenant}/operations")).await.ok(200);
    assert_eq!(
        (&operations["items"][0]["status"], &operations["items"][0]["error"]["step"]),
        (&json!("failed"), &json!("Place"))
    );
    let failed = home.get(&format!("/v1/tenants/{tenant}")).await.ok(200);
    assert_eq!(failed["status"], "provisioning_failed");
    assert_eq!(failed["statusDetail"]["lastError"]["code"], "Tenant.NoCapacity");
    assert_eq!(failed["statusDetail"]["operationId"], operation);
    assert_eq!(
        home.get(&format!("/v1/tenants/{tenant}/resources")).await.ok(200),
        json!({"items": [], "nextCursor": null})
    );

    let whole = home.get(&format!("/v1/tenants/{tenant}/timeline")).await.ok(200)["items"].clone();
    let lines: Vec<(String, String)> = whole
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["kind"].as_str().unwrap().to_owned(), line["summary"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("operation", "provision was asked for"),
        ("audit", "tenant.register"),
        ("event", "TenantRegistered"),
        ("audit", "tenant.move"),
        ("event", "TenantProvisioningStarted"),
        ("step", "Integrate succeeded"),
        ("step", "Integrate succeeded"),
        ("step", "Place succeeded"),
        ("operation", "provision failed"),
        ("audit", "tenant.move"),
        ("event", "TenantProvisioningStarted"),
    ];
    assert_eq!(lines, expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
    assert_eq!(whole[5]["part"], "svc_a");
    for limit in 1..=11 {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/tenants/{tenant}/timeline?limit={limit}{cursor}");
            let page = home.get(&path).await.ok(200);
            paged.extend(page["items"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(Value::Array(paged), whole, "{limit}");
    }
}
