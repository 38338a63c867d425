//! The real binary, serving from a data folder, as a process that can be killed.

use super::until;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tenantry"))
}

/// An address that nobody listens on now.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// A served data folder.
pub struct Server {
    dir: PathBuf,
    listen: String,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    http: reqwest::Client,
}

impl Server {
    /// Serves `dir` and waits until it answers.
    pub async fn start(dir: &Path) -> Self {
        Self::start_with(dir, Vec::new()).await
    }

    /// The same, with environment variables for the process.
    pub async fn start_with(dir: &Path, environment: Vec<(String, String)>) -> Self {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tenantry::tls::client_config())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        let mut server = Self { dir: dir.to_owned(), listen: free_address(), child: None, environment, http };
        server.spawn();
        server.until_ready().await;
        server
    }

    /// Starts the process; does not wait.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("server.log"))
            .expect("a log file");
        let child = Command::new(binary())
            .arg("serve")
            .arg("--data-dir")
            .arg(&self.dir)
            .args(["--listen", &self.listen, "--allow-private-webhooks"])
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
    }

    /// Waits until it answers.
    pub async fn until_ready(&mut self) {
        let base = self.base();
        let http = self.http.clone();
        let dir = self.dir.clone();
        let child = self.child.as_mut().expect("it runs");
        until("the server to answer", || {
            if let Ok(Some(status)) = child.try_wait() {
                let log = std::fs::read_to_string(dir.join("server.log")).unwrap_or_default();
                panic!("the server ended with {status}:\n{log}");
            }
            let request = http.get(format!("{base}/readyz"));
            async move { request.send().await.ok().filter(|answer| answer.status() == StatusCode::OK) }
        })
        .await;
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        // One that has ended by itself has nothing left to kill.
        let _ = child.kill();
        child.wait().expect("its end");
    }

    /// Kills it, starts it again on the same folder and address, and waits until it answers.
    pub async fn kill_and_restart(&mut self) {
        self.kill();
        self.spawn();
        self.until_ready().await;
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&self) -> bool {
        // A zombie still has its entry, in state Z.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_none_or(|state| state == 'Z')
    }

    /// Starts it again after it ended by itself.
    pub async fn restart_after_end(&mut self) {
        self.kill();
        self.spawn();
        self.until_ready().await;
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The administrator's token, once the first start has made it.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.dir.join("admin.token")).expect("admin.token").trim().to_owned()
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends a request with the administrator's token.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base())).bearer_auth(self.token());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Reads something that must be there.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None, None).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "GET {path}: {body:#}");
        body
    }

    /// Changes something and expects that status.
    pub async fn post(&self, path: &str, body: &Value, expected: u16) -> Value {
        let (status, answer) = self.send(Method::POST, path, Some(body), None).await.expect("an answer");
        assert_eq!(status.as_u16(), expected, "POST {path}: {answer:#}");
        answer
    }

    /// Every item of a paged list.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{separator}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Every event of the archive, in the order of publication.
    pub async fn archive(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("/v1/events?limit=200{after}")).await;
            let items = page["items"].as_array().expect("items");
            events.extend(items.iter().map(|item| item["event"].clone()));
            match page["nextCursor"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return events,
            }
        }
    }

    /// A sign-up's body.
    pub fn sign_up_body(name: &str) -> Value {
        json!({"name": name, "plan": "pro", "adminEmail": "admin@example.com"})
    }

    /// Waits until the tenant's provisioning has ended, and gives the tenant.
    pub async fn until_settled(&self, tenant: &str) -> Value {
        until(&format!("{tenant} to settle"), || async {
            let tenant = self.get(&format!("/v1/tenants/{tenant}")).await;
            matches!(tenant["status"].as_str(), Some("active" | "provisioning_failed")).then_some(tenant)
        })
        .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of the server's log");
            for line in &lines[lines.len().saturating_sub(40)..] {
                eprintln!("{line}");
            }
        }
    }
}
