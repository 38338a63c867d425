//! Activities, and the workers' long poll.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html>

use super::{Request, nothing, page, seconds, settings};
use crate::page::Page;
use crate::registry::{Activity, Edit, Tags};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, names};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Most activities. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const ACTIVITIES_MAX: usize = 100_000;
/// How long a worker's question is held open. <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html>
const POLL: Duration = Duration::from_secs(60);

pub(super) async fn create(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let name = ask.required_text("name", request::NAME)?;
    let tags = settings::tags(&mut ask)?;
    let encryption = settings::encryption(&mut ask)?.unwrap_or_default();
    ask.done()?;

    names::check_name(name)?;
    let registry = endpoint.registry();
    let arn = registry.realm().activity(name);
    let mut kept_tags = Tags::new();
    settings::add_tags(&mut kept_tags, tags.unwrap_or_default(), &arn)?;
    let now = registry.now();
    let created_at = registry
        .change(|state| {
            if let Some(known) = state.activities.get(name) {
                // Sent again it creates nothing; other tags do not matter.
                if known.encryption != encryption {
                    return Err(ApiError::new(
                        "ActivityAlreadyExists",
                        format!("Activity Already Exists: '{arn}'"),
                    ));
                }
                return Ok((Edit::Nothing, known.created_at));
            }
            if state.activities.len() >= ACTIVITIES_MAX {
                return Err(ApiError::new(
                    "ActivityLimitExceeded",
                    format!("Activity Limit Exceeded: '{ACTIVITIES_MAX}'"),
                ));
            }
            let activity = Activity { name: name.to_owned(), created_at: now, encryption, tags: kept_tags };
            Ok((Edit::Activity(activity), now))
        })
        .await?;
    Ok(json!({"activityArn": arn, "creationDate": seconds(created_at)}))
}

fn find(endpoint: &Endpoint, arn: &str) -> Result<Arc<Activity>, ApiError> {
    let name = names::activity(arn)?;
    let registry = endpoint.registry();
    registry.activity(name).filter(|_| registry.realm().owns(arn)).ok_or_else(|| ApiError::no_activity(arn))
}

pub(super) fn describe(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("activityArn", request::ARN)?;
    ask.done()?;
    let activity = find(endpoint, arn)?;
    Ok(json!({
        "activityArn": arn,
        "creationDate": seconds(activity.created_at),
        "encryptionConfiguration": activity.encryption.to_json(),
        "name": activity.name,
    }))
}

pub(super) async fn delete(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("activityArn", request::ARN)?;
    ask.done()?;
    let name = names::activity(arn)?;
    let registry = endpoint.registry();
    registry
        .change(|state| {
            let there = state.activities.contains_key(name) && registry.realm().owns(arn);
            Ok((if there { Edit::DropActivity(name.to_owned()) } else { Edit::Nothing }, ()))
        })
        .await?;
    Ok(nothing())
}

pub(super) fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["activities"]);
    ask.done()?;
    let page_asked = page_asked?;
    let registry = endpoint.registry();
    let state = registry.state();
    let items = state.activities.values().map(|activity| {
        let shown = json!({
            "activityArn": registry.realm().activity(&activity.name),
            "name": activity.name,
            "creationDate": seconds(activity.created_at),
        });
        (activity.name.clone(), shown)
    });
    let (items, next) = page_asked.cut(items.collect());
    Ok(page("activities", items, next))
}

/// The oldest task that waits, or after a minute nothing.
pub(super) async fn task(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("activityArn", request::ARN)?;
    let worker = ask.text("workerName", request::NAME)?;
    ask.done()?;
    if let Some(worker) = worker {
        names::check_name(worker)?;
    }
    find(endpoint, arn)?;
    let task = endpoint.engine().activity_task(arn, worker, POLL).await;
    let task = task.map_err(crate::error::of_execution(arn))?;
    Ok(match task {
        Some(task) => json!({"taskToken": task.token, "input": task.input}),
        None => nothing(),
    })
}
