//! What the registry says that a step uses is what it uses: nothing else is allowed, and nothing is named in vain.

use super::{ACTIVATE, WAY, part, world_after};
use crate::access::{Access, Watch, limited, watched};
use crate::registry::{REGISTRY, find};
use crate::testing::World;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Action, Commit, KeyPurpose, Query};

type Seen = Arc<Mutex<BTreeSet<Access>>>;

/// Lets the world's ports write down what is used from now on.
fn watch(world: &mut World) -> Seen {
    let seen = Seen::default();
    let notes = seen.clone();
    let watch: Watch = Arc::new(move |access| {
        notes.lock().unwrap().insert(access);
        Ok(())
    });
    world.ctx = watched(&world.ctx, &watch);
    seen
}

/// What the step of that place uses, run twice and undone twice, and what it uses where it meets nothing to undo.
async fn used(place: usize) -> BTreeSet<Access> {
    let (step, number) = WAY[place];
    let undo = find(step).unwrap().undo.is_some();
    let before = if step == "fail_provisioning" { 1 } else { place };
    let mut all = BTreeSet::new();
    let ways: &[&[&str]] =
        if undo { &[&["run", "run", "undo", "undo"], &["undo"]] } else { &[&["run", "run"]] };
    for way in ways {
        let mut world = world_after(before).await;
        let seen = watch(&mut world);
        for action in *way {
            world.call(action, step, &part(number)).await.unwrap();
        }
        all.extend(seen.lock().unwrap().iter());
    }
    all
}

#[tokio::test]
async fn every_step_uses_all_that_it_says_and_no_more() {
    for step in REGISTRY {
        let declared: BTreeSet<Access> = step.access.iter().copied().collect();
        assert_eq!(declared.len(), step.access.len(), "{} names something twice", step.name);
        // The wrapper reads the tenant and keeps the progress, and says so in the log alone where it cannot.
        assert!(declared.is_superset(&[Access::TableGet, Access::TablePut].into()), "{}", step.name);
        let mut observed = BTreeSet::new();
        for place in (0..WAY.len()).filter(|place| WAY[*place].0 == step.name) {
            observed.extend(used(place).await);
        }
        assert_eq!(observed, declared, "{}", step.name);
    }
}

#[tokio::test]
async fn what_a_step_does_not_name_is_refused_before_it_reaches_the_port() {
    let mut world = world_after(ACTIVATE).await;
    let seen = watch(&mut world);
    let ctx = limited(&world.ctx, "place_tenant", &[Access::TableGet, Access::TablePut]);
    let tenant = &world.tenant;
    let key = Key::tenant(tenant);
    let item = ctx.table.get(&key).await.unwrap().unwrap();
    let actions = vec![Action::put(item), Action::Check { key: Key::slug("acme"), conditions: vec![] }];
    let refusals = [
        (ctx.table.commit(Commit::of(actions)).await.unwrap_err().to_string(), "TableCheck"),
        (
            ctx.table.query(Query::primary(Range::tenant(tenant), 1)).await.unwrap_err().to_string(),
            "TableQuery",
        ),
        (ctx.data_keys.create(tenant, KeyPurpose::Data).await.unwrap_err().to_string(), "KeyCreate"),
        (ctx.vault.resolve("a/b").await.unwrap_err().to_string(), "SecretResolve"),
    ];
    for (refusal, access) in refusals {
        assert!(refusal.contains("place_tenant") && refusal.contains(access), "{refusal}");
    }
    assert_eq!(*seen.lock().unwrap(), [Access::TableGet].into());
}

/// Every example is a call of its step that succeeds where the way has led to it; only its ids are of another tenant.
#[tokio::test]
async fn every_example_is_a_call_that_succeeds() {
    for step in REGISTRY {
        let place = WAY.iter().position(|(name, _)| *name == step.name).unwrap();
        let before = if step.name == "fail_provisioning" { 1 } else { place };
        assert!(place <= ACTIVATE + 1, "{}", step.name);
        let world = world_after(before).await;
        let mut payload: Value = serde_json::from_str(step.example).unwrap();
        let common = world.payload("run", payload["state"].as_str().unwrap(), 1);
        for (name, value) in common {
            payload[name] = value;
        }
        if payload.get("part").is_some() {
            payload["part"] = part(WAY[place].1).into();
        }
        crate::invoke(&world.ctx, step.name, payload).await.unwrap_or_else(|error| {
            panic!("the example of {} fails: {error}", step.name);
        });
    }
}
