//! Writes the limits and features of the tenant's plan beside the tenant, so that a later change of the plan's file
//! does not change what was sold.
//!
//! **Cut off:** the limits and the resource's row are one commit, and so is their removal.

use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde_json::{Value, json};
use tenantry_core::keys::Key;
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::{Action, Item};

const NAME: &str = "plan";

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let name = &run.tenant.plan;
    let plan = run.ctx.catalogue.plan(name).ok_or_else(|| {
        StepError::invalid(format!(
            "There is no plan {name:?} any more. Bring it back in schema/plans, then retry the operation."
        ))
    })?;
    for _ in 0..RACES_MAX {
        if resource::find(run, ResourceKind::QuotaSet, NAME).await?.is_some() {
            return Ok(json!({ "plan": name }));
        }
        let mut limits = Item::of(Key::entitlements(&run.call.tenant_id), &plan.entitlements);
        limits.attributes.insert("plan".to_owned(), Value::from(name.as_str()));
        let spec = resource::spec(json!({ "plan": name }));
        let row = resource::new(run, ResourceKind::QuotaSet, NAME, ResourceState::Ready, spec);
        if run.finish(vec![Action::put(limits), resource::create(&row)]).await? == Committed::Yes {
            return Ok(json!({ "plan": name }));
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let limits = Action::Delete { key: Key::entitlements(&run.call.tenant_id), conditions: Vec::new() };
    run.finish(vec![limits, resource::delete(run, ResourceKind::QuotaSet, NAME)]).await?;
    Ok(json!({}))
}
