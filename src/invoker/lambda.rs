//! Steps, called as Lambda functions are.

use super::{LocalInvoker, text};
use serde_json::{Value, json};
use tenantry_engine::TaskFailure;

impl LocalInvoker {
    /// `lambda:invoke`. The answer has the members of the integration.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>
    pub(super) async fn invoke_lambda(&self, arguments: &Value) -> Result<Value, TaskFailure> {
        let function = text(arguments, "FunctionName")?;
        let payload = arguments.get("Payload").cloned().unwrap_or_else(|| json!({}));
        let name = function_of_arn(function).unwrap_or(function);
        let result = self.call_function(unqualified(name), payload).await?;
        // Nobody waits for the answer of an event; the step has run all the same, so that it is not lost.
        if arguments.get("InvocationType").and_then(Value::as_str) == Some("Event") {
            return Ok(json!({"StatusCode": 202}));
        }
        Ok(json!({"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": 200}))
    }

    /// Calls a step by its name.
    pub(super) async fn call_function(&self, name: &str, payload: Value) -> Result<Value, TaskFailure> {
        if tenantry_handlers::registry::find(name).is_none() {
            let known: Vec<_> = tenantry_handlers::REGISTRY.iter().map(|step| step.name).collect();
            let realm = &self.realm;
            return Err(TaskFailure {
                error: "Lambda.ResourceNotFoundException".to_owned(),
                cause: Some(format!(
                    "Function not found: arn:{}:lambda:{}:{}:function:{name} (Service: AWSLambda; Status Code: 404; \
                     Error Code: ResourceNotFoundException; Request ID: {}; Proxy: null). The functions of this home \
                     are its steps: {}.",
                    realm.partition,
                    realm.region,
                    realm.account,
                    self.request_id(),
                    known.join(", ")
                )),
            });
        }
        tenantry_handlers::invoke(&self.steps, name, payload)
            .await
            .map_err(|error| TaskFailure { error: error.name().to_owned(), cause: Some(error.to_string()) })
    }
}

/// The function's name within `arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]`; `None` for
/// anything else.
pub(super) fn function_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let lambda = parts.next() == Some("arn") && parts.nth(1) == Some("lambda");
    let name = parts.nth(3).filter(|name| lambda && !name.is_empty());
    let function = arn.split(':').nth(5) == Some("function");
    name.filter(|_| function)
}

/// `name:alias` and `123456789012:function:name` name the function, too.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn unqualified(name: &str) -> &str {
    let name = name.split_once(":function:").map_or(name, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_every_form() {
        for (given, name) in [
            ("arn:aws:lambda:us-east-1:123456789012:function:f", Some("f")),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:live", Some("f")),
            ("arn:aws:lambda:us-east-1:123456789012:layer:f", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:", None),
            ("arn:aws:states:::lambda:invoke", None),
            ("arn:aws:sqs:us-east-1:123456789012:function:f", None),
            ("f", None),
            ("", None),
        ] {
            assert_eq!(function_of_arn(given), name, "{given}");
        }
        for given in ["f", "f:live", "f:$LATEST", "123456789012:function:f", "123456789012:function:f:2"] {
            assert_eq!(unqualified(given), "f", "{given}");
        }
    }
}
