//! What a state machine's role must be allowed, read from its definition: every task says whom it calls.

use super::grants::{Grant, Resource};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tenantry_core::ports::Queues;
use tenantry_definitions::workflows::{INTEGRATIONS_QUEUE, SOURCES, render};

/// The names that a definition may ask for, with the symbol of what they stand for in place of its address.
pub fn symbols() -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = tenantry_handlers::REGISTRY
        .iter()
        .map(|step| (step.name.to_owned(), Resource::Function(step.name.to_owned()).to_string()))
        .collect();
    names.insert(INTEGRATIONS_QUEUE.to_owned(), Resource::Queue("integrations".to_owned()).to_string());
    names
}

/// Why a role cannot be derived: names the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state {state}: {message}")]
pub struct Underivable {
    /// The state's name.
    pub state: String,
    /// What stands there, and what could.
    pub message: String,
}

/// What the tasks of a definition call, where it was rendered with [`symbols`].
///
/// # Errors
/// A task whose resource, or whose target, this does not know. Only a fixed target can be allowed by name.
pub fn task_grants(definition: &Value) -> Result<BTreeSet<Grant>, Underivable> {
    let mut grants = BTreeSet::new();
    states(definition, &mut grants)?;
    Ok(grants)
}

fn states(definition: &Value, grants: &mut BTreeSet<Grant>) -> Result<(), Underivable> {
    let Some(states) = definition.get("States").and_then(Value::as_object) else { return Ok(()) };
    for (name, state) in states {
        match state.get("Type").and_then(Value::as_str) {
            Some("Task") => grants.extend(Task { name, state }.grants()?),
            Some("Map") => {
                for field in ["ItemReader", "ResultWriter"] {
                    if state.get(field).is_some() {
                        let message = format!("{field} reads or writes what no role is derived for yet");
                        return Err(Underivable { state: name.clone(), message });
                    }
                }
                for field in ["ItemProcessor", "Iterator"] {
                    let inner = state.get(field).unwrap_or(&Value::Null);
                    if inner.pointer("/ProcessorConfig/Mode").is_some_and(|mode| mode == "DISTRIBUTED") {
                        let message = "a distributed Map starts executions of its own, which no role is derived for yet";
                        return Err(Underivable { state: name.clone(), message: message.to_owned() });
                    }
                    self::states(inner, grants)?;
                }
            }
            Some("Parallel") => {
                for branch in state.get("Branches").and_then(Value::as_array).into_iter().flatten() {
                    self::states(branch, grants)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

struct Task<'a> {
    name: &'a str,
    state: &'a Value,
}

impl Task<'_> {
    fn fault(&self, message: impl Into<String>) -> Underivable {
        Underivable { state: self.name.to_owned(), message: message.into() }
    }

    /// Integrations and what they need.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html>
    fn grants(&self) -> Result<Vec<Grant>, Underivable> {
        let resource = self.state.get("Resource").and_then(Value::as_str).unwrap_or_default();
        if self.state.get("Credentials").is_some() {
            return Err(self.fault("Credentials name another role, which no role is derived for yet"));
        }
        if resource.starts_with("function/") {
            return Ok(vec![self.invoke(resource)?]);
        }
        let integration = resource.strip_prefix("arn:aws:states:::").unwrap_or(resource);
        match integration {
            "lambda:invoke" | "lambda:invoke.waitForTaskToken" => {
                Ok(vec![self.invoke(&self.argument("FunctionName")?)?])
            }
            "sqs:sendMessage" | "sqs:sendMessage.waitForTaskToken" => {
                let queue = self.named("queue/", &self.argument("QueueUrl")?, &Queues::NAMES)?;
                Ok(vec![Grant { action: "sqs:SendMessage", resource: Resource::Queue(queue) }])
            }
            "events:putEvents" | "events:putEvents.waitForTaskToken" => self.put_events(),
            "states:startExecution" | "states:startExecution.waitForTaskToken" => self.start(false),
            "states:startExecution.sync" | "states:startExecution.sync:2" => self.start(true),
            _ => Err(self.fault(format!(
                "Resource {resource:?} is none whose permissions can be derived: lambda:invoke, sqs:sendMessage, \
                 events:putEvents and states:startExecution are"
            ))),
        }
    }

    fn arguments(&self) -> &Value {
        self.state.get("Arguments").or_else(|| self.state.get("Parameters")).unwrap_or(&Value::Null)
    }

    fn argument(&self, field: &str) -> Result<String, Underivable> {
        let value = self.arguments().get(field).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| self.fault(format!("{field} is missing, or no fixed text")))
    }

    fn named(&self, prefix: &str, symbol: &str, known: &[&str]) -> Result<String, Underivable> {
        let name = symbol.strip_prefix(prefix).filter(|name| known.contains(name));
        name.map(str::to_owned).ok_or_else(|| {
            self.fault(format!(
                "{symbol:?} is none of {prefix}{{{}}}: only a fixed target can be allowed by name",
                known.join(", ")
            ))
        })
    }

    fn invoke(&self, symbol: &str) -> Result<Grant, Underivable> {
        let known: Vec<&str> = tenantry_handlers::REGISTRY.iter().map(|step| step.name).collect();
        let function = self.named("function/", symbol, &known)?;
        Ok(Grant { action: "lambda:InvokeFunction", resource: Resource::Function(function) })
    }

    fn put_events(&self) -> Result<Vec<Grant>, Underivable> {
        let entries = self.arguments().get("Entries").and_then(Value::as_array);
        let entries = entries.ok_or_else(|| self.fault("Entries is no fixed list"))?;
        if entries.iter().any(|entry| entry.get("EventBusName").is_none_or(|bus| bus != "bus")) {
            return Err(self.fault("an entry of Entries does not name the deployment's own bus"));
        }
        Ok(vec![Grant { action: "events:PutEvents", resource: Resource::Bus }])
    }

    fn start(&self, waits: bool) -> Result<Vec<Grant>, Underivable> {
        let known: Vec<&str> = SOURCES.iter().map(|(name, ..)| *name).collect();
        let workflow = self.named("stateMachine/", &self.argument("StateMachineArn")?, &known)?;
        let mut grants = vec![Grant {
            action: "states:StartExecution",
            resource: Resource::StateMachine(workflow.clone()),
        }];
        if waits {
            for action in ["states:DescribeExecution", "states:StopExecution"] {
                grants.push(Grant { action, resource: Resource::Execution(workflow.clone()) });
            }
            for action in ["events:PutTargets", "events:PutRule", "events:DescribeRule"] {
                grants.push(Grant { action, resource: Resource::NestedExecutionsRule });
            }
        }
        Ok(grants)
    }
}

/// What a state machine's role is allowed for its own logs and traces; none of it has a resource.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>
/// <https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html>
pub fn machine_grants() -> Vec<Grant> {
    [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]
    .map(|action| Grant { action, resource: Resource::Any })
    .to_vec()
}

/// What the tasks of a workflow of this build call.
///
/// # Errors
/// The file and why, in words: the template cannot be rendered, or a task calls what cannot be derived.
pub fn workflow_grants(file: &str, text: &str) -> Result<BTreeSet<Grant>, String> {
    let rendered = render(text, &symbols())
        .map_err(|(line, column, message)| format!("{file}:{line}:{column}: {message}"))?;
    let definition: Value = serde_json::from_str(&rendered).map_err(|error| format!("{file}: {error}"))?;
    task_grants(&definition).map_err(|error| format!("{file}: {error}"))
}

/// The names that a template asks for, each once.
pub fn names_asked_for(text: &str) -> BTreeSet<String> {
    let text = text.replace("$${", "");
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of_task(task: Value) -> Result<Vec<String>, String> {
        let mut task = task;
        task["Type"] = json!("Task");
        let map = json!({"States": {"Each": {"Type": "Map", "ItemProcessor": {"States": {
            "Both": {"Type": "Parallel", "Branches": [{"States": {"Call": task}}]}
        }}}}});
        let grants = task_grants(&map).map_err(|error| error.to_string())?;
        Ok(grants.iter().map(|grant| format!("{} {}", grant.action, grant.resource)).collect())
    }

    #[test]
    fn every_known_integration_names_what_it_needs_however_deep_it_lies() {
        let cases = [
            (
                json!({"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "function/create_key"}}),
                vec!["lambda:InvokeFunction function/create_key"],
            ),
            (json!({"Resource": "function/create_key"}), vec!["lambda:InvokeFunction function/create_key"]),
            (
                json!({"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "queue/integrations"}}),
                vec!["sqs:SendMessage queue/integrations"],
            ),
            (
                json!({"Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [{"EventBusName": "bus"}]}}),
                vec!["events:PutEvents bus"],
            ),
            (
                json!({"Resource": "arn:aws:states:::states:startExecution", "Arguments": {"StateMachineArn": "stateMachine/provision_tenant"}}),
                vec!["states:StartExecution stateMachine/provision_tenant"],
            ),
            (
                json!({"Resource": "arn:aws:states:::states:startExecution.sync:2", "Arguments": {"StateMachineArn": "stateMachine/provision_tenant"}}),
                vec![
                    "events:DescribeRule rule/nestedExecutions",
                    "events:PutRule rule/nestedExecutions",
                    "events:PutTargets rule/nestedExecutions",
                    "states:DescribeExecution execution/provision_tenant",
                    "states:StartExecution stateMachine/provision_tenant",
                    "states:StopExecution execution/provision_tenant",
                ],
            ),
        ];
        for (task, expected) in cases {
            assert_eq!(of_task(task.clone()).unwrap_or_else(|error| vec![error]), expected, "{task}");
        }
    }

    #[test]
    fn what_cannot_be_derived_is_refused_with_the_states_name() {
        let refused = [
            json!({"Resource": "arn:aws:states:::dynamodb:putItem"}),
            json!({"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "{% $states.input.name %}"}}),
            json!({"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "function/no_such_step"}}),
            json!({"Resource": "arn:aws:states:::lambda:invoke", "Arguments": "{% $states.input %}"}),
            json!({"Resource": "arn:aws:states:::sqs:sendMessage", "Arguments": {"QueueUrl": "https://example.com"}}),
            json!({"Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [{"EventBusName": "default"}]}}),
            json!({"Resource": "arn:aws:states:::states:startExecution", "Arguments": {"StateMachineArn": "stateMachine/other"}}),
            json!({"Resource": "function/create_key", "Credentials": {"RoleArn": "arn:aws:iam::1:role/other"}}),
            json!({}),
        ];
        for task in refused {
            let error = of_task(task.clone()).err().unwrap_or_default();
            assert!(error.starts_with("state Call: "), "{task}: {error}");
        }
        for map in [
            json!({"ItemReader": {}}),
            json!({"ResultWriter": {}}),
            json!({"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "States": {}}}),
        ] {
            let mut map = map;
            map["Type"] = json!("Map");
            let error = task_grants(&json!({"States": {"Each": map}})).err().map(|error| error.to_string());
            assert!(error.unwrap_or_default().starts_with("state Each: "));
        }
    }
}
