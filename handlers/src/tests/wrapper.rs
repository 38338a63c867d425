//! The wrapper: what it refuses, and what it writes down for the status.

use super::world_after;
use crate::testing::{Fault, World};
use crate::{REGISTRY, invoke};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tenantry_core::model::{Progress, ProgressState};
use tenantry_core::ports::{Clock as _, PortError};

#[tokio::test]
async fn payloads_that_are_not_as_they_should_be_are_refused_by_name() {
    let world = World::new().await;
    let (things, tenant) = (world.things(), world.tenant().await);
    let good = || world.payload("run", "S", 1);
    let with = |name: &str, value: Value| {
        let mut payload = good();
        payload.insert(name.into(), value);
        Value::Object(payload)
    };
    let without = |name: &str| {
        let mut payload = good();
        payload.remove(name);
        Value::Object(payload)
    };
    let cases = [
        (json!([]), "Step.InvalidInput", "JSON object"),
        (with("surprise", json!(1)), "Step.InvalidInput", "surprise"),
        (with("generation", json!("1")), "Step.InvalidInput", "invalid type"),
        (with("tenantId", json!("op_1")), "Step.InvalidInput", "tnt_"),
        (with("action", json!("redo")), "Step.InvalidInput", "redo"),
        (with("action", json!("undo")), "Step.InvalidInput", "no undo"),
        (with("state", json!("")), "Step.InvalidInput", "state's name"),
        (without("retryCount"), "Step.InvalidInput", "retryCount"),
        (with("tenantId", json!(World::ids(2).0)), "Tenant.NotFound", "There is no tenant"),
    ];
    for (payload, name, expected) in cases {
        let error = invoke(&world.ctx, "validate_tenant", payload).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        assert!(error.message().contains(expected), "{error} should contain {expected:?}");
    }
    let error = invoke(&world.ctx, "no_such_step", Value::Object(good())).await.unwrap_err();
    assert_eq!(error.name(), "Step.Unknown");
    assert!(error.message().contains("place_tenant"));
    // Only the status says of what was refused in the tenant's own attempt.
    assert_eq!((world.things(), world.tenant().await), (things, tenant));
    assert_eq!(world.progress("S").await.unwrap().last_error.unwrap().code, "Step.InvalidInput");
}

#[tokio::test]
async fn a_quick_step_costs_no_commit_for_its_progress() {
    for (before, step, writes) in [(1, "place_tenant", 1), (3, "create_key", 2), (6, "apply_entitlements", 1)]
    {
        let world = world_after(before).await;
        world.stores.arm(Fault::Before(usize::MAX));
        world.call("run", step, "").await.unwrap();
        assert_eq!(world.stores.writes(), writes, "{step}");
        let progress = world.progress(step).await.unwrap();
        assert_eq!((progress.state, progress.try_number), (ProgressState::Succeeded, 1));
    }
}

#[tokio::test]
async fn a_slow_step_is_seen_running_then_cut_off_and_its_success_clears_the_error() {
    let world = world_after(4).await;
    world.stores.let_vault_hang(true);
    let mut payload = world.payload("run", "CreateSecrets", 1);
    payload.insert("retryCount".into(), json!(2));
    let started = world.clock.now();
    let (running, failed) = hang_until_cut_off(&world, "create_secrets", payload.clone()).await;

    assert_eq!((running.state, running.try_number), (ProgressState::Running, 3));
    assert_eq!(running.started_at, started);
    assert_eq!(running.deadline_at, Some(started.saturating_add(Duration::from_secs(30))));

    assert_eq!((failed.state, failed.try_number), (ProgressState::Failed, 3));
    let error = failed.last_error.unwrap();
    assert_eq!((error.code.as_str(), error.step.as_deref()), ("Store.Unavailable", Some("CreateSecrets")));
    assert!(error.message.contains("30 s"), "{}", error.message);
    assert_eq!(failed.next_retry_at, Some(world.clock.now().saturating_add(Duration::from_secs(12))));
    assert!(world.stores.secrets().is_empty(), "nothing is begun after the deadline");

    world.stores.let_vault_hang(false);
    invoke(&world.ctx, "create_secrets", Value::Object(payload)).await.unwrap();
    let progress = world.progress("CreateSecrets").await.unwrap();
    assert_eq!((progress.state, progress.last_error), (ProgressState::Succeeded, None));
}

#[tokio::test]
async fn a_later_try_that_runs_still_shows_the_error_of_the_one_before() {
    let world = world_after(4).await;
    world.stores.let_vault_hang(true);
    let payload = world.payload("run", "CreateSecrets", 1);
    let (_, first) = hang_until_cut_off(&world, "create_secrets", payload.clone()).await;
    let (running, _) = hang_until_cut_off(&world, "create_secrets", payload).await;
    assert_eq!(running.state, ProgressState::Running);
    assert_eq!((running.last_error, running.next_retry_at), (first.last_error, None));
}

#[tokio::test]
async fn the_note_that_a_step_runs_never_hides_that_it_succeeded() {
    let world = world_after(5).await;
    let before = world.progress("create_secrets").await.unwrap();
    assert_eq!(before.state, ProgressState::Succeeded);
    world.stores.let_vault_hang(true);
    let payload = world.payload("run", "create_secrets", 1);
    let ctx = world.ctx.clone();
    let task = tokio::spawn(async move { invoke(&ctx, "create_secrets", Value::Object(payload)).await });
    settle().await;
    world.clock.advance(Duration::from_millis(300));
    settle().await;
    assert_eq!(world.progress("create_secrets").await.unwrap(), before);
    task.abort();
}

/// Lets every task of this single-threaded runtime go as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Calls a step whose store hangs: its row once it is seen running, and once it was cut off.
async fn hang_until_cut_off(
    world: &World,
    step: &'static str,
    payload: Map<String, Value>,
) -> (Progress, Progress) {
    let state = payload["state"].as_str().unwrap().to_owned();
    let ctx = world.ctx.clone();
    let task = tokio::spawn(async move { invoke(&ctx, step, Value::Object(payload)).await });
    settle().await;
    world.clock.advance(Duration::from_millis(300));
    settle().await;
    let running = world.progress(&state).await.unwrap();
    world.clock.advance(Duration::from_secs(30));
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.name(), "Store.Unavailable");
    (running, world.progress(&state).await.unwrap())
}

#[test]
fn errors_of_ports_have_names_and_keep_their_details_for_the_log() {
    let detail = "10.0.0.7 said no".to_owned();
    let port = "table";
    let cases = [
        (PortError::Unavailable { port, message: detail.clone() }, "Store.Unavailable"),
        (PortError::Refused { port, message: detail.clone() }, "Step.InvalidInput"),
        (PortError::Damaged { port, message: detail }, "Tenant.Unhealthy"),
        (PortError::NotFound { port, what: "key".into() }, "Tenant.Unhealthy"),
    ];
    for (port_error, name) in cases {
        let error = crate::StepError::from(port_error);
        assert_eq!(error.name(), name);
        assert!(!error.message().contains("10.0.0.7"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn the_registry_is_consistent() {
    for (place, step) in REGISTRY.iter().enumerate() {
        assert!(REGISTRY[..place].iter().all(|other| other.name != step.name), "{} stands twice", step.name);
        assert_eq!(step.undo.is_some(), !step.undone_in.is_empty(), "{}", step.name);
        assert!(step.makes.is_none() || step.undo.is_some(), "{} makes what nobody undoes", step.name);
        assert!(step.summary.ends_with('.') && !step.runs_in.is_empty(), "{}", step.name);
    }
}
