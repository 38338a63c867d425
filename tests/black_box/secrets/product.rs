//! A product service that keeps every request as it came, and answers no token by itself.

use crate::support::{text, until};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub action: String,
    pub tenant: String,
    pub task_token: String,
    /// Headers and body.
    pub whole: String,
}

/// The service.
#[derive(Clone)]
pub struct Product {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    /// What the next request is refused with; the request's token is put behind it.
    pub refusal: Arc<Mutex<Option<String>>>,
}

impl Product {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/tenantry", listener.local_addr().expect("an address"));
        let product = Self { url, asked: Arc::default(), refusal: Arc::default() };
        let router = axum::Router::new().route("/tenantry", post(receive)).with_state(product.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        product
    }

    /// Waits until it was asked to do this for that tenant.
    pub async fn asked(&self, action: &str, tenant: &str) -> Asked {
        until(&format!("the product to be asked to {action} {tenant}"), || async {
            let asked = self.asked.lock().expect("no panic");
            asked.iter().find(|asked| asked.action == action && asked.tenant == tenant).cloned()
        })
        .await
    }
}

async fn receive(State(product): State<Product>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let request: Value = serde_json::from_slice(&body).expect("a JSON body");
    let task_token = text(&request, "/taskToken").to_owned();
    let refusal = product.refusal.lock().expect("no panic").take();
    let answer = match refusal {
        Some(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{refusal} {task_token}")),
        None => (StatusCode::ACCEPTED, String::new()),
    };
    product.asked.lock().expect("no panic").push(Asked {
        action: text(&request, "/action").to_owned(),
        tenant: text(&request, "/tenantId").to_owned(),
        whole: format!("{headers:?}\n{request}"),
        task_token,
    });
    answer
}
