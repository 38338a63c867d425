//! What stands in the account, whoever uses it: read from what Terraform itself reads, and from its own files.

use crate::terraform::{Sizes, alarm_metrics, resources};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `terraform/generated/functions.json`, as far as it costs something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    functions: BTreeMap<String, Function>,
    workflows: BTreeMap<String, Value>,
    queues: BTreeMap<String, Value>,
    dead_letter_queues: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Function {
    kind: String,
    memory_megabytes: f64,
    triggers: Vec<Trigger>,
    statements: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
struct Statement {
    resources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Trigger {
    Queue {},
    DeadLetters { queues: Vec<String> },
    Schedule { expression: String },
    Stream {},
    Api {},
    Authorizer {},
}

/// What stands in the account.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Memory of each function, in MB.
    pub memory_megabytes: BTreeMap<String, f64>,
    /// Event source mappings of queues, each of which polls.
    pub polling_mappings: f64,
    /// Seconds between two runs of each function that runs by a schedule.
    pub schedules: BTreeMap<String, f64>,
    /// Metrics under an alarm.
    pub alarms: f64,
    /// Dashboards.
    pub dashboards: f64,
    /// Customer keys.
    pub keys: f64,
    /// Secrets of Secrets Manager.
    pub secrets: f64,
    /// Custom metrics that are written whether or not anything happens.
    pub metrics: f64,
    /// Whether the HTTP API counts each route apart, in custom metrics.
    pub detailed_metrics: bool,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The file is not there.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, std::io::Error),
    /// It has another form.
    #[error("terraform/generated/functions.json is not what this example reads: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A schedule in words that are not known here.
    #[error("the schedule {0:?} is no rate(…); say in examples/cost/deployment.rs how often it runs")]
    Schedule(String),
    /// Something is made in a number that nobody can tell.
    #[error("{0}; say in examples/cost/deployment.rs how many that are")]
    Uncounted(String),
}

/// `rate(5 minutes)` in seconds.
fn seconds(expression: &str) -> Option<f64> {
    let (amount, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let unit = match unit.trim_end_matches('s') {
        "minute" => 60.0,
        "hour" => 3_600.0,
        "day" => 86_400.0,
        _ => return None,
    };
    amount.parse::<f64>().ok().filter(|amount| *amount >= 1.0).map(|amount| amount * unit)
}

/// Functions that the alarms are told of.
fn watched(generated: &Generated, environment: &str) -> Result<usize, DeploymentError> {
    let told = environment.split_once("module \"observability\"").map_or("", |(_, rest)| rest);
    let told = told.split_once("function_names").map_or("", |(_, rest)| rest);
    let (all, steps) = ("module.functions.function_names", "local.contract.functions[name].kind != \"step\"");
    let expression: String = told.lines().take(4).map(str::trim).collect::<Vec<_>>().join(" ");
    let expression = expression.trim_start_matches([' ', '=']);
    if expression
        .starts_with(&format!("{{ for name, function_name in {all} : name => function_name if {steps} }}"))
    {
        return Ok(generated.functions.values().filter(|function| function.kind != "step").count());
    }
    if expression.starts_with(all) {
        return Ok(generated.functions.len());
    }
    Err(DeploymentError::Uncounted(format!("the alarms are told of the functions {expression:?}")))
}

impl Deployment {
    /// Reads the deployment of a checkout.
    pub fn read(root: &Path) -> Result<Self, DeploymentError> {
        let read = |path: &str| {
            let path = root.join("terraform").join(path);
            std::fs::read_to_string(&path)
                .map_err(|error| DeploymentError::Unreadable(path.display().to_string(), error))
        };
        let generated: Generated = serde_json::from_str(&read("generated/functions.json")?)?;
        let sizes = Sizes {
            watched_functions: watched(&generated, &read("environments/production/main.tf")?)?,
            workflows: generated.workflows.len(),
            queues: generated.queues.len(),
            dead_letter_queues: generated.queues.len() + generated.dead_letter_queues.len(),
        };
        let alarms = read("modules/observability/alarms.tf")?;
        let secrets: BTreeSet<&String> = generated
            .functions
            .values()
            .flat_map(|function| function.statements.iter().flat_map(|statement| &statement.resources))
            .filter(|resource| resource.starts_with("secret/"))
            .collect();
        let mut deployment = Self {
            memory_megabytes: BTreeMap::new(),
            polling_mappings: 0.0,
            schedules: BTreeMap::new(),
            alarms: alarm_metrics(&alarms, sizes).map_err(DeploymentError::Uncounted)? as f64,
            dashboards: resources(&read("modules/observability/dashboard.tf")?, "aws_cloudwatch_dashboard"),
            keys: resources(&read("modules/table/key.tf")?, "aws_kms_key"),
            secrets: secrets.len() as f64,
            metrics: resources(&alarms, "aws_cloudwatch_log_metric_filter"),
            detailed_metrics: read("modules/api/main.tf")?.contains("detailed_metrics_enabled = true"),
        };
        for (name, function) in generated.functions {
            for trigger in &function.triggers {
                match trigger {
                    Trigger::Queue {} => deployment.polling_mappings += 1.0,
                    Trigger::DeadLetters { queues } => deployment.polling_mappings += queues.len() as f64,
                    Trigger::Schedule { expression } => {
                        let every = seconds(expression)
                            .ok_or_else(|| DeploymentError::Schedule(expression.clone()))?;
                        deployment.schedules.insert(name.clone(), every);
                    }
                    // Lambda's reads of a stream are free of charge.
                    Trigger::Stream {} | Trigger::Api {} | Trigger::Authorizer {} => {}
                }
            }
            deployment.memory_megabytes.insert(name, function.memory_megabytes);
        }
        Ok(deployment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_nothing_else() {
        assert_eq!(seconds("rate(1 minute)"), Some(60.0));
        assert_eq!(seconds("rate(5 minutes)"), Some(300.0));
        assert_eq!(seconds("rate(2 days)"), Some(172_800.0));
        for other in ["rate(0 minutes)", "rate(1 week)", "cron(0 12 * * ? *)", "rate(x minutes)", ""] {
            assert_eq!(seconds(other), None, "{other}");
        }
    }
}
