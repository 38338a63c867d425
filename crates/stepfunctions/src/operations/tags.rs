//! TagResource, UntagResource, ListTagsForResource.

use super::{Request, nothing, settings};
use crate::registry::{Activity, Edit, Machine, MachineEdit, Tags};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};

pub(super) async fn tag(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("resourceArn", request::ARN)?;
    ask.require("tags");
    let more = settings::tags(&mut ask)?.unwrap_or_default();
    ask.done()?;
    change(endpoint, arn, |tags| settings::add_tags(tags, more, arn)).await
}

pub(super) async fn untag(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("resourceArn", request::ARN)?;
    ask.require("tagKeys");
    let keys = ask.texts("tagKeys", request::TAG_KEY)?.unwrap_or_default();
    ask.done()?;
    change(endpoint, arn, |tags| {
        tags.retain(|(key, _)| !keys.contains(&key.as_str()));
        Ok(())
    })
    .await
}

pub(super) fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("resourceArn", request::ARN)?;
    ask.done()?;
    let registry = endpoint.registry();
    let tags = match of(arn)? {
        Tagged::Machine(name) => registry.machine(name).map(|machine| machine.tags.clone()),
        Tagged::Activity(name) => registry.activity(name).map(|activity| activity.tags.clone()),
    };
    let tags = tags.filter(|_| registry.realm().owns(arn)).ok_or_else(|| ApiError::no_resource(arn))?;
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    Ok(json!({"tags": tags}))
}

/// What can have tags.
enum Tagged<'a> {
    Machine(&'a str),
    Activity(&'a str),
}

fn of(arn: &str) -> Result<Tagged<'_>, ApiError> {
    let resource = names::resource(arn, &["stateMachine", "activity"])?;
    match resource.kind {
        "activity" => Ok(Tagged::Activity(resource.rest)),
        // Versions and aliases have none of their own.
        _ if resource.rest.contains(':') => Err(ApiError::no_resource(arn)),
        _ => Ok(Tagged::Machine(resource.rest)),
    }
}

async fn change(
    endpoint: &Endpoint,
    arn: &str,
    edit: impl FnOnce(&mut Tags) -> Result<(), ApiError> + Send,
) -> Result<Value, ApiError> {
    let tagged = of(arn)?;
    if !endpoint.registry().realm().owns(arn) {
        return Err(ApiError::no_resource(arn));
    }
    let missing = || ApiError::no_resource(arn);
    endpoint
        .registry()
        .change(|state| match tagged {
            Tagged::Machine(name) => {
                let mut machine: Machine = (**state.machines.get(name).ok_or_else(missing)?).clone();
                if machine.built_in {
                    return Err(ApiError::built_in(name));
                }
                edit(&mut machine.tags)?;
                Ok((MachineEdit::new(machine).into(), ()))
            }
            Tagged::Activity(name) => {
                let mut activity: Activity = (**state.activities.get(name).ok_or_else(missing)?).clone();
                edit(&mut activity.tags)?;
                Ok((Edit::Activity(activity), ()))
            }
        })
        .await?;
    Ok(nothing())
}
