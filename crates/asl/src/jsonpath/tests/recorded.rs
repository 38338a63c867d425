//! Recorded executions that are nothing but Pass states with paths, run by a few lines that know no more of the
//! States Language than those need.

use crate::ContextObject;
use crate::jsonpath::{Failure, Path, PayloadTemplate, ReferenceError, ReferencePath, Scope};
use crate::state::Variables;
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::Arc;

/// How many recorded executions must give the recorded output or cause. It only ever grows.
const PASSED_FLOOR: usize = 126;

fn recordings() -> Option<String> {
    let folder = option_env!("TENANTRY_CONFORMANCE").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance").to_owned(),
        str::to_owned,
    );
    let file = format!("{folder}/asl_cases.jsonl");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) => {
            // Not by `eprintln!`, which the test harness swallows.
            let told = format!("*** JSONPATH NOT CHECKED: {file}: {error} (set TENANTRY_CONFORMANCE) ***");
            writeln!(std::io::stderr(), "\n{told}\n").expect("standard error takes text");
            None
        }
    }
}

#[test]
fn recorded_pass_states_give_what_was_recorded() {
    let Some(text) = recordings() else { return };
    let (mut run, mut passed) = (0, 0);
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a recording is JSON");
        let Some(definition) = chain_of_passes(&case) else { continue };
        run += 1;
        let found = execute(&definition, &case);
        let problem = match (&found, case["expected"]["status"].as_str()) {
            (Ok(output), Some("SUCCEEDED")) => difference(&case["expected"]["output_json"], output),
            (Err((state, failure)), Some("FAILED")) => {
                let cause = case["expected"]["cause"].as_str().unwrap_or_default();
                let begins = format!(
                    "An error occurred while executing the state '{state}' (entered at the event id #"
                );
                let told = cause
                    .strip_prefix(&begins)
                    .and_then(|rest| rest.split_once("). "))
                    .map_or(cause, |(_, it)| it);
                match told.split_once("'<json-input:1>'") {
                    Some((told, _)) if failure.cause.starts_with(told) => None,
                    _ if failure.cause == told => None,
                    _ => Some(format!("cause {:?}, recorded {told:?}", failure.cause)),
                }
            }
            (found, recorded) => Some(format!("{found:?}, recorded {recorded:?}")),
        };
        match problem {
            None => passed += 1,
            Some(problem) => wrong.push(format!("{}: {problem}", case["name"])),
        }
    }
    println!("{run} recorded executions are chains of Pass states with JSONPath, {passed} pass");
    for problem in &wrong {
        println!("  {problem}");
    }
    assert!(
        passed >= PASSED_FLOOR,
        "{passed} of {run} pass, which is fewer than {PASSED_FLOOR}:\n{wrong:#?}"
    );
}

/// The definition, where it is nothing but Pass states in a row and the recording can be relied on.
fn chain_of_passes(case: &Value) -> Option<Value> {
    if case["kind"] != "execution" || case["volatile"] == true || case["input_check"] == "differs" {
        return None;
    }
    let text = case["definition"].as_str()?;
    let definition: Value = serde_json::from_str(text).ok()?;
    let passes = definition["States"].as_object()?.values().all(|state| state["Type"] == "Pass");
    (passes && !text.contains("JSONata")).then_some(definition)
}

fn execute(definition: &Value, case: &Value) -> Result<Value, (String, Failure)> {
    let input: Value = case["input"]
        .as_str()
        .map_or(json!({}), |text| serde_json::from_str(text).expect("the input is JSON"));
    let mut variables = Variables::new();
    let mut data = input.clone();
    let mut name = definition["StartAt"].as_str().expect("a first state").to_owned();
    loop {
        let state = &definition["States"][&name];
        data = pass(state, data, &mut variables, &input, &name).map_err(|failure| (name.clone(), failure))?;
        match state["Next"].as_str() {
            Some(next) => next.clone_into(&mut name),
            None => return Ok(data),
        }
    }
}

fn pass(
    state: &Value,
    data: Value,
    variables: &mut Variables,
    input: &Value,
    name: &str,
) -> Result<Value, Failure> {
    let context = ContextObject::new(|| {
        // The recorder's own names for what it made.
        let machine = ["statemachine_create_and_record_execution_uid0001", "statemachine_uid0001"];
        let machine = machine[usize::from(name.starts_with("State_0") || name == "State0")];
        let arn = |kind: &str| format!("arn:aws:states:us-east-1:111111111111:{kind}:{machine}");
        json!({
            "Execution": {
                "Id": format!("{}:exec-uid0002", arn("execution")), "Input": input, "StartTime": "date",
                "Name": "exec-uid0002", "RoleArn": "arn:aws:iam::111111111111:role/sfn-role", "RedriveCount": 0,
            },
            "StateMachine": {"Id": arn("stateMachine"), "Name": machine},
            "State": {"Name": name, "EnteredTime": "date"},
        })
    });
    let select = |field: &str, value: Value, variables: &Variables| match &state[field] {
        Value::String(path) => {
            let path = Path::parse(path).expect("a recorded path is one");
            let scope = Scope { input: &value, context: &context, variables: &[variables], seed: 1 };
            path.get(&scope).map_err(|error| Failure::of_path(&error))
        }
        Value::Null if state.get(field).is_some() => Ok(json!({})),
        _ => Ok(value),
    };
    let selected = select("InputPath", data.clone(), variables)?;
    let scope = Scope { input: &selected, context: &context, variables: &[variables], seed: 1 };
    let compiled = |template: &Value| PayloadTemplate::compile(template).expect("a recorded template is one");
    let parameters = match state.get("Parameters") {
        Some(template) => (*compiled(template).evaluate(&scope)?).clone(),
        None => selected,
    };
    let result = state.get("Result").cloned().unwrap_or(parameters);
    let assigned = match state.get("Assign") {
        Some(template) => {
            let scope = Scope { input: &result, context: &context, variables: &[variables], seed: 1 };
            compiled(template).evaluate_members(&scope)?
        }
        None => Vec::new(),
    };
    let mut output = data;
    match state.get("ResultPath") {
        Some(Value::String(path)) => {
            let path = ReferencePath::parse(path).expect("a recorded ResultPath is one");
            path.set(&mut output, result)
                .map_err(|error| Failure { error: ReferenceError::NAME, cause: error.to_string() })?;
        }
        Some(_) => {}
        None => output = result,
    }
    let output = select("OutputPath", output, variables)?;
    variables.extend(assigned.into_iter().map(|(name, value)| (name, Arc::clone(&value))));
    Ok(output)
}

/// Where they differ first. What the recorder put in the place of chance and time stands for anything.
fn difference(recorded: &Value, found: &Value) -> Option<String> {
    let same = match (recorded, found) {
        (Value::Object(left), Value::Object(right)) => {
            if left.len() != right.len() {
                return Some(format!("{}, recorded {}", cut(found), cut(recorded)));
            }
            return left.iter().find_map(|(name, value)| match right.get(name) {
                Some(other) => difference(value, other),
                None => Some(format!("no {name}")),
            });
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            return left.iter().zip(right).find_map(|(left, right)| difference(left, right));
        }
        (Value::String(token), other) if token == "RandomNumberGenerated" => other.is_i64(),
        (Value::String(token), _) if token.starts_with('<') && token.ends_with('>') => true,
        (Value::String(token), _) if token == "date" => true,
        (left, right) => left == right || left.as_f64().is_some_and(|left| right.as_f64() == Some(left)),
    };
    (!same).then(|| format!("{}, recorded {}", cut(found), cut(recorded)))
}

fn cut(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
