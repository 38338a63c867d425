//! UpdateStateMachine.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html>

use super::settings::{self, AskedLogging};
use super::{Request, create_machine, definitions, put, seconds, versions};
use crate::registry::{MachineEdit, PastRevision};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};

/// How many replaced revisions are remembered: only to tell their ids for executions that began with them.
const PAST_REVISIONS_MAX: usize = 100;

pub(super) async fn update(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    let definition = ask.text("definition", request::DEFINITION)?;
    let role_arn = ask.text("roleArn", request::ARN)?;
    let logging = AskedLogging::read(&mut ask)?;
    let tracing = settings::tracing(&mut ask)?;
    let publish = ask.flag("publish")?.unwrap_or(false);
    let description = ask.text("versionDescription", request::DESCRIPTION)?.map(str::to_owned);
    let encryption = settings::encryption(&mut ask)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    let known = registry.machine(name).filter(|_| qualifier.is_none() && registry.realm().owns(arn));
    let known = known.ok_or_else(|| ApiError::no_machine(arn))?;
    if known.built_in {
        return Err(ApiError::built_in(name));
    }
    let changes = definition.is_some()
        || role_arn.is_some()
        || logging.is_some()
        || tracing.is_some()
        || encryption.is_some();
    if !changes {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
             specified",
        ));
    }
    if description.is_some() && !publish {
        return Err(create_machine::description_without_publish());
    }
    if let Some(role_arn) = role_arn {
        create_machine::check_role(role_arn)?;
    }
    let definition = definition.map(|text| definitions::parse(text, known.kind)).transpose()?;
    let logging = logging.map(AskedLogging::settle).transpose()?;

    let now = registry.now();
    let fresh_id = registry.uuid();
    let (revision_id, version) = registry
        .change(|state| {
            let known = state.machines.get(name).ok_or_else(|| ApiError::no_machine(arn))?;
            if known.deleting {
                return Err(ApiError::machine_deleting(arn));
            }
            let mut machine = (**known).clone();
            let before = machine.current.clone();
            let revision = &mut machine.current;
            revision.definition = definition.unwrap_or_else(|| before.definition.clone());
            revision.role_arn = role_arn.map_or_else(|| before.role_arn.clone(), str::to_owned);
            revision.logging = logging.unwrap_or_else(|| before.logging.clone());
            revision.tracing = tracing.unwrap_or(before.tracing);
            revision.encryption = encryption.unwrap_or_else(|| before.encryption.clone());
            if !revision.same_settings(&before) {
                revision.id = Some(fresh_id);
                revision.updated_at = now;
                machine.past.push(PastRevision {
                    id: before.id,
                    definition_hash: before.definition.hash().to_owned(),
                    updated_at: before.updated_at,
                    logging: before.logging,
                    tracing: before.tracing,
                });
                let surplus = machine.past.len().saturating_sub(PAST_REVISIONS_MAX);
                machine.past.drain(..surplus);
            }
            let mut made = Vec::new();
            let version = if publish {
                let published = machine.published().map(|version| version.number);
                Some(match published {
                    Some(number) => number,
                    None => {
                        let number = versions::add(&mut machine, description, now)?;
                        made.push(number);
                        number
                    }
                })
            } else {
                None
            };
            let revision_id = machine.current.id.clone();
            let edit = MachineEdit { versions: made, ..MachineEdit::new(machine) };
            Ok((edit.into(), (revision_id, version)))
        })
        .await?;
    let mut answer = json!({"updateDate": seconds(now)});
    if let Some(members) = answer.as_object_mut() {
        put(members, "revisionId", revision_id);
        put(
            members,
            "stateMachineVersionArn",
            version.map(|number| registry.realm().qualified(name, number)),
        );
    }
    Ok(answer)
}
