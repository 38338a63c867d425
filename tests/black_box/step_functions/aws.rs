//! A client of the protocol that signs as AWS's do, by hand: so that a test can also sign wrongly.

use crate::support::server::Server;
use crate::support::{text, until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::time::Duration;
use tenantry_core::ports::Clock as _;
use tenantry_system::SystemClock;

/// What the service's machines are created with; nobody asks for it here.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/test";

pub fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}")
}

pub fn activity_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:activity:{name}")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Now, as signatures write it: `YYYYMMDDTHHMMSSZ`.
pub fn now() -> String {
    basic(0)
}

/// As many seconds from now.
pub fn basic(offset_seconds: i64) -> String {
    let at = tenantry_core::Timestamp::from_millis(SystemClock.now().as_millis() + offset_seconds * 1000);
    let text = at.to_string();
    let plain: String = text[..19].chars().filter(|character| !"-:".contains(*character)).collect();
    format!("{plain}Z")
}

/// What is signed, and with what.
#[derive(Clone)]
pub struct Signing {
    pub key_id: String,
    pub secret: String,
    pub date: String,
    pub service: String,
    pub path: String,
    /// As the canonical request holds it: sorted.
    pub query: String,
    /// In the order of the canonical request: sorted by name.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signing {
    pub fn authorization(&self) -> String {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let mut canonical = format!("POST\n{}\n{}\n", self.path, self.query);
        for (name, value) in &self.headers {
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(&self.body)));
        let scope = format!("{}/us-east-1/{}/aws4_request", &self.date[..8], self.service);
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{digest}", self.date);
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [&self.date[..8], "us-east-1", &self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, text.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.key_id
        )
    }
}

/// The client. Clones share its connections.
#[derive(Clone)]
pub struct Aws {
    http: reqwest::Client,
    pub base: String,
    pub key_id: String,
    pub secret: String,
}

impl Aws {
    /// Of a server that has been started.
    pub fn of(server: &Server) -> Self {
        Self::with_timeout(server, Duration::from_secs(90))
    }

    pub fn with_timeout(server: &Server, timeout: Duration) -> Self {
        let key = std::fs::read(server.dir().join("aws-credentials.json")).expect("aws-credentials.json");
        let key: Value = serde_json::from_slice(&key).expect("JSON");
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tenantry::tls::client_config())
            .timeout(timeout)
            .build()
            .expect("a client");
        let (key_id, secret) =
            (text(&key, "/AccessKeyId").to_owned(), text(&key, "/SecretAccessKey").to_owned());
        Self { http, base: server.base(), key_id, secret }
    }

    pub fn host(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// A rightly signed request that can still be spoilt.
    pub fn signing(&self, operation: &str, body: &[u8]) -> Signing {
        let date = now();
        Signing {
            key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            service: "states".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: vec![
                ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
                ("host".to_owned(), self.host().to_owned()),
                ("x-amz-date".to_owned(), date.clone()),
                ("x-amz-target".to_owned(), format!("AWSStepFunctions.{operation}")),
            ],
            date,
            body: body.to_vec(),
        }
    }

    /// Sends a signed request.
    pub async fn send(&self, signing: Signing) -> Result<(u16, Value), reqwest::Error> {
        let authorization = signing.authorization();
        let query = if signing.query.is_empty() { String::new() } else { format!("?{}", signing.query) };
        let mut request = self.http.post(format!("{}{}{query}", self.base, signing.path));
        for (name, value) in signing.headers.iter().filter(|(name, _)| name != "host") {
            request = request.header(name, value);
        }
        let answer = request.header("authorization", authorization).body(signing.body).send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Calls an operation once.
    pub async fn try_call(&self, operation: &str, body: &Value) -> Result<(u16, Value), reqwest::Error> {
        self.send(self.signing(operation, body.to_string().as_bytes())).await
    }

    /// Calls an operation that must succeed.
    pub async fn call(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.try_call(operation, body).await.expect("an answer");
        assert_eq!(status, 200, "{operation}: {answer:#}");
        answer
    }

    /// Calls an operation that must be refused: its code and message.
    pub async fn refused(&self, operation: &str, body: &Value) -> (String, String) {
        let (status, answer) = self.try_call(operation, body).await.expect("an answer");
        assert!((400..500).contains(&status), "{operation} answered {status}: {answer:#.200}");
        (text(&answer, "/__type").to_owned(), text(&answer, "/message").to_owned())
    }

    /// Calls until a server that is being killed answers; what it refuses is given, too.
    pub async fn insist(&self, operation: &str, body: &Value) -> (u16, Value) {
        loop {
            match self.try_call(operation, body).await {
                Ok((status, answer)) if status < 500 => return (status, answer),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    pub async fn create(&self, name: &str, definition: &Value) -> String {
        let body = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        let made = self.call("CreateStateMachine", &body).await;
        text(&made, "/stateMachineArn").to_owned()
    }

    pub async fn start(&self, machine: &str, name: &str, input: &Value) -> String {
        let body = json!({"stateMachineArn": machine_arn(machine), "name": name, "input": input.to_string()});
        let started = self.call("StartExecution", &body).await;
        text(&started, "/executionArn").to_owned()
    }

    pub async fn describe(&self, execution: &str) -> Value {
        self.call("DescribeExecution", &json!({"executionArn": execution})).await
    }

    /// Waits for an execution's end, and gives its description.
    pub async fn ended(&self, execution: &str) -> Value {
        until(&format!("the end of {execution}"), || async {
            let found = self.describe(execution).await;
            (found["status"] != "RUNNING").then_some(found)
        })
        .await
    }

    /// Every item of a list, page after page.
    pub async fn all(&self, operation: &str, items: &str, body: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        let mut body = body.clone();
        loop {
            let page = self.call(operation, &body).await;
            all.extend(page[items].as_array().expect("a list").iter().cloned());
            match page.get("nextToken").filter(|token| !token.is_null()) {
                Some(next) => body["nextToken"] = next.clone(),
                None => return all,
            }
        }
    }

    /// An execution's whole history, whose ids must run from 1 without a gap and point back.
    pub async fn history(&self, execution: &str) -> Vec<Value> {
        let body = json!({"executionArn": execution, "maxResults": 1000});
        let events = self.all("GetExecutionHistory", "events", &body).await;
        for (event, id) in events.iter().zip(1_u64..) {
            assert_eq!(event["id"], id, "{execution} has a gap before {event:#}");
            let previous = event["previousEventId"].as_u64().expect("a number");
            assert!(previous < id, "{execution}: {event:#}");
        }
        events
    }
}
