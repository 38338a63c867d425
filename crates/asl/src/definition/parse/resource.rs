//! A Task's resource.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html>

use super::Parser;
use super::fields::At;
use super::integrations;
use crate::definition::MachineType;
use crate::definition::model::{Resource, ResourceKind, WaitsFor};

impl Parser<'_> {
    pub(super) fn resource(&mut self, at: &At<'_>, machine_type: MachineType) -> Option<Resource> {
        let arn = self.string(at)?;
        match classify(arn) {
            Ok(resource) if machine_type == MachineType::Express => self.of_express(at, resource),
            Ok(resource) => Some(resource),
            Err(Unknown::NoArn) => {
                self.schema(at, "Value is not a valid resource ARN")
                    .hint("such as arn:aws:states:::lambda:invoke");
                None
            }
            Err(Unknown::NotRecognized) => {
                let message = format!(
                    "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
                );
                self.schema(at, message);
                None
            }
        }
    }

    /// What an Express machine may not call. AWS's words have a space too many for one of the patterns.
    fn of_express(&mut self, at: &At<'_>, resource: Resource) -> Option<Resource> {
        let why = match (resource.kind, resource.waits_for) {
            (ResourceKind::Activity, _) => "Activity ARN",
            (_, WaitsFor::Job | WaitsFor::JobAsJson) => "'.sync' service integration",
            (_, WaitsFor::Token) => "'.waitForTaskToken' service integration ",
            (_, WaitsFor::Response) => return Some(resource),
        };
        self.schema(at, format!("Express state machine does not support {why}"))
            .hint("it ends within five minutes: use a Standard machine");
        None
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Unknown {
    NoArn,
    NotRecognized,
}

fn classify(arn: &str) -> Result<Resource, Unknown> {
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, rest) =
        (part(), part(), part(), part(), part(), part());
    if scheme != "arn" || partition.is_empty() || service.is_empty() || rest.is_empty() {
        return Err(Unknown::NoArn);
    }
    let plain = |kind| Resource {
        arn: arn.to_owned(),
        kind,
        service: String::new(),
        api: String::new(),
        waits_for: if kind == ResourceKind::Activity { WaitsFor::Token } else { WaitsFor::Response },
        waits_for_token: false,
    };
    match service {
        "lambda" => match rest.strip_prefix("function:") {
            Some(name) if is_function(name) => Ok(plain(ResourceKind::Function)),
            Some(_) => Err(Unknown::NoArn),
            None => Err(Unknown::NotRecognized),
        },
        "states" => match rest.strip_prefix("activity:") {
            Some("") => Err(Unknown::NotRecognized),
            Some(_) if region.is_empty() || account.is_empty() => Err(Unknown::NotRecognized),
            Some(_) => Ok(plain(ResourceKind::Activity)),
            None => integration(arn, rest),
        },
        _ => Err(Unknown::NotRecognized),
    }
}

/// A function's name, alone or with a version or alias.
fn is_function(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match text.split_once(':') {
        Some((name, qualifier)) => word(name) && (qualifier == "$LATEST" || word(qualifier)),
        None => word(text),
    }
}

/// `<service>:<action><suffix>`, `aws-sdk:<service>:<action><suffix>`.
fn integration(arn: &str, rest: &str) -> Result<Resource, Unknown> {
    let (service, api) = rest.rsplit_once(':').ok_or(Unknown::NotRecognized)?;
    // The suffix `.sync:2` has a colon of its own.
    let (service, api) = match (api, service.rsplit_once(':')) {
        ("2", Some((service, action))) if action.ends_with(".sync") => (service, format!("{action}:2")),
        _ => (service, api.to_owned()),
    };
    let (action, suffix) = api.split_once('.').unwrap_or((&api, ""));
    let waits_for = match suffix {
        "" if !api.ends_with('.') => WaitsFor::Response,
        "sync" => WaitsFor::Job,
        "sync:2" => WaitsFor::JobAsJson,
        "waitForTaskToken" => WaitsFor::Token,
        _ => return Err(Unknown::NotRecognized),
    };
    if !integrations::offers(service, action, waits_for) {
        return Err(Unknown::NotRecognized);
    }
    Ok(Resource {
        arn: arn.to_owned(),
        kind: ResourceKind::Service,
        service: service.to_owned(),
        waits_for,
        waits_for_token: waits_for == WaitsFor::Token,
        api,
    })
}
