//! CreateStateMachine.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>

use super::settings::{self, AskedLogging};
use super::{Request, definitions, put, seconds, versions};
use crate::registry::{Encryption, Kind, Logging, Machine, MachineEdit, Revision, Tags};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most state machines. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const MACHINES_MAX: usize = 100_000;

pub(super) async fn create(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let name = ask.required_text("name", request::NAME)?;
    let definition = ask.required_text("definition", request::DEFINITION)?;
    let role_arn = ask.required_text("roleArn", request::ARN)?;
    let kind = Kind::parse(ask.choice("type", Kind::WORDS)?.unwrap_or_default());
    let logging = AskedLogging::read(&mut ask)?;
    let tags = settings::tags(&mut ask)?;
    let tracing = settings::tracing(&mut ask)?.unwrap_or(false);
    let publish = ask.flag("publish")?.unwrap_or(false);
    let description = ask.text("versionDescription", request::DESCRIPTION)?.map(str::to_owned);
    let encryption = settings::encryption(&mut ask)?.unwrap_or_default();
    ask.done()?;

    names::check_name(name)?;
    check_role(role_arn)?;
    if description.is_some() && !publish {
        return Err(description_without_publish());
    }
    let definition = definitions::parse(definition, kind)?;
    let logging = logging.map(AskedLogging::settle).transpose()?.unwrap_or_default();
    let registry = endpoint.registry();
    let arn = registry.realm().state_machine(name);
    let mut kept_tags = Tags::new();
    settings::add_tags(&mut kept_tags, tags.unwrap_or_default(), &arn)?;

    let now = registry.now();
    let revision = Revision {
        id: None,
        definition,
        role_arn: role_arn.to_owned(),
        logging,
        tracing,
        encryption,
        updated_at: now,
    };
    let mut fresh = Machine {
        name: name.to_owned(),
        kind,
        created_at: now,
        deleting: false,
        built_in: false,
        current: revision,
        past: Vec::new(),
        last_version: 0,
        versions: BTreeMap::new(),
        aliases: BTreeMap::new(),
        tags: kept_tags,
        created_with: (publish, description.clone()),
    };
    let made = if publish { vec![versions::add(&mut fresh, description, now)?] } else { Vec::new() };
    let (created_at, version) = registry
        .change(|state| {
            if let Some(known) = state.machines.get(name) {
                if known.deleting {
                    return Err(ApiError::machine_deleting(&arn));
                }
                if !is_repeated(known, &fresh) {
                    return Err(ApiError::machine_exists(&arn));
                }
                let version = known.published().filter(|_| publish).map(|version| version.number);
                return Ok((crate::registry::Edit::Nothing, (known.created_at, version)));
            }
            if state.machines.len() >= MACHINES_MAX {
                return Err(ApiError::new(
                    "StateMachineLimitExceeded",
                    format!("State Machine Limit Exceeded: '{MACHINES_MAX}'"),
                ));
            }
            let version = made.first().copied();
            let edit = MachineEdit { versions: made, ..MachineEdit::new(fresh) };
            Ok((edit.into(), (now, version)))
        })
        .await?;
    let mut answer = json!({"stateMachineArn": arn, "creationDate": seconds(created_at)});
    if let Some(members) = answer.as_object_mut() {
        put(
            members,
            "stateMachineVersionArn",
            version.map(|number| registry.realm().qualified(name, number)),
        );
    }
    Ok(answer)
}

/// A creation that is sent again creates nothing and is answered as the first: other role and tags do not matter.
fn is_repeated(known: &Machine, asked: &Machine) -> bool {
    let settings = |machine: &Machine| -> (Kind, Logging, bool, Encryption, (bool, Option<String>)) {
        let Revision { logging, tracing, encryption, .. } = &machine.current;
        (machine.kind, logging.clone(), *tracing, encryption.clone(), machine.created_with.clone())
    };
    !known.built_in
        && known.current.definition.text() == asked.current.definition.text()
        && settings(known) == settings(asked)
}

pub(super) fn description_without_publish() -> ApiError {
    ApiError::validation("Version description can only be set when publish is true")
}

/// A role is named in the form of one; it is shown, and grants nothing here.
pub(super) fn check_role(arn: &str) -> Result<(), ApiError> {
    if arn.starts_with("arn:") {
        Ok(())
    } else {
        Err(ApiError::invalid_arn(format!("Invalid ARN prefix: {arn}")))
    }
}
