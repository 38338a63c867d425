//! Writes down that a product service has confirmed, and keeps what it answered, sealed.
//!
//! **Cut off:** one commit. A second run finds the row ready and keeps the first answer. The key that seals is made
//! before; it is the control plane's own for this tenant and stays with the tenant's record, like the history that
//! it keeps readable. The undo, once the service has undone its part, forgets the row.

use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError, resource};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_core::ServiceId;
use tenantry_core::model::{ResourceKind, ResourceState};
use tenantry_core::ports::KeyPurpose;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// What the service answered.
    #[serde(default)]
    output: Value,
}

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    let Input { output } = read(run.step.name, input)?;
    let service = service(run)?;
    for _ in 0..RACES_MAX {
        let row = resource::find(run, ResourceKind::Integration, service.as_str()).await?;
        let mut row = row.ok_or_else(|| {
            StepError::invalid_input(format!(
                "Service {service} is not in this attempt's snapshot, which snapshot_services writes first."
            ))
        })?;
        if row.observed == ResourceState::Ready {
            return Ok(json!({ "serviceId": service }));
        }
        if let Some(sealed) = seal(run, &service, &output).await? {
            row.spec.insert("sealedOutput".to_owned(), Value::String(sealed));
        }
        row.observed = ResourceState::Ready;
        row.updated_at = run.now();
        if run.finish(vec![resource::replace(&row)]).await? == Committed::Yes {
            return Ok(json!({ "serviceId": service }));
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let service = service(run)?;
    run.finish(vec![resource::delete(run, ResourceKind::Integration, service.as_str())]).await?;
    Ok(json!({}))
}

fn service(run: &Run<'_>) -> Result<ServiceId, StepError> {
    run.call.part.parse().map_err(|error| {
        StepError::invalid_input(format!("{} needs the service's id as its part: {error}.", run.step.name))
    })
}

/// What the service answered, in base64 of its sealed form; `None` where it said nothing.
async fn seal(run: &Run<'_>, service: &ServiceId, output: &Value) -> Result<Option<String>, StepError> {
    let says_nothing = match output {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    if says_nothing {
        return Ok(None);
    }
    let (keys, tenant) = (&run.ctx.data_keys, &run.call.tenant_id);
    if !keys.exists(tenant, KeyPurpose::Records).await? {
        keys.create(tenant, KeyPurpose::Records).await?;
    }
    let context = format!("integration/{service}/output");
    let sealed = keys.seal(tenant, KeyPurpose::Records, &context, output.to_string().as_bytes()).await?;
    Ok(Some(STANDARD.encode(sealed)))
}
