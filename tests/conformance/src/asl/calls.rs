//! A recorded API call: the calls before it are made again, then its own answer is compared.

use super::Case;
use super::answer;
use super::references::Answers;
use crate::outcome::Verdict;
use crate::stage::{Refusal, Stage};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a caller takes between two calls: what lists sort by time has an order.
const BETWEEN_CALLS: Duration = Duration::from_millis(5);

pub(super) async fn run(stage: &Stage, case: Case<'_>) -> Result<(Verdict, Value), String> {
    let mut answers = Answers::default();
    let mut names = NamelessStarts::of(case);
    for call in case.get("prior_calls").as_array().into_iter().flatten() {
        let operation = operation(call["op"].as_str().unwrap_or_default());
        // One that cannot be made had failed in the recording as well, or its lack shows in the answer.
        let Ok(mut request) = answers.resolve(&call["kwargs"]) else { continue };
        names.name(&operation, &mut request);
        wait_where_the_test_did(stage, &operation, &request).await?;
        if let Ok(answer) = stage.call(&operation, &request).await? {
            answers.add(answer);
        }
        stage.shared.clock.advance(BETWEEN_CALLS);
    }
    let operation = operation(case.get("op").as_str().unwrap_or_default());
    if is_made_before(case) {
        let _ = stage.call(&operation, &compact(case.get("args"))).await?;
    }
    let mut request = match answers.resolve(case.get("args")) {
        Ok(request) => request,
        Err(name) if is_from_elsewhere(case, &name) => {
            let reason = format!("needs what was made outside Step Functions ({name})");
            return Ok((Verdict::Skipped(reason), Value::Null));
        }
        Err(name) => return Err(format!("no earlier answer gave {name}")),
    };
    names.name(&operation, &mut request);
    wait_where_the_test_did(stage, &operation, &request).await?;
    let answer = stage.call(&operation, &request).await?;
    let checks = answer::check(case, &answer);
    let shown = json!({
        "operation": operation, "request": request, "expected": case.expected(), "found": shown(&answer),
    });
    Ok((Verdict::Run(checks), shown))
}

/// Whether the case expects that its resource is there already, and tells of no call that made it.
fn is_made_before(case: Case<'_>) -> bool {
    let there = case.expected()["Error"]["Code"].as_str().is_some_and(|code| code.ends_with("AlreadyExists"));
    there && case.get("prior_calls").as_array().is_none_or(Vec::is_empty)
}

/// The same request with another format of the definition: that much differed, or it would have been the same request.
fn compact(request: &Value) -> Value {
    let mut request = request.clone();
    let definition = request["definition"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(definition) = definition {
        request["definition"] = definition.to_string().into();
    }
    request
}

/// Whether no call of the test could have given the value: it came from a CloudFormation stack.
fn is_from_elsewhere(case: Case<'_>, name: &str) -> bool {
    let mut calls = case.get("prior_calls").as_array().into_iter().flatten();
    name.starts_with("outputs.")
        || name.ends_with("stateMachineArn") && !calls.any(|call| call["op"] == "create_state_machine")
}

pub(super) fn shown(answer: &Result<Value, Refusal>) -> Value {
    match answer {
        Ok(answer) => answer.clone(),
        Err(Refusal { code, message }) => json!({"refused": {"code": code, "message": message}}),
    }
}

/// From botocore's spelling (`create_state_machine`) to the protocol's.
fn operation(snake: &str) -> String {
    let name: String = snake
        .split('_')
        .map(|word| {
            let mut characters = word.chars();
            let first = characters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(characters).collect::<String>()
        })
        .collect();
    match name.as_str() {
        // botocore's own method is `start_sync_execution`; both spellings are one operation.
        "StartExecutionSync" => "StartSyncExecution".to_owned(),
        _ => name,
    }
}

/// The tests looked at histories and Map Runs once the execution had ended; all else they did at once.
async fn wait_where_the_test_did(stage: &Stage, operation: &str, request: &Value) -> Result<(), String> {
    stage.settle().await;
    let waits = matches!(operation, "GetExecutionHistory" | "ListMapRuns");
    if let (true, Some(arn)) = (waits, request["executionArn"].as_str()) {
        // One that does not end, or that there is not, shows in the answer.
        let _ = stage.pump(stage.shared.protocol()?.ended(arn)).await;
    }
    Ok(())
}

/// AWS gave names to executions that were started without one; the recorder renamed them `exec-uidNNNN`, counting up from
/// 1. `exec-uid0000` is one that never was.
struct NamelessStarts {
    names: std::collections::btree_set::IntoIter<String>,
}

impl NamelessStarts {
    fn of(case: Case<'_>) -> Self {
        let text = case.0.to_string();
        let all: BTreeSet<String> = Regex::new(r"exec-uid\d+")
            .map(|name| name.find_iter(&text).map(|found| found.as_str().to_owned()).collect())
            .unwrap_or_default();
        let all = all.into_iter().filter(|name| name != "exec-uid0000").collect::<BTreeSet<_>>();
        Self { names: all.into_iter() }
    }

    fn name(&mut self, operation: &str, request: &mut Value) {
        if operation == "StartExecution"
            && request.is_object()
            && request.get("name").is_none()
            && let Some(name) = self.names.next()
        {
            request["name"] = name.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_spelled_as_the_protocol_spells_them() {
        assert_eq!(operation("create_state_machine_alias"), "CreateStateMachineAlias");
        assert_eq!(operation("test_state"), "TestState");
    }

    #[test]
    fn nameless_starts_get_the_recorded_names_in_order() {
        let case = json!({"args": "x:exec-uid0003", "prior_calls": ["exec-uid0002", "exec-uid0000"]});
        let mut names = NamelessStarts::of(Case(&case));
        let mut name = |mut request: Value| {
            names.name("StartExecution", &mut request);
            request["name"].clone()
        };
        assert_eq!(name(json!({})), "exec-uid0002");
        assert_eq!(name(json!({"name": "mine"})), "mine");
        assert_eq!(name(json!({})), "exec-uid0003");
        assert_eq!(name(json!({})), Value::Null);
    }
}
