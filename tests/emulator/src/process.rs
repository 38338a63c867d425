//! The running emulator.

use crate::environment::{self, run};
use crate::{Facts, Missing, health};
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How often it is asked whether it is up, and how long it rests between.
const ASKED_MAX: u32 = 1_200;
const REST: Duration = Duration::from_millis(50);

/// Somebody else may take the free port before it does.
const PORTS_TRIED_MAX: u32 = 5;

/// How long it may take to write its state and end.
const SECONDS_TO_END: &str = "30";

/// The account that it gives everybody who names none.
const ACCOUNT: &str = "000000000000";

/// How it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether the functions' own calls are held against their roles' policies.
    pub auth: bool,
    /// Where it keeps its state from one run to the next: read at the start where it is there, written by
    /// [`Emulator::stop`]. `None`: it forgets everything.
    pub state_dir: Option<PathBuf>,
    /// Its port; `None`: any that is free. State holds addresses with the port, so that a run from kept state needs the
    /// port of the run that made it.
    pub port: Option<u16>,
    /// Its region.
    pub region: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { auth: false, state_dir: None, port: None, region: "eu-central-1".to_owned() }
    }
}

/// A running emulator. It ends when this is dropped, and when this process dies.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    folder: TempDir,
    python: PathBuf,
    state_dir: PathBuf,
    port: u16,
    region: String,
}

impl Emulator {
    /// Starts one, and waits until it answers. Blocks for about a second; for the first time after a change of release
    /// some more, to make its environment.
    ///
    /// # Errors
    /// [`Missing`]: what it needs.
    pub fn start(options: Options) -> Result<Self, Missing> {
        let python = environment::python()?;
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::launch(&python, &options) {
                Err(Missing::Start(_)) if options.port.is_none() && tries < PORTS_TRIED_MAX => {}
                done => return done,
            }
        }
    }

    /// As [`Emulator::start`]; where it cannot be had, says loudly that `what` was not tried, and why.
    ///
    /// # Panics
    /// Where the variable `CI` is `true` and the machine has a Python.
    pub fn start_or_explain(what: &str, options: Options) -> Option<Self> {
        match Self::start(options) {
            Ok(emulator) => Some(emulator),
            Err(missing) => {
                missing.explain(what);
                None
            }
        }
    }

    fn launch(python: &Path, options: &Options) -> Result<Self, Missing> {
        let failed = |error: std::io::Error| Missing::Start(error.to_string());
        let folder = tempfile::Builder::new().prefix("tenantry-emulator-").tempdir().map_err(failed)?;
        let state_dir = options.state_dir.clone().unwrap_or_else(|| folder.path().join("state"));
        for path in [&state_dir, &folder.path().join("tmp")] {
            fs::create_dir_all(path).map_err(failed)?;
        }
        let port = match options.port {
            Some(port) => port,
            None => free_port().map_err(failed)?,
        };
        let edition = edition();
        let log = File::create(folder.path().join("log")).map_err(failed)?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(include_str!("emulator.sh")).arg("emulator");
        command.arg(folder.path()).arg(SECONDS_TO_END).arg(python).args(["-m", "ministack"]);
        command.env_clear().envs(variables(folder.path(), &state_dir, port, &edition, options));
        command.current_dir(folder.path()).process_group(0).stdin(Stdio::piped());
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        let child = command.spawn().map_err(failed)?;
        let (python, region) = (python.to_owned(), options.region.clone());
        let mut emulator = Self { child, folder, python, state_dir, port, region };
        emulator.wait_until_up(&edition)?;
        Ok(emulator)
    }

    fn wait_until_up(&mut self, edition: &str) -> Result<(), Missing> {
        let why = |what: String, emulator: &Self| Missing::Start(format!("{}\n{what}", emulator.logs()));
        for _ in 0..ASKED_MAX {
            if health::is_up(self.port, edition) {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(why(format!("it ended with the status {}", self.status()), self));
            }
            rest();
        }
        Err(why("it does not answer".to_owned(), self))
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Python that runs it; its environment has botocore, AWS's own client, too.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Where its state lies. Whole only after [`Emulator::stop`].
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// What it said so far.
    pub fn logs(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What a client must know to call it.
    pub fn facts(&self) -> Facts {
        Facts {
            endpoint_url: self.endpoint(),
            region: self.region.clone(),
            account: ACCOUNT.to_owned(),
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
        }
    }

    /// Asks it to end and waits until it and its functions are gone. Its state is written then.
    ///
    /// # Errors
    /// What it said, where it did not end by itself.
    pub fn stop(mut self) -> Result<(), String> {
        if let Some(mut stdin) = self.child.stdin.take() {
            // It may have ended by itself: its status tells.
            let _ = stdin.write_all(b"stop\n");
            let ended = self.child.wait();
            drop(stdin);
            ended.map_err(|error| format!("the emulator cannot be waited for: {error}"))?;
        }
        match self.status().as_str() {
            "0" => Ok(()),
            status => Err(format!("{}\nthe emulator ended with the status {status}", self.logs())),
        }
    }

    fn status(&self) -> String {
        let status = fs::read_to_string(self.folder.path().join("status")).unwrap_or_default();
        status.trim().to_owned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // The whole group: the script, the emulator and its functions.
            let _ = run(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]));
            let _ = self.child.wait();
            // Only the script was waited for: the emulator is gone when its port is free.
            for _ in 0..ASKED_MAX {
                if !health::is_listening(self.port) {
                    return;
                }
                rest();
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the launcher blocks, as its documentation says")]
fn rest() {
    std::thread::sleep(REST);
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A word that its health tells again, by which it is known from another one that took the port first.
fn edition() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Everything that it and its functions see of the machine.
fn variables(
    folder: &Path,
    state_dir: &Path,
    port: u16,
    edition: &str,
    options: &Options,
) -> Vec<(&'static str, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let persist = if options.state_dir.is_some() { "1" } else { "0" };
    vec![
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("HOME", path(folder)),
        ("TMPDIR", path(&folder.join("tmp"))),
        ("STATE_DIR", path(state_dir)),
        ("S3_DATA_DIR", path(&state_dir.join("s3"))),
        ("PERSIST_STATE", persist.to_owned()),
        ("S3_PERSIST", persist.to_owned()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("MINISTACK_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("MINISTACK_REGION", options.region.clone()),
        ("MINISTACK_EDITION", edition.to_owned()),
        // The functions call back here.
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AUTH", options.auth.to_string()),
        ("SFTP_ENABLED", "0".to_owned()),
        ("IOT_MTLS_ENABLED", "0".to_owned()),
    ]
}
