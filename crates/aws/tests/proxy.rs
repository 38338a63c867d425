//! A connection to the emulator that can fail as the way to AWS can: requests and answers that are lost or late or sent
//! twice, and answers of AWS's own that the emulator never gives.

use crate::faulty::partly;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_emulator::Facts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is carried out, and the connection breaks before the answer.
    LoseAnswer,
    /// The connection breaks before it is carried out.
    LoseRequest,
    /// It is not carried out, but answered so: a status and a body.
    Answer(u16, String),
    /// It is carried out, and answered so nevertheless.
    CarryOutAndAnswer(u16, String),
    /// It is carried out twice; whether the second answer is given.
    Twice(bool),
    /// It is carried out, and its answer is late.
    Late(Duration),
    /// Of a batch, the entries at these places fail and the others are carried out.
    Partly(Vec<usize>),
}

impl Fault {
    /// An error of a JSON service, by its code.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Answer(status, serde_json::json!({"__type": code, "message": "as asked for"}).to_string())
    }
}

/// A request as it came.
pub(crate) struct Request {
    bytes: Vec<u8>,
    body_at: usize,
}

impl Request {
    fn head(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.body_at]).into_owned()
    }

    /// What is called, such as `AmazonSQS.SendMessageBatch`; `S3.<method>` of S3, whose requests do not say.
    pub(crate) fn target(&self) -> String {
        let head = self.head();
        let named = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("x-amz-target").then(|| value.trim().to_owned())
        });
        named.unwrap_or_else(|| format!("S3.{}", head.split(' ').next().unwrap_or_default()))
    }

    /// Its body, where that is JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes[self.body_at..]).ok()
    }

    /// The same with another body.
    fn with_body(&self, body: &Value) -> Self {
        let body = body.to_string();
        let head = self.head();
        let kept: Vec<&str> = head
            .lines()
            .filter(|line| !line.is_empty() && !line.to_lowercase().starts_with("content-length:"))
            .collect();
        let head = format!("{}\r\ncontent-length: {}\r\n\r\n", kept.join("\r\n"), body.len());
        Self { body_at: head.len(), bytes: format!("{head}{body}").into_bytes() }
    }
}

/// Says what happens to each request.
type Chooser = Box<dyn Fn(&Request) -> Option<Fault> + Send + Sync>;

/// A way to the emulator.
pub(crate) struct Proxy {
    facts: Facts,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    upstream: u16,
    faults: Mutex<VecDeque<Fault>>,
    choose: Chooser,
    requests: AtomicU32,
}

impl Proxy {
    /// A way on which nothing fails but what [`Proxy::fail`] asks for.
    pub(crate) async fn start(facts: &Facts) -> Self {
        Self::choosing(facts, Box::new(|_| None)).await
    }

    /// A way on which `choose` says what fails.
    pub(crate) async fn choosing(facts: &Facts, choose: Chooser) -> Self {
        let upstream = facts.endpoint_url.rsplit(':').next().and_then(|port| port.parse().ok());
        let state = Arc::new(State {
            upstream: upstream.expect("the endpoint ends in a port"),
            faults: Mutex::default(),
            choose,
            requests: AtomicU32::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).serve(stream));
            }
        });
        let facts = Facts { endpoint_url: format!("http://127.0.0.1:{port}"), ..facts.clone() };
        Self { facts, state, task }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Lets the next requests fail so, one each, and counts requests anew.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.state.faults.lock().expect("nobody panics with it") = faults.into_iter().collect();
        self.state.requests.store(0, Ordering::SeqCst);
    }

    /// How many requests came since.
    pub(crate) fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn serve(self: Arc<Self>, mut client: TcpStream) {
        while let Some(request) = read_request(&mut client).await {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let asked_for = self.faults.lock().expect("nobody panics with it").pop_front();
            let fault = asked_for.or_else(|| (self.choose)(&request));
            let Some(answer) = self.answer(&request, fault).await else { return };
            if client.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    /// What goes back; `None` where the connection breaks.
    async fn answer(&self, request: &Request, fault: Option<Fault>) -> Option<Vec<u8>> {
        match fault {
            None => Some(self.forward(request).await),
            Some(Fault::LoseRequest) => None,
            Some(Fault::LoseAnswer) => {
                self.forward(request).await;
                None
            }
            Some(Fault::Answer(status, body)) => Some(answer(status, &body)),
            Some(Fault::CarryOutAndAnswer(status, body)) => {
                self.forward(request).await;
                Some(answer(status, &body))
            }
            Some(Fault::Twice(second)) => {
                let answers = [self.forward(request).await, self.forward(request).await];
                answers.into_iter().nth(usize::from(second))
            }
            Some(Fault::Late(by)) => {
                let answer = self.forward(request).await;
                tokio::time::sleep(by).await;
                Some(answer)
            }
            Some(Fault::Partly(places)) => self.partly(request, &places).await,
        }
    }

    async fn partly(&self, request: &Request, places: &[usize]) -> Option<Vec<u8>> {
        let whole = request.json()?;
        let left = partly::without(&whole, places);
        let answered = if partly::entries(&left).is_empty() {
            partly::nothing()
        } else {
            let answered = self.forward(&request.with_body(&left)).await;
            let body = head_end(&answered).and_then(|end| serde_json::from_slice(&answered[end..]).ok());
            match body {
                Some(body) if answered.starts_with(b"HTTP/1.1 200") => body,
                _ => return Some(answered),
            }
        };
        Some(answer(200, &partly::merged(&whole, places, &answered).to_string()))
    }

    /// The emulator's answer, whole; its connection is not kept, so that its end is the answer's.
    async fn forward(&self, request: &Request) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream)).await {
            let (head, body) = request.bytes.split_at(request.body_at);
            let head = &head[..head.len().saturating_sub(2)];
            let _ = upstream.write_all(&[head, b"connection: close\r\n\r\n", body].concat()).await;
            let _ = upstream.read_to_end(&mut answer).await;
        }
        answer
    }
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    let kind = if body.starts_with('<') { "application/xml" } else { "application/x-amz-json-1.0" };
    format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: {kind}\r\nx-amzn-requestid: REQUEST-7\r\n\
         x-amz-request-id: REQUEST-7\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Where the body begins.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4)
}

async fn read_request(client: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = head_end(&bytes) {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a number"));
            if bytes.len() >= end + length {
                return Some(Request { bytes, body_at: end });
            }
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
