//! What single steps promise beyond the rest.

use super::{WAY, part, world_after};
use crate::testing::{ServiceSpec, World};
use base64::Engine as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_core::ServiceId;
use tenantry_core::keys::Key;
use tenantry_core::model::{Isolation, Resource, ResourceKind, ResourceState, TenantStatus};
use tenantry_core::ports::{Action, Commit, DataKeys as _, Item, KeyPurpose, Table as _, Vault as _};

async fn delete(world: &World, key: Key) {
    let delete = Action::Delete { key, conditions: vec![] };
    world.stores.commit(Commit::of(vec![delete])).await.unwrap();
}

#[tokio::test]
async fn a_record_that_no_longer_fits_is_refused_after_the_attempt_has_begun() {
    for (edit, expected) in [
        ("plan", "there is no plan \"pro\""),
        ("isolation", "does not offer the isolation pool"),
        ("region", "there is no region \"eu-west-1\""),
        ("cell", "no cell of eu-west-1 serves the isolation pool"),
    ] {
        let mut world = World::new().await;
        let mut catalogue = (*world.ctx.catalogue).clone();
        match edit {
            "plan" => drop(catalogue.plans.remove("pro")),
            "isolation" => catalogue.plans.get_mut("pro").unwrap().isolations = vec![Isolation::Bridge],
            "region" => catalogue.cells.retain(|cell| cell.region != "eu-west-1"),
            _ => catalogue.cells.retain(|cell| cell.name != "cell-1"),
        }
        world.ctx.catalogue = Arc::new(catalogue);
        let error = world.call("run", "validate_tenant", "").await.unwrap_err();
        assert_eq!(error.name(), "Tenant.Invalid");
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(world.tenant().await.status, TenantStatus::Provisioning);
        assert_eq!(
            world.progress("validate_tenant").await.unwrap().last_error.unwrap().code,
            "Tenant.Invalid"
        );
    }
}

#[tokio::test]
async fn the_first_credential_stays_and_stands_in_no_row() {
    let world = world_after(4).await;
    world.call("run", "create_secrets", "").await.unwrap();
    let reference = format!("tenants/{}/credential", world.tenant);
    let first = world.stores.resolve(&reference).await.unwrap();
    assert_eq!(first.expose().len(), 43, "32 bytes in base64url");
    // The row was lost with a crash, the secret was not.
    delete(&world, Key::resource(&world.tenant, ResourceKind::Secret, "credential")).await;
    world.call("run", "create_secrets", "").await.unwrap();
    assert_eq!(world.stores.resolve(&reference).await.unwrap(), first);
    let rows = serde_json::to_string(&world.stores.rows().into_values().collect::<Vec<_>>()).unwrap();
    assert!(rows.contains(&reference) && !rows.contains(first.expose()));
}

#[tokio::test]
async fn a_namespace_of_another_tenant_is_neither_taken_nor_freed() {
    let world = world_after(2).await;
    let key = Key::namespace(&format!("tenants/{}/", world.tenant));
    let (other, _) = World::ids(2);
    let claim = tenantry_events::ledger::pointer_item(key.clone(), &other);
    world.stores.commit(Commit::of(vec![Action::put(claim.clone())])).await.unwrap();
    let error = world.call("run", "create_namespace", "").await.unwrap_err();
    assert_eq!(error.name(), "Tenant.Invalid");
    world.call("undo", "create_namespace", "").await.unwrap();
    assert_eq!(world.stores.get(&key).await.unwrap(), Some(claim));
}

#[tokio::test]
async fn the_undo_of_the_identity_voids_its_activation_token() {
    let world = world_after(6).await;
    let token = Item::new(Key::activation(&world.tenant), crate::resource::spec(json!({ "hash": "00" })));
    world.stores.commit(Commit::of(vec![Action::put(token)])).await.unwrap();
    world.call("undo", "create_identity", "").await.unwrap();
    assert_eq!(world.stores.get(&Key::activation(&world.tenant)).await.unwrap(), None);
}

#[tokio::test]
async fn the_limits_are_the_plans() {
    let world = world_after(7).await;
    let limits: Value = world.record(&Key::entitlements(&world.tenant)).await.unwrap();
    assert_eq!(limits["plan"], "pro");
    assert_eq!(limits["quotas"]["userCount"], 100);
    assert_eq!(limits["features"]["singleSignOn"], true);
}

#[tokio::test]
async fn the_snapshot_holds_required_services_and_does_not_change_afterwards() {
    let world = world_after(7).await;
    for (number, required, removed) in [(3, false, false), (4, true, true)] {
        world.register(&ServiceSpec { number, required, removed, heartbeat_seconds: None }).await;
    }
    let first = world.call("run", "snapshot_services", "").await.unwrap();
    let expected = json!({ "services": [
        { "serviceId": part(Some(1)), "timeoutSeconds": 60, "heartbeatSeconds": null },
        { "serviceId": part(Some(2)), "timeoutSeconds": 60, "heartbeatSeconds": 10 },
    ]});
    assert_eq!(first, expected);
    world.register(&ServiceSpec { number: 5, required: true, removed: false, heartbeat_seconds: None }).await;
    world.register(&ServiceSpec { number: 1, required: true, removed: true, heartbeat_seconds: None }).await;
    assert_eq!(world.call("run", "snapshot_services", "").await.unwrap(), expected);
}

#[tokio::test]
async fn a_heartbeat_that_is_not_shorter_than_the_timeout_is_none() {
    let world = world_after(7).await;
    world
        .register(&ServiceSpec { number: 2, required: true, removed: false, heartbeat_seconds: Some(60) })
        .await;
    let snapshot = world.call("run", "snapshot_services", "").await.unwrap();
    assert_eq!(snapshot["services"][1]["heartbeatSeconds"], Value::Null);
}

#[tokio::test]
async fn as_many_services_as_there_may_be_fit_also_after_a_crash_between_the_commits() {
    for fault in [None, Some(crate::testing::Fault::Before(1)), Some(crate::testing::Fault::After(1))] {
        let world = world_after(7).await;
        for number in 1..=tenantry_core::limits::SERVICES_MAX as u128 {
            let spec = ServiceSpec { number, required: true, removed: false, heartbeat_seconds: None };
            world.register(&spec).await;
        }
        if let Some(fault) = fault {
            world.stores.arm(fault);
            world.call("run", "snapshot_services", "").await.unwrap_err();
            world.stores.mend();
        }
        let snapshot = world.call("run", "snapshot_services", "").await.unwrap();
        let ids: Vec<&str> = snapshot["services"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["serviceId"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), tenantry_core::limits::SERVICES_MAX);
        assert!(ids.is_sorted());
        world.call("undo", "snapshot_services", "").await.unwrap();
        assert!(!world.things().to_string().contains("RESOURCE#integration"));
    }
}

#[tokio::test]
async fn an_answer_is_kept_sealed_and_only_the_first() {
    let world = world_after(9).await;
    let service: ServiceId = part(Some(1)).parse().unwrap();
    let key = Key::resource(&world.tenant, ResourceKind::Integration, service.as_str());
    let row: Resource = world.record(&key).await.unwrap();
    assert_eq!(row.observed, ResourceState::Ready);
    let text = row.spec["sealedOutput"].as_str().unwrap();
    assert!(!text.contains("ws-42"));
    let sealed = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let context = format!("integration/{service}/output");
    let opened = world.stores.open(&world.tenant, KeyPurpose::Records, &context, &sealed).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&opened).unwrap(), json!({ "workspaceId": "ws-42" }));

    let mut payload = world.payload("run", "S", 1);
    payload.insert("part".into(), service.to_string().into());
    payload.insert("output".into(), json!("another"));
    crate::invoke(&world.ctx, "record_integration", Value::Object(payload)).await.unwrap();
    assert_eq!(world.record::<Resource>(&key).await.unwrap(), row);
}

#[tokio::test]
async fn an_integration_outside_the_snapshot_is_refused() {
    let world = world_after(8).await;
    for (wrong, expected) in
        [(part(Some(77)), "snapshot"), ("tnt_1".to_owned(), "service's id"), (String::new(), "id")]
    {
        let error = world.call("run", "record_integration", &wrong).await.unwrap_err();
        assert_eq!(error.name(), "Step.InvalidInput");
        assert!(error.message().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn the_health_check_names_everything_that_is_wrong() {
    let tenant = World::ids(1).0;
    let healthy = world_after(10).await.call("run", "check_health", "").await.unwrap();
    assert_eq!(healthy, json!({ "resources": 8 }));

    let resource = |kind, name: &str| Key::resource(&tenant, kind, name);
    let rows = [
        (resource(ResourceKind::Placement, "cell"), "there is no placement"),
        (resource(ResourceKind::Key, "data"), "there is no key"),
        (resource(ResourceKind::QuotaSet, "plan"), "there is no quota_set"),
        (Key::namespace(&format!("tenants/{tenant}/")), "is not the tenant's"),
        (Key::identity(&tenant, "ada@example.com"), "no identity"),
        (Key::entitlements(&tenant), "no limits and features"),
    ];
    for (key, expected) in rows {
        let world = world_after(10).await;
        delete(&world, key).await;
        assert_unhealthy(&world, expected).await;
    }

    let world = world_after(10).await;
    world.stores.destroy(&tenant, KeyPurpose::Data).await.unwrap();
    assert_unhealthy(&world, "the data key does not seal").await;
    let world = world_after(10).await;
    world.stores.delete(&format!("tenants/{tenant}/credential")).await.unwrap();
    assert_unhealthy(&world, "the vault has nothing").await;
    assert_unhealthy(&world_after(9).await, &format!("the integration {} is not ready", part(Some(2)))).await;
}

async fn assert_unhealthy(world: &World, expected: &str) {
    let error = world.call("run", "check_health", "").await.unwrap_err();
    assert_eq!(error.name(), "Tenant.Unhealthy");
    assert!(error.message().contains(expected), "{error} should contain {expected:?}");
}

#[tokio::test]
async fn a_change_of_the_record_meanwhile_is_kept() {
    // A rename between two steps raises the revision; the next step must neither fail nor undo it.
    let world = world_after(1).await;
    let tenant = world.tenant().await;
    let change = tenantry_events::Change::of(&tenant)
        .edit(|tenant| tenant.name = "Acme & Sons".into())
        .audit("tenant.update", "admin", None);
    let (_, actions) = change.build(world.ctx.ids.as_ref(), world.ctx.clock.now()).unwrap();
    world.stores.commit(Commit::of(actions)).await.unwrap();
    for (step, number) in &WAY[1..=super::ACTIVATE] {
        world.call("run", step, &part(*number)).await.unwrap();
    }
    assert_eq!(world.tenant().await.name, "Acme & Sons");
}
