//! What provisioning costs, on the real binary. Client and server share this machine's cores, and a sync takes 0.07 to
//! 4 ms by the hour: so every latency is also given as a multiple of a sync measured in the same run.
//!
//! `cargo bench --bench first_light` runs everything; `-- --seconds 10 --clients 1,16,256 --open 10000` are the
//! defaults.

use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

struct Server {
    child: Child,
    base: String,
    dir: PathBuf,
}

impl Server {
    /// Starts the release binary; answers the time until it was ready, too.
    async fn start(dir: &Path, http: &reqwest::Client) -> (Self, Duration) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .arg("serve")
            .arg("--data-dir")
            .arg(dir)
            .args(["--listen", &address, "--allow-private-webhooks"])
            .env("TENANTRY_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let server = Self { child, base: format!("http://{address}"), dir: dir.to_owned() };
        loop {
            let answer = http.get(format!("{}/readyz", server.base)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return (server, began.elapsed());
            }
            assert!(began.elapsed() < Duration::from_secs(300), "the server does not answer");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.dir.join("admin.token")).expect("admin.token").trim().to_owned()
    }

    /// Resident memory in MiB.
    fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: 0 kB");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
        kib / 1024.0
    }

    /// A counter of `/metrics`; the sum over its labels.
    async fn metric(&self, http: &reqwest::Client, name: &str) -> f64 {
        let answer = http.get(format!("{}/metrics", self.base)).bearer_auth(self.token()).send().await;
        let text = answer.expect("metrics").text().await.expect("text");
        text.lines()
            .filter(|line| line.starts_with(name) && !line.starts_with('#'))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Median of 200 times 4 KiB appended and synced, in the folder that the server uses.
fn sync_median(dir: &Path) -> Duration {
    let mut file = std::fs::File::create(dir.join("sync.probe")).expect("a file");
    let block = [7_u8; 4096];
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            file.write_all(&block).expect("a write");
            let began = Instant::now();
            file.sync_data().expect("a sync");
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tenantry::tls::client_config())
        .build()
        .expect("a client")
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// Listens to the stream and tells each waiting client when its tenant is active. An event that comes before its client
/// waits is kept in `early`.
async fn listen(
    http: reqwest::Client,
    base: String,
    token: String,
    waiting: Waiting,
    early: Arc<Mutex<std::collections::HashSet<String>>>,
) {
    let answer = http
        .get(format!("{base}/v1/events/stream?type=TenantProvisioned"))
        .bearer_auth(token)
        .send()
        .await
        .expect("the stream");
    let mut chunks = answer.bytes_stream();
    let mut buffer = String::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        buffer.push_str(&String::from_utf8_lossy(&chunk));
        while let Some(end) = buffer.find('\n') {
            let line: String = buffer.drain(..=end).collect();
            let Some(data) = line.strip_prefix("data:") else { continue };
            let Ok(event) = serde_json::from_str::<Value>(data.trim()) else { continue };
            let tenant = event["tenantId"].as_str().unwrap_or_default().to_owned();
            let waiter = waiting.lock().expect("no panic").remove(&tenant);
            match waiter {
                Some(waiter) => drop(waiter.send(())),
                None => drop(early.lock().expect("no panic").insert(tenant)),
            }
        }
    }
}

async fn throughput(clients: usize, seconds: u64) {
    let http = client();
    let dir = tempfile::tempdir().expect("a folder");
    let sync = sync_median(dir.path());
    let (server, _) = Server::start(dir.path(), &http).await;
    let waiting: Waiting = Arc::default();
    let early = Arc::default();
    tokio::spawn(listen(
        http.clone(),
        server.base.clone(),
        server.token(),
        Arc::clone(&waiting),
        Arc::clone(&early),
    ));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let number = Arc::new(AtomicU64::new(0));
    let commits_before = server.metric(&http, "tenantry_store_commits").await;
    let rows_before = server.metric(&http, "tenantry_journal_rows").await;
    let began = Instant::now();
    let workers: Vec<_> = (0..clients)
        .map(|_| {
            let (http, base, token) = (http.clone(), server.base.clone(), server.token());
            let (stop, number) = (Arc::clone(&stop), Arc::clone(&number));
            let (waiting, early) = (Arc::clone(&waiting), Arc::clone(&early));
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                let mut active = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = number.fetch_add(1, Ordering::Relaxed);
                    let body = json!({"name": format!("Bench {number}"), "slug": format!("bench-{number}"),
                        "plan": "pro", "adminEmail": "bench@example.com"});
                    let began = Instant::now();
                    let answer =
                        http.post(format!("{base}/v1/tenants")).bearer_auth(&token).json(&body).send().await;
                    let answer = answer.expect("an answer");
                    assert_eq!(answer.status().as_u16(), 202);
                    let answer: Value = answer.json().await.expect("JSON");
                    accepted.push(began.elapsed());
                    let tenant = answer["tenant"]["tenantId"].as_str().expect("an id").to_owned();
                    let (sender, receiver) = oneshot::channel();
                    waiting.lock().expect("no panic").insert(tenant.clone(), sender);
                    if early.lock().expect("no panic").remove(&tenant) {
                        waiting.lock().expect("no panic").remove(&tenant);
                    } else {
                        receiver.await.expect("the tenant becomes active");
                    }
                    active.push(began.elapsed());
                }
                (accepted, active)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut accepted, mut active) = (Vec::new(), Vec::new());
    for worker in workers {
        let (more_accepted, more_active) = worker.await.expect("no panic");
        accepted.extend(more_accepted);
        active.extend(more_active);
    }
    let elapsed = began.elapsed().as_secs_f64();
    let commits = server.metric(&http, "tenantry_store_commits").await - commits_before;
    let rows = server.metric(&http, "tenantry_journal_rows").await - rows_before;
    // Measured again: a neighbour may have been writing before. Multiples are of the smaller one.
    let sync = sync.min(sync_median(dir.path()));
    accepted.sort();
    active.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let syncs = |time: Duration| time.as_secs_f64() / sync.as_secs_f64();
    println!(
        "{clients:>4} clients: {:>6.0} active/s | 202: p50 {:.2} ms ({:.0} syncs) p99 {:.2} ms ({:.0}) | active: p50 {:.1} ms \
         ({:.0}) p99 {:.1} ms ({:.0}) | {:.0} commits/s, {:.2} commits and {:.1} journal rows per sign-up | sync {:.3} ms | {:.0} MiB",
        active.len() as f64 / elapsed,
        ms(percentile(&accepted, 50)),
        syncs(percentile(&accepted, 50)),
        ms(percentile(&accepted, 99)),
        syncs(percentile(&accepted, 99)),
        ms(percentile(&active, 50)),
        syncs(percentile(&active, 50)),
        ms(percentile(&active, 99)),
        syncs(percentile(&active, 99)),
        commits / elapsed,
        commits / active.len() as f64,
        rows / active.len() as f64,
        ms(sync),
        server.resident_mib(),
    );
}

/// Starts with so many executions open: each waits for a product service that never answers.
async fn start_up(open: usize) {
    let http = client();
    let dir = tempfile::tempdir().expect("a folder");
    let (server, empty) = Server::start(dir.path(), &http).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(|| async { "noted" });
    tokio::spawn(async move { axum::serve(silent, router).await });
    let service = json!({"name": "silent", "url": url, "required": true, "timeoutSeconds": 86400});
    let answer = http
        .post(format!("{}/v1/services", server.base))
        .bearer_auth(server.token())
        .json(&service)
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 201);
    let tenants = futures::stream::iter(0..open).map(|number| {
        let body = json!({"name": format!("Open {number}"), "slug": format!("open-{number}"), "plan": "pro",
            "adminEmail": "bench@example.com"});
        let request =
            http.post(format!("{}/v1/tenants", server.base)).bearer_auth(server.token()).json(&body);
        async move { assert_eq!(request.send().await.expect("an answer").status().as_u16(), 202) }
    });
    tenants.buffer_unordered(64).for_each(|()| async {}).await;
    // All are open and nothing is written any more: each waits for its service.
    let began = Instant::now();
    let mut rows = 0.0;
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = server.metric(&http, "tenantry_journal_rows").await;
        if now == rows && server.metric(&http, "tenantry_engine_open_executions").await >= open as f64 {
            break;
        }
        rows = now;
        assert!(began.elapsed() < Duration::from_secs(600), "they do not all come to wait");
    }
    let resident = server.resident_mib();
    drop(server);
    let sync = sync_median(dir.path());
    let (server, again) = Server::start(dir.path(), &http).await;
    println!(
        "start-up: {:.0} ms empty; {:.0} ms with {open} executions open, after a kill -9 ({:.0} syncs of {:.3} ms) | {:.0} MiB \
         before the kill, {:.0} MiB after the start",
        empty.as_secs_f64() * 1e3,
        again.as_secs_f64() * 1e3,
        again.as_secs_f64() / sync.as_secs_f64(),
        sync.as_secs_f64() * 1e3,
        resident,
        server.resident_mib(),
    );
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str, default: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).cloned().unwrap_or_else(|| default.to_owned())
    };
    let seconds: u64 = value("--seconds", "10").parse().expect("a number of seconds");
    for clients in value("--clients", "1,16,256").split(',') {
        throughput(clients.parse().expect("a number of clients"), seconds).await;
    }
    start_up(value("--open", "10000").parse().expect("a number of executions")).await;
}
