//! Begins the attempt, and checks the record against the plans and cells of today.
//!
//! Sign-up checked the same, but a retry may come a month later, when a plan or a region is gone. The move to
//! `provisioning` stands first and by itself: what follows, also a refusal, then has a state to leave.
//!
//! **Cut off:** the move, its event and its audit row are one commit; a second run finds the tenant `provisioning`
//! and only checks again. It makes nothing, so there is no undo.

use super::ACTOR;
use crate::call::{NoInput, read};
use crate::run::{Committed, RACES_MAX};
use crate::{Run, StepError};
use serde_json::{Value, json};
use tenantry_core::model::{Catalogue, Tenant, TenantStatus};
use tenantry_events::{Change, TenantProvisioningStarted};

pub(crate) async fn run(run: &Run<'_>, input: Value) -> Result<Value, StepError> {
    read::<NoInput>(run.step.name, input)?;
    let mut tenant = run.tenant.clone();
    for _ in 0..RACES_MAX {
        let problems = problems(&run.ctx.catalogue, &tenant);
        if tenant.status == TenantStatus::Provisioning {
            return answer(&problems);
        }
        let (_, actions) = begin(run, &tenant)?
            .audit("tenant.start_provisioning", ACTOR, None)
            .build(run.ctx.ids.as_ref(), run.now())?;
        let committed =
            if problems.is_empty() { run.finish(actions).await? } else { run.commit(actions).await? };
        match committed {
            Committed::Yes => return answer(&problems),
            Committed::No { .. } => tenant = run.reread().await?,
        }
    }
    Err(StepError::conflict())
}

/// The change that begins the attempt.
pub(super) fn begin<'t>(run: &Run<'_>, tenant: &'t Tenant) -> Result<Change<'t>, StepError> {
    let call = run.call;
    let change = Change::of(tenant).correlation(&call.operation_id);
    Ok(change.status(TenantStatus::Provisioning)?.emit(TenantProvisioningStarted {
        operation_id: call.operation_id.clone(),
        attempt: call.attempt,
        generation: call.generation,
        plan: tenant.plan.clone(),
    }))
}

fn answer(problems: &[String]) -> Result<Value, StepError> {
    if problems.is_empty() {
        return Ok(json!({ "status": TenantStatus::Provisioning.as_str() }));
    }
    Err(StepError::invalid(format!(
        "The tenant cannot be provisioned as it is: {}. Bring the plan or the cells back, then retry the operation.",
        problems.join("; ")
    )))
}

fn problems(catalogue: &Catalogue, tenant: &Tenant) -> Vec<String> {
    let mut problems = Vec::new();
    let word = tenant.isolation.as_str();
    match catalogue.plan(&tenant.plan) {
        None => problems.push(format!("there is no plan {:?} any more", tenant.plan)),
        Some(plan) if !plan.isolations.contains(&tenant.isolation) => {
            problems.push(format!("the plan {:?} does not offer the isolation {word}", tenant.plan));
        }
        Some(_) => {}
    }
    let serves = |cell: &&tenantry_core::model::Cell| {
        cell.region == tenant.region && cell.isolations.contains(&tenant.isolation)
    };
    if !catalogue.has_region(&tenant.region) {
        problems.push(format!("there is no region {:?} any more", tenant.region));
    } else if !catalogue.cells.iter().any(|cell| serves(&cell)) {
        problems.push(format!("no cell of {} serves the isolation {word}", tenant.region));
    }
    problems
}
