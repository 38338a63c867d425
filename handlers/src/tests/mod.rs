//! What holds of every step, told by the registry: twice is once, an undo leaves a clean slate, and a crash between
//! any two writes changes neither.

mod access;
mod capacity;
mod lane;
mod matrix;
mod steps;
mod wrapper;

use crate::testing::World;

/// The way forward as the workflow goes it: step and part.
pub(crate) const WAY: [(&str, Option<u128>); 13] = [
    ("validate_tenant", None),
    ("place_tenant", None),
    ("create_namespace", None),
    ("create_key", None),
    ("create_secrets", None),
    ("create_identity", None),
    ("apply_entitlements", None),
    ("snapshot_services", None),
    ("record_integration", Some(1)),
    ("record_integration", Some(2)),
    ("check_health", None),
    ("activate_tenant", None),
    ("fail_provisioning", None),
];

/// Where `activate_tenant` stands in [`WAY`].
pub(crate) const ACTIVATE: usize = 11;

pub(crate) fn part(number: Option<u128>) -> String {
    number.map_or_else(String::new, |number| {
        tenantry_core::ServiceId::from_uuid(uuid::Uuid::from_u128(number)).to_string()
    })
}

/// A world in which the first `steps` of the way are done.
pub(crate) async fn world_after(steps: usize) -> World {
    let world = World::new().await;
    for (step, number) in &WAY[..steps] {
        world.call("run", step, &part(*number)).await.unwrap();
    }
    world
}
