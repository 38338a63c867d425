//! Puts the seeds of `terraform/generated/functions.json` into a deployment, over the ports of AWS themselves.

use crate::stack::Stack;
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_app::Ports;
use tenantry_app::workers::integrations::task_token_hash;
use tenantry_aws::clients::sdk_config;
use tenantry_aws::{AwsHome, Clients, Deployment};
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Commit, DeadLetter, DeadReason, Index, IndexKey, Item, KeyPurpose, Rule, Secret, StartOutcome,
};
use tenantry_events::Envelope;
use tenantry_system::{SystemClock, SystemIds};

/// The queue in which the tasks wait whose tokens are asked for.
const WAITING: &str = "waiting-tasks";

/// The ports of a deployment, with the rights of whoever may do everything.
pub struct Seeds<'a> {
    stack: &'a Stack,
    ports: Ports,
    /// A state machine whose only task waits, and the URL of the queue that it waits at.
    waiting: (String, String),
}

impl<'a> Seeds<'a> {
    /// Finds the deployment by what its functions are told of it.
    ///
    /// # Panics
    /// Where the deployment is not whole.
    pub async fn of(stack: &'a Stack) -> Self {
        let mut variables = Vec::new();
        for function in stack.aws.list("lambda", "list_functions", json!({}), "Functions").await {
            let given = function["Environment"]["Variables"].as_object().expect("variables").clone();
            variables.extend(
                given.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())),
            );
        }
        let facts = stack.emulator.facts();
        let own = facts.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let clients = Arc::new(Clients::new(sdk_config(own).expect("an endpoint and credentials")));
        let ids = Arc::new(SystemIds::new().expect("chance"));
        let home = AwsHome::new(clients, Deployment::of(variables), Arc::new(SystemClock), ids);
        Self { stack, ports: home.ports().expect("plans and cells"), waiting: waiting(stack).await }
    }

    /// Puts one entry of a seed in. A task token's pointer is put in for `task_token`.
    ///
    /// # Panics
    /// Where a port refuses it, or nobody knows what it is.
    pub async fn put(&self, entry: &Value, task_token: &str) {
        let (kind, value) =
            entry.as_object().and_then(|entry| entry.iter().next()).expect("an entry of one member");
        let ports = &self.ports;
        match kind.as_str() {
            "item" => self.write(item(value)).await,
            "key" => {
                let tenant = text(value, "tenantId").parse().expect("a tenant");
                assert_eq!(value["purpose"], "records", "{entry}");
                ports.data_keys.create(&tenant, KeyPurpose::Records).await.expect("a key");
            }
            "secret" => {
                let secret = Secret::new(text(value, "text"));
                ports.vault.store(&text(value, "reference"), secret).await.expect("a secret");
            }
            "rule" => {
                let subscription_id = text(value, "subscriptionId").parse().expect("a subscription");
                let rule = Rule { subscription_id, pattern: value["pattern"].clone() };
                ports.bus.put_rule(rule).await.expect("a rule");
            }
            "published" => {
                let envelope: Envelope = serde_json::from_value(value.clone()).expect("an envelope");
                ports.bus.publish(vec![envelope.to_bus_event()]).await.expect("an event");
            }
            "deadLetter" => ports.dead_letters.bury(letter(value)).await.expect("a dead letter"),
            "runningExecution" | "stoppedExecution" => {
                let id = text(value, "executionId").parse().expect("an execution");
                let started = ports.workflows.start(&id, value["input"].clone()).await.expect("an execution");
                assert_eq!(started, StartOutcome::Started, "{id} is no fresh name");
                if kind == "stoppedExecution" {
                    ports.workflows.stop(&id, Some("Test.Stopped".to_owned()), None).await.expect("its end");
                }
            }
            "taskToken" => {
                let attributes = json!({"serviceId": value["serviceId"], "tenantId": value["tenantId"]});
                let attributes = attributes.as_object().expect("an object").clone();
                self.write(Item::new(Key::task_token(&task_token_hash(task_token)), attributes)).await;
            }
            other => panic!("nobody knows what a seed's {other} is"),
        }
    }

    async fn write(&self, item: Item) {
        self.ports.table.commit(Commit::of(vec![Action::put(item)])).await.expect("a row");
    }

    /// The token of a task that waits, a new one each time.
    ///
    /// # Panics
    /// Where no task comes to wait.
    pub async fn task_token(&self) -> String {
        let aws = &self.stack.aws;
        let (machine, queue) = &self.waiting;
        aws.must("stepfunctions", "start_execution", json!({"stateMachineArn": machine})).await;
        tenantry_scenarios::until("a task to wait", || async {
            let messages = self.stack.drain(queue).await;
            messages.last().map(|message| message["Body"].as_str().expect("a body").to_owned())
        })
        .await
    }
}

/// Makes a state machine that waits, under the role of a deployed one.
async fn waiting(stack: &Stack) -> (String, String) {
    let queue = stack.aws.must("sqs", "create_queue", json!({"QueueName": WAITING})).await["QueueUrl"].take();
    let roles = stack.prepared.outputs["state_machine_roles"].as_object().expect("roles");
    let role = roles.values().next().expect("a state machine");
    let role = stack.aws.must("iam", "get_role", json!({"RoleName": role})).await["Role"]["Arn"].take();
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Wait",
        "States": {"Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
            "End": true,
        }},
    });
    let machine = json!({"name": WAITING, "definition": definition.to_string(), "roleArn": role});
    let made = stack.aws.must("stepfunctions", "create_state_machine", machine).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&made["stateMachineArn"]), text(&queue))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn item(value: &Value) -> Item {
    let key = Key::from_stored(text(value, "pk"), text(value, "sk"));
    let mut item = Item::new(key, value["attributes"].as_object().expect("attributes").clone());
    for index in Index::ALL {
        if let Some(place) = value["indexes"].get(format!("index{}", index.number())) {
            item.indexes.insert(index, IndexKey { pk: text(place, "pk"), sk: text(place, "sk") });
        }
    }
    item
}

fn letter(value: &Value) -> DeadLetter {
    let then = Timestamp::parse("2025-01-01T00:00:00.000Z").expect("a time");
    DeadLetter {
        queue: text(value, "queue"),
        id: text(value, "messageId").parse().expect("a message"),
        body: text(value, "body"),
        group: text(value, "group"),
        receive_count: 1,
        reason: DeadReason { code: "max_receives".to_owned(), message: "it died".to_owned() },
        sent_at: then,
        died_at: then,
    }
}
