//! Makes the first administrator, pending until an activation token is used.
//!
//! **Cut off:** the identity and the resource's row are one commit. The undo also voids an activation token that was
//! minted meanwhile: it would name nobody.

use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use serde_json::{Value, json};
use tenantry_core::keys::Key;
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::{Action, Item};

const NAME: &str = "first-administrator";

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let email = &run.tenant.admin_email;
    let key = Key::identity(&run.call.tenant_id, email);
    for _ in 0..RACES_MAX {
        if let Some(row) = resource::find(run, ResourceKind::Identity, NAME).await? {
            return Ok(json!({ "identityId": row.resource_id }));
        }
        let spec = resource::spec(json!({ "role": "admin" }));
        let row = resource::new(run, ResourceKind::Identity, NAME, ResourceState::Ready, spec);
        let identity = json!({
            "identityId": row.resource_id,
            "email": email,
            "role": "admin",
            "state": "pending",
            "createdAt": row.created_at,
        });
        let identity = Item::new(key.clone(), resource::spec(identity));
        if run.finish(vec![Action::put(identity), resource::create(&row)]).await? == Committed::Yes {
            return Ok(json!({ "identityId": row.resource_id }));
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let tenant = &run.call.tenant_id;
    let delete = |key| Action::Delete { key, conditions: Vec::new() };
    run.finish(vec![
        delete(Key::activation(tenant)),
        delete(Key::identity(tenant, &run.tenant.admin_email)),
        resource::delete(run, ResourceKind::Identity, NAME),
    ])
    .await?;
    Ok(json!({}))
}
