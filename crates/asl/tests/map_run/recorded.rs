//! Distributed Maps as AWS itself ran them, also those that read objects.

use super::world::{Answer, Execution, World};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use tenantry_asl::Closed;

/// The recordings; `None` where they are not at hand.
fn cases() -> Option<Vec<Value>> {
    let folder = option_env!("TENANTRY_CONFORMANCE").map(PathBuf::from);
    let folder = folder
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"));
    let file = folder.join("asl_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        let told = format!(
            "*** MAP RUNS NOT CHECKED: there is no {} (set TENANTRY_CONFORMANCE) ***",
            file.display()
        );
        writeln!(std::io::stderr(), "\n{told}\n").expect("standard error takes text");
        return None;
    };
    let cases = text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON"));
    Some(cases.filter(is_distributed).collect())
}

fn is_distributed(case: &Value) -> bool {
    case["kind"] == "execution"
        && case["definition"].as_str().is_some_and(|text| text.contains("DISTRIBUTED"))
        && case["other_machines"].as_array().is_none_or(Vec::is_empty)
}

#[test]
fn recorded_map_runs_are_run_as_aws_ran_them() {
    let Some(cases) = cases() else { return };
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap_or_default();
        if let Err(problem) = run(case) {
            wrong.push(format!("{name}\n    {problem}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn run(case: &Value) -> Result<(), String> {
    let text = case["definition"].as_str().unwrap_or_default();
    let definition = tenantry_asl::parse(text)
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let input = serde_json::from_str(case["input"].as_str().unwrap_or("{}")).map_err(|e| e.to_string())?;
    // All functions in these recordings give back what they are given.
    let mut world = World::new(|task, payload| {
        let input = Value::clone(&task.arguments);
        Answer::Success(if task.resource.contains(":function:") {
            input
        } else {
            json!({"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200})
        })
    });
    for call in case["other_calls"].as_array().into_iter().flatten() {
        if call["op"] == "put_object" {
            let of = |name: &str| call["kwargs"][name].as_str().unwrap_or_default();
            world.put(of("Bucket"), of("Key"), of("Body"));
        }
    }
    compare(&case["expected"], world.run(&Arc::new(definition), input))
}

fn compare(expected: &Value, found: &Execution) -> Result<(), String> {
    match (expected["status"].as_str(), found.state.closed()) {
        (Some("SUCCEEDED"), Some(Closed::Succeeded { output })) if *output == expected["output_json"] => {}
        (Some("FAILED"), Some(Closed::Failed { error, cause }))
            if error.as_deref() == expected["error"].as_str()
                && cause.as_deref() == expected["cause"].as_str() => {}
        (_, closed) => {
            let wanted =
                [&expected["status"], &expected["output_json"], &expected["error"], &expected["cause"]];
            return Err(format!("expected {wanted:?}, found {closed:?}"));
        }
    }
    let events = expected["events"].as_array().cloned().unwrap_or_default();
    let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    if types != found.types() {
        return Err(format!("expected {types:?}, found {:?}", found.types()));
    }
    for (event, found) in events.iter().zip(&found.history) {
        // AWS changed what this points at in 2024; recordings show both.
        let points = event["type"] == "MapStateExited" || event["previousEventId"] == found.previous_id;
        if event["id"] != found.id || !points {
            return Err(format!("expected {event}, found {found:?}"));
        }
        for (name, details) in found.details.as_object().into_iter().flatten() {
            for (member, value) in details.as_object().into_iter().flatten() {
                let wanted = &event[name][member];
                let random = wanted.as_str().is_some_and(|text| text.contains('<') || text == "map_run_arn");
                if !random && plain(wanted) != plain(value) {
                    return Err(format!("{name}.{member}: expected {wanted}, found {value}"));
                }
            }
        }
    }
    Ok(())
}

/// Text that is JSON as what it says: recordings hold some of it parsed.
fn plain(value: &Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    parsed.unwrap_or_else(|| value.clone())
}
