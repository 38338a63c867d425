//! The definition and the registry agree, and the way back mirrors the way forward. What the language itself demands
//! is checked where the definition is parsed.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_handlers::{REGISTRY, error};

const TEXT: &str = include_str!("../../workflows/provision_tenant.asl.json");
const NAME: &str = "provision_tenant";
const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
const SEND: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// Errors that AWS names: of the language, of the Lambda service, and of SQS.
const AWS_ERRORS: [&str; 12] = [
    "States.ALL",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "SQS.SdkClientException",
    "SQS.AmazonSQSException",
];

/// What each forward task must try again.
const TRANSIENT: [&str; 9] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Runtime.ExitError",
    "States.Timeout",
    "Store.Unavailable",
    "Store.Conflict",
    "Tenantry.EngineCrashed",
];

struct State {
    name: String,
    body: Value,
    in_map: Option<String>,
}

impl State {
    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    fn is_lambda(&self) -> bool {
        self.text("/Resource") == LAMBDA
    }

    fn step(&self) -> &str {
        self.text("/Arguments/FunctionName").trim_start_matches("${").trim_end_matches('}')
    }

    fn action(&self) -> &str {
        self.text("/Arguments/Payload/action")
    }

    fn error_equals(&self, field: &str) -> Vec<Vec<String>> {
        let clauses = self.body[field].as_array().cloned().unwrap_or_default();
        let names = |clause: &Value| {
            let names = clause["ErrorEquals"].as_array().cloned().unwrap_or_default();
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        clauses.iter().map(names).collect()
    }

    fn catch_all(&self) -> Option<&str> {
        let clause = self.body["Catch"].as_array()?.first()?;
        (clause["ErrorEquals"] == serde_json::json!(["States.ALL"])).then(|| clause["Next"].as_str())?
    }
}

fn collect(states: &Map<String, Value>, in_map: Option<&str>, found: &mut BTreeMap<String, State>) {
    for (name, body) in states {
        if let Some(inner) = body.pointer("/ItemProcessor/States").and_then(Value::as_object) {
            collect(inner, Some(name), found);
        }
        let state = State { name: name.clone(), body: body.clone(), in_map: in_map.map(str::to_owned) };
        assert!(found.insert(name.clone(), state).is_none(), "{name} stands twice");
    }
}

fn states() -> BTreeMap<String, State> {
    let definition: Value = serde_json::from_str(TEXT).unwrap();
    let mut found = BTreeMap::new();
    collect(definition["States"].as_object().unwrap(), None, &mut found);
    found
}

/// The names of `${name}`, each a name and nothing else.
fn placeholders() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in TEXT.match_indices("${") {
        let name: String = TEXT[at + 2..].chars().take_while(|c| *c != '}').collect();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "${{{name}}} is not a name");
        names.insert(name);
    }
    names
}

#[test]
fn the_template_names_every_step_and_the_queue_and_nothing_else() {
    let mut expected: BTreeSet<String> = REGISTRY.iter().map(|step| step.name.to_owned()).collect();
    expected.insert("integrations_queue_url".to_owned());
    assert_eq!(placeholders(), expected);
    assert!(!TEXT.contains("%{"), "a template directive");
    assert!(!TEXT.contains("$${"), "an escaped placeholder");
}

#[test]
fn every_lambda_task_calls_a_step_in_a_way_that_it_has() {
    let mut used = BTreeSet::new();
    for state in states().values().filter(|state| state.is_lambda()) {
        let step = REGISTRY.iter().find(|step| step.name == state.step());
        let step = step.unwrap_or_else(|| panic!("{} calls {:?}", state.name, state.step()));
        match state.action() {
            "run" => {}
            "undo" => assert!(step.undo.is_some(), "{}: {} has no undo", state.name, step.name),
            other => panic!("{}: action {other:?}", state.name),
        }
        let timeout = state.body["TimeoutSeconds"].as_u64().unwrap();
        assert!(timeout > step.timeout_seconds, "{}: the call may outlive its state", state.name);
        let execution = state.text("/Arguments/Payload/executionId");
        assert!(execution.contains(&format!("'{NAME}~'")), "{}: {execution}", state.name);
        used.insert(step.name);
    }
    let all: BTreeSet<_> = REGISTRY.iter().map(|step| step.name).collect();
    assert_eq!(used, all);
}

#[test]
fn every_payload_has_the_fields_of_a_call() {
    let expected =
        ["action", "tenantId", "operationId", "generation", "attempt", "executionId", "state", "retryCount"];
    let own = BTreeMap::from([
        (("record_integration", "run"), vec!["part", "output"]),
        (("record_integration", "undo"), vec!["part"]),
        (("fail_provisioning", "run"), vec!["failure"]),
    ]);
    for state in states().values().filter(|state| state.is_lambda()) {
        let payload = state.body.pointer("/Arguments/Payload").and_then(Value::as_object).unwrap();
        let mut fields = expected.to_vec();
        fields.extend(own.get(&(state.step(), state.action())).into_iter().flatten());
        assert_eq!(payload.keys().map(String::as_str).collect::<Vec<_>>(), fields, "{}", state.name);
    }
}

#[test]
fn every_message_to_a_service_has_the_fields_of_the_queue() {
    let expected = [
        "action",
        "serviceId",
        "tenantId",
        "operationId",
        "generation",
        "attempt",
        "state",
        "taskToken",
        "timeoutSeconds",
        "heartbeatSeconds",
    ];
    let mut actions = Vec::new();
    for state in states().values().filter(|state| state.text("/Resource") == SEND) {
        let body = state.body.pointer("/Arguments/MessageBody").and_then(Value::as_object).unwrap();
        assert_eq!(body.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{}", state.name);
        // A state without heartbeat says so to the service too.
        assert_eq!(body["heartbeatSeconds"].is_null(), state.body["HeartbeatSeconds"].is_null());
        assert!(!state.body["TimeoutSeconds"].is_null(), "{}", state.name);
        actions.push(body["action"].as_str().unwrap().to_owned());
    }
    actions.sort();
    assert_eq!(actions, ["provision", "provision", "undo", "undo"]);
}

#[test]
fn every_matched_error_has_a_maker() {
    for state in states().values() {
        for field in ["Retry", "Catch"] {
            for name in state.error_equals(field).concat() {
                let known = AWS_ERRORS.contains(&name.as_str()) || error::names::ALL.contains(&name.as_str());
                assert!(known, "{} matches {name}, which nobody raises", state.name);
            }
        }
        let jitter = state.body["Retry"].as_array().cloned().unwrap_or_default();
        for clause in jitter.iter().filter(|clause| clause["MaxAttempts"] != 0) {
            assert_eq!(clause["JitterStrategy"], "FULL", "{}", state.name);
            assert_eq!(clause["BackoffRate"], 2, "{}", state.name);
            assert!(clause["MaxDelaySeconds"].is_u64(), "{}", state.name);
        }
    }
}

#[test]
fn every_state_says_why() {
    for state in states().values() {
        assert!(state.text("/Comment").len() > 20, "{}", state.name);
    }
}

/// The states of the way back, in order, from the first undo to the Fail state.
fn lane(states: &BTreeMap<String, State>) -> Vec<String> {
    let mut lane = Vec::new();
    let mut next = Some("SettleActivation".to_owned());
    while let Some(name) = next {
        let state = &states[&name];
        assert!(state.body["Catch"].is_null(), "{name} must not hide that it failed for good");
        next = ["Next", "Default"].iter().find_map(|field| state.body[field].as_str()).map(str::to_owned);
        lane.push(name);
    }
    lane
}

/// The states of the way forward, in order.
fn way_forward(states: &BTreeMap<String, State>) -> Vec<String> {
    let mut way = Vec::new();
    let mut next = Some("ValidateTenant".to_owned());
    while let Some(name) = next {
        next = states[&name].body["Next"].as_str().map(str::to_owned);
        way.push(name);
    }
    way
}

#[test]
fn the_way_back_undoes_in_reverse_and_every_failure_enters_it_at_its_own_undo() {
    let states = states();
    let lane = lane(&states);
    assert_eq!(lane.last().unwrap(), "ProvisioningFailed");
    assert_eq!(lane[lane.len() - 2], "FailProvisioning");

    // Which state of the way back undoes a step; the Map of integrations counts as one.
    let undo_of = |step: &str| {
        lane.iter().position(|name| {
            let inner = states.values().any(|state| {
                state.in_map.as_deref() == Some(name) && state.step() == step && state.action() == "undo"
            });
            inner || (states[name].step() == step && states[name].action() == "undo")
        })
    };
    let mut entries = Vec::new();
    for name in way_forward(&states) {
        let state = &states[&name];
        let step = match state.text("/Type") {
            "Succeed" => continue,
            "Map" => "record_integration",
            _ => state.step(),
        };
        let entry = state.catch_all().unwrap_or_else(|| panic!("{name} has no Catch of States.ALL"));
        let entry =
            lane.iter().position(|undo| undo == entry).unwrap_or_else(|| panic!("{name} leads astray"));
        if REGISTRY.iter().any(|known| known.name == step && known.undo.is_some()) {
            assert_eq!(Some(entry), undo_of(step), "{name} must enter at the undo of {step}");
        }
        entries.push(entry);
    }
    // The later a step, the earlier its failure enters the way back: so everything before it is undone too.
    assert!(entries.windows(2).all(|pair| pair[0] >= pair[1]), "{entries:?}");
    for step in REGISTRY.iter().filter(|step| step.undo.is_some()) {
        assert!(undo_of(step.name).is_some(), "{} is never undone", step.name);
    }
}

#[test]
fn forward_tasks_try_again_what_may_pass_and_undo_tasks_everything() {
    for state in states().values().filter(|state| state.is_lambda()) {
        let retried = state.error_equals("Retry");
        for name in TRANSIENT {
            assert!(retried[0].iter().any(|known| known == name), "{} does not retry {name}", state.name);
        }
        if state.action() == "undo" {
            assert_eq!(retried.last().unwrap(), &["States.ALL"], "{}", state.name);
        }
    }
}

#[test]
fn a_failure_is_kept_with_its_cause_and_step() {
    for state in states().values() {
        let Some(catch) = state.body["Catch"].as_array() else { continue };
        for clause in catch {
            let failure = clause["Assign"]["failure"].as_object().unwrap();
            assert_eq!(failure.keys().collect::<Vec<_>>(), ["error", "cause", "step"], "{}", state.name);
        }
    }
}

#[test]
fn examples_are_payloads() {
    for step in REGISTRY {
        let example: Value =
            serde_json::from_str(step.example).unwrap_or_else(|e| panic!("{}: {e}", step.name));
        assert_eq!(example["action"], "run", "{}", step.name);
        let state = example["state"].as_str().unwrap();
        assert_eq!(states()[state].step(), step.name, "{} names another's state", step.name);
    }
}
