//! Everything that an account holds, by kind and name, as far as this product makes such things.

use crate::aws::Aws;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How each kind is listed: service, operation, parameters, the list's name, and the field that names one; an empty
/// field where a list is of names.
const KINDS: &[(&str, &str, &str, &str, &str)] = &[
    ("apigatewayv2", "get_apis", "{}", "Items", "Name"),
    ("cloudwatch", "describe_alarms", "{}", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "{}", "DashboardEntries", "DashboardName"),
    ("dynamodb", "list_tables", "{}", "TableNames", ""),
    ("events", "list_archives", "{}", "Archives", "ArchiveName"),
    ("events", "list_event_buses", "{}", "EventBuses", "Name"),
    ("events", "list_rules", "{}", "Rules", "Name"),
    ("iam", "list_policies", r#"{"Scope": "Local"}"#, "Policies", "PolicyName"),
    ("iam", "list_roles", "{}", "Roles", "RoleName"),
    ("kms", "list_aliases", "{}", "Aliases", "AliasName"),
    ("kms", "list_keys", "{}", "Keys", "KeyId"),
    ("lambda", "list_event_source_mappings", "{}", "EventSourceMappings", "EventSourceArn"),
    ("lambda", "list_functions", "{}", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "{}", "logGroups", "logGroupName"),
    ("logs", "describe_resource_policies", "{}", "resourcePolicies", "policyName"),
    ("s3", "list_buckets", "{}", "Buckets", "Name"),
    ("scheduler", "list_schedule_groups", "{}", "ScheduleGroups", "Name"),
    ("scheduler", "list_schedules", "{}", "Schedules", "Name"),
    ("secretsmanager", "list_secrets", "{}", "SecretList", "Name"),
    ("sns", "list_topics", "{}", "Topics", "TopicArn"),
    ("sqs", "list_queues", "{}", "QueueUrls", ""),
    ("stepfunctions", "list_state_machines", "{}", "stateMachines", "name"),
];

/// What is there, as `service name`. A key that waits for its end is not: KMS deletes none at once.
///
/// # Panics
/// Where something cannot be listed.
pub async fn of(aws: &Aws) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (service, operation, parameters, items, field) in KINDS {
        let parameters = serde_json::from_str(parameters).expect("JSON");
        for item in aws.list(service, operation, parameters, items).await {
            let name = if field.is_empty() { item } else { item[*field].clone() };
            let name =
                name.as_str().unwrap_or_else(|| panic!("{service} {operation}: no {field}")).to_owned();
            if *operation != "list_keys" || !is_going(aws, &name).await {
                found.insert(format!("{service} {operation}: {name}"));
            }
        }
    }
    found
}

async fn is_going(aws: &Aws, key: &str) -> bool {
    let described: Value = aws.must("kms", "describe_key", json!({"KeyId": key})).await;
    described["KeyMetadata"]["KeyState"] == "PendingDeletion"
}
