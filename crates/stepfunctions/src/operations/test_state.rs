//! TestState: one state, run alone. What it asks a service for is asked, unless it is mocked.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>

use super::{Request, definitions};
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint};
use serde_json::Value;
use std::time::Duration;
use tenantry_asl::test_state::{self, Realm, Refusal, TaskAnswer, Tested};
use tenantry_asl::{Env, JsonataEvaluator, PendingTask, TaskKind};
use tenantry_core::ExecutionId;
use tenantry_engine::TaskRequest;

/// How long a service may take. The same page.
const SERVICE: Duration = Duration::from_secs(300);

pub(super) async fn test(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    check(request)?;
    let asked: test_state::Request = serde_json::from_value(Value::Object(request.clone()))
        .map_err(|error| ApiError::serialization(error.to_string()))?;
    let registry = endpoint.registry();
    let seed = registry.seed();
    let realm = registry.realm();
    let realm = Realm { partition: &realm.partition, region: &realm.region, account: &realm.account };
    let who = test_state::identity(realm, asked.role_arn.as_deref(), seed);
    let env = Env { now_ms: registry.now().as_millis(), seed, evaluator: &JsonataEvaluator };
    let mut tested = test_state::test_state(&asked, &who, None, &env).map_err(refused)?;
    if let Tested::Needs(task) = &tested {
        let answer = carry_out(endpoint, task).await;
        tested = test_state::test_state(&asked, &who, Some(&answer), &env).map_err(refused)?;
    }
    match tested {
        Tested::Ended(report) => {
            serde_json::to_value(&*report).map_err(|error| ApiError::internal("a report is no JSON", &error))
        }
        Tested::Needs(_) => {
            Err(ApiError::internal("a tested state asked twice", &asked.state_name.unwrap_or_default()))
        }
    }
}

/// The constraints of the model.
fn check(request: &Request) -> Result<(), ApiError> {
    let mut ask = Ask::new(request);
    ask.required_text("definition", request::DEFINITION)?;
    ask.text("roleArn", request::ARN)?;
    ask.text("input", request::DATA)?;
    ask.choice("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?;
    ask.flag("revealSecrets")?;
    ask.text("variables", request::DATA)?;
    ask.text("stateName", request::STATE_NAME)?;
    ask.object("mock", |ask| {
        ask.text("result", request::DATA)?;
        ask.object("errorOutput", |ask| {
            ask.text("error", request::ERROR)?;
            ask.text("cause", request::CAUSE)?;
            Ok(())
        })?;
        ask.choice("fieldValidationMode", &["STRICT", "PRESENT", "NONE"])?;
        Ok(())
    })?;
    ask.text("context", request::DATA)?;
    ask.object("stateConfiguration", |ask| {
        ask.integer("retrierRetryCount", 0, i64::MAX)?;
        ask.text("errorCausedByState", request::NAME)?;
        ask.integer("mapIterationFailureCount", 0, i64::MAX)?;
        ask.text("mapItemReaderData", request::DATA)?;
        Ok(())
    })?;
    ask.done()
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Validation(words) => ApiError::validation(words),
        Refusal::Unsupported(words) => ApiError::new("InvalidDefinition", words),
        Refusal::Definition(findings) => definitions::refusal(&findings),
        Refusal::Input(why) => ApiError::invalid_input(why),
    }
}

/// Calls the service that the state names, for at most five minutes.
async fn carry_out(endpoint: &Endpoint, task: &PendingTask) -> TaskAnswer {
    let failed = |error: &str, cause: &str| TaskAnswer::Failed {
        error: error.to_owned(),
        cause: Some(cause.to_owned()),
    };
    if task.kind != TaskKind::Call {
        return failed(
            "States.Runtime",
            "TestState calls services only: executions, activities and Map Runs need a mock, or a state machine that is \
             started",
        );
    }
    let name = endpoint.registry().uuid();
    let Ok(execution) = ExecutionId::new("TestState", &name) else {
        return failed("States.Runtime", "there is no name for the test");
    };
    let request = TaskRequest {
        execution,
        state: task.state.clone(),
        task: task.id,
        resource: task.resource.clone(),
        arguments: Value::clone(&task.arguments),
    };
    tokio::select! {
        answer = endpoint.engine().call_service(request) => match answer {
            Ok(result) => TaskAnswer::Succeeded(result),
            Err(failure) => TaskAnswer::Failed { error: failure.error, cause: failure.cause },
        },
        () = endpoint.registry().pause(SERVICE) => failed("States.Timeout", "the service took more than five minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn constraints_are_told_with_their_places() {
        let request = json!({
            "definition": "{}", "stateName": "",
            "mock": {"fieldValidationMode": "LAX"}, "stateConfiguration": {"retrierRetryCount": -1},
        });
        let error = check(request.as_object().unwrap()).unwrap_err();
        assert_eq!(
            error.message,
            "3 validation errors detected: Value at 'stateName' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value 'LAX' at 'mock.fieldValidationMode' failed to satisfy constraint: \
             Member must satisfy enum value set: [STRICT, PRESENT, NONE]; Value '-1' at \
             'stateConfiguration.retrierRetryCount' failed to satisfy constraint: Member must have value greater than \
             or equal to 0"
        );
    }
}
