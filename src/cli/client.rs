//! A client of the HTTP API.

use super::{CliError, Connection, Exit};
use crate::node::{ADDRESS_FILE, TOKEN_FILE};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A control plane and the way in.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// Finds the control plane: `--url` and `--token`, or the data folder of a server on this machine.
    pub fn connect(connection: &Connection) -> Result<Self, CliError> {
        let base = match &connection.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                format!("http://{}", local_file(&connection.data_dir, ADDRESS_FILE, "--url or TENANTRY_URL")?)
            }
        };
        let token = match &connection.token {
            Some(token) => token.trim().to_owned(),
            None => local_file(&connection.data_dir, TOKEN_FILE, "--token or TENANTRY_TOKEN")?,
        };
        Self::new(base, token)
    }

    /// A client of the control plane at `base`.
    pub fn new(base: String, token: String) -> Result<Self, CliError> {
        let tls = crate::tls::client_config();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| CliError::failure(format!("The HTTP client cannot be made: {error}")))?;
        Ok(Self { http, base, token })
    }

    /// The address without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Starts a request; `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// Sends a request and reads its JSON; a problem becomes an error.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, CliError> {
        let response = request
            .timeout(Duration::from_secs(30))
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if status == StatusCode::NO_CONTENT || (status.is_success() && body.is_empty()) {
            return Ok(Value::Null);
        }
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        match (status.is_success(), value) {
            (true, Some(value)) => Ok(value),
            (true, None) => Err(CliError::failure(format!(
                "{} answered {status}, but not with JSON. Is it a Tenantry control plane?",
                self.base
            ))),
            (false, problem) => Err(CliError::from_problem(status.as_u16(), &problem.unwrap_or(Value::Null))),
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, CliError> {
        self.send(self.request(Method::GET, &with_query(path, query))).await
    }

    /// Changes something; the key makes it safe to repeat.
    pub async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Value, CliError> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<Value, CliError> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Reads a list that is always one page.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>, CliError> {
        match self.get(path, &[]).await?.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads pages until `max` items are there or nothing more is.
    pub async fn pages(
        &self,
        path: &str,
        query: &[(&str, String)],
        max: usize,
    ) -> Result<Vec<Value>, CliError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", (max - items.len()).min(200).to_string()));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor.clone()));
            }
            let mut page = self.get(path, &query).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || items.len() >= max {
                items.truncate(max);
                return Ok(items);
            }
        }
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> CliError {
        if error.is_timeout() {
            return CliError {
                exit: Exit::Timeout,
                ..CliError::unreachable(format!("{} did not answer in time.", self.base))
            };
        }
        CliError::unreachable(format!(
            "{} cannot be reached ({}). Is `tenantry serve` running? `tenantry doctor` looks for the cause.",
            self.base,
            root_cause(error)
        ))
    }
}

/// Percent-encodes one segment of a path or one value of a query.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path with its query.
pub(super) fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let mut out = path.to_owned();
    for (n, (name, value)) in query.iter().enumerate() {
        out.push(if n == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn local_file(dir: &Path, name: &str, instead: &str) -> Result<String, CliError> {
    let path = dir.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(CliError::failure(format!(
            "There is no {}: no server has run on this data folder. Start one with `tenantry serve`, name its folder \
             with --data-dir, or give {instead}.",
            path.display()
        ))),
        Err(error) => Err(CliError::failure(format!("{} cannot be read: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let query = [("name", "a b&c=ü".to_owned()), ("limit", "5".to_owned())];
        assert_eq!(with_query("/v1/tenants", &query), "/v1/tenants?name=a%20b%26c%3D%C3%BC&limit=5");
        assert_eq!(encode("a/b~c"), "a%2Fb~c");
    }
}
