//! Aliases: names for one version, or for two that share the traffic by weights.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html>

use super::{Request, nothing, page, put, seconds};
use crate::page::Page;
use crate::registry::{Alias, Edit, Machine, MachineEdit, Route};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most aliases of a state machine. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const ALIASES_MAX: usize = 100;

/// A share as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AskedRoute {
    version_arn: String,
    weight: i64,
}

fn routes(ask: &mut Ask<'_>) -> Result<Option<Vec<AskedRoute>>, ApiError> {
    let shown = |routes: &[AskedRoute]| {
        let items = routes.iter().map(|AskedRoute { version_arn, weight }| {
            format!("RoutingConfigurationListItem(stateMachineVersionArn={version_arn}, weight={weight})")
        });
        format!("[{}]", items.collect::<Vec<_>>().join(", "))
    };
    ask.objects("routingConfiguration", (1, 2), shown, |ask| {
        ask.require("weight");
        Ok(AskedRoute {
            version_arn: ask.required_text("stateMachineVersionArn", request::ARN)?.to_owned(),
            weight: ask.integer("weight", 0, 100)?.unwrap_or_default(),
        })
    })
}

/// The machine that all versions belong to, and the shares.
fn settle(asked: &[AskedRoute]) -> Result<(String, Vec<Route>), ApiError> {
    let arns: Vec<_> = asked.iter().map(|route| route.version_arn.as_str()).collect();
    let received = arns.join(", ");
    let mut machine = None;
    let mut settled = Vec::new();
    for AskedRoute { version_arn, weight } in asked {
        let (name, qualifier) = names::state_machine(version_arn)?;
        let version = qualifier.and_then(|number| number.parse().ok()).ok_or_else(|| {
            ApiError::validation(format!(
                "Routing configuration must contain state machine version ARNs. Received: [{received}]"
            ))
        })?;
        if machine.is_some_and(|other| other != name) {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain versions of the same state machine. Received: [{received}]"
            )));
        }
        machine = Some(name);
        settled.push(Route { version, weight: u8::try_from(*weight).unwrap_or(u8::MAX) });
    }
    if arns.iter().enumerate().any(|(index, arn)| arns[..index].contains(arn)) {
        return Err(ApiError::validation(format!(
            "Routing configuration must contain distinct state machine version ARNs. Received: [{received}]"
        )));
    }
    let weights: Vec<_> = asked.iter().map(|route| route.weight.to_string()).collect();
    if asked.iter().map(|route| route.weight).sum::<i64>() != 100 {
        return Err(ApiError::validation(format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        )));
    }
    Ok((machine.unwrap_or_default().to_owned(), settled))
}

fn all_there(machine: &Machine, routes: &[Route]) -> Result<(), ApiError> {
    let there = routes.iter().all(|route| machine.versions.contains_key(&route.version));
    if there { Ok(()) } else { Err(ApiError::dangling()) }
}

pub(super) async fn create(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let description = ask.text("description", request::DESCRIPTION)?.map(str::to_owned);
    let name = ask.required_text("name", request::ALIAS_NAME)?;
    ask.require("routingConfiguration");
    let asked = routes(&mut ask)?.unwrap_or_default();
    ask.done()?;

    let registry = endpoint.registry();
    let (machine, routes) = settle(&asked)?;
    let machine_arn = registry.realm().state_machine(&machine);
    let now = registry.now();
    let created_at = registry
        .change(|state| {
            let known = state.machines.get(&machine).ok_or_else(ApiError::dangling)?;
            if known.deleting {
                return Err(ApiError::machine_deleting(&machine_arn));
            }
            all_there(known, &routes)?;
            if let Some(there) = known.aliases.get(name) {
                if there.routes == routes && there.description == description {
                    return Ok((Edit::Nothing, there.created_at));
                }
                return Err(ApiError::conflict(
                    "Failed to create alias because an alias with the same name and a different routing configuration \
                     already exists.",
                ));
            }
            if known.aliases.len() >= ALIASES_MAX {
                return Err(ApiError::quota(format!(
                    "The state machine '{machine}' has {ALIASES_MAX} aliases, which is the most it can have. Delete \
                     one."
                )));
            }
            let alias =
                Alias { name: name.to_owned(), description, routes, created_at: now, updated_at: now };
            let mut machine = (**known).clone();
            machine.aliases.insert(name.to_owned(), alias);
            let edit = MachineEdit { aliases: vec![name.to_owned()], ..MachineEdit::new(machine) };
            Ok((edit.into(), now))
        })
        .await?;
    Ok(json!({
        "creationDate": seconds(created_at),
        "stateMachineAliasArn": registry.realm().qualified(&machine, name),
    }))
}

/// The machine's and the alias's name.
fn alias_of(arn: &str) -> Result<(&str, &str), ApiError> {
    match names::state_machine(arn)? {
        (name, Some(alias)) if alias.parse::<u64>().is_err() => Ok((name, alias)),
        _ => Err(ApiError::validation(format!(
            "The ARN must be that of a state machine alias. Received: {arn}"
        ))),
    }
}

pub(super) async fn update(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineAliasArn", request::ARN)?;
    let description = ask.text("description", request::DESCRIPTION)?.map(str::to_owned);
    let asked = routes(&mut ask)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, alias) = alias_of(arn)?;
    if description.is_none() && asked.is_none() {
        return Err(ApiError::validation(
            "Either the description or the routing configuration must be specified",
        ));
    }
    let routes = asked.as_deref().map(settle).transpose()?;
    if routes.as_ref().is_some_and(|(machine, _)| machine != name) {
        return Err(ApiError::validation(format!(
            "Routing configuration must contain versions of the alias's own state machine '{name}'"
        )));
    }
    let now = registry.now();
    registry
        .change(|state| {
            let known = state.machines.get(name).ok_or_else(ApiError::dangling)?;
            let mut machine = (**known).clone();
            let changed = machine.aliases.get_mut(alias).ok_or_else(ApiError::dangling)?;
            if let Some((_, routes)) = routes {
                all_there(known, &routes)?;
                changed.routes = routes;
            }
            if description.is_some() {
                changed.description = description;
            }
            changed.updated_at = now;
            let edit = MachineEdit { aliases: vec![alias.to_owned()], ..MachineEdit::new(machine) };
            Ok((edit.into(), ()))
        })
        .await?;
    Ok(json!({"updateDate": seconds(now)}))
}

pub(super) fn describe(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineAliasArn", request::ARN)?;
    ask.done()?;

    let registry = endpoint.registry();
    let (name, alias) = alias_of(arn)?;
    let machine: Arc<Machine> = registry.machine(name).ok_or_else(ApiError::dangling)?;
    let Alias { name: alias, description, routes, created_at, updated_at } =
        machine.aliases.get(alias).ok_or_else(ApiError::dangling)?;
    let routing: Vec<_> = routes
        .iter()
        .map(|Route { version, weight }| {
            json!({"stateMachineVersionArn": registry.realm().qualified(name, version), "weight": weight})
        })
        .collect();
    let mut answer = json!({
        "creationDate": seconds(*created_at),
        "name": alias,
        "routingConfiguration": routing,
        "stateMachineAliasArn": arn,
        "updateDate": seconds(*updated_at),
    });
    if let Some(members) = answer.as_object_mut() {
        put(members, "description", description.clone());
    }
    Ok(answer)
}

pub(super) async fn delete(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineAliasArn", request::ARN)?;
    ask.done()?;

    let (name, alias) = alias_of(arn)?;
    endpoint
        .registry()
        .change(|state| {
            // One that is not there is deleted already.
            let known = state.machines.get(name).filter(|machine| machine.aliases.contains_key(alias));
            let Some(known) = known else { return Ok((Edit::Nothing, ())) };
            let mut machine = (**known).clone();
            machine.aliases.remove(alias);
            let edit = MachineEdit { aliases: vec![alias.to_owned()], ..MachineEdit::new(machine) };
            Ok((edit.into(), ()))
        })
        .await?;
    Ok(nothing())
}

pub(super) fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("stateMachineArn", request::ARN)?;
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["aliases", arn]);
    ask.done()?;
    let page_asked = page_asked?;

    let registry = endpoint.registry();
    let (name, qualifier) = names::state_machine(arn)?;
    let machine = registry.machine(name).filter(|_| registry.realm().owns(arn));
    let machine = machine.ok_or_else(|| ApiError::no_machine(arn))?;
    if machine.deleting {
        return Err(ApiError::machine_deleting(arn));
    }
    // A version's ARN asks for the aliases that lead to it.
    let version: Option<u64> = match qualifier {
        None => None,
        Some(number) => {
            let number = number.parse().ok().filter(|number| machine.versions.contains_key(number));
            Some(number.ok_or_else(ApiError::dangling)?)
        }
    };
    let aliases = machine.aliases.values().filter(|alias| {
        version.is_none_or(|number| alias.routes.iter().any(|route| route.version == number))
    });
    let items = aliases.map(|alias| {
        let shown = json!({
            "creationDate": seconds(alias.created_at),
            "stateMachineAliasArn": registry.realm().qualified(name, &alias.name),
        });
        (alias.name.clone(), shown)
    });
    let (items, next) = page_asked.cut(items.collect());
    Ok(page("stateMachineAliases", items, next))
}
