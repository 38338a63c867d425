//! A tiny HTTP/1.1 server for tests: it writes down what it gets, and answers what the test says.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the test answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: Option<u16>,
    headers: String,
    body: String,
    hold: Option<Arc<Notify>>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self { status: Some(status), headers: String::new(), body: String::new(), hold: None }
    }

    /// Takes the request and never answers.
    pub(crate) fn silence() -> Self {
        Self { status: None, headers: String::new(), body: String::new(), hold: None }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// Answers only once `gate` is notified.
    pub(crate) fn hold(mut self, gate: Arc<Notify>) -> Self {
        self.hold = Some(gate);
        self
    }
}

type Responder = dyn Fn(&Request) -> Answer + Send + Sync;

/// The server; it stops when it is dropped.
pub(crate) struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn start(respond: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, respond): (_, Arc<Responder>) = (requests.clone(), Arc::new(respond));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), respond.clone()));
            }
        });
        Self { port, requests, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Request>>>, respond: Arc<Responder>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let head_end = loop {
            if let Some(place) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break place + 4;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(buffer[..head_end].to_vec()).ok()?;
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
        while buffer.len() < head_end + length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let request = Request { path, headers, body: buffer[head_end..head_end + length].to_vec() };
        buffer.drain(..head_end + length);
        let answer = respond(&request);
        seen.lock().unwrap().push(request);
        if let Some(gate) = &answer.hold {
            gate.notified().await;
        }
        let Some(status) = answer.status else {
            std::future::pending::<Option<()>>().await?;
            return None;
        };
        let text = format!(
            "HTTP/1.1 {status} Answer\r\n{}content-length: {}\r\n\r\n{}",
            answer.headers,
            answer.body.len(),
            answer.body
        );
        stream.write_all(text.as_bytes()).await.ok()?;
    }
}
