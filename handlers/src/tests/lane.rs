//! The whole way forward and back.

use super::{ACTIVATE, WAY, part, world_after};
use crate::testing::World;
use serde_json::{Value, json};
use tenantry_core::model::{OperationPhase, TenantStatus};
use tenantry_core::ports::KeyPurpose;
use tenantry_events::sealed_error::{self, Place};

/// The way back from the step of that place, as the workflow goes it.
async fn compensate(world: &World, from: usize) {
    for (step, number) in WAY[1..=from.min(ACTIVATE - 1)].iter().rev() {
        if *step != "check_health" {
            world.call("undo", step, &part(*number)).await.unwrap();
        }
    }
    world.call("run", "fail_provisioning", "").await.unwrap();
}

#[tokio::test]
async fn the_whole_way_ends_active() {
    let world = world_after(ACTIVATE + 1).await;
    let (tenant, operation) = (world.tenant().await, world.operation_record().await);
    assert_eq!((tenant.status, tenant.cell.as_deref()), (TenantStatus::Active, Some("cell-1")));
    assert_eq!(tenant.operation_id, None);
    assert_eq!((operation.phase, operation.error), (OperationPhase::Succeeded, None));
    assert_eq!(operation.ended_at, Some(tenant.status_since));
    assert_eq!(world.event_types(), ["TenantProvisioningStarted", "TenantProvisioned"]);
}

#[tokio::test]
async fn a_failure_at_every_step_leaves_a_clean_slate_and_the_next_attempt_arrives() {
    for from in 0..ACTIVATE {
        let world = World::new().await;
        let before = world.things();
        // The failing step has half succeeded: its undo must cope.
        for (step, number) in &WAY[..=from] {
            world.call("run", step, &part(*number)).await.unwrap();
        }
        compensate(&world, from).await;
        assert_eq!(world.things(), before, "failed at {:?}", WAY[from]);
        let (tenant, operation) = (world.tenant().await, world.operation_record().await);
        assert_eq!(tenant.status, TenantStatus::ProvisioningFailed);
        assert_eq!((tenant.cell, tenant.operation_id), (None, None));
        assert_eq!(operation.phase, OperationPhase::Failed);
        let kept = operation.error.unwrap();
        assert!(kept.message.contains("GET /v1/operations/"), "the row keeps it sealed: {}", kept.message);
        let (keys, place) = (world.ctx.data_keys.as_ref(), Place::Operation);
        let error = sealed_error::open(keys, &world.tenant, &world.operation, place, kept).await.unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("Test.Failed", "why"));
        for ((_, key), row) in world.stores.rows() {
            let text = Value::Object(row).to_string();
            assert!(!text.contains("why\""), "{key} says what a service said: {text}");
        }
        assert_eq!(world.event_types(), ["TenantProvisioningStarted", "TenantProvisioningFailed"]);

        world.retry().await;
        for (step, number) in &WAY[..=ACTIVATE] {
            world.call("run", step, &part(*number)).await.unwrap();
        }
        assert_eq!(world.tenant().await.status, TenantStatus::Active);
        assert_eq!(world.event_types().len(), 4);
    }
}

#[tokio::test]
async fn an_attempt_that_failed_before_it_could_begin_still_ends_failed() {
    let world = World::new().await;
    world.call("run", "fail_provisioning", "").await.unwrap();
    assert_eq!(world.tenant().await.status, TenantStatus::ProvisioningFailed);
    assert_eq!(world.event_types(), ["TenantProvisioningStarted", "TenantProvisioningFailed"]);
}

#[tokio::test]
async fn nothing_is_called_failed_while_something_is_left() {
    let world = world_after(4).await;
    let error = world.call("run", "fail_provisioning", "").await.unwrap_err();
    assert_eq!(error.name(), "Tenant.Unhealthy");
    for left in ["placement cell", "namespace data", "key data"] {
        assert!(error.message().contains(left), "{error}");
    }
    assert_eq!(world.tenant().await.status, TenantStatus::Provisioning);
}

#[tokio::test]
async fn what_is_not_known_of_an_activation_is_settled_before_anything_is_torn_down() {
    let active = world_after(ACTIVATE + 1).await;
    let settled = active.call("undo", "activate_tenant", "").await.unwrap();
    assert_eq!(settled, json!({ "active": true }));

    let not_yet = world_after(ACTIVATE).await;
    let revision = not_yet.tenant().await.revision;
    let settled = not_yet.call("undo", "activate_tenant", "").await.unwrap();
    assert_eq!(settled, json!({ "active": false }));
    assert!(not_yet.tenant().await.revision > revision, "an activation on its way must be refused");
    assert_eq!(not_yet.tenant().await.status, TenantStatus::Provisioning);
}

#[tokio::test]
async fn a_run_that_comes_after_the_end_changes_nothing() {
    let world = World::new().await;
    world.call("run", "validate_tenant", "").await.unwrap();
    world.call("run", "fail_provisioning", "").await.unwrap();
    // The records key alone: the operation keeps its cause sealed with it.
    let (rows, keys) = (world.stores.rows(), world.stores.keys());
    assert!(keys.iter().all(|(_, purpose)| *purpose == KeyPurpose::Records), "{keys:?}");
    for (step, number) in &WAY[1..=ACTIVATE] {
        let late = world.call("run", step, &part(*number)).await.unwrap_err();
        assert_eq!(late.name(), "Tenant.StaleGeneration", "{step}");
    }
    assert_eq!(world.stores.rows(), rows);
    assert!(world.stores.secrets().is_empty() && world.stores.keys() == keys);
}
