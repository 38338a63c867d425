//! A recorded execution: run, and compared in status, output and history, or in the answer to the call that the case
//! is about.

use super::Case;
use super::answer;
use super::calls::shown;
use super::flow::{self, Begun};
use crate::compare::{Comparison, Difference};
use crate::outcome::{Aspect, Checks, Verdict};
use crate::stage::Stage;
use serde_json::{Value, json};

pub(super) async fn run(stage: &Stage, case: Case<'_>) -> Result<(Verdict, Value), String> {
    let begun = flow::begin(stage, case).await?;
    let answer = match case.kind() {
        "create-error" => Some(begun.create.clone()),
        "api:stop_execution" => begun.stop.clone(),
        "api:start_execution" | "sync-execution" => begun.start.clone(),
        _ => None,
    };
    if let Some(answer) = answer {
        let answer = answer.map(|answer| as_recorded(case, &begun, &answer));
        let told = json!({"expected": case.expected(), "found": shown(&answer)});
        return Ok((Verdict::Run(answer::check(case, &answer)), told));
    }
    let arn = match (begun.refusal(), begun.execution_arn()) {
        (None, Some(arn)) => arn.to_owned(),
        (refusal, _) => return Err(refusal.unwrap_or_else(|| "it was not started".to_owned())),
    };
    // One that does not end is compared as it stands: its status says so.
    let stuck = stage.pump(stage.shared.protocol()?.ended(&arn)).await.and_then(|ended| ended).err();
    if let "logs" | "express-end-event" = case.kind() {
        return logged(stage, case, &begun, &arn, stuck).await;
    }
    let described = stage.call("DescribeExecution", &json!({"executionArn": arn})).await?;
    if case.kind() == "describe" {
        let told = json!({"expected": case.expected(), "found": shown(&described)});
        return Ok((Verdict::Run(answer::check(case, &described)), told));
    }
    let described = described.map_err(|refusal| format!("DescribeExecution: {}", refusal.message))?;
    let mut events = history(stage, case, &arn).await?;
    let expected = case.expected();
    let mut comparison = answer::comparison(case);
    let result = result(expected, &described, stuck.as_deref(), &mut comparison);
    let mut checks = Checks::from([(Aspect::Result, result)]);
    if let Some(wanted) = expected["events"].as_array() {
        if expected["status"].is_null() {
            // The recording stops while the execution still ran.
            events.truncate(wanted.len());
        }
        let check = comparison.history(wanted, &events, &case.unordered());
        checks.insert(Aspect::Types, check.types);
        checks.insert(Aspect::Details, check.details);
    }
    let found = json!({"described": described, "events": events, "stuck": stuck});
    Ok((Verdict::Run(checks), json!({"expected": expected, "found": found})))
}

/// The recorder renamed the UUID of Express executions; ours becomes the recorded one.
fn as_recorded(case: Case<'_>, begun: &Begun, value: &Value) -> Value {
    let Some(ours) = begun.execution_arn().filter(|_| case.is_express()) else { return value.clone() };
    let text = value.to_string().replace(ours, case.execution_arn());
    serde_json::from_str(&text).unwrap_or_else(|_| value.clone())
}

async fn logged(
    stage: &Stage,
    case: Case<'_>,
    begun: &Begun,
    arn: &str,
    stuck: Option<String>,
) -> Result<(Verdict, Value), String> {
    if let Some(stuck) = stuck {
        return Err(stuck);
    }
    let entries = stage.shared.protocol()?.log(arn, case.get("logging")).await?;
    let found = match case.kind() {
        "express-end-event" => entries.last().cloned().unwrap_or(Value::Null),
        _ => Value::Array(entries),
    };
    let found = as_recorded(case, begun, &found);
    let check = answer::comparison(case).value(case.expected(), &found);
    let told = json!({"expected": case.expected(), "found": found});
    Ok((Verdict::Run(Checks::from([(Aspect::Result, check)])), told))
}

/// The whole history, page by page.
async fn history(stage: &Stage, case: Case<'_>, arn: &str) -> Result<Vec<Value>, String> {
    let mut events = Vec::new();
    let recorded = case.expected()["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reverse = recorded.len() > 1 && recorded.last().is_some_and(|event| event["id"] == 1);
    let mut request = json!({
        "executionArn": arn, "maxResults": 1_000, "includeExecutionData": true, "reverseOrder": reverse,
    });
    loop {
        let page = stage.call("GetExecutionHistory", &request).await?;
        let page = page.map_err(|refusal| format!("GetExecutionHistory: {}", refusal.message))?;
        events.extend(page["events"].as_array().into_iter().flatten().cloned());
        match &page["nextToken"] {
            Value::String(token) => request["nextToken"] = token.as_str().into(),
            _ => return Ok(events),
        }
    }
}

fn result(
    expected: &Value,
    described: &Value,
    stuck: Option<&str>,
    comparison: &mut Comparison,
) -> Result<(), Difference> {
    if !expected["status"].is_null() && expected["status"] != described["status"] {
        let text = |name: &str| described[name].as_str().unwrap_or_default().to_owned();
        let found =
            format!("{} {} {} {}", text("status"), text("error"), text("cause"), stuck.unwrap_or_default());
        return Err(Difference::new(expected["status"].to_string(), found.trim_end()).within("status"));
    }
    if let Some(wanted) = expected.get("output_json") {
        let output = described["output"].as_str().unwrap_or("null");
        let output = serde_json::from_str(output).unwrap_or(Value::Null);
        comparison.value(wanted, &output).map_err(|difference| difference.within("output "))?;
    }
    let ended = !expected["status"].is_null();
    for name in ["error", "cause"].into_iter().filter(|_| ended) {
        let (wanted, found) = (&expected[name], &described[name]);
        comparison.value(wanted, found).map_err(|difference| difference.within(&format!("{name} ")))?;
    }
    Ok(())
}
