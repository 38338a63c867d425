//! Recorded executions of Step Functions, run through `step`: the same status, output and history.
//!
//! The recordings are no part of this repository. They are read from the folder that `TENANTRY_CONFORMANCE` names, or
//! from `../shared/conformance` beside the checkout; where they are absent, the test says so.

mod support;

use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use support::{Answer, Simulation, invoked};
use tenantry_asl::{Closed, PendingTask, parse};

/// How many recorded executions must match in status, output and the order of event types. It only ever grows.
const PASSED_FLOOR: usize = 92;

fn recordings() -> Option<PathBuf> {
    let folder = option_env!("TENANTRY_CONFORMANCE").map(PathBuf::from);
    let folder = folder
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"));
    let file = folder.join("asl_cases.jsonl");
    if file.exists() {
        return Some(file);
    }
    // Not by `eprintln!`, which the test harness swallows.
    let told =
        format!("*** CONFORMANCE NOT CHECKED: there is no {} (set TENANTRY_CONFORMANCE) ***", file.display());
    writeln!(std::io::stderr(), "\n{told}\n").expect("standard error takes text");
    None
}

#[test]
fn recorded_executions_run_as_recorded() {
    let Some(file) = recordings() else { return };
    let text = fs::read_to_string(file).expect("the recordings can be read");
    let (mut in_scope, mut passed, mut whole) = (0, 0, 0);
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a recording is JSON");
        if !is_in_scope(&case) {
            continue;
        }
        in_scope += 1;
        match run(&case) {
            Ok(Depth::Types(difference)) => {
                passed += 1;
                wrong.push(format!("only types: {}: {difference}", case["name"]));
            }
            Ok(Depth::Whole) => {
                passed += 1;
                whole += 1;
            }
            Err(problem) => wrong.push(format!("{}: {problem}", case["name"])),
        }
    }
    println!("{in_scope} recorded executions in scope, {passed} pass, {whole} of them to every detail");
    for problem in &wrong {
        println!("  {problem}");
    }
    assert!(passed >= PASSED_FLOOR, "{passed} pass, {PASSED_FLOOR} must");
}

enum Depth {
    /// Status, output and event types; what differs in the details.
    Types(String),
    Whole,
}

fn run(case: &Value) -> Result<Depth, String> {
    let definition = case["definition"].as_str().ok_or("no definition")?;
    let definition =
        parse(definition).map_err(|d| d.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let input = match &case["input"] {
        Value::String(text) => serde_json::from_str(text).map_err(|e| format!("input: {e}"))?,
        Value::Null => serde_json::json!({}),
        other => other.clone(),
    };
    let mut simulation = Simulation::start(&definition, input);
    let lambdas = case["lambdas"].clone();
    simulation.run(|task| answer(&lambdas, task));
    let closed = simulation.state.closed().ok_or("it did not end")?;
    let expected = &case["expected"];
    let (status, output) = match closed {
        Closed::Succeeded { output } => ("SUCCEEDED", Some(output)),
        Closed::Failed { .. } => ("FAILED", None),
        Closed::TimedOut => ("TIMED_OUT", None),
        Closed::Aborted { .. } => ("ABORTED", None),
    };
    if expected["status"] != status {
        return Err(format!("expected {}, got {closed:?}", expected["status"]));
    }
    if let Some(wanted) = expected.get("output_json") {
        same(wanted, output.unwrap_or(&Value::Null)).map_err(|e| format!("output{e}"))?;
    }
    for (field, text) in [("error", 0), ("cause", 1)] {
        if let (Some(wanted), Closed::Failed { error, cause }) = (expected.get(field), closed) {
            let got = if text == 0 { error } else { cause };
            let got = got.as_deref().map_or(Value::Null, Value::from);
            same(wanted, &got).map_err(|e| format!("{field}{e}"))?;
        }
    }
    let Some(events) = expected["events"].as_array() else { return Ok(Depth::Whole) };
    // In the recordings of Parallel states, what lies between the start and the end is sorted, without its ids.
    let sorted = events.iter().any(|event| event["id"].is_array());
    let mut ours: Vec<&str> = simulation.types();
    let mut theirs: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    if sorted {
        // The recorder dropped these two where it sorted.
        ours.retain(|kind| !matches!(*kind, "ParallelStateSucceeded" | "ParallelStateFailed"));
        theirs.retain(|kind| !matches!(*kind, "ParallelStateSucceeded" | "ParallelStateFailed"));
        ours.sort_unstable();
        theirs.sort_unstable();
    }
    if ours != theirs {
        return Err(format!("events\n      expected {theirs:?}\n      got      {ours:?}"));
    }
    if sorted {
        return Ok(Depth::Whole);
    }
    for (wanted, got) in events.iter().zip(&simulation.history) {
        let previous = wanted["previousEventId"].as_u64();
        if previous != Some(got.previous_id) {
            return Ok(Depth::Types(format!(
                "#{} {} points at {}, not {previous:?}",
                got.id, got.event_type, got.previous_id
            )));
        }
        for (name, wanted) in
            wanted.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("Details"))
        {
            let got_details = got.details.get(name).unwrap_or(&Value::Null);
            if let Err(difference) = same(wanted, got_details) {
                return Ok(Depth::Types(format!("#{} {}: {name}{difference}", got.id, got.event_type)));
            }
        }
    }
    Ok(Depth::Whole)
}

fn answer(lambdas: &Value, task: &PendingTask) -> Answer {
    let function = support::function(task).rsplit(':').next().unwrap_or_default();
    match lambdas[function].as_str() {
        Some("IDENTITY") => invoked(task.arguments["Payload"].clone()),
        Some("CONST_HELLO_WORLD") => invoked(serde_json::json!({"Return": "HelloWorld"})),
        Some("RAISE_EXCEPTION") => {
            let cause = r#"{"errorMessage":"Some exception was raised.","errorType":"Exception","requestId":"1","stackTrace":["  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was raised.\")\n"]}"#;
            Answer::Failure("Exception", Some(cause.to_owned()))
        }
        Some("SLEEP_60S_THEN_IDENTITY") => {
            Answer::Later(60_000, Box::new(invoked(task.arguments["Payload"].clone())))
        }
        other => panic!("the test knows no function {function}: {other:?}"),
    }
}

/// In scope: JSONata everywhere, the states and resources that the interpreter has, and an input that was not masked.
fn is_in_scope(case: &Value) -> bool {
    fn machine(machine: &Value, inherited: &str) -> bool {
        let language = machine["QueryLanguage"].as_str().unwrap_or(inherited);
        machine["States"].as_object().is_some_and(|states| states.values().all(|s| state(s, language)))
    }
    fn state(state: &Value, inherited: &str) -> bool {
        let language = state["QueryLanguage"].as_str().unwrap_or(inherited);
        let later = [
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
            "ToleratedFailureCount",
            "ToleratedFailurePercentage",
        ];
        let resource = state["Resource"].as_str().unwrap_or("arn:aws:states:::lambda:invoke");
        let inner = state["Branches"].as_array().into_iter().flatten();
        language == "JSONata"
            && later.iter().all(|field| state.get(field).is_none())
            && resource == "arn:aws:states:::lambda:invoke"
            && state["ItemProcessor"]["ProcessorConfig"]["Mode"] != "DISTRIBUTED"
            && inner.chain(state.get("ItemProcessor")).all(|inner| machine(inner, language))
    }
    case["kind"] == "execution"
        && case["in_scope"] == true
        && case["machine_type"] == "STANDARD"
        && case["definition"]
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .is_some_and(|definition| machine(&definition, "JSONPath"))
}

/// Whether two values are the same but for what the recorder masked; where not, the path and both.
fn same(wanted: &Value, got: &Value) -> Result<(), String> {
    const IGNORED: &[&str] = &["SdkHttpMetadata", "SdkResponseMetadata", "ResponseMetadata"];
    match (wanted, got) {
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            // The recorder parsed what AWS gives as JSON text.
            let parsed: Value =
                serde_json::from_str(text).map_err(|_| format!(": expected {wanted}, got {got}"))?;
            same(wanted, &parsed)
        }
        (Value::Object(wanted), Value::Object(got)) => {
            let names = wanted.keys().chain(got.keys()).filter(|name| !IGNORED.contains(&name.as_str()));
            for name in names {
                let (a, b) = (wanted.get(name), got.get(name));
                match (a, b) {
                    (Some(a), Some(b)) => same(a, b).map_err(|e| format!("/{name}{e}"))?,
                    _ => return Err(format!("/{name}: expected {a:?}, got {b:?}")),
                }
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (index, (a, b)) in wanted.iter().zip(got).enumerate() {
                same(a, b).map_err(|e| format!("/{index}{e}"))?;
            }
            Ok(())
        }
        (Value::String(wanted), _) if ["date", "timestamp", "datetime"].contains(&wanted.as_str()) => Ok(()),
        (Value::String(wanted), Value::String(got)) if same_text(wanted, got) => Ok(()),
        (Value::String(wanted), Value::String(got)) => {
            match (serde_json::from_str::<Value>(wanted), serde_json::from_str::<Value>(got)) {
                (Ok(a), Ok(b)) if !a.is_string() => same(&a, &b),
                _ => Err(format!(": expected {wanted:?}, got {got:?}")),
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        (wanted, got) if wanted == got => Ok(()),
        (wanted, got) => Err(format!(": expected {wanted}, got {got}")),
    }
}

/// Whether a text is the wanted one, in which `<word>` and `<word:N>` stand for anything.
fn same_text(wanted: &str, got: &str) -> bool {
    let Some((before, after)) = wanted.split_once('<').and_then(|(before, rest)| {
        let (token, after) = rest.split_once('>')?;
        let is_token =
            !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || "-_:".contains(c));
        is_token.then_some((before, after))
    }) else {
        return wanted == got;
    };
    let Some(rest) = got.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| same_text(after, &rest[at..]))
}
