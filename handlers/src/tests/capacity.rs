//! Cells are never oversold.

use crate::testing::{World, catalogue};
use serde_json::Value;
use std::sync::Arc;
use tenantry_core::keys::Key;
use tenantry_core::model::Isolation;

fn tenant_world(base: &World, number: u128) -> World {
    let (tenant, operation) = World::ids(number);
    World { stores: base.stores.clone(), clock: base.clock.clone(), ctx: base.ctx.clone(), tenant, operation }
}

/// A signed-up tenant whose attempt has begun.
async fn begun(base: &World, number: u128) -> World {
    let world = tenant_world(base, number);
    world.sign_up(&world.tenant, &world.operation, "pro", Isolation::Pool).await;
    world.call("run", "validate_tenant", "").await.unwrap();
    world
}

async fn used(world: &World, cell: &str) -> i64 {
    let row: Option<Value> = world.record(&Key::cell(cell)).await;
    row.and_then(|row| row["usedUnits"].as_i64()).unwrap_or(0)
}

/// Room for ten pool tenants of four units in the first cell, and for seven in the second.
fn small_world() -> World {
    let mut catalogue = catalogue();
    catalogue.cells.truncate(2);
    catalogue.cells[0].capacity_units = 43;
    catalogue.cells[1].capacity_units = 28;
    catalogue.cells[1].isolations = vec![Isolation::Pool];
    World::bare(catalogue)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_take_what_there_is_and_no_more() {
    let base = small_world();
    let first = begun(&base, 0).await;
    first.call("run", "place_tenant", "").await.unwrap();
    // All others see the first cell nearly empty before any of them takes its place.
    base.stores.let_cell_readers_meet(99);
    let mut tasks = Vec::new();
    for number in 1..100 {
        let world = begun(&base, number).await;
        tasks.push(tokio::spawn(async move {
            // As the workflow does: losing a race several times over is tried again, having no room is not.
            loop {
                match world.call("run", "place_tenant", "").await {
                    Err(error) if error.name() == "Store.Conflict" => {}
                    outcome => return (world, outcome),
                }
            }
        }));
    }
    let mut placed = vec![Arc::new(first)];
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            (world, Ok(_)) => placed.push(Arc::new(world)),
            (_, Err(error)) => {
                assert_eq!(error.name(), "Tenant.NoCapacity");
                assert!(error.message().contains("cell-1 has 3 of 43 free"), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!((placed.len(), refused), (17, 83));
    assert_eq!((used(&base, "cell-1").await, used(&base, "cell-2").await), (40, 28));

    // Twice each, at once: every place is given back once.
    let undone: Vec<_> = placed
        .into_iter()
        .flat_map(|world| [world.clone(), world])
        .map(|world| tokio::spawn(async move { world.call("undo", "place_tenant", "").await }))
        .collect();
    for task in undone {
        task.await.unwrap().unwrap();
    }
    assert_eq!((used(&base, "cell-1").await, used(&base, "cell-2").await), (0, 0));
}

#[tokio::test]
async fn the_units_that_were_counted_are_given_back_though_the_plan_has_changed() {
    let mut base = small_world();
    let world = begun(&base, 1).await;
    world.call("run", "place_tenant", "").await.unwrap();
    let mut catalogue = catalogue();
    catalogue.plans.get_mut("pro").unwrap().capacity_units.insert(Isolation::Pool, 1);
    base.ctx.catalogue = Arc::new(catalogue);
    tenant_world(&base, 1).call("undo", "place_tenant", "").await.unwrap();
    assert_eq!(used(&base, "cell-1").await, 0);
}

#[tokio::test]
async fn the_region_is_never_traded_for_room() {
    let mut catalogue = catalogue();
    for cell in &mut catalogue.cells {
        if cell.region == "eu-west-1" {
            cell.capacity_units = 3;
        }
    }
    let world = World::bare(catalogue);
    world.sign_up(&world.tenant, &world.operation, "pro", Isolation::Pool).await;
    world.call("run", "validate_tenant", "").await.unwrap();
    let error = world.call("run", "place_tenant", "").await.unwrap_err();
    assert_eq!(error.name(), "Tenant.NoCapacity");
    assert_eq!(used(&world, "cell-3").await, 0);
}
