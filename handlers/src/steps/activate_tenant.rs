//! Makes the tenant active: the commit that also ends the operation and tells `TenantProvisioned`.
//!
//! **Cut off:** one commit; a second run finds the tenant active and answers the same.
//!
//! Its undo never takes an active tenant back. It settles what is not known when this step fails for good, for
//! instance because the answer of the commit was lost: it answers `{active: true}` where the tenant is active after
//! all, so that the workflow ends well; and otherwise raises the tenant's revision, which refuses an activation that
//! is still on its way, and answers `{active: false}`. Only then may anything be torn down.

use super::ACTOR;
use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError};
use serde_json::{Value, json};
use tenantry_core::model::{Operation, OperationPhase, Tenant, TenantStatus};
use tenantry_core::ports::Action;
use tenantry_events::ledger::change_operation;
use tenantry_events::{Change, TenantProvisioned};

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let mut tenant = run.tenant.clone();
    for _ in 0..RACES_MAX {
        if tenant.status == TenantStatus::Active {
            return Ok(answer(&tenant));
        }
        let operation = run.operation().await?;
        let actions = activation(run, &tenant, &operation)?;
        match run.finish(actions).await? {
            Committed::Yes => return Ok(json!({ "tenantId": tenant.tenant_id, "status": "active" })),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

pub(crate) async fn undo(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let mut tenant = run.tenant.clone();
    for _ in 0..RACES_MAX {
        if tenant.status == TenantStatus::Active {
            return Ok(json!({ "active": true }));
        }
        let (_, actions) = Change::of(&tenant)
            .correlation(&run.call.operation_id)
            .audit("tenant.give_up_activation", ACTOR, None)
            .build(run.ctx.ids.as_ref(), run.now())?;
        match run.finish(actions).await? {
            Committed::Yes => return Ok(json!({ "active": false })),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

fn answer(tenant: &Tenant) -> Value {
    json!({ "tenantId": tenant.tenant_id, "status": tenant.status.as_str() })
}

fn activation(run: &Run<'_>, tenant: &Tenant, operation: &Operation) -> Result<Vec<Action>, StepError> {
    let call = run.call;
    let cell = tenant.cell.clone().ok_or_else(|| {
        StepError::unhealthy("The tenant has no cell: place_tenant must come before activate_tenant.")
    })?;
    let now = run.now();
    let (_, mut actions) = Change::of(tenant)
        .correlation(&call.operation_id)
        .status(TenantStatus::Active)?
        .edit(|tenant| tenant.operation_id = None)
        .emit(TenantProvisioned {
            operation_id: call.operation_id.clone(),
            attempt: call.attempt,
            generation: call.generation,
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            plan: tenant.plan.clone(),
            isolation: tenant.isolation,
            region: tenant.region.clone(),
            cell,
            external_id: tenant.external_id.clone(),
        })
        .audit("tenant.activate", ACTOR, None)
        .build(run.ctx.ids.as_ref(), now)?;
    let (_, action) = change_operation(operation, now, false, |operation| {
        operation.phase = OperationPhase::Succeeded;
        operation.ended_at = Some(now);
        operation.error = None;
        operation.attempt_end = None;
    });
    actions.push(action);
    Ok(actions)
}
