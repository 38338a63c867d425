//! One call of one step: the tenant as it was read, and writes that only the tenant's present attempt can make.

use crate::call::Direction;
use crate::registry::Step;
use crate::{Call, Ctx, StepError, progress};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_core::keys::Key;
use tenantry_core::model::{Operation, Tenant, TenantStatus};
use tenantry_core::ports::{Action, Commit, CommitError, Condition, PortError};
use tenantry_core::{ResourceId, Timestamp};

/// How often a step reads again after it lost a race, before it leaves the waiting to the state machine's `Retry`.
pub(crate) const RACES_MAX: u32 = 8;

/// Whether a commit was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Yes.
    Yes,
    /// No: a condition of the action at this place did not hold. Read again and decide again.
    No {
        /// The place of the action among those that were given.
        index: usize,
    },
}

/// One call of one step.
pub struct Run<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) step: &'static Step,
    pub(crate) call: &'a Call,
    pub(crate) tenant: Tenant,
    pub(crate) started_at: Timestamp,
    success_recorded: AtomicBool,
}

impl<'a> Run<'a> {
    /// Reads the tenant and makes sure that the call is of its present attempt and in turn.
    pub(crate) async fn begin(ctx: &'a Ctx, step: &'static Step, call: &'a Call) -> Result<Self, StepError> {
        let tenant = read_tenant(ctx, step, call).await?;
        let started_at = ctx.clock.now();
        Ok(Self { ctx, step, call, tenant, started_at, success_recorded: AtomicBool::new(false) })
    }

    /// The tenant as it is now; the call must still be of its attempt and in turn.
    pub(crate) async fn reread(&self) -> Result<Tenant, StepError> {
        read_tenant(self.ctx, self.step, self.call).await
    }

    /// The operation that asks.
    pub(crate) async fn operation(&self) -> Result<Operation, StepError> {
        let key = Key::operation(&self.call.tenant_id, &self.call.operation_id);
        let item = self.ctx.table.get(&key).await?.ok_or_else(|| {
            StepError::not_found(format!(
                "Tenant {} has no operation {}.",
                self.call.tenant_id, self.call.operation_id
            ))
        })?;
        Ok(item.record()?)
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.clock.now()
    }

    /// A new resource's id.
    pub(crate) fn new_resource_id(&self) -> ResourceId {
        ResourceId::from_uuid(self.ctx.ids.next())
    }

    /// Whether the step's success is on disk already.
    pub(crate) fn success_is_recorded(&self) -> bool {
        self.success_recorded.load(Ordering::Acquire)
    }

    /// The step's last commit: its success is written along with it, and so costs no commit of its own.
    pub(crate) async fn finish(&self, actions: Vec<Action>) -> Result<Committed, StepError> {
        let mut actions = actions;
        let own = actions.len();
        actions.push(progress::succeeded(self));
        let outcome = self.commit_guarded(actions, own).await?;
        if outcome == Committed::Yes {
            self.success_recorded.store(true, Ordering::Release);
        }
        Ok(outcome)
    }

    /// A commit after which the step goes on.
    pub(crate) async fn commit(&self, actions: Vec<Action>) -> Result<Committed, StepError> {
        let own = actions.len();
        self.commit_guarded(actions, own).await
    }

    async fn commit_guarded(&self, mut actions: Vec<Action>, own: usize) -> Result<Committed, StepError> {
        let tenant_key = Key::tenant(&self.call.tenant_id);
        // A change of the tenant's own row is conditional on its revision, which says more.
        if !actions.iter().any(|action| *action.key() == tenant_key) {
            actions.push(Action::Check { key: tenant_key, conditions: self.guard() });
        }
        for _ in 0..RACES_MAX {
            match self.ctx.table.commit(Commit::of(actions.clone())).await {
                Ok(()) => return Ok(Committed::Yes),
                Err(CommitError::Conflict) => {}
                Err(CommitError::ConditionFailed { index }) if index < own => {
                    return Ok(Committed::No { index });
                }
                Err(CommitError::ConditionFailed { .. }) => {
                    // Only the guard is left: reading again says why it does not hold.
                    self.reread().await?;
                    return Err(StepError::stale(
                        "The tenant was moved on while the step ran. Nothing was changed.",
                    ));
                }
                Err(CommitError::Port(error)) => return Err(error.into()),
            }
        }
        Err(StepError::conflict())
    }

    fn guard(&self) -> Vec<Condition> {
        vec![
            Condition::Equals("generation".to_owned(), Value::from(self.call.generation)),
            Condition::Equals("status".to_owned(), Value::from(self.tenant.status.as_str())),
        ]
    }

    /// States of the tenant in which this call has something to do.
    fn in_turn(step: &'static Step, direction: Direction) -> &'static [TenantStatus] {
        match direction {
            Direction::Run => step.runs_in,
            Direction::Undo => step.undone_in,
        }
    }
}

async fn read_tenant(ctx: &Ctx, step: &'static Step, call: &Call) -> Result<Tenant, StepError> {
    let key = Key::tenant(&call.tenant_id);
    let item = ctx.table.get(&key).await?;
    let item = item.ok_or_else(|| StepError::not_found(format!("There is no tenant {}.", call.tenant_id)))?;
    let tenant: Tenant = item.record()?;
    if tenant.generation != call.generation {
        return Err(StepError::stale(format!(
            "The step belongs to generation {} of tenant {}, which is at generation {}: a later attempt holds it. \
             Nothing was changed.",
            call.generation, call.tenant_id, tenant.generation
        )));
    }
    if !Run::in_turn(step, call.action).contains(&tenant.status) {
        return Err(StepError::out_of_turn(step.name, tenant.status));
    }
    Ok(tenant)
}

/// `NotFound` and `Damaged` as a problem to report, everything else as the step's failure.
pub(crate) fn problem<T>(answer: Result<T, PortError>) -> Result<Result<T, PortError>, StepError> {
    match answer {
        Err(error @ (PortError::Unavailable { .. } | PortError::Refused { .. })) => Err(error.into()),
        other => Ok(other),
    }
}
