//! ListExecutions.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>

use super::{Request, page, put, seconds};
use crate::page::Page;
use crate::registry::Kind;
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error, names};
use serde_json::{Map, Value};
use tenantry_asl::Identity;
use tenantry_core::Timestamp;
use tenantry_core::ports::{ExecutionFilter, ExecutionStatus, ExecutionSummary, Workflows as _};

/// In the order in which AWS names them.
const STATUSES: &[&str] = &["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
/// How many executions one call looks at where filters leave most out; then the page is short, and says where to go on.
const LOOKED_AT_MAX: usize = 2_000;

/// Which executions.
struct Wanted {
    filter: ExecutionFilter,
    /// The children of this Map Run instead.
    map_run: Option<String>,
    redriven: Option<bool>,
    /// Only those that were started through this version or alias.
    qualified: Option<String>,
    /// Whether they may have versions, so that each must be looked at.
    versioned: bool,
    /// Waiting for a redrive is a state that no execution is in here: a redrive starts at once.
    none: bool,
}

pub(super) async fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.text("stateMachineArn", request::ARN)?;
    let map_run_arn = ask.text("mapRunArn", request::LONG_ARN)?;
    let status = ask.choice("statusFilter", STATUSES)?;
    let redrive = ask.choice("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    let list =
        ["executions", arn.unwrap_or_default(), map_run_arn.unwrap_or_default(), status.unwrap_or_default()];
    let page_asked = Page::read(
        &mut ask,
        request::EXECUTIONS_PAGE_TOKEN,
        &[&list[..], &[redrive.unwrap_or_default()]].concat(),
    );
    ask.done()?;

    let mut wanted = match (arn, map_run_arn) {
        (Some(arn), None) => of_machine(endpoint, arn)?,
        (None, Some(arn)) => {
            super::map_runs::find(endpoint, arn).await?;
            of_map_run(arn)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::validation("Must specify exactly one of stateMachineArn or mapRunArn"));
        }
    };
    let page_asked = page_asked?;
    wanted.filter.status = status.and_then(status_of);
    wanted.none = status == Some("PENDING_REDRIVE");
    wanted.redriven = redrive.map(|word| word == "REDRIVEN");
    let (items, next) = collect(endpoint, &wanted, &page_asked).await?;
    Ok(page("executions", items, next.map(|after| page_asked.next(&after))))
}

fn status_of(word: &str) -> Option<ExecutionStatus> {
    ExecutionStatus::ALL.iter().copied().find(|status| status.as_aws() == word)
}

fn of_machine(endpoint: &Endpoint, arn: &str) -> Result<Wanted, ApiError> {
    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    let missing = || ApiError::no_machine(arn);
    let machine = registry.machine(name).filter(|_| registry.realm().owns(arn)).ok_or_else(missing)?;
    if machine.kind == Kind::Express {
        return Err(ApiError::wrong_type());
    }
    if let Some(qualifier) = qualifier {
        let there = match qualifier.parse() {
            Ok(number) => machine.versions.contains_key(&number),
            Err(_) => machine.aliases.contains_key(qualifier),
        };
        if !there {
            return Err(missing());
        }
    }
    Ok(Wanted {
        filter: ExecutionFilter { workflow: Some(name.to_owned()), ..ExecutionFilter::default() },
        map_run: None,
        redriven: None,
        qualified: qualifier.map(|_| arn.to_owned()),
        versioned: machine.last_version > 0,
        none: false,
    })
}

fn of_map_run(arn: &str) -> Wanted {
    Wanted {
        filter: ExecutionFilter::default(),
        map_run: Some(arn.to_owned()),
        redriven: None,
        qualified: None,
        versioned: true,
        none: false,
    }
}

/// The executions of a page, and the engine's own cursor where more may follow.
async fn collect(
    endpoint: &Endpoint,
    wanted: &Wanted,
    page: &Page,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let mut items = Vec::new();
    let mut after = page.after.clone();
    let mut looked_at = 0;
    if wanted.none {
        return Ok((items, None));
    }
    loop {
        let room = page.limit - items.len();
        let found = match &wanted.map_run {
            Some(arn) => endpoint.engine().map_children(arn, wanted.filter.status, after, room).await,
            None => endpoint.engine().list(wanted.filter.clone(), after, room).await,
        };
        let found = found.map_err(|refusal| match refusal {
            // The cursor is the engine's, and nothing else of the request can be malformed by now.
            tenantry_core::ports::WorkflowError::Port(tenantry_core::ports::PortError::Refused {
                ..
            }) => ApiError::invalid_token(),
            other => error::of_execution("")(other),
        })?;
        looked_at += found.items.len();
        for summary in found.items {
            if wanted.redriven.is_some_and(|redriven| redriven != (summary.redrive_count > 0)) {
                continue;
            }
            items.extend(item(endpoint, wanted, &summary).await?);
        }
        after = found.next;
        if after.is_none() || items.len() >= page.limit || looked_at >= LOOKED_AT_MAX {
            return Ok((items, after));
        }
    }
}

/// An execution in the list; `None` where it is of another version or alias, or has gone meanwhile.
async fn item(
    endpoint: &Endpoint,
    wanted: &Wanted,
    summary: &ExecutionSummary,
) -> Result<Option<Value>, ApiError> {
    if !wanted.versioned && summary.redrive_count == 0 {
        return Ok(Some(shown(endpoint, summary, &Identity::default(), None)));
    }
    let inspection = match endpoint.engine().inspect(&summary.id).await {
        Ok(inspection) => inspection,
        Err(tenantry_core::ports::WorkflowError::UnknownExecution(_)) => return Ok(None),
        Err(refusal) => return Err(error::of_execution("")(refusal)),
    };
    let identity = &inspection.identity;
    let through = [&identity.state_machine_version_arn, &identity.state_machine_alias_arn];
    if let Some(arn) = &wanted.qualified
        && !through.into_iter().flatten().any(|known| known == arn)
    {
        return Ok(None);
    }
    Ok(Some(shown(endpoint, summary, identity, inspection.redriven_at)))
}

fn shown(
    endpoint: &Endpoint,
    summary: &ExecutionSummary,
    identity: &Identity,
    redriven_at: Option<Timestamp>,
) -> Value {
    let realm = endpoint.registry().realm();
    let ExecutionSummary { id, status, started_at, ended_at, redrive_count, .. } = summary;
    let mut answer = Map::new();
    put(&mut answer, "executionArn", Some(realm.execution(id.workflow(), id.name())));
    put(&mut answer, "stateMachineArn", Some(realm.state_machine(id.workflow())));
    put(&mut answer, "name", Some(id.name()));
    put(&mut answer, "status", Some(status.as_aws()));
    put(&mut answer, "startDate", Some(seconds(*started_at)));
    put(&mut answer, "stopDate", ended_at.map(seconds));
    put(&mut answer, "mapRunArn", identity.map_run_arn.clone());
    put(&mut answer, "stateMachineVersionArn", identity.state_machine_version_arn.clone());
    put(&mut answer, "stateMachineAliasArn", identity.state_machine_alias_arn.clone());
    put(&mut answer, "redriveCount", Some(*redrive_count));
    put(&mut answer, "redriveDate", redriven_at.map(seconds));
    Value::Object(answer)
}
