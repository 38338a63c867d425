//! Claims the key prefix under which the tenant's data lives.
//!
//! The prefix follows from the tenant's id, which never changes and is never given twice, and not from the slug,
//! which a later rename may change.
//!
//! **Cut off:** the claim and the resource's row are one commit, and so is their removal.

use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde_json::{Value, json};
use tenantry_core::TenantId;
use tenantry_core::keys::Key;
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::{Action, Condition, Item};
use tenantry_events::ledger::pointer_item;

pub(super) const NAME: &str = "data";

/// The tenant's prefix, ending in its separator so that no tenant's prefix begins another's.
pub(super) fn prefix(tenant: &TenantId) -> String {
    format!("tenants/{tenant}/")
}

/// Whose claim it is.
pub(super) fn owner(pointer: &Item) -> Option<&str> {
    pointer.attributes.get("tenantId").and_then(Value::as_str)
}

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let tenant = &run.call.tenant_id;
    let prefix = prefix(tenant);
    let key = Key::namespace(&prefix);
    for _ in 0..RACES_MAX {
        let claim = run.ctx.table.get(&key).await?;
        let row = resource::find(run, ResourceKind::Namespace, NAME).await?;
        let mut actions = Vec::new();
        match claim.as_ref().map(owner) {
            None => actions.push(Action::create(pointer_item(key.clone(), tenant))),
            Some(Some(owner)) if owner == tenant.as_str() => {}
            Some(_) => {
                return Err(StepError::invalid(format!(
                    "The namespace {prefix} is claimed by another tenant. It must be freed before a retry."
                )));
            }
        }
        if row.is_none() {
            let spec = resource::spec(json!({ "prefix": prefix }));
            let row = resource::new(run, ResourceKind::Namespace, NAME, ResourceState::Ready, spec);
            actions.push(resource::create(&row));
        }
        if actions.is_empty() || run.finish(actions).await? == Committed::Yes {
            return Ok(json!({ "namespace": prefix }));
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let tenant = &run.call.tenant_id;
    let key = Key::namespace(&prefix(tenant));
    for _ in 0..RACES_MAX {
        let claim = run.ctx.table.get(&key).await?;
        let mut actions = vec![resource::delete(run, ResourceKind::Namespace, NAME)];
        if claim.as_ref().and_then(owner) == Some(tenant.as_str()) {
            let ours = Condition::Equals("tenantId".to_owned(), Value::from(tenant.as_str()));
            actions.push(Action::Delete { key: key.clone(), conditions: vec![ours] });
        }
        if run.finish(actions).await? == Committed::Yes {
            return Ok(json!({}));
        }
    }
    Err(StepError::conflict())
}
