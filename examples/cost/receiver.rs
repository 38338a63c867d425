//! The HTTP server of product services and webhook receivers: it takes everything and keeps it.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use serde_json::Value;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A request that came.
pub struct Request {
    pub path: String,
    pub body: Value,
}

type Inbox = Arc<Mutex<Vec<Request>>>;

/// A server on loopback; it ends with its owner.
pub struct Receiver {
    address: std::net::SocketAddr,
    inbox: Inbox,
    server: tokio::task::JoinHandle<io::Result<()>>,
}

async fn take(State(inbox): State<Inbox>, uri: Uri, Json(body): Json<Value>) -> StatusCode {
    let request = Request { path: uri.path().to_owned(), body };
    inbox.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    StatusCode::ACCEPTED
}

impl Receiver {
    /// Begins to listen on a free port.
    pub async fn open() -> io::Result<Self> {
        let inbox = Inbox::default();
        let router = Router::new().fallback(take).with_state(inbox.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, inbox, server })
    }

    /// The address under which a path of it is called.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Takes what has come.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}
