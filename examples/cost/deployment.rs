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
    /// Whether each run by a schedule begins a trace.
    pub traced_schedules: bool,
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

/// What stands in `modules/functions` where rounds begin no trace of their own.
const UNTRACED_SCHEDULES: &str = r#"contains(keys(local.schedules), each.key) ? "PassThrough" : "Active""#;

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

/// Functions whose rate of failed calls has an alarm, unless somebody asks for others.
fn watched(variables: &str) -> Result<usize, DeploymentError> {
    let uncounted = |what: &str| DeploymentError::Uncounted(format!("error_rate_functions {what}"));
    let variable = variables.split_once("variable \"error_rate_functions\" {").map(|(_, rest)| rest);
    let default = variable
        .and_then(|rest| rest.lines().take_while(|line| *line != "}").find(|line| line.contains("default ")))
        .ok_or_else(|| uncounted("have no default"))?;
    let list = default.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
    let list = list.ok_or_else(|| uncounted("are no list"))?;
    Ok(list.split(',').filter(|name| !name.trim().is_empty()).count())
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
            watched_functions: watched(&read("environments/production/variables.tf")?)?,
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
            traced_schedules: !read("modules/functions/main.tf")?.contains(UNTRACED_SCHEDULES),
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
    fn watched_functions_are_those_of_the_default() {
        let text = |default: &str| {
            format!(
                "variable \"error_rate_functions\" {{\n  {default}\n}}\nvariable \"x\" {{\n  default = [1]\n}}\n"
            )
        };
        assert_eq!(watched(&text("default     = [\"api\", \"relay\"]")).ok(), Some(2));
        assert_eq!(watched(&text("default = []")).ok(), Some(0));
        assert!(watched(&text("default = local.some")).is_err(), "a list was made up");
        assert!(watched(&text("type = set(string)")).is_err(), "another variable's default was taken");
    }

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
