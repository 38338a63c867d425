//! Gives the tenant a cell: the first one, in the order of `schema/cells.json`, that lies in its region, serves its
//! isolation and has room.
//!
//! The region is a promise to the customer and is never traded for room.
//!
//! **Cut off:** the count of the cell, the tenant's cell and the resource's row are one commit, so that a place is
//! counted once however often this runs, and given back once however often it is undone. The count is raised with
//! the condition that it fits: a hundred at once never oversell a cell.

use super::ACTOR;
use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::model::{Cell, Resource, ResourceKind, ResourceState, Tenant};
use tenantry_core::ports::{Action, Condition, Item};
use tenantry_events::Change;

const NAME: &str = "cell";
const USED_UNITS: &str = "usedUnits";

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let mut tenant = run.tenant.clone();
    let units = units_of(run, &tenant)?;
    for _ in 0..RACES_MAX {
        if let Some(placed) = resource::find(run, ResourceKind::Placement, NAME).await? {
            return Ok(json!({ "cell": placed.spec.get("cell") }));
        }
        let (cell, count) = choose(run, &tenant, units).await?;
        let (_, mut actions) = Change::of(&tenant)
            .correlation(&run.call.operation_id)
            .edit(|tenant| tenant.cell = Some(cell.name.clone()))
            .audit("tenant.place", ACTOR, None)
            .build(run.ctx.ids.as_ref(), run.now())?;
        let spec = resource::spec(json!({ "cell": cell.name, "capacityUnits": units }));
        actions.push(count);
        actions.push(resource::create(&resource::new(
            run,
            ResourceKind::Placement,
            NAME,
            ResourceState::Ready,
            spec,
        )));
        match run.finish(actions).await? {
            Committed::Yes => return Ok(json!({ "cell": cell.name })),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let mut tenant = run.tenant.clone();
    for _ in 0..RACES_MAX {
        let Some(placed) = resource::find(run, ResourceKind::Placement, NAME).await? else {
            return Ok(json!({}));
        };
        let (cell, units) = place_of(&placed)?;
        let (_, mut actions) = Change::of(&tenant)
            .correlation(&run.call.operation_id)
            .edit(|tenant| tenant.cell = None)
            .audit("tenant.release_placement", ACTOR, None)
            .build(run.ctx.ids.as_ref(), run.now())?;
        actions.push(Action::Update {
            key: Key::cell(&cell),
            set: Map::new(),
            add: BTreeMap::from([(USED_UNITS.to_owned(), -units)]),
            remove: Vec::new(),
            indexes: BTreeMap::new(),
            conditions: vec![Condition::AtLeast(USED_UNITS.to_owned(), units)],
        });
        actions.push(Action::Delete {
            key: Key::resource(&run.call.tenant_id, ResourceKind::Placement, NAME),
            conditions: vec![Condition::Exists],
        });
        match run.finish(actions).await? {
            Committed::Yes => return Ok(json!({})),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

/// What one such tenant takes of a cell.
fn units_of(run: &Run<'_>, tenant: &Tenant) -> Result<i64, StepError> {
    let plan = run.ctx.catalogue.plan(&tenant.plan);
    let units = plan.and_then(|plan| plan.capacity_units.get(&tenant.isolation)).copied();
    units.and_then(|units| i64::try_from(units).ok()).ok_or_else(|| {
        StepError::invalid(format!(
            "The plan {:?} does not say how much of a cell a {} tenant takes. Bring it back, then retry the operation.",
            tenant.plan,
            tenant.isolation.as_str()
        ))
    })
}

/// The first cell with room, and the action that counts the tenant there.
async fn choose<'r>(run: &Run<'r>, tenant: &Tenant, units: i64) -> Result<(&'r Cell, Action), StepError> {
    let mut full = Vec::new();
    for cell in &run.ctx.catalogue.cells {
        if cell.region != tenant.region || !cell.isolations.contains(&tenant.isolation) {
            continue;
        }
        let capacity = i64::try_from(cell.capacity_units).unwrap_or(i64::MAX);
        let key = Key::cell(&cell.name);
        let row = run.ctx.table.get(&key).await?;
        let used = row.as_ref().map_or(0, used_units);
        if used > capacity - units {
            full.push(format!("{} has {} of {capacity} free", cell.name, (capacity - used).max(0)));
            continue;
        }
        let count = match row {
            // `AtMost` never holds of a missing number, so the first tenant makes the row.
            None => {
                let attributes = resource::spec(json!({ USED_UNITS: units }));
                Action::create(Item::new(key, attributes))
            }
            Some(_) => Action::Update {
                key,
                set: Map::new(),
                add: BTreeMap::from([(USED_UNITS.to_owned(), units)]),
                remove: Vec::new(),
                indexes: BTreeMap::new(),
                conditions: vec![Condition::AtMost(USED_UNITS.to_owned(), capacity - units)],
            },
        };
        return Ok((cell, count));
    }
    let word = tenant.isolation.as_str();
    let found = if full.is_empty() { "none serves it".to_owned() } else { full.join(", ") };
    Err(StepError::no_capacity(format!(
        "No cell of {} has room for a {word} tenant of {units} units: {found}. Add a cell or raise capacityUnits in \
         schema/cells.json, then retry the operation.",
        tenant.region
    )))
}

fn used_units(row: &Item) -> i64 {
    row.attributes.get(USED_UNITS).and_then(Value::as_i64).unwrap_or(0)
}

/// Where and how much, as it was counted: the plan or the cell may have changed since.
fn place_of(placed: &Resource) -> Result<(String, i64), StepError> {
    let cell = placed.spec.get("cell").and_then(Value::as_str);
    let units = placed.spec.get("capacityUnits").and_then(Value::as_i64);
    match (cell, units) {
        (Some(cell), Some(units)) => Ok((cell.to_owned(), units)),
        _ => Err(StepError::unhealthy(
            "The placement's row does not say which cell was taken and how much of it. Mend the row, then redrive.",
        )),
    }
}
