//! A client that keeps every answer, but for the bodies that show a secret by design.

use crate::support::server::Server;
use reqwest::{Method, Response};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The client.
pub struct Client {
    http: reqwest::Client,
    base: String,
    admin: String,
    /// What was asked, and the whole answer.
    pub answers: Vec<(String, String)>,
}

impl Client {
    pub fn of(server: &Server) -> Self {
        let (http, base) = (server.http().clone(), server.base());
        Self { http, base, admin: server.token(), answers: Vec::new() }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        bearer: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(bearer);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("an answer")
    }

    async fn keep(&mut self, asked: String, response: Response, with_body: bool) -> (u16, Value) {
        let status = response.status().as_u16();
        let mut whole = format!("{status}\n{:?}\n", response.headers());
        let body = response.text().await.expect("a body");
        if with_body {
            whole.push_str(&body);
        }
        self.answers.push((asked, whole));
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Asks as that bearer, and expects that status.
    pub async fn ask_as(&mut self, bearer: &str, path: &str, body: &Value, expected: u16) -> Value {
        let response = self.send(Method::POST, path, bearer, None, Some(body)).await;
        let (status, answer) = self.keep(format!("POST {path}"), response, true).await;
        assert_eq!(status, expected, "POST {path}: {answer:#}");
        answer
    }

    /// Asks as the administrator.
    pub async fn ask(&mut self, path: &str, body: &Value, expected: u16) -> Value {
        let admin = self.admin.clone();
        self.ask_as(&admin, path, body, expected).await
    }

    /// Asks twice under one key for what is shown only in this answer, and gets the same.
    pub async fn reveal(&mut self, path: &str, key: &str, body: &Value) -> Value {
        let mut answers = Vec::new();
        for _ in 0..2 {
            let response = self.send(Method::POST, path, &self.admin, Some(key), Some(body)).await;
            let (status, answer) = self.keep(format!("POST {path}"), response, false).await;
            assert_eq!(status, 201, "POST {path}: {answer:#}");
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1], "one key, one answer");
        answers.swap_remove(0)
    }

    /// Reads as the administrator, page after page.
    pub async fn read(&mut self, path: &str) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut next = path.to_owned();
        loop {
            let response = self.send(Method::GET, &next, &self.admin, None, None).await;
            let (status, answer) = self.keep(format!("GET {next}"), response, true).await;
            assert!(status < 300 || status == 404, "GET {next} answered {status}: {answer:#}");
            let cursor = answer["nextCursor"].as_str().map(str::to_owned);
            pages.push(answer);
            let Some(cursor) = cursor else { return pages };
            next = format!("{path}?cursor={cursor}");
        }
    }

    /// Reads everything that the OpenAPI document offers to be read, with every id that is known; the stream is read
    /// up to these events.
    pub async fn read_all(&mut self, ids: &BTreeMap<&str, Vec<String>>, events: &BTreeSet<String>) {
        let document = self.read("/openapi.json").await.swap_remove(0);
        for (path, operations) in document["paths"].as_object().expect("paths") {
            if operations.get("get").is_none() {
                continue;
            }
            if path == "/v1/events/stream" {
                self.follow(&format!("{path}?from=start"), events).await;
                continue;
            }
            let mut paths = vec![path.clone()];
            while let Some((start, end)) = paths[0].find('{').zip(paths[0].find('}')) {
                let name = paths[0][start + 1..end].to_owned();
                let values = ids.get(name.as_str()).unwrap_or_else(|| panic!("no {name} for {path}"));
                let fill = |path: &String| {
                    values.iter().map(|value| path.replace(&format!("{{{name}}}"), value)).collect()
                };
                paths = paths.iter().flat_map(|path| -> Vec<String> { fill(path) }).collect();
            }
            for path in paths {
                self.read(&path).await;
            }
        }
        for path in ["/", "/healthz", "/readyz"] {
            self.read(path).await;
        }
    }

    async fn follow(&mut self, path: &str, events: &BTreeSet<String>) {
        let mut response = self.send(Method::GET, path, &self.admin, None, None).await;
        let mut told = String::new();
        while !events.iter().all(|event| told.contains(event)) {
            let chunk = response.chunk().await.expect("the stream goes on").expect("the stream goes on");
            told.push_str(&String::from_utf8_lossy(&chunk));
        }
        self.answers.push((format!("GET {path}"), told));
    }
}
