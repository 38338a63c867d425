//! DeleteStateMachine: marked at once, then its executions are stopped and forgotten, then it goes.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html>

use super::{Request, nothing};
use crate::registry::{Edit, MachineEdit};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::Value;
use std::time::Duration;
use tenantry_core::ports::{ExecutionFilter, ExecutionStatus, WorkflowError, Workflows as _};

/// How many executions are looked at at once.
const ROUND: usize = 100;
/// How long a deletion that could not go on waits.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is tried before it is left to the next start.
const TRIES: usize = 1_000;

pub(super) async fn delete(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    if qualifier.is_some() {
        return Err(ApiError::validation(format!(
            "Version and alias ARNs are not supported. Received: {arn}"
        )));
    }
    let marked = registry
        .change(|state| {
            // One that is not there is deleted already.
            let known = state.machines.get(name).filter(|_| registry.realm().owns(arn));
            let Some(known) = known.filter(|machine| !machine.deleting) else {
                return Ok((Edit::Nothing, false));
            };
            if known.built_in {
                return Err(ApiError::built_in(name));
            }
            let mut machine = (**known).clone();
            machine.deleting = true;
            Ok((MachineEdit::new(machine).into(), true))
        })
        .await?;
    if marked {
        finish(endpoint.clone(), name.to_owned());
    }
    Ok(nothing())
}

/// Goes on with deletions that a restart cut off. Needs a tokio runtime where there are any.
pub(crate) fn finish_deletions(endpoint: &Endpoint) {
    let machines = endpoint.registry().state().machines.clone();
    for machine in machines.into_values().filter(|machine| machine.deleting) {
        finish(endpoint.clone(), machine.name.clone());
    }
}

fn finish(endpoint: Endpoint, name: String) {
    tokio::spawn(async move {
        for _ in 0..TRIES {
            let Err(error) = carry_out(&endpoint, &name).await else { return };
            tracing::warn!(state_machine = name, %error, "its deletion could not go on; it is tried again");
            endpoint.registry().pause(PAUSE).await;
        }
        tracing::error!(
            state_machine = name,
            "its deletion could not be finished; the next start goes on with it"
        );
    });
}

async fn carry_out(endpoint: &Endpoint, name: &str) -> Result<(), ApiError> {
    let engine = endpoint.engine();
    let refused = crate::error::of_execution(name);
    let running = ExecutionFilter {
        workflow: Some(name.to_owned()),
        status: Some(ExecutionStatus::Running),
        ..ExecutionFilter::default()
    };
    loop {
        let page = engine.list(running.clone(), None, ROUND).await.map_err(&refused)?;
        if page.items.is_empty() {
            break;
        }
        for summary in page.items {
            let cause = Some("The state machine was deleted".to_owned());
            match engine.stop(&summary.id, None, cause).await {
                Ok(()) | Err(WorkflowError::WrongState(_) | WorkflowError::UnknownExecution(_)) => {}
                Err(error) => return Err(refused(error)),
            }
        }
    }
    engine.forget_machine(name).await.map_err(&refused)?;
    endpoint.registry().change(|_| Ok((Edit::DropMachine(name.to_owned()), ()))).await
}
