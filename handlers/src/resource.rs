//! Rows `RESOURCE#<kind>#<name>`: what was made for a tenant.

use crate::{Run, StepError};
use serde_json::{Map, Value};
use tenantry_core::keys::{Key, Range};
use tenantry_core::limits;
use tenantry_core::model::{Resource, ResourceKind, ResourceState};
use tenantry_core::ports::{Action, Item, Query};

/// A new row. `spec` holds references and settings, never a secret.
pub(crate) fn new(
    run: &Run<'_>,
    kind: ResourceKind,
    name: &str,
    observed: ResourceState,
    spec: Map<String, Value>,
) -> Resource {
    let now = run.now();
    Resource {
        resource_id: run.new_resource_id(),
        tenant_id: run.call.tenant_id.clone(),
        kind,
        name: name.to_owned(),
        desired: ResourceState::Ready,
        observed,
        generation: run.call.generation,
        spec,
        created_at: now,
        updated_at: now,
    }
}

/// The fields of a `json!({…})`.
///
/// # Panics
/// Where it is not an object: a fault of the program.
pub(crate) fn spec(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        other => panic!("a spec is an object, not {other}"),
    }
}

fn item(resource: &Resource) -> Item {
    Item::of(Key::resource(&resource.tenant_id, resource.kind, &resource.name), resource)
}

/// Writes the row where there is none.
pub(crate) fn create(resource: &Resource) -> Action {
    Action::create(item(resource))
}

/// Writes the row where there is one.
pub(crate) fn replace(resource: &Resource) -> Action {
    Action::put_if(item(resource), vec![tenantry_core::ports::Condition::Exists])
}

/// Deletes the row; a missing one is no error.
pub(crate) fn delete(run: &Run<'_>, kind: ResourceKind, name: &str) -> Action {
    Action::Delete { key: Key::resource(&run.call.tenant_id, kind, name), conditions: Vec::new() }
}

/// The row.
pub(crate) async fn find(
    run: &Run<'_>,
    kind: ResourceKind,
    name: &str,
) -> Result<Option<Resource>, StepError> {
    let item = run.ctx.table.get(&Key::resource(&run.call.tenant_id, kind, name)).await?;
    Ok(item.map(|item| item.record()).transpose()?)
}

/// All the tenant's rows.
pub(crate) async fn all(run: &Run<'_>) -> Result<Vec<Resource>, StepError> {
    read_all(run, Range::resources(&run.call.tenant_id)).await
}

/// All the tenant's rows of one kind.
pub(crate) async fn all_of(run: &Run<'_>, kind: ResourceKind) -> Result<Vec<Resource>, StepError> {
    read_all(run, Range::resources_of(&run.call.tenant_id, kind)).await
}

/// Every record of a range, page by page.
pub(crate) async fn read_all<T: serde::de::DeserializeOwned>(
    run: &Run<'_>,
    range: Range,
) -> Result<Vec<T>, StepError> {
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let query = Query::primary(range.clone(), limits::PAGE_ITEMS_MAX).after(after);
        let page = run.ctx.table.query(query).await?;
        for item in &page.items {
            records.push(item.record()?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(records),
        }
    }
}
