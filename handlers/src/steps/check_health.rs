//! Looks at everything that was made, as a user of the tenant would meet it, before anyone is told that it is there.
//!
//! **Cut off:** it only reads. It has no undo.

use super::{create_namespace, create_secrets};
use crate::call::{NoInput, read};
use crate::run::problem;
use crate::{REGISTRY, Run, StepError, resource};
use serde_json::{Value, json};
use tenantry_core::keys::Key;
use tenantry_core::model::{Resource, ResourceKind, ResourceState};
use tenantry_core::ports::KeyPurpose;

const CONTEXT: &str = "check_health";

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let rows = resource::all(run).await?;
    let mut problems = Vec::new();
    check_rows(&rows, &mut problems);
    check_placement(run, &rows, &mut problems);
    check_namespace(run, &mut problems).await?;
    check_key(run, &mut problems).await?;
    check_secret(run, &mut problems).await?;
    check_records(run, &mut problems).await?;
    if problems.is_empty() {
        return Ok(json!({ "resources": rows.len() }));
    }
    Err(StepError::unhealthy(format!(
        "Not everything is as it should be: {}. What was made is undone; retry the operation.",
        problems.join("; ")
    )))
}

/// Every kind that a step makes is there, and everything there is ready.
fn check_rows(rows: &[Resource], problems: &mut Vec<String>) {
    let made = REGISTRY.iter().filter_map(|step| step.makes);
    // How many integrations there are is the snapshot's business: there may be none.
    for kind in made.filter(|kind| *kind != ResourceKind::Integration) {
        if !rows.iter().any(|row| row.kind == kind) {
            problems.push(format!("there is no {}", kind.as_str()));
        }
    }
    for row in rows.iter().filter(|row| row.observed != ResourceState::Ready) {
        problems.push(format!("the {} {} is not ready", row.kind.as_str(), row.name));
    }
}

fn check_placement(run: &Run<'_>, rows: &[Resource], problems: &mut Vec<String>) {
    let placed = rows.iter().find(|row| row.kind == ResourceKind::Placement);
    let counted = placed.and_then(|row| row.spec.get("cell")).and_then(Value::as_str);
    if counted != run.tenant.cell.as_deref() {
        problems.push("the tenant's cell is not the one where it is counted".to_owned());
    }
}

async fn check_namespace(run: &Run<'_>, problems: &mut Vec<String>) -> Result<(), StepError> {
    let tenant = &run.call.tenant_id;
    let prefix = create_namespace::prefix(tenant);
    let claim = run.ctx.table.get(&Key::namespace(&prefix)).await?;
    if claim.as_ref().and_then(create_namespace::owner) != Some(tenant.as_str()) {
        problems.push(format!("the namespace {prefix} is not the tenant's"));
    }
    Ok(())
}

/// Seals and opens again: a key that is only there may still be the wrong one.
async fn check_key(run: &Run<'_>, problems: &mut Vec<String>) -> Result<(), StepError> {
    let (keys, tenant) = (&run.ctx.data_keys, &run.call.tenant_id);
    let plain = tenant.as_str().as_bytes();
    let Ok(sealed) = problem(keys.seal(tenant, KeyPurpose::Data, CONTEXT, plain).await)? else {
        problems.push("the data key does not seal".to_owned());
        return Ok(());
    };
    match problem(keys.open(tenant, KeyPurpose::Data, CONTEXT, &sealed).await)? {
        Ok(opened) if opened == plain => {}
        _ => problems.push("the data key does not open what it sealed".to_owned()),
    }
    Ok(())
}

async fn check_secret(run: &Run<'_>, problems: &mut Vec<String>) -> Result<(), StepError> {
    let reference = create_secrets::reference(&run.call.tenant_id);
    match problem(run.ctx.vault.resolve(&reference).await)? {
        Ok(secret) if !secret.expose().is_empty() => {}
        _ => problems.push(format!("the vault has nothing under {reference}")),
    }
    Ok(())
}

async fn check_records(run: &Run<'_>, problems: &mut Vec<String>) -> Result<(), StepError> {
    let tenant = &run.call.tenant_id;
    let records = [
        (Key::identity(tenant, &run.tenant.admin_email), "the first administrator has no identity"),
        (Key::entitlements(tenant), "there are no limits and features"),
    ];
    for (key, message) in records {
        if run.ctx.table.get(&key).await?.is_none() {
            problems.push(message.to_owned());
        }
    }
    Ok(())
}
