//! What roles are granted, pair by pair.

use crate::aws::Aws;
use serde_json::{Value, json};

/// One thing that a role may do: an action on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Such as `sqs:SendMessage`.
    pub action: String,
    /// An ARN; `*` where AWS knows no resource, or at the end for parts of one.
    pub resource: String,
}

/// Every pair that the role is granted, by all of its policies.
///
/// # Panics
/// Where a policy says what cannot be told pair by pair: a denial, an exception, an action with `*`.
pub async fn grants(aws: &Aws, role: &str) -> Vec<Grant> {
    let mut found = Vec::new();
    for document in documents(aws, role).await {
        for statement in list(&document["Statement"]) {
            let exact = statement["Effect"] == "Allow"
                && statement.get("NotAction").is_none()
                && statement.get("NotResource").is_none();
            assert!(exact, "a statement of {role} is no plain grant: {statement:#}");
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{role} is granted {action}");
                for resource in texts(&statement["Resource"]) {
                    found.push(Grant { action: action.clone(), resource });
                }
            }
        }
    }
    found
}

async fn documents(aws: &Aws, role: &str) -> Vec<Value> {
    let of_role = json!({"RoleName": role});
    let mut documents = Vec::new();
    for name in aws.list("iam", "list_role_policies", of_role.clone(), "PolicyNames").await {
        let which = json!({"RoleName": role, "PolicyName": name});
        documents.push(aws.must("iam", "get_role_policy", which).await["PolicyDocument"].take());
    }
    for attached in aws.list("iam", "list_attached_role_policies", of_role, "AttachedPolicies").await {
        let arn = &attached["PolicyArn"];
        let policy = aws.must("iam", "get_policy", json!({"PolicyArn": arn})).await;
        let version = &policy["Policy"]["DefaultVersionId"];
        let which = json!({"PolicyArn": arn, "VersionId": version});
        documents
            .push(aws.must("iam", "get_policy_version", which).await["PolicyVersion"]["Document"].take());
    }
    documents
}

/// A right that AWS does not know: there `sqs:SendMessage` covers the call, and under the emulator alone the roles have
/// this one beside it.
pub const EMULATORS_OWN: (&str, &str) = ("sqs:SendMessage", "sqs:SendMessageBatch");

/// The policy without one action on some resources, and otherwise the same.
pub fn without(document: &Value, action: &str, resources: &[String]) -> Value {
    let mut statements = Vec::new();
    for statement in list(&document["Statement"]) {
        let (actions, on) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        let holds = actions.iter().any(|one| one == action) && on.iter().any(|one| resources.contains(one));
        if !holds {
            statements.push(statement);
            continue;
        }
        let others: Vec<&String> = actions.iter().filter(|one| *one != action).collect();
        let elsewhere: Vec<&String> = on.iter().filter(|one| !resources.contains(one)).collect();
        let part = |action: Value, resource: Value| {
            let mut part = statement.clone();
            part["Action"] = action;
            part["Resource"] = resource;
            part
        };
        if !others.is_empty() {
            statements.push(part(json!(others), json!(on)));
        }
        if !elsewhere.is_empty() {
            statements.push(part(json!([action]), json!(elsewhere)));
        }
    }
    json!({"Version": document["Version"], "Statement": statements})
}

/// Whether IAM's own simulation allows the role an action on one resource.
///
/// # Panics
/// Where it answers neither yes nor no.
pub async fn simulated(aws: &Aws, role_arn: &str, action: &str, resource: &str) -> bool {
    let question = json!({
        "PolicySourceArn": role_arn, "ActionNames": [action], "ResourceArns": [resource]
    });
    let answer = aws.must("iam", "simulate_principal_policy", question).await;
    match answer["EvaluationResults"][0]["EvalDecision"].as_str() {
        Some("allowed") => true,
        Some("implicitDeny" | "explicitDeny") => false,
        _ => panic!("{role_arn} {action} {resource}: {answer:#}"),
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_is_taken_out_and_nothing_else() {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["a:One", "a:Two"], "Resource": ["r1", "r2"]},
            {"Effect": "Allow", "Action": "b:Three", "Resource": "r1"},
        ]});
        let left = without(&policy, "a:Two", &["r1".to_owned()]);
        assert_eq!(
            left["Statement"],
            json!([
                {"Effect": "Allow", "Action": ["a:One"], "Resource": ["r1", "r2"]},
                {"Effect": "Allow", "Action": ["a:Two"], "Resource": ["r2"]},
                {"Effect": "Allow", "Action": "b:Three", "Resource": "r1"},
            ])
        );
        let left = without(&policy, "b:Three", &["r1".to_owned()]);
        assert_eq!(left["Statement"].as_array().map(Vec::len), Some(1));
        assert_eq!(without(&policy, "b:Three", &["r2".to_owned()]), policy);
    }
}
