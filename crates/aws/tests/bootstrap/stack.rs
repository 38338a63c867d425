//! A deployment in the emulator that only functions use: table, queues, bus, key and secret, and no triggers.

use crate::support::{clients, emulator, fresh_name, make_table};
use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_app::Ports;
use tenantry_aws::{AwsHome, Clients, Deployment};
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Item, Query, Queues};
use tenantry_core::{OperationId, TenantId};
use tenantry_system::{SystemClock, SystemIds};

pub(super) struct Stack {
    pub(super) clients: Arc<Clients>,
    pub(super) home: AwsHome,
    pub(super) ports: Ports,
    /// What each function is given.
    pub(super) variables: Vec<(String, String)>,
    pub(super) queues: Vec<(&'static str, String)>,
}

impl Stack {
    /// Makes a deployment; `None` after it was said that `what` was not tried.
    pub(super) async fn make(what: &str) -> Option<Self> {
        let facts = emulator(what)?.facts();
        let clients = clients(&facts);
        let prefix = fresh_name("stack");
        let mut variables = vec![
            ("TENANTRY_TABLE".to_owned(), make_table(&clients).await),
            ("TENANTRY_SECRETS_PREFIX".to_owned(), prefix.clone()),
            (
                "TENANTRY_STATE_MACHINES".to_owned(),
                format!("arn:aws:states:{}:{}:stateMachine:{prefix}-", facts.region, facts.account),
            ),
            ("TENANTRY_ALLOW_PRIVATE_WEBHOOKS".to_owned(), "true".to_owned()),
            ("TENANTRY_LOG".to_owned(), "info,tenantry_aws=debug".to_owned()),
        ];
        let mut queues = Vec::new();
        for name in Queues::NAMES {
            let made = clients.sqs().create_queue().queue_name(format!("{prefix}-{name}")).send().await;
            let url = made.expect("the queue is made").queue_url().expect("a URL").to_owned();
            variables
                .push((format!("TENANTRY_QUEUE_{}", name.to_uppercase().replace('-', "_")), url.clone()));
            queues.push((name, url));
        }
        let bus = format!("{prefix}-bus");
        clients.eventbridge().create_event_bus().name(&bus).send().await.expect("the bus is made");
        variables.push(("TENANTRY_BUS".to_owned(), bus));
        let key = clients.kms().create_key().send().await.expect("the key is made");
        let arn = key.key_metadata().and_then(|key| key.arn()).expect("an ARN").to_owned();
        variables.push(("TENANTRY_KEY".to_owned(), arn));
        let secret = clients.secrets().create_secret().name(format!("{prefix}/system/admin-token"));
        secret.send().await.expect("the secret is made");

        let deployment = Deployment::of(variables.clone());
        let ids = Arc::new(SystemIds::new().expect("the system gives random bytes"));
        let home = AwsHome::new(clients.clone(), deployment, Arc::new(SystemClock), ids);
        let ports = home.ports().expect("plans and cells are good");
        variables.extend(facts.variables().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Some(Self { clients, home, ports, variables, queues })
    }

    /// The administrator's token, once a function has made it.
    pub(super) async fn admin_token(&self) -> String {
        self.home.vault().resolve("system/admin-token").await.expect("there is one").expose().to_owned()
    }

    /// The variables without that one.
    pub(super) fn without(&self, name: &str) -> Vec<(String, String)> {
        self.variables.iter().filter(|(known, _)| known != name).cloned().collect()
    }

    /// The variables with another one.
    pub(super) fn with(&self, name: &str, value: &str) -> Vec<(String, String)> {
        let mut variables = self.without(name);
        variables.push((name.to_owned(), value.to_owned()));
        variables
    }

    /// The tenant's rows whose sort key begins so.
    pub(super) async fn rows(&self, range: Range) -> Vec<Item> {
        self.ports.table.query(Query::primary(range, 100)).await.expect("the rows are read").items
    }

    /// The row of an operation.
    pub(super) async fn operation(&self, tenant: &TenantId, operation: &OperationId) -> Value {
        let item = self.ports.table.get(&Key::operation(tenant, operation)).await.expect("the row is read");
        Value::Object(item.expect("it is there").attributes)
    }

    /// The messages in a queue, without taking them out.
    pub(super) async fn bodies(&self, queue: &str) -> Vec<Value> {
        let (_, url) = self.queues.iter().find(|(name, _)| *name == queue).expect("a queue");
        let mut found = Vec::new();
        loop {
            let request = self.clients.sqs().receive_message().queue_url(url);
            let request = request.max_number_of_messages(10).visibility_timeout(600);
            let page = request.send().await.expect("the queue is read");
            let bodies = page.messages().iter().filter_map(|message| message.body());
            let bodies: Vec<Value> = bodies.map(|body| serde_json::from_str(body).expect("JSON")).collect();
            if bodies.is_empty() {
                return found;
            }
            found.extend(bodies);
        }
    }
}

/// A request as API Gateway hands it to a function, payload format 2.0.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
pub(super) fn http_event(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    let mut headers =
        json!({"host": "abc123.execute-api.eu-central-1.amazonaws.com", "x-forwarded-proto": "https"});
    if let Some(token) = token {
        headers["authorization"] = format!("Bearer {token}").into();
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": headers, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc123", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default", "domainName": "abc123.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abc123", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_i64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
        },
    });
    if let Some(body) = body {
        event["headers"]["content-type"] = "application/json".into();
        event["body"] = body.to_string().into();
    }
    event
}

/// A batch of messages as Lambda reads it from a queue, with ids `message-uuid(0)` and so on.
pub(super) fn queue_event(arn: &str, bodies: &[String]) -> Value {
    let record = |(place, body): (usize, &String)| {
        json!({
            "messageId": message_id(place), "receiptHandle": format!("no-receipt-{place}"), "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000", "MessageGroupId": "test",
                "SenderId": "AIDA", "ApproximateFirstReceiveTimestamp": "1767225600000",
            },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": arn,
            "awsRegion": "eu-central-1",
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// SQS's id of the message at that place of a [`queue_event`].
pub(super) fn message_id(place: usize) -> String {
    format!("059f36b4-87a3-44ab-83d2-6619758300{place:02x}")
}

/// The identifiers in a batch's answer.
pub(super) fn failures(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().expect("a batch's answer");
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("a text")).collect()
}
