//! A connection to the emulator that can fail as the way to AWS can: answers that are lost, and answers of AWS's own that
//! the emulator never gives.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tenantry_emulator::Facts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is carried out, and the connection breaks before the answer.
    LoseAnswer,
    /// It is not carried out, but answered so: a status and a body.
    Answer(u16, String),
}

impl Fault {
    /// An error of a JSON service, by its code.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Answer(status, serde_json::json!({"__type": code, "message": "as asked for"}).to_string())
    }
}

/// A way to the emulator.
pub(crate) struct Proxy {
    facts: Facts,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    upstream: u16,
    faults: Mutex<VecDeque<Fault>>,
    requests: AtomicU32,
}

impl Proxy {
    pub(crate) async fn start(facts: &Facts) -> Self {
        let upstream = facts.endpoint_url.rsplit(':').next().and_then(|port| port.parse().ok());
        let state = Arc::new(State {
            upstream: upstream.expect("the endpoint ends in a port"),
            faults: Mutex::default(),
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
            let fault = self.faults.lock().expect("nobody panics with it").pop_front();
            let answer = match &fault {
                Some(Fault::Answer(status, body)) => answer(*status, body),
                Some(Fault::LoseAnswer) | None => self.forward(&request).await,
            };
            if matches!(fault, Some(Fault::LoseAnswer)) || client.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    /// The emulator's answer, whole; its connection is not kept, so that its end is the answer's.
    async fn forward(&self, request: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream)).await {
            let end = head_end(request).unwrap_or(request.len());
            let head = &request[..end.saturating_sub(2)];
            let _ = upstream.write_all(&[head, b"connection: close\r\n\r\n", &request[end..]].concat()).await;
            let _ = upstream.read_to_end(&mut answer).await;
        }
        answer
    }
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: REQUEST-7\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Where the body begins.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4)
}

async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = head_end(&bytes) {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a number"));
            if bytes.len() >= end + length {
                return Some(bytes);
            }
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
