//! Answers that AWS documents and the emulator does not give, sent over HTTP to the real clients.

use crate::support;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tenantry_aws::Clients;
use tenantry_aws::call::Calls;
use tenantry_emulator::Facts;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where calls go: to the emulator, or to canned answers.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) clients: Arc<Clients>,
    pub(crate) calls: Calls,
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Aws {
    fn of(facts: &Facts) -> Self {
        let (region, account) = (facts.region.clone(), facts.account.clone());
        Self { clients: support::clients(facts), calls: support::calls(), region, account }
    }

    /// The emulator; `None` after it was said that `what` was not tried.
    pub(crate) fn shared(what: &str) -> Option<Self> {
        support::emulator(what).map(|emulator| Self::of(&emulator.facts()))
    }
}

/// One answer of AWS's JSON protocols.
pub(crate) struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self { status, body: json!({"__type": code, "message": message}) }
    }
}

type Log = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that answers each call by its target, such as `AWSStepFunctions.StartExecution`. Every answer carries the
/// request id `request-1`. It ends when this is dropped.
pub(crate) struct Canned {
    endpoint: String,
    seen: Log,
    server: JoinHandle<()>,
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Canned {
    pub(crate) async fn start(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Log::default();
        let (answer, log) = (Arc::new(answer), seen.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), log.clone());
                tokio::spawn(async move { serve(stream, &*answer, &log).await });
            }
        });
        Self { endpoint, seen, server }
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::of(&Facts {
            endpoint_url: self.endpoint.clone(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
        })
    }

    /// The bodies of the calls of one target, in their order.
    pub(crate) fn seen(&self, target: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(found, _)| found == target).map(|(_, body)| body.clone()).collect()
    }
}

async fn serve(stream: TcpStream, answer: &(dyn Fn(&str, &Value) -> Answer + Send + Sync), log: &Log) {
    let mut stream = BufReader::new(stream);
    let (mut target, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => target = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let Answer { status, body: answered } = answer(&target, &body);
    log.lock().unwrap().push((target, body));
    let text = answered.to_string();
    let head = format!(
        "HTTP/1.1 {status} Canned\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: request-1\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // A client that gave up reads nothing.
    let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
}
