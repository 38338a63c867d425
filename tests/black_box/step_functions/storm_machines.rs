//! The machines of the storm: one parent that does everything a kill could tear, and what it starts.

use super::aws::{activity_arn, machine_arn};
use serde_json::{Value, json};

/// Items of each distributed Map.
pub const ITEMS: u64 = 4;

/// What the workers fail with now and then.
pub const AGAIN: &str = "Worker.Again";

/// A worker's answer that a kill swallowed is asked for anew after this.
const TIMEOUT_SECONDS: u32 = 3;

fn retried(mut task: Value) -> Value {
    task["TimeoutSeconds"] = json!(TIMEOUT_SECONDS);
    task["Retry"] = json!([{
        "ErrorEquals": ["States.Timeout", AGAIN], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 1000,
    }]);
    task
}

/// Started by the parent in three ways; doubles its number, a moment later.
fn double() -> Value {
    json!({
        "QueryLanguage": "JSONata", "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Double"},
            "Double": {"Type": "Pass", "Output": {"double": "{% $states.input.n * 2 %}"}, "End": true},
        },
    })
}

/// Gets its parent's token, and asks a worker to answer it.
fn answerer() -> Value {
    json!({
        "StartAt": "Ask",
        "States": {"Ask": retried(json!({
            "Type": "Task", "Resource": activity_arn("answer"),
            "Parameters": {"token.$": "$.token", "n.$": "$.n"}, "End": true,
        }))},
    })
}

fn started_child(kind: &str, name: &str, then: &Value) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": format!("arn:aws:states:::states:startExecution{kind}"),
        "Arguments": {
            "StateMachineArn": machine_arn("double"),
            "Name": format!("{{% '{name}-' & $states.context.Execution.Name %}}"),
            "Input": {"n": "{% $states.input.n %}"},
        },
        "Output": then,
    });
    task["End"] = json!(true);
    task
}

fn one_state(name: &str, state: &Value) -> Value {
    json!({"StartAt": name, "States": {name: state}})
}

fn parent() -> Value {
    let squares = json!({
        "Type": "Map", "Items": "{% [1..5] %}", "MaxConcurrency": 2, "End": true,
        "ItemProcessor": {"StartAt": "Square", "States": {
            "Square": {"Type": "Pass", "Output": "{% $states.input * $states.input %}", "End": true},
        }},
    });
    let distributed = json!({
        "Type": "Map", "Items": format!("{{% [1..{ITEMS}] %}}"), "MaxConcurrency": 3, "Label": "fan", "End": true,
        "ItemSelector": {"i": "{% $states.context.Map.Item.Value %}", "n": "{% $states.input.n %}"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Wait", "States": {
                "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Add"},
                "Add": {"Type": "Pass", "Output": "{% $states.input.i + $states.input.n %}", "End": true},
            },
        },
    });
    let work = retried(json!({
        "Type": "Task", "Resource": activity_arn("work"), "Arguments": {"n": "{% $states.input.n %}"}, "End": true,
    }));
    let token = retried(json!({
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
        "Arguments": {
            "StateMachineArn": machine_arn("answerer"),
            "Input": {"n": "{% $states.input.n %}", "token": "{% $states.context.Task.Token %}"},
        },
        "End": true,
    }));
    let sync = started_child(".sync", "text", &json!("{% $parse($states.result.Output).double %}"));
    let sync2 = started_child(".sync:2", "json", &json!("{% $states.result.Output.double %}"));
    let only = started_child("", "only", &json!("{% 'started' %}"));
    json!({
        "QueryLanguage": "JSONata", "StartAt": "All",
        "States": {
            "All": {
                "Type": "Parallel", "Next": "Sum",
                "Branches": [
                    one_state("Squares", &squares), one_state("Fan", &distributed), one_state("Work", &work),
                    one_state("Token", &token), one_state("Sync", &sync), one_state("Sync2", &sync2),
                    one_state("Only", &only),
                ],
            },
            "Sum": {"Type": "Choice", "Default": "Never", "Choices": [
                {"Condition": "{% $count($states.input) = 7 %}", "Next": "Done"},
            ]},
            "Never": {"Type": "Fail", "Error": "Wrong"},
            "Done": {"Type": "Succeed"},
        },
    })
}

/// What the parent comes to.
pub fn expected(n: u64) -> Value {
    let fan: Vec<u64> = (1..=ITEMS).map(|i| i + n).collect();
    json!([[1, 4, 9, 16, 25], fan, n + 1, n + 100, n * 2, n * 2, "started"])
}

/// All of them, by name.
pub fn machines() -> Vec<(&'static str, Value)> {
    vec![("double", double()), ("answerer", answerer()), ("parent", parent())]
}
