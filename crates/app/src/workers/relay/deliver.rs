//! Publishes, sends and marks a batch of plans: three durable writes, however many tenants.

use super::super::error::WorkerError;
use super::super::rows;
use super::plan::{Plan, Role};
use crate::Ports;
use crate::http::retry::Transient as _;
use tenantry_core::TenantId;
use tenantry_core::ports::{Action, CommitError, PortError};

/// What became of one tenant's plan.
pub(super) struct Outcome {
    pub(super) tenant: TenantId,
    /// Events published and operations sent, and both marked.
    pub(super) result: Result<(u64, u64), WorkerError>,
    /// Whether the tenant's numbering has a hole.
    pub(super) hole: bool,
    /// Whether there may be more for the tenant now: it did not fit in, or somebody else was faster at a part of it.
    pub(super) again: bool,
}

impl Outcome {
    fn of(plan: &Plan, result: Result<(u64, u64), WorkerError>) -> Self {
        Self { tenant: plan.tenant.clone(), result, hole: plan.hole.is_some(), again: plan.more }
    }
}

/// Delivers a batch. Where it is refused as a whole, each plan is tried alone, so that one bad tenant stops no other.
pub(super) async fn deliver(ports: &Ports, batch: Vec<Plan>) -> Vec<Outcome> {
    match together(ports, &batch).await {
        Ok(outcomes) => outcomes,
        // The store itself cannot answer: asking it again for each tenant would only add to its load.
        Err(error) if error.is_transient() => {
            let message = error.to_string();
            let unavailable = || PortError::Unavailable { port: "relay", message: message.clone() };
            batch.iter().map(|plan| Outcome::of(plan, Err(unavailable().into()))).collect()
        }
        Err(_) => {
            let mut outcomes = Vec::with_capacity(batch.len());
            for plan in batch {
                let alone = [plan];
                match together(ports, &alone).await {
                    Ok(mut outcome) => outcomes.append(&mut outcome),
                    Err(error) => outcomes.push(Outcome::of(&alone[0], Err(error))),
                }
            }
            outcomes
        }
    }
}

async fn together(ports: &Ports, batch: &[Plan]) -> Result<Vec<Outcome>, WorkerError> {
    let events: Vec<_> = batch.iter().flat_map(|plan| plan.events.iter().cloned()).collect();
    let sends: Vec<_> = batch.iter().flat_map(|plan| plan.sends.iter().cloned()).collect();
    let publish = async { if events.is_empty() { Ok(()) } else { ports.bus.publish(events).await } };
    let send =
        async { if sends.is_empty() { Ok(()) } else { ports.queues.operations.send(sends).await.map(drop) } };
    // Side by side, so that one fsync can serve both.
    let (published, sent) = futures::join!(publish, send);
    published?;
    sent?;

    let mut steps: Vec<(usize, Role, &Action)> = batch
        .iter()
        .enumerate()
        .flat_map(|(place, plan)| plan.steps.iter().map(move |(role, action)| (place, *role, action)))
        .collect();
    let mut lost_events = vec![false; batch.len()];
    let mut lost_operations = vec![0_u64; batch.len()];
    while !steps.is_empty() {
        let actions = steps.iter().map(|(_, _, action)| (*action).clone()).collect();
        match rows::commit(ports, actions).await {
            Ok(()) => break,
            Err(CommitError::ConditionFailed { index }) if index < steps.len() => {
                // Someone else was faster, or the operation was taken up again: the next run sees what is left.
                let (plan, role, _) = steps[index];
                match role {
                    Role::Events => {
                        lost_events[plan] = true;
                        steps.retain(|(place, role, _)| (*place, *role) != (plan, Role::Events));
                    }
                    Role::Operation => {
                        lost_operations[plan] += 1;
                        steps.remove(index);
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(batch
        .iter()
        .enumerate()
        .map(|(place, plan)| {
            let published = if lost_events[place] { 0 } else { plan.events.len() as u64 };
            let sent = (plan.sends.len() as u64).saturating_sub(lost_operations[place]);
            let mut outcome = Outcome::of(plan, Ok((published, sent)));
            outcome.again |= lost_events[place] || lost_operations[place] > 0;
            outcome
        })
        .collect())
}
