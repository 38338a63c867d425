//! Generates the tenant's credential and keeps it in the vault; the row holds only the reference.
//!
//! **Cut off:** the secret first, then its row. The reference follows from the tenant's id and the vault keeps what
//! it has: a second run generates another credential, which the vault leaves aside for the first. The undo deletes
//! the secret whether or not there is a row, and the row last.

use crate::call::{NoInput, read};
use crate::{Run, StepError, resource};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenantry_core::TenantId;
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::Secret;

pub(super) const NAME: &str = "credential";

/// Bytes of chance in a credential.
const CREDENTIAL_BYTES: usize = 32;

/// Where the vault keeps the credential.
pub(super) fn reference(tenant: &TenantId) -> String {
    format!("tenants/{tenant}/{NAME}")
}

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let reference = reference(&run.call.tenant_id);
    let mut bytes = [0u8; CREDENTIAL_BYTES];
    run.ctx.ids.fill(&mut bytes);
    run.ctx.vault.store(&reference, Secret::new(URL_SAFE_NO_PAD.encode(bytes))).await?;
    if resource::find(run, ResourceKind::Secret, NAME).await?.is_none() {
        let spec = resource::spec(json!({ "reference": reference }));
        let row = resource::new(run, ResourceKind::Secret, NAME, ResourceState::Ready, spec);
        // Where the row is there after all, a twin of this run wrote the same.
        run.finish(vec![resource::create(&row)]).await?;
    }
    Ok(json!({ "secretRef": reference }))
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    run.ctx.vault.delete(&reference(&run.call.tenant_id)).await?;
    run.finish(vec![resource::delete(run, ResourceKind::Secret, NAME)]).await?;
    Ok(json!({}))
}
