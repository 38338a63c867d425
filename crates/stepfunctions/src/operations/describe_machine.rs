//! DescribeStateMachine, DescribeStateMachineForExecution, ListStateMachines.

use super::describe_execution::{execution_id, included};
use super::{Request, page, put, seconds};
use crate::page::Page;
use crate::registry::{Encryption, Logging, PastRevision, Registry, Revision};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error, names};
use serde_json::{Map, Value, json};
use tenantry_asl::Definition;
use tenantry_core::ExecutionId;
use tenantry_engine::Inspection;

/// Variables that each state reads, by the state's name; nothing where none does.
fn variable_references(definition: &Definition) -> Option<Value> {
    let references = definition.variable_references();
    (!references.is_empty()).then(|| json!(references))
}

/// What both descriptions say of the settings.
fn settings(
    answer: &mut Map<String, Value>,
    definition: &Definition,
    metadata_only: bool,
    (logging, tracing, encryption): (&Logging, bool, &Encryption),
) {
    let text = if metadata_only { "{}" } else { definition.text() };
    put(answer, "definition", Some(text));
    put(answer, "encryptionConfiguration", Some(encryption.to_json()));
    put(answer, "loggingConfiguration", Some(logging.to_json()));
    put(answer, "tracingConfiguration", Some(json!({"enabled": tracing})));
    if !metadata_only {
        put(answer, "variableReferences", variable_references(definition));
    }
}

pub(super) fn describe(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    let metadata_only = included(&mut ask)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    let missing = || ApiError::no_machine(arn);
    let machine = registry.machine(name).filter(|_| registry.realm().owns(arn)).ok_or_else(missing)?;
    let version = match qualifier {
        None => None,
        // An alias is described by DescribeStateMachineAlias.
        Some(number) => {
            let number: u64 = number.parse().map_err(|_| missing())?;
            Some(machine.versions.get(&number).ok_or_else(missing)?)
        }
    };
    let revision = version.map_or(&machine.current, |version| &version.revision);
    let created_at = version.map_or(machine.created_at, |version| version.created_at);
    let mut answer = Map::new();
    put(&mut answer, "stateMachineArn", Some(arn));
    put(&mut answer, "name", Some(name));
    put(&mut answer, "status", Some(if machine.deleting { "DELETING" } else { "ACTIVE" }));
    put(&mut answer, "type", Some(machine.kind.as_str()));
    put(&mut answer, "roleArn", Some(revision.role_arn.as_str()));
    put(&mut answer, "creationDate", Some(seconds(created_at)));
    put(&mut answer, "revisionId", revision.id.clone());
    put(&mut answer, "description", version.and_then(|version| version.description.clone()));
    let shown = (&revision.logging, revision.tracing, &revision.encryption);
    settings(&mut answer, &revision.definition, metadata_only, shown);
    Ok(Value::Object(answer))
}

/// What an execution runs: its own definition and role, whatever the machine is now.
pub(super) async fn for_execution(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let metadata_only = included(&mut ask)?;
    ask.done()?;

    let registry = endpoint.registry();
    let id = execution_id(registry.realm(), arn)?;
    let inspection = endpoint.engine().inspect(&id).await.map_err(error::of_execution(arn))?;
    let identity = &inspection.identity;
    let machine = registry.machine(owner(&id));
    let in_force = in_force(registry, &inspection);
    let encryption = machine.as_ref().map(|machine| machine.current.encryption.clone()).unwrap_or_default();
    let role_arn = match (identity.role_arn.as_str(), machine.as_ref()) {
        ("", Some(machine)) => machine.current.role_arn.clone(),
        (role, _) => role.to_owned(),
    };
    let mut answer = Map::new();
    put(&mut answer, "stateMachineArn", Some(registry.realm().state_machine(id.workflow())));
    put(&mut answer, "name", Some(id.workflow()));
    put(&mut answer, "roleArn", Some(role_arn));
    put(&mut answer, "updateDate", Some(seconds(in_force.updated_at)));
    put(&mut answer, "revisionId", in_force.id);
    put(&mut answer, "mapRunArn", identity.map_run_arn.clone());
    put(&mut answer, "label", id.map_run_child().map(|(_, label)| label));
    let shown = (&in_force.logging, in_force.tracing, &encryption);
    settings(&mut answer, &inspection.definition, metadata_only, shown);
    Ok(Value::Object(answer))
}

/// The machine that an execution is of; of a Map Run's child the one whose state it is.
pub(super) fn owner(id: &ExecutionId) -> &str {
    id.map_run_child().map_or(id.workflow(), |(machine, _)| machine)
}

/// The settings that an execution began with: those of its version, or those that its machine had then.
pub(super) fn in_force(registry: &Registry, inspection: &Inspection) -> PastRevision {
    let summary = &inspection.execution.summary;
    let version = inspection.identity.state_machine_version_arn.as_deref();
    let version = version.and_then(|arn| registry.find(arn).ok()).map(|found| found.revision);
    let machine = registry.machine(owner(&summary.id));
    let definition_hash = inspection.execution.definition_hash.clone();
    match (version, machine) {
        (Some(Revision { id, logging, tracing, updated_at, .. }), _) => {
            PastRevision { id, definition_hash, updated_at, logging, tracing }
        }
        (None, Some(machine)) => machine.in_force(&definition_hash, summary.started_at),
        (None, None) => PastRevision {
            id: None,
            definition_hash,
            updated_at: summary.started_at,
            logging: Logging::default(),
            tracing: false,
        },
    }
}

pub(super) fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["machines"]);
    ask.done()?;
    let page_asked = page_asked?;
    let registry = endpoint.registry();
    let state = registry.state();
    let items = state.machines.values().map(|machine| {
        let shown = json!({
            "stateMachineArn": registry.realm().state_machine(&machine.name),
            "name": machine.name,
            "type": machine.kind.as_str(),
            "creationDate": seconds(machine.created_at),
        });
        (machine.name.clone(), shown)
    });
    let (items, next) = page_asked.cut(items.collect());
    Ok(page("stateMachines", items, next))
}
