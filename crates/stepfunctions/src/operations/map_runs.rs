//! Map Runs: DescribeMapRun, ListMapRuns, UpdateMapRun.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html>

use super::describe_execution::execution_id;
use super::{Request, nothing, page, put, seconds};
use crate::page::Page;
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error, names};
use serde_json::{Map, Value, json};
use tenantry_asl::{MapRunCounts, MapRunView};
use tenantry_core::{Arn, ExecutionId, Timestamp};
use tenantry_engine::MapRunLimits;

/// Refuses what is no Map Run's ARN of this realm.
///
/// # Errors
/// `InvalidArn`; `ResourceNotFound`.
pub(super) fn check(endpoint: &Endpoint, arn: &str) -> Result<(), ApiError> {
    names::resource(arn, &["mapRun"])?;
    match Arn::parse(arn) {
        Some(Arn::MapRun { .. }) if endpoint.registry().realm().owns(arn) => Ok(()),
        _ => Err(ApiError::no_resource(arn)),
    }
}

/// The Map Run of an ARN, and its execution.
///
/// # Errors
/// As [`check`]; the engine's.
pub(super) async fn find(endpoint: &Endpoint, arn: &str) -> Result<(ExecutionId, MapRunView), ApiError> {
    check(endpoint, arn)?;
    let found = endpoint.engine().map_run(arn).await.map_err(error::of_execution(arn))?;
    found.ok_or_else(|| ApiError::no_resource(arn))
}

fn at(millis: i64) -> Value {
    seconds(Timestamp::from_millis(millis))
}

fn counts(counts: &MapRunCounts) -> Value {
    let MapRunCounts {
        pending,
        running,
        succeeded,
        failed,
        timed_out,
        aborted,
        total,
        results_written,
        pending_redrive,
        ..
    } = counts;
    json!({
        "pending": pending, "running": running, "succeeded": succeeded, "failed": failed, "timedOut": timed_out,
        "aborted": aborted, "total": total, "resultsWritten": results_written,
        "pendingRedrive": pending_redrive,
    })
}

pub(super) async fn describe(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("mapRunArn", request::LONG_ARN)?;
    ask.done()?;
    let (owner, run) = find(endpoint, arn).await?;
    let mut answer = Map::new();
    put(&mut answer, "mapRunArn", Some(arn));
    let realm = endpoint.registry().realm();
    put(&mut answer, "executionArn", Some(realm.execution(owner.workflow(), owner.name())));
    put(&mut answer, "status", Some(run.status.as_str()));
    put(&mut answer, "startDate", Some(at(run.started_at_ms)));
    put(&mut answer, "stopDate", run.stopped_at_ms.map(at));
    put(&mut answer, "maxConcurrency", Some(run.max_concurrency));
    put(&mut answer, "toleratedFailurePercentage", Some(run.tolerated_failure_percentage));
    put(&mut answer, "toleratedFailureCount", Some(run.tolerated_failure_count));
    put(&mut answer, "itemCounts", Some(counts(&run.items)));
    put(&mut answer, "executionCounts", Some(counts(&run.executions)));
    put(&mut answer, "redriveCount", Some(run.redrive_count));
    put(&mut answer, "redriveDate", run.redriven_at_ms.map(at));
    Ok(Value::Object(answer))
}

pub(super) async fn list(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["map runs", arn]);
    ask.done()?;
    let id = execution_id(endpoint.registry().realm(), arn)?;
    let page_asked = page_asked?;
    let inspection = endpoint.engine().inspect(&id).await.map_err(error::of_execution(arn))?;
    // Newest first: keys must ascend.
    let items = inspection.map_runs.iter().enumerate().rev().map(|(index, run)| {
        let mut shown = Map::new();
        put(&mut shown, "executionArn", Some(arn));
        put(&mut shown, "mapRunArn", Some(run.arn.as_str()));
        put(&mut shown, "stateMachineArn", Some(run.state_machine_arn.as_str()));
        put(&mut shown, "startDate", Some(at(run.started_at_ms)));
        put(&mut shown, "stopDate", run.stopped_at_ms.map(at));
        (format!("{:020}", usize::MAX - index), Value::Object(shown))
    });
    let (items, next) = page_asked.cut(items.collect());
    Ok(page("mapRuns", items, next))
}

pub(super) async fn update(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("mapRunArn", request::LONG_ARN)?;
    let max_concurrency = ask.integer("maxConcurrency", 0, i64::from(i32::MAX))?;
    let tolerated_failure_percentage = ask.float("toleratedFailurePercentage", 0.0, 100.0)?;
    let tolerated_failure_count = ask.integer("toleratedFailureCount", 0, i64::MAX)?;
    ask.done()?;
    check(endpoint, arn)?;
    let limits = MapRunLimits {
        max_concurrency: max_concurrency.and_then(|number| number.try_into().ok()),
        tolerated_failure_count: tolerated_failure_count.and_then(|number| number.try_into().ok()),
        tolerated_failure_percentage,
    };
    if limits == MapRunLimits::default() {
        return Err(ApiError::validation(
            "At least one of maxConcurrency, toleratedFailurePercentage or toleratedFailureCount must be specified",
        ));
    }
    let known = endpoint.engine().update_map_run(arn, limits).await.map_err(error::of_execution(arn))?;
    if known { Ok(nothing()) } else { Err(ApiError::no_resource(arn)) }
}
