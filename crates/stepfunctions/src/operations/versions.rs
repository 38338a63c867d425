//! Versions: published revisions that never change.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html>

use super::{Request, nothing, page, seconds};
use crate::page::Page;
use crate::registry::{Edit, Machine, MachineEdit, Version};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_core::Timestamp;

/// Most versions of a state machine. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const VERSIONS_MAX: usize = 1_000;
/// How a request names the revision of a machine that was never updated.
const INITIAL: &str = "INITIAL";

/// Publishes the current revision under the next number, which it returns.
///
/// # Errors
/// `ServiceQuotaExceededException`.
pub(super) fn add(
    machine: &mut Machine,
    description: Option<String>,
    now: Timestamp,
) -> Result<u64, ApiError> {
    if machine.versions.len() >= VERSIONS_MAX {
        return Err(ApiError::quota(format!(
            "The state machine '{}' has {VERSIONS_MAX} versions, which is the most it can have. Delete versions that no \
             alias needs.",
            machine.name
        )));
    }
    machine.last_version += 1;
    let number = machine.last_version;
    let version = Version { number, description, created_at: now, revision: machine.current.clone() };
    machine.versions.insert(number, Arc::new(version));
    Ok(number)
}

pub(super) async fn publish(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    let revision_id = ask.text("revisionId", request::REVISION_ID)?;
    let description = ask.text("description", request::DESCRIPTION)?.map(str::to_owned);
    ask.done()?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    if qualifier.is_some() || !registry.realm().owns(arn) {
        return Err(ApiError::no_machine(arn));
    }
    let now = registry.now();
    let (number, created_at) = registry
        .change(|state| {
            let known = state.machines.get(name).ok_or_else(|| ApiError::no_machine(arn))?;
            if known.built_in {
                return Err(ApiError::built_in(name));
            }
            if known.deleting {
                return Err(ApiError::machine_deleting(arn));
            }
            let current = known.current.id.as_deref().unwrap_or(INITIAL);
            if let Some(asked) = revision_id
                && asked != current
            {
                return Err(ApiError::conflict(format!(
                    "Failed to publish the State Machine version for revision {asked}. The current State Machine \
                     revision is {current}."
                )));
            }
            if let Some(published) = known.published() {
                return Ok((Edit::Nothing, (published.number, published.created_at)));
            }
            let mut machine = (**known).clone();
            let number = add(&mut machine, description, now)?;
            let edit = MachineEdit { versions: vec![number], ..MachineEdit::new(machine) };
            Ok((edit.into(), (number, now)))
        })
        .await?;
    Ok(json!({
        "creationDate": seconds(created_at),
        "stateMachineVersionArn": registry.realm().qualified(name, number),
    }))
}

pub(super) async fn delete(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineVersionArn", request::LONG_ARN)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    let number: u64 = qualifier.and_then(|number| number.parse().ok()).ok_or_else(|| {
        ApiError::validation(format!("The ARN must be that of a state machine version. Received: {arn}"))
    })?;
    registry
        .change(|state| {
            // One that is not there is deleted already.
            let Some(known) =
                state.machines.get(name).filter(|machine| machine.versions.contains_key(&number))
            else {
                return Ok((Edit::Nothing, ()));
            };
            let users: Vec<_> = known
                .aliases
                .values()
                .filter(|alias| alias.routes.iter().any(|route| route.version == number))
                .map(|alias| alias.name.as_str())
                .collect();
            if !users.is_empty() {
                return Err(ApiError::conflict(format!(
                    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing \
                     this version: [{}]",
                    users.join(", ")
                )));
            }
            let mut machine = (**known).clone();
            machine.versions.remove(&number);
            let edit = MachineEdit { versions: vec![number], ..MachineEdit::new(machine) };
            Ok((edit.into(), ()))
        })
        .await?;
    Ok(nothing())
}

pub(super) fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["versions", arn]);
    ask.done()?;
    let page_asked = page_asked?;

    let registry = endpoint.registry();
    let (name, _) = names::state_machine(arn)?;
    let versions = registry.machine(name).map(|machine| machine.versions.clone()).unwrap_or_default();
    // The latest first: keys must ascend.
    let items = versions.into_values().rev().map(|version| {
        let shown = json!({
            "creationDate": seconds(version.created_at),
            "stateMachineVersionArn": registry.realm().qualified(name, version.number),
        });
        (format!("{:020}", u64::MAX - version.number), shown)
    });
    let (items, next) = page_asked.cut(items.collect());
    Ok(page("stateMachineVersions", items, next))
}
