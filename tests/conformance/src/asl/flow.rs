//! How a recorded execution came about: what was made before it, how it was started, what was done meanwhile.

use super::Case;
use super::case::ROLE_ARN;
use super::references::Answers;
use crate::stage::{AnswerTokens, Consumer, Refusal, Stage};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_core::ports::Blobs as _;

/// What came of the calls that begin an execution.
pub(super) struct Begun {
    pub(super) create: Result<Value, Refusal>,
    pub(super) start: Option<Result<Value, Refusal>>,
    pub(super) stop: Option<Result<Value, Refusal>>,
}

impl Begun {
    /// The execution's ARN as we made it.
    pub(super) fn execution_arn(&self) -> Option<&str> {
        self.start.as_ref()?.as_ref().ok()?["executionArn"].as_str()
    }

    /// Why there is no execution.
    pub(super) fn refusal(&self) -> Option<String> {
        let told =
            |what: &str, refusal: &Refusal| Some(format!("{what}: {}: {}", refusal.code, refusal.message));
        match (&self.create, &self.start) {
            (Err(refusal), _) => told("CreateStateMachine", refusal),
            (_, Some(Err(refusal))) => told("StartExecution", refusal),
            _ => None,
        }
    }
}

/// Makes everything that the case needs, starts its execution, and stops it where the test did.
pub(super) async fn begin(stage: &Stage, case: Case<'_>) -> Result<Begun, String> {
    surroundings(stage, case).await?;
    let create = create(stage, case).await?;
    let mut begun = Begun { create, start: None, stop: None };
    if begun.create.is_err() {
        return Ok(begun);
    }
    consume(stage, case).await?;
    let operation = if case.kind() == "sync-execution" { "StartSyncExecution" } else { "StartExecution" };
    let mut request = json!({"stateMachineArn": started_via(case), "name": execution_name(case)});
    if !case.get("input").is_null() {
        request["input"] = case.input().into();
    }
    begun.start = Some(stage.call(operation, &request).await?);
    if case.get("control").as_array().is_some_and(|control| control.contains(&json!("stop_execution")))
        && let Some(arn) = begun.execution_arn().map(str::to_owned)
    {
        stage.settle().await;
        let mut request = calls(case)
            .find(|call| call["op"] == "stop_execution")
            .map_or_else(|| json!({}), |call| call["kwargs"].clone());
        request["executionArn"] = arn.into();
        begun.stop = Some(stage.call("StopExecution", &request).await?);
    }
    Ok(begun)
}

fn calls(case: Case<'_>) -> impl Iterator<Item = &Value> {
    case.get("other_calls").as_array().into_iter().flatten()
}

/// The ARN that the execution is started through: the machine's, a version's or an alias's.
fn started_via(case: Case<'_>) -> &str {
    case.get("started_via").as_str().unwrap_or(case.state_machine_arn())
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// `…:execution:<machine>:<name>`, or `…:express:<machine>:<name>:<uuid>`.
fn execution_name(case: Case<'_>) -> &str {
    case.execution_arn().split(':').nth(7).unwrap_or_default()
}

/// Other machines, activities, queues and objects. What is refused here shows in the execution.
async fn surroundings(stage: &Stage, case: Case<'_>) -> Result<(), String> {
    for machine in case.get("other_machines").as_array().into_iter().flatten() {
        let name = last(machine["arn"].as_str().unwrap_or_default());
        let request = json!({"name": name, "definition": machine["definition"], "roleArn": ROLE_ARN});
        let _ = stage.call("CreateStateMachine", &request).await?;
    }
    for call in calls(case) {
        let arguments = &call["kwargs"];
        match call["op"].as_str().unwrap_or_default() {
            "create_queue" => {
                let name = arguments["QueueName"].as_str().unwrap_or_default();
                stage.shared.world(|world| world.create_queue(name));
            }
            "create_activity" => {
                let _ = stage.call("CreateActivity", arguments).await?;
            }
            "delete_activity" => {
                let _ = stage.call("DeleteActivity", arguments).await?;
            }
            "delete_state_machine" => {
                let _ = stage.call("DeleteStateMachine", arguments).await?;
            }
            "put_object" => {
                let text = |name: &str| arguments[name].as_str().unwrap_or_default();
                let key = tenantry_engine::blob_key(text("Bucket"), text("Key"));
                let written = stage.blobs.put(&key, text("Body").as_bytes().to_vec()).await;
                written.map_err(|error| format!("the object {key}: {error}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The case's own machine, with as many versions as it is started through.
async fn create(stage: &Stage, case: Case<'_>) -> Result<Result<Value, Refusal>, String> {
    let kind = if case.is_express() { "EXPRESS" } else { "STANDARD" };
    let mut request = json!({
        "name": last(case.state_machine_arn()), "definition": case.definition(), "roleArn": ROLE_ARN, "type": kind,
    });
    let settings = match case.get("create_args") {
        Value::Null => json!({"loggingConfiguration": case.get("logging")}),
        given => given.clone(),
    };
    let settings = Answers::default().resolve(&settings)?;
    for (name, value) in settings.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        request[name] = value.clone();
    }
    if case.get("started_via").is_string() {
        request["publish"] = true.into();
    }
    let created = stage.call("CreateStateMachine", &request).await?;
    let version: u64 = last(started_via(case)).parse().unwrap_or(1);
    for number in 2..=version {
        let update = json!({
            "stateMachineArn": case.state_machine_arn(), "definition": case.definition(), "publish": true,
            "roleArn": format!("{ROLE_ARN}{}", if number == version { "" } else { "-before" }),
        });
        let _ = stage.call("UpdateStateMachine", &update).await?;
    }
    for call in calls(case).filter(|call| call["op"] == "create_state_machine_alias") {
        let _ = stage.call("CreateStateMachineAlias", &Answers::default().resolve(&call["kwargs"])?).await?;
    }
    Ok(created)
}

/// Those who answer tokens: consumers of queues, and a machine that works at an activity.
async fn consume(stage: &Stage, case: Case<'_>) -> Result<(), String> {
    let mut consumers = Vec::new();
    for driver in case.get("drivers").as_array().into_iter().flatten() {
        let answer = match driver["driver"].as_str().unwrap_or_default() {
            "sqs_send_task_success" => AnswerTokens::Success,
            "sqs_send_task_failure" => AnswerTokens::Failure,
            "sqs_send_heartbeat_and_task_success" => AnswerTokens::HeartbeatThenSuccess,
            "sfn_activity_consumer" => {
                work_at_activity(stage, &driver["kwargs"]).await?;
                continue;
            }
            // These change nothing in Step Functions: a rule to a queue that nobody looks at, and an emulator's mocks.
            "events_to_sqs_queue" | "mock_config" => continue,
            other => return Err(format!("nobody here plays the driver {other}")),
        };
        let queue = driver["args"][0].as_str().unwrap_or_default().to_owned();
        consumers.push(Consumer { queue, answer });
    }
    if consumers.is_empty() {
        let received = calls(case).filter(|call| call["op"] == "receive_message");
        let queues = received.filter_map(|call| call["kwargs"]["QueueUrl"].as_str());
        consumers.extend(queues.filter(|queue| !queue.starts_with("<<")).map(|queue| Consumer {
            queue: queue.to_owned(),
            answer: AnswerTokens::HeartbeatsThenWholeMessage,
        }));
    }
    for consumer in consumers {
        tokio::spawn(consumer.run(Arc::clone(&stage.shared)));
    }
    Ok(())
}

async fn work_at_activity(stage: &Stage, driver: &Value) -> Result<(), String> {
    let definition = driver["template"].to_string();
    let request = json!({"name": "activity-consumer", "definition": definition, "roleArn": ROLE_ARN});
    let refused =
        |refusal: Refusal| format!("the consumer of the activity: {}: {}", refusal.code, refusal.message);
    let created = stage.call("CreateStateMachine", &request).await?.map_err(refused)?;
    let input = json!({"ActivityArn": driver["activity_arn"]}).to_string();
    let request = json!({"stateMachineArn": created["stateMachineArn"], "input": input});
    stage.call("StartExecution", &request).await?.map_err(refused)?;
    Ok(())
}
