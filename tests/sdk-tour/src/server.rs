//! The real binary, serving from a folder of its own.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take: generous, because it bounds a fault and measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that ends with this.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    dir: tempfile::TempDir,
    child: Child,
    port: u16,
}

/// Builds the binary, as `cargo test` does for a package's own, and tells where it is.
fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "tenantry", "--bin", "tenantry", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the binary does not build");
    let messages = BufReader::new(built.stdout.as_slice()).lines().map_while(Result::ok);
    let executable = messages
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .last();
    executable.expect("cargo names the binary")
}

impl Server {
    /// Builds and starts it, and waits until it has written where it listens.
    ///
    /// # Panics
    /// It does not build or start.
    pub fn start() -> Self {
        let binary = build();
        let dir = tempfile::tempdir().expect("a folder");
        let log = std::fs::File::create(dir.path().join("server.log")).expect("a log file");
        let child = Command::new(&binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut server = Self { binary, dir, child, port: 0 };
        server.port = server.await_port();
        server
    }

    fn await_port(&mut self) -> u16 {
        let began = Instant::now();
        loop {
            let address = std::fs::read_to_string(self.dir.path().join("server.address")).unwrap_or_default();
            let port = address.trim().rsplit(':').next().and_then(|port| port.parse().ok());
            if let Some(port) = port {
                return port;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "it does not serve:\n{}",
                std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
            );
            #[expect(
                clippy::disallowed_methods,
                reason = "a test's own thread, waiting for another process"
            )]
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The access key's id and secret, as `tenantry aws-credentials` prints them.
    ///
    /// # Panics
    /// The command fails.
    pub fn access_key(&self) -> (String, String) {
        let printed = Command::new(&self.binary)
            .args(["aws-credentials", "-o", "json", "--data-dir"])
            .arg(self.dir.path())
            .output()
            .expect("the command runs");
        let key: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        (text("AccessKeyId"), text("SecretAccessKey"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself has nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
