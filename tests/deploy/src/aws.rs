//! AWS's own client for a test: one process that speaks botocore, out of the emulator's own environment, so that the
//! proof needs no second set of SDKs.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tenantry_emulator::Emulator;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, Refusal>>>>>;

/// What AWS answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `AccessDenied`.
    pub code: String,
    /// In AWS's words.
    pub message: String,
}

/// The client. It ends when this is dropped.
#[derive(Debug)]
pub struct Aws {
    _child: Child,
    stdin: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    next_id: AtomicU64,
}

impl Aws {
    /// A client of this emulator, as the caller that may do everything.
    ///
    /// # Panics
    /// Where the process does not start.
    pub fn of(emulator: &Emulator) -> Self {
        let mut child = Command::new(emulator.python())
            .args(["-c", include_str!("aws.py")])
            .env_clear()
            .envs(emulator.facts().variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the emulator's Python starts");
        let stdin = child.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let waiting = Waiting::default();
        let answered = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut answer: Value = serde_json::from_str(&line).expect("a line of JSON");
                let asked =
                    answered.lock().expect("no panic").remove(&answer["id"].as_u64().unwrap_or_default());
                let result = match answer["code"].as_str() {
                    None => Ok(answer["answer"].take()),
                    Some(code) => Err(Refusal {
                        code: code.to_owned(),
                        message: answer["message"].as_str().unwrap_or_default().to_owned(),
                    }),
                };
                if let Some(asked) = asked {
                    // Whoever asked may have gone.
                    let _ = asked.send(result);
                }
            }
            // Nobody waits for a process that has ended.
            answered.lock().expect("no panic").clear();
        });
        Self { _child: child, stdin: tokio::sync::Mutex::new(stdin), waiting, next_id: AtomicU64::new(1) }
    }

    async fn ask(&self, mut request: Value) -> Result<Value, Refusal> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        request["id"] = id.into();
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().expect("no panic").insert(id, answer);
        {
            let mut stdin = self.stdin.lock().await;
            let line = format!("{request}\n");
            stdin.write_all(line.as_bytes()).await.expect("the client lives");
            stdin.flush().await.expect("the client lives");
        }
        answered.await.expect("the client lives")
    }

    /// Makes a call: the operation in snake case, its parameters as AWS names them. Bytes are `{"$base64": …}`.
    ///
    /// # Errors
    /// What AWS refused, or what the client found wrong.
    pub async fn call(&self, service: &str, operation: &str, parameters: Value) -> Result<Value, Refusal> {
        self.ask(json!({"service": service, "operation": operation, "parameters": parameters})).await
    }

    /// The same for a call that must not be refused.
    ///
    /// # Panics
    /// Where it is.
    pub async fn must(&self, service: &str, operation: &str, parameters: Value) -> Value {
        let called = self.call(service, operation, parameters.clone()).await;
        called.unwrap_or_else(|refusal| panic!("{service} {operation} {parameters}: {refusal:?}"))
    }

    /// Every item of a paged list, by the name that the answer gives it.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn list(&self, service: &str, operation: &str, parameters: Value, items: &str) -> Vec<Value> {
        let request = json!({
            "service": service, "operation": operation, "parameters": parameters, "items": items
        });
        match self.ask(request).await {
            Ok(Value::Array(items)) => items,
            other => panic!("{service} {operation}: {other:?}"),
        }
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Panics
    /// Where the invocation itself is refused.
    pub async fn invoke(&self, function: &str, qualifier: Option<&str>, event: &Value) -> Invocation {
        let mut parameters = json!({
            "FunctionName": function, "LogType": "Tail",
            "Payload": {"$base64": base64(event.to_string().as_bytes())},
        });
        if let Some(qualifier) = qualifier {
            parameters["Qualifier"] = qualifier.into();
        }
        let answer = self.must("lambda", "invoke", parameters).await;
        let payload = answer["Payload"].as_str().unwrap_or_default();
        Invocation {
            failed: answer["FunctionError"].is_string(),
            payload: serde_json::from_str(payload).unwrap_or_else(|_| payload.into()),
            log: answer["LogResult"].as_str().map(unbase64).unwrap_or_default(),
        }
    }
}

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Whether the function answered with an error.
    pub failed: bool,
    /// What it answered.
    pub payload: Value,
    /// The end of what it logged.
    pub log: String,
}

/// Bytes as base64.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn unbase64(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
