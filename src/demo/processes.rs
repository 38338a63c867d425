//! The demonstration's processes: a server and a product service, both from this one binary.

use crate::cli::{CliError, Client};
use crate::node::{ADDRESS_FILE, TOKEN_FILE};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const START_PATIENCE: Duration = Duration::from_secs(30);

/// The running processes. Dropping it ends them and removes the folder, where it was made for them.
pub(super) struct Processes {
    dir: PathBuf,
    made_dir: bool,
    listen: String,
    service_listen: String,
    server: Child,
    service: Option<Child>,
}

impl Processes {
    /// Starts a server on a fresh folder and, once it answers, the product service.
    pub(super) async fn start(dir: Option<PathBuf>, listen: &str) -> Result<Self, CliError> {
        let (dir, made_dir) = match dir {
            Some(dir) => {
                let empty = std::fs::read_dir(&dir).map_or(true, |mut entries| entries.next().is_none());
                if !empty {
                    return Err(CliError::usage(format!(
                        "{} is not empty, and the demonstration wants a fresh folder.",
                        dir.display()
                    )));
                }
                (dir, false)
            }
            None => (std::env::temp_dir().join(format!("tenantry-demo-{}", std::process::id())), true),
        };
        std::fs::create_dir_all(&dir)
            .map_err(|error| CliError::failure(format!("{} cannot be made: {error}", dir.display())))?;
        let listen = free_address(listen)?;
        let service_listen = free_address("127.0.0.1:0")?;
        let server = spawn_server(&dir, &listen)?;
        let mut processes = Self { dir, made_dir, listen, service_listen, server, service: None };
        processes.wait_for_server().await?;
        processes.service = Some(processes.spawn_service()?);
        processes.wait_for_registration().await?;
        Ok(processes)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub(super) fn service_base(&self) -> String {
        format!("http://{}", self.service_listen)
    }

    pub(super) fn server_pid(&self) -> u32 {
        self.server.id().unwrap_or_default()
    }

    /// A client of the server, with the token that it made at its first start.
    pub(super) fn client(&self) -> Result<Client, CliError> {
        let path = self.dir.join(TOKEN_FILE);
        let token = std::fs::read_to_string(&path)
            .map_err(|error| CliError::failure(format!("{} cannot be read: {error}", path.display())))?;
        Client::new(self.base(), token.trim().to_owned())
    }

    /// Kills the server as `kill -9` does; answers the process id that it had.
    pub(super) async fn kill_server(&mut self) -> Result<u32, CliError> {
        let pid = self.server_pid();
        self.server
            .kill()
            .await
            .map_err(|error| CliError::failure(format!("process {pid} cannot be killed: {error}")))?;
        Ok(pid)
    }

    /// Starts the server again on the same folder and address.
    pub(super) async fn start_server(&mut self) -> Result<(), CliError> {
        self.server = spawn_server(&self.dir, &self.listen)?;
        self.wait_for_server().await
    }

    /// Returns when Ctrl-C is pressed, or with an error when a process ends by itself.
    pub(super) async fn serve_until_ctrl_c(&mut self) -> Result<(), CliError> {
        let ended = |what: &str| CliError::failure(format!("The {what} has ended by itself."));
        let Some(service) = self.service.as_mut() else { return Err(ended("product service")) };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => Ok(()),
            _ = self.server.wait() => Err(ended("server")),
            _ = service.wait() => Err(ended("product service")),
        }
    }

    /// Shows the end of the server's log: what a person needs who wonders why it went wrong.
    pub(super) fn show_log_tail(&self) {
        for name in ["server.log", "service.log"] {
            let text = std::fs::read_to_string(self.dir.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- the end of {name}");
            for line in &lines[lines.len().saturating_sub(15)..] {
                eprintln!("{line}");
            }
        }
    }

    fn spawn_service(&self) -> Result<Child, CliError> {
        let token_file = self.dir.join(TOKEN_FILE);
        let state_dir = self.dir.join("service");
        let mut command = Command::new(own_binary()?);
        command.arg("demo-service");
        command.args([
            "--listen",
            &self.service_listen,
            "--control-plane",
            &self.base(),
            "--name",
            "workspaces",
        ]);
        command.arg("--token-file").arg(token_file).arg("--state-dir").arg(state_dir);
        command.args(["--delay-ms", "600", "--refuse", super::REFUSED]);
        spawn(command, &self.dir, "service.log")
    }

    async fn wait_for_server(&mut self) -> Result<(), CliError> {
        let began = Instant::now();
        loop {
            let known = std::fs::read_to_string(self.dir.join(ADDRESS_FILE)).is_ok();
            if known && ready(&self.base()).await {
                return Ok(());
            }
            if let Ok(Some(status)) = self.server.try_wait() {
                self.show_log_tail();
                return Err(CliError::failure(format!("The server ended at once: {status}.")));
            }
            if began.elapsed() > START_PATIENCE {
                self.show_log_tail();
                return Err(CliError::failure("The server does not answer; its log is above."));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn wait_for_registration(&mut self) -> Result<(), CliError> {
        let client = self.client()?;
        let began = Instant::now();
        while client.pages("/v1/services", &[], 10).await?.is_empty() {
            if began.elapsed() > START_PATIENCE {
                self.show_log_tail();
                return Err(CliError::failure("The product service does not register; its log is above."));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // Both are also killed when their handles are dropped; here only the folder is left to remove.
        let _ = self.server.start_kill();
        if let Some(service) = self.service.as_mut() {
            let _ = service.start_kill();
        }
        if self.made_dir {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// `wanted`, or where it is taken an address with a port that is free.
fn free_address(wanted: &str) -> Result<String, CliError> {
    let listener =
        std::net::TcpListener::bind(wanted).or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"));
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.to_string())
        .map_err(|error| CliError::failure(format!("No port is free to listen on: {error}")))
}

fn own_binary() -> Result<PathBuf, CliError> {
    std::env::current_exe()
        .map_err(|error| CliError::failure(format!("This program's own file cannot be found: {error}")))
}

fn spawn_server(dir: &Path, listen: &str) -> Result<Child, CliError> {
    let mut command = Command::new(own_binary()?);
    command.arg("serve").arg("--data-dir").arg(dir);
    // The product service listens on loopback.
    command.args(["--listen", listen, "--allow-private-webhooks"]);
    spawn(command, dir, "server.log")
}

fn spawn(mut command: Command, dir: &Path, log: &str) -> Result<Child, CliError> {
    let path = dir.join(log);
    let fault =
        |error: std::io::Error| CliError::failure(format!("{} cannot be written: {error}", path.display()));
    let file = File::options().create(true).append(true).open(&path).map_err(fault)?;
    let copy = file.try_clone().map_err(fault)?;
    command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CliError::failure(format!("A process cannot be started: {error}")))
}

async fn ready(base: &str) -> bool {
    let Ok(client) = Client::new(base.to_owned(), String::new()) else { return false };
    client.get("/readyz", &[]).await.is_ok()
}
