//! Every step, twice, undone, and cut off at every write.

use super::{ACTIVATE, WAY, part, world_after};
use crate::registry::find;
use crate::testing::{Fault, World};
use serde_json::Value;

/// More writes than any step makes.
const WRITES_MAX: usize = 12;

/// The world before the step of that place, which for the last one is a compensated one.
async fn world_before(place: usize) -> World {
    let (step, _) = WAY[place];
    world_after(if step == "fail_provisioning" { 1 } else { place }).await
}

async fn call(world: &World, action: &str, place: usize) -> Result<Value, crate::StepError> {
    let (step, number) = WAY[place];
    world.call(action, step, &part(number)).await
}

fn every_place() -> std::ops::Range<usize> {
    0..WAY.len()
}

fn undoable() -> impl Iterator<Item = usize> {
    (0..ACTIVATE).filter(|place| find(WAY[*place].0).unwrap().undo.is_some())
}

/// The slate of a service's integration: the snapshot wrote its row before, so that forgetting it leaves one less.
fn forgets_a_row(place: usize) -> bool {
    WAY[place].0 == "record_integration"
}

#[tokio::test]
async fn twice_is_once() {
    for place in every_place() {
        let world = world_before(place).await;
        let first = call(&world, "run", place).await.unwrap();
        let (rows, secrets, keys) = (world.stores.rows(), world.stores.secrets(), world.stores.keys());
        let second = call(&world, "run", place).await.unwrap();
        assert_eq!(first, second, "{:?}", WAY[place]);
        assert_eq!(rows, world.stores.rows(), "{:?}", WAY[place]);
        assert_eq!(secrets, world.stores.secrets(), "{:?}", WAY[place]);
        assert_eq!(keys, world.stores.keys(), "{:?}", WAY[place]);
    }
}

#[tokio::test]
async fn an_undo_leaves_a_clean_slate_however_often_and_also_where_nothing_was_done() {
    for place in undoable() {
        let world = world_before(place).await;
        let before = world.things();
        if !forgets_a_row(place) {
            call(&world, "undo", place).await.unwrap();
            assert_eq!(world.things(), before, "undo of nothing: {:?}", WAY[place]);
        }
        call(&world, "run", place).await.unwrap();
        assert_ne!(world.things(), before, "{:?} makes nothing", WAY[place]);
        for time in ["once", "twice"] {
            call(&world, "undo", place).await.unwrap();
            assert_slate(&world, &before, place, time);
        }
    }
}

fn assert_slate(world: &World, before: &Value, place: usize, when: &str) {
    let mut before = before.clone();
    if forgets_a_row(place) {
        let gone = format!("RESOURCE#integration#{}", part(WAY[place].1));
        before.as_object_mut().unwrap().retain(|key, _| !key.ends_with(&gone));
    }
    assert_eq!(world.things(), before, "{:?} undone {when}", WAY[place]);
}

/// Runs the step with each fault until one is never met: calls `judge` with the world after each.
async fn with_every_fault(place: usize, undo: bool, judge: impl AsyncFn(&World, &Value, Fault)) {
    let mut met = 0;
    for fault in (0..WRITES_MAX).flat_map(|n| [Fault::Before(n), Fault::After(n)]) {
        let world = world_before(place).await;
        let before = world.things();
        if undo {
            call(&world, "run", place).await.unwrap();
        }
        world.stores.arm(fault);
        let outcome = call(&world, if undo { "undo" } else { "run" }, place).await;
        if !world.stores.mend() {
            assert!(outcome.is_ok(), "{:?}: {outcome:?}", WAY[place]);
            break;
        }
        met += 1;
        judge(&world, &before, fault).await;
    }
    let writes_nothing = WAY[place].0 == "check_health";
    assert!(met >= 2 || writes_nothing, "{:?} met {met} faults", WAY[place]);
    assert!(met < 2 * WRITES_MAX, "{:?} writes more than the test breaks", WAY[place]);
}

#[tokio::test]
async fn a_step_cut_off_at_any_write_ends_the_same_when_run_again() {
    for place in every_place() {
        let clean = world_before(place).await;
        let answer = call(&clean, "run", place).await.unwrap();
        with_every_fault(place, false, async |world, _, fault| {
            let again = call(world, "run", place).await;
            let again = again.unwrap_or_else(|error| panic!("{:?} {fault:?}: {error:?}", WAY[place]));
            let drawn = WAY[place].0 == "create_identity";
            assert!(drawn || again == answer, "{:?} {fault:?}: {again}", WAY[place]);
            assert_eq!(world.things(), clean.things(), "{:?} {fault:?}", WAY[place]);
            assert_eq!(world.event_types(), clean.event_types(), "{:?} {fault:?}", WAY[place]);
            assert_eq!(world.tenant().await.status, clean.tenant().await.status, "{:?}", WAY[place]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_step_cut_off_at_any_write_can_be_undone() {
    for place in undoable() {
        with_every_fault(place, false, async |world, before, fault| {
            call(world, "undo", place).await.unwrap();
            assert_slate(world, before, place, &format!("after {fault:?}"));
        })
        .await;
    }
}

#[tokio::test]
async fn an_undo_cut_off_at_any_write_ends_the_same_when_run_again() {
    for place in undoable() {
        with_every_fault(place, true, async |world, before, fault| {
            call(world, "undo", place).await.unwrap();
            assert_slate(world, before, place, &format!("again after {fault:?}"));
        })
        .await;
    }
}

#[tokio::test]
async fn an_old_attempt_changes_nothing() {
    for place in every_place() {
        let world = world_before(place).await;
        let (rows, secrets, keys) = (world.stores.rows(), world.stores.secrets(), world.stores.keys());
        let mut payload = world.payload("run", "S", 0);
        let (step, number) = WAY[place];
        if let Some(number) = number {
            payload.insert("part".into(), part(Some(number)).into());
        }
        for action in ["run", "undo"] {
            if action == "undo" && find(step).unwrap().undo.is_none() {
                continue;
            }
            payload.insert("action".into(), action.into());
            let outcome = crate::invoke(&world.ctx, step, Value::Object(payload.clone())).await;
            assert_eq!(outcome.unwrap_err().name(), "Tenant.StaleGeneration", "{action} {step}");
        }
        assert_eq!(rows, world.stores.rows(), "{step}");
        assert_eq!((secrets, keys), (world.stores.secrets(), world.stores.keys()), "{step}");
    }
}

#[tokio::test]
async fn nothing_of_an_active_tenant_is_undone() {
    let world = world_after(ACTIVATE + 1).await;
    let rows = world.stores.rows();
    for place in undoable() {
        let refused = call(&world, "undo", place).await.unwrap_err();
        assert_eq!(refused.name(), "Tenant.StaleGeneration", "{:?}", WAY[place]);
    }
    assert_eq!(rows, world.stores.rows());
}
