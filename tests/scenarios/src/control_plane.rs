//! The control plane under test: its address, its token, and the command line that speaks with it.

use reqwest::Method;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

/// A control plane, wherever it runs.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    base: String,
    token: String,
    binary: PathBuf,
    http: reqwest::Client,
}

impl ControlPlane {
    /// The control plane at `base` (which may have a path), the administrator's token, and the `tenantry` binary.
    ///
    /// # Panics
    /// Where no HTTP client can be made.
    pub fn new(base: &str, token: &str, binary: impl Into<PathBuf>) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, token: token.to_owned(), binary: binary.into(), http: client() }
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request with the administrator's token; the status and the JSON of the answer.
    ///
    /// # Panics
    /// Where there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> (u16, Value) {
        let mut request =
            self.http.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
    }

    /// Reads something that must be there.
    ///
    /// # Panics
    /// Where it is not.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None, None).await;
        assert_eq!(status, 200, "GET {path}: {body:#}");
        body
    }

    /// Every item of a paged list, whose cursor is given back under the name `cursor`.
    ///
    /// # Panics
    /// Where a page does not come, or a cursor comes again.
    pub async fn pages(&self, path: &str, cursor: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{separator}limit=100{next}")).await;
            let Value::Array(found) = page["items"].take() else { panic!("GET {path}: no items") };
            items.extend(found);
            let Some(after) = page["nextCursor"].as_str() else { return items };
            let following = format!("&{cursor}={after}");
            assert_ne!(following, next, "GET {path}: the cursor stands still");
            next = following;
        }
    }

    /// Runs the command line.
    ///
    /// # Panics
    /// Where the binary does not run.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(&self.binary)
            .args(["--url", &self.base, "-o", "json"])
            .args(arguments)
            .env("TENANTRY_TOKEN", &self.token)
            .output()
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()))
    }

    /// Runs the command line, which must succeed, and reads what it prints; `null` where it prints nothing.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn tenantry(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "tenantry {arguments:?} ended with {}: {out}{err}", output.status);
        match out.trim() {
            "" => Value::Null,
            text => {
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
            }
        }
    }

    /// Runs the command line, which must be refused with a problem of that code.
    ///
    /// # Panics
    /// Where it is not.
    pub async fn refused(&self, arguments: &[&str], code: &str) {
        let output = self.command(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(&format!("error[{code}]")),
            "tenantry {arguments:?} was to be refused with {code}, and ended with {}: {said}",
            output.status
        );
    }
}

/// An HTTP client for loopback; it trusts nobody, because nothing here is encrypted.
pub(crate) fn client() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client")
}
