//! State machines, and the script that answers them.

use serde_json::{Value, json};
use tenantry_engine::testing::Reply;
use tenantry_engine::{TaskFailure, TaskRequest};

pub(crate) const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
pub(crate) const WAITING: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// A machine, its input, and what a run without a fault ends with.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) input: Value,
}

fn machine(name: &'static str, input: Value, start_at: &str, states: Value) -> Machine {
    let text = json!({"QueryLanguage": "JSONata", "StartAt": start_at, "States": states}).to_string();
    Machine { name, text, input }
}

/// A Task that adds one to `n` and goes on to `next`.
pub(crate) fn task(name: &str, next: &str) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": LAMBDA,
        "Arguments": {"FunctionName": "step", "Payload": {
            "state": name, "n": "{% $states.input.n %}", "retryCount": "{% $states.context.State.RetryCount %}"}},
        "Output": "{% $states.result.Payload %}",
    });
    follow(&mut task, next);
    task
}

/// A Task that waits for its token.
pub(crate) fn waiting(name: &str, next: &str) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": WAITING, "TimeoutSeconds": 600, "HeartbeatSeconds": 60,
        "Arguments": {"QueueUrl": "integrations", "MessageBody": {
            "state": name, "n": "{% $states.input.n %}", "token": "{% $states.context.Task.Token %}"}},
    });
    follow(&mut task, next);
    task
}

pub(crate) fn wait(seconds: u64, next: &str) -> Value {
    let mut wait = json!({"Type": "Wait", "Seconds": seconds});
    follow(&mut wait, next);
    wait
}

fn follow(state: &mut Value, next: &str) {
    if next.is_empty() {
        state["End"] = json!(true);
    } else {
        state["Next"] = json!(next);
    }
}

fn with(mut state: Value, name: &str, value: Value) -> Value {
    state[name] = value;
    state
}

pub(crate) fn sequence() -> Machine {
    let states = json!({"A": task("A", "P"), "P": {"Type": "Pass", "Next": "B"}, "B": task("B", "C"), "C": task("C", "")});
    machine("sequence", json!({"n": 1}), "A", states)
}

pub(crate) fn one_task() -> Machine {
    machine("one_task", json!({"n": 1}), "A", json!({"A": task("A", "")}))
}

pub(crate) fn one_waiting() -> Machine {
    machine("one_waiting", json!({"n": 1}), "T", json!({"T": waiting("T", "")}))
}

pub(crate) fn map() -> Machine {
    let each = json!({
        "Type": "Map", "Items": "{% $states.input.items %}", "End": true,
        "ItemProcessor": {"StartAt": "E", "States": {"E": task("E", "F"), "F": task("F", "")}},
    });
    machine("map", json!({"items": [{"n": 10}, {"n": 20}, {"n": 30}]}), "M", json!({"M": each}))
}

pub(crate) fn parallel() -> Machine {
    let both = json!({"Type": "Parallel", "Next": "Z", "Branches": [
        {"StartAt": "A", "States": {"A": task("A", "B"), "B": task("B", "")}},
        {"StartAt": "W", "States": {"W": wait(5, "C"), "C": task("C", "")}},
    ]});
    let last = with(
        task("Z", ""),
        "Arguments",
        json!({"FunctionName": "step", "Payload": {
        "state": "Z", "n": "{% $sum($states.input.n) %}", "retryCount": 0}}),
    );
    machine("parallel", json!({"n": 5}), "P", json!({"P": both, "Z": last}))
}

pub(crate) fn tokens() -> Machine {
    let states =
        json!({"A": task("A", "T"), "T": waiting("T", "U"), "U": waiting("U", "B"), "B": task("B", "")});
    machine("tokens", json!({"n": 1}), "A", states)
}

/// What the integrations step of a provisioning does.
pub(crate) fn services() -> Machine {
    let each = json!({
        "Type": "Map", "Items": "{% $states.input.items %}", "Next": "B", "Output": "{% {'n': $sum($states.result.n)} %}",
        "ItemProcessor": {"StartAt": "T", "States": {"T": waiting("T", "")}},
    });
    let states = json!({"M": each, "B": task("B", "")});
    machine("services", json!({"items": [{"n": 1}, {"n": 2}, {"n": 3}]}), "M", states)
}

pub(crate) fn retried() -> Machine {
    let rules = json!([{"ErrorEquals": ["Store.Unavailable"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}]);
    let states = json!({"A": task("A", "Flaky"), "Flaky": with(task("Flaky", "B"), "Retry", rules), "B": task("B", "")});
    machine("retried", json!({"n": 1}), "A", states)
}

pub(crate) fn waits() -> Machine {
    let states = json!({"W": wait(10, "A"), "A": task("A", "V"), "V": wait(20, "B"), "B": task("B", "")});
    machine("waits", json!({"n": 1}), "W", states)
}

/// Fails for good in its second step, undoes the first, and ends failed.
pub(crate) fn compensated() -> Machine {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": "UndoA"}]);
    let states = json!({
        "A": task("A", "Broken"), "Broken": with(task("Broken", ""), "Catch", catch), "UndoA": task("UndoA", "End"),
        "End": {"Type": "Fail", "Error": "Tenant.Invalid", "Cause": "it was told to"},
    });
    machine("compensated", json!({"n": 1}), "A", states)
}

/// A Task of any input.
pub(crate) fn with_payload(name: &str) -> Value {
    json!({"Type": "Task", "Resource": LAMBDA, "End": true, "Arguments": {"FunctionName": "step", "Payload": {"state": name}}})
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}")
}

/// A Task that starts an execution of `child`; `suffix` tells what it waits for.
pub(crate) fn starting(child: &str, suffix: &str, next: &str) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": format!("arn:aws:states:::states:startExecution{suffix}"),
        "Arguments": {"StateMachineArn": arn(child), "Input": {"n": "{% $states.input.n %}"}},
    });
    task["Output"] = match suffix {
        ".sync:2" => json!("{% $states.result.Output %}"),
        ".sync" => json!("{% $parse($states.result.Output) %}"),
        _ => json!("{% $states.input %}"),
    };
    follow(&mut task, next);
    task
}

/// What others start; every bench has them.
pub(crate) fn children() -> Vec<Machine> {
    let broken = json!({"Broken": task("Broken", "")});
    let slow = json!({"SlowWait": wait(30, "SlowTask"), "SlowTask": task("SlowTask", "")});
    let inner = json!({"In": task("In", "Out"), "Out": starting("child", ".sync:2", "")});
    vec![
        machine("child", json!({}), "One", json!({"One": task("One", "Two"), "Two": task("Two", "")})),
        machine("broken_child", json!({}), "Broken", broken),
        machine("slow_child", json!({}), "SlowWait", slow),
        machine("inner", json!({}), "In", inner),
    ]
}

/// Waits for executions that it starts, one of which starts one, too.
pub(crate) fn nested() -> Machine {
    let states = json!({"A": starting("inner", ".sync:2", "B"), "B": starting("child", ".sync", "")});
    machine("nested", json!({"n": 1}), "A", states)
}

/// Starts an execution and goes on.
pub(crate) fn unattended() -> Machine {
    machine("unattended", json!({"n": 1}), "A", json!({"A": starting("child", "", "B"), "B": wait(60, "")}))
}

/// Several children at once; one fails, and the failure is caught.
pub(crate) fn family() -> Machine {
    let each = json!({
        "Type": "Map", "Items": "{% $states.input.items %}", "Next": "P", "Output": "{% {'n': $sum($states.result.n)} %}",
        "ItemProcessor": {"StartAt": "E", "States": {"E": starting("child", ".sync:2", "")}},
    });
    let catch = json!([{"ErrorEquals": ["States.TaskFailed"], "Output": "{% $parse($states.errorOutput.Cause).Status %}", "Next": "Z"}]);
    let both = json!({"Type": "Parallel", "Next": "Z", "Catch": catch, "Branches": [
        {"StartAt": "F", "States": {"F": starting("slow_child", ".sync:2", "")}},
        {"StartAt": "G", "States": {"G": starting("broken_child", ".sync:2", "")}},
    ]});
    let states = json!({"M": each, "P": both, "Z": {"Type": "Succeed"}});
    machine("family", json!({"items": [{"n": 1}, {"n": 2}, {"n": 3}]}), "M", states)
}

/// A distributed Map over `items`.
pub(crate) fn distributed(execution_type: &str, more: Value) -> Value {
    let mut state = json!({
        "Type": "Map", "Items": "{% $states.input.items %}", "MaxConcurrency": 2, "Label": "each", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
            "StartAt": "C", "States": {
                "C": {"Type": "Choice", "Default": "E",
                      "Choices": [{"Condition": "{% $states.input.n > 25 %}", "Next": "Broken"}]},
                "E": task("E", "F"), "F": task("F", ""), "Broken": task("Broken", ""),
            },
        },
    });
    for (name, value) in more.as_object().unwrap() {
        state[name] = value.clone();
    }
    state
}

/// A Map Run whose children succeed but for one, which is tolerated.
pub(crate) fn spread() -> Machine {
    let state = distributed(
        "STANDARD",
        json!({"ToleratedFailureCount": 1, "Output": "{% $count($states.result) %}"}),
    );
    let items = json!({"items": [{"n": 10}, {"n": 20}, {"n": 30}, {"n": 5}]});
    machine("spread", items, "M", json!({"M": state}))
}

/// A Map Run of Express children that fails, and leaves others behind.
pub(crate) fn scattered() -> Machine {
    let state = distributed("EXPRESS", json!({}));
    machine(
        "scattered",
        json!({"items": [{"n": 10}, {"n": 30}, {"n": 20}, {"n": 5}]}),
        "M",
        json!({"M": state}),
    )
}

/// The machines that the proof of durability runs.
pub(crate) fn all() -> Vec<Machine> {
    vec![
        sequence(),
        map(),
        parallel(),
        tokens(),
        services(),
        retried(),
        waits(),
        compensated(),
        nested(),
        unattended(),
        family(),
        spread(),
        scattered(),
    ]
}

/// Adds one; a flaky state fails its first two attempts, a broken one fails always; tokens are answered later, or by a
/// hasty service sooner than the call returns.
pub(crate) fn script(request: &TaskRequest) -> Reply {
    let failure = |error: &str| Reply::Failed(TaskFailure { error: error.to_owned(), cause: None });
    if request.resource == WAITING {
        let n = request.arguments["MessageBody"]["n"].as_i64().unwrap_or_default();
        let output = json!({"n": n + 1});
        return if request.state == "U" { Reply::Sooner(output) } else { Reply::Later(output) };
    }
    let payload = &request.arguments["Payload"];
    match request.state.as_str() {
        "Flaky" if payload["retryCount"].as_i64() < Some(2) => failure("Store.Unavailable"),
        "Broken" => failure("Tenant.Invalid"),
        "Silent" => Reply::Never,
        "Panics" => Reply::Panic,
        _ => Reply::Done(json!({"Payload": {"n": payload["n"].as_i64().unwrap_or_default() + 1}})),
    }
}

/// A machine of one's own.
pub(crate) fn custom(name: &'static str, input: Value, start_at: &str, states: Value) -> Machine {
    machine(name, input, start_at, states)
}
