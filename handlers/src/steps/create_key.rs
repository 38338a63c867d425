//! Makes the tenant's own data key, wrapped by the home's master key.
//!
//! **Cut off:** the key first, then its row. Between them there is a key without a row: a second run finds the key
//! and writes the row, and the undo destroys the key whether or not there is a row. The undo destroys first and
//! deletes the row last, so that a row is never missing while its key is there to be forgotten.

use crate::call::{NoInput, read};
use crate::{Run, StepError, resource};
use serde_json::{Value, json};
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::KeyPurpose;

pub(super) const NAME: &str = "data";

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    run.ctx.data_keys.create(&run.call.tenant_id, KeyPurpose::Data).await?;
    if resource::find(run, ResourceKind::Key, NAME).await?.is_none() {
        let spec = resource::spec(json!({ "purpose": KeyPurpose::Data.as_str() }));
        let row = resource::new(run, ResourceKind::Key, NAME, ResourceState::Ready, spec);
        // Where the row is there after all, a twin of this run wrote the same.
        run.finish(vec![resource::create(&row)]).await?;
    }
    Ok(json!({ "key": NAME }))
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    run.ctx.data_keys.destroy(&run.call.tenant_id, KeyPurpose::Data).await?;
    run.finish(vec![resource::delete(run, ResourceKind::Key, NAME)]).await?;
    Ok(json!({}))
}
