//! Terraform on this machine: its binary, the provider it needs, and a copy of `terraform/` to work in.
//!
//! **Invariants.** The checkout is never written to. Terraform sees nothing of the machine's configuration: no
//! credentials, no profiles, no file of its own settings.

mod copy;
mod missing;
mod provider;

pub use copy::WorkingCopy;
pub use missing::Missing;

use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `apply` does at the same time. Nearly all of its time is the provider's waiting.
const PARALLELISM: &str = "-parallelism=60";

/// Where the values of variables are written, in the working copy alone.
const VARIABLES: &str = "deployment.auto.tfvars.json";

/// Terraform with its provider.
#[derive(Debug, Clone)]
pub struct Terraform {
    /// Root of a folder with the provider, as `-plugin-dir` wants it.
    plugins: PathBuf,
    credentials: (String, String),
}

/// A command of Terraform's that failed.
#[derive(Debug)]
pub struct Failed {
    /// The command, such as `terraform apply`.
    pub command: String,
    /// What it printed, both streams.
    pub printed: String,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed:\n{}", self.command, self.printed.trim_end())
    }
}

impl std::error::Error for Failed {}

impl Terraform {
    /// Finds the binary on the path, and the provider: in a folder `registry.terraform.io/hashicorp/aws` anywhere near
    /// the root of this machine, or from the registry, once, into the target folder.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn find() -> Result<Self, Missing> {
        let release = provider::release()?;
        let plugins = provider::find(&release)?;
        Ok(Self { plugins, credentials: ("test".to_owned(), "test".to_owned()) })
    }

    /// The same with other credentials than the emulator's usual ones.
    #[must_use]
    pub fn credentials(mut self, access_key_id: &str, secret_access_key: &str) -> Self {
        self.credentials = (access_key_id.to_owned(), secret_access_key.to_owned());
        self
    }

    /// A copy of the repository's Terraform and of what it reads, which goes away when it is dropped.
    ///
    /// # Errors
    /// The disk's.
    pub fn working_copy(&self) -> io::Result<WorkingCopy> {
        WorkingCopy::new()
    }

    /// Prepares the configuration in `dir` for every other command; its state stays beside it.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn init(&self, dir: &Path) -> Result<(), Failed> {
        let plugins = format!("-plugin-dir={}", self.plugins.display());
        self.run(dir, ["init", "-input=false", "-backend=false", "-no-color", &plugins]).map(drop)
    }

    /// Makes what the configuration in `dir` says, with these values of its variables (a JSON object).
    ///
    /// # Errors
    /// [`Failed`].
    pub fn apply(&self, dir: &Path, variables: &Value) -> Result<(), Failed> {
        write_variables(dir, variables)?;
        self.run(dir, ["apply", "-auto-approve", "-input=false", "-no-color", PARALLELISM]).map(drop)
    }

    /// Plans again and finds nothing to do.
    ///
    /// # Errors
    /// [`Failed`], with the plan where there is something to do.
    pub fn plan_has_no_changes(&self, dir: &Path, variables: &Value) -> Result<(), Failed> {
        write_variables(dir, variables)?;
        self.run(dir, ["plan", "-detailed-exitcode", "-input=false", "-no-color", PARALLELISM]).map(drop)
    }

    /// The outputs of what was applied in `dir`: an object of name and value.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn output(&self, dir: &Path) -> Result<Value, Failed> {
        let failed = |printed: String| Failed { command: "terraform output".to_owned(), printed };
        let text = self.run(dir, ["output", "-json", "-no-color"])?;
        let Value::Object(outputs) =
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?
        else {
            return Err(failed(text));
        };
        let value = |mut output: Value| output.get_mut("value").map(Value::take).unwrap_or_default();
        Ok(outputs.into_iter().map(|(name, output)| (name, value(output))).collect())
    }

    /// Takes away everything that was made in `dir`.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn destroy(&self, dir: &Path, variables: &Value) -> Result<(), Failed> {
        write_variables(dir, variables)?;
        self.run(dir, ["destroy", "-auto-approve", "-input=false", "-no-color", PARALLELISM]).map(drop)
    }

    /// Any other command, in `dir`: what it printed on the standard output.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run<S: AsRef<OsStr>>(
        &self,
        dir: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, Failed> {
        let mut command = scrubbed();
        command.current_dir(dir).args(arguments);
        command.env("HOME", dir).env("TMPDIR", std::env::temp_dir());
        command.env("AWS_ACCESS_KEY_ID", &self.credentials.0);
        command.env("AWS_SECRET_ACCESS_KEY", &self.credentials.1);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        let words: Vec<_> = command.get_args().take(1).map(OsStr::to_string_lossy).collect();
        let name = format!("terraform {}", words.join(" "));
        let failed = |printed: String| Failed { command: name.clone(), printed };
        let Output { status, stdout, stderr } =
            command.output().map_err(|error| failed(format!("it does not start: {error}")))?;
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        if status.success() {
            return Ok(stdout);
        }
        Err(failed(format!("{stdout}{}", String::from_utf8_lossy(&stderr))))
    }
}

/// Terraform, without the environment but for the path.
fn scrubbed() -> Command {
    let mut command = Command::new("terraform");
    command
        .env_clear()
        .env("PATH", variable("PATH").unwrap_or_default())
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_IN_AUTOMATION", "1");
    command
}

fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "tests ask where they run; this crate is theirs alone")]
    std::env::var_os(name)
}

fn write_variables(dir: &Path, variables: &Value) -> Result<(), Failed> {
    let file = dir.join(VARIABLES);
    let failed = |error: io::Error| Failed {
        command: format!("writing {}", file.display()),
        printed: error.to_string(),
    };
    std::fs::write(&file, variables.to_string()).map_err(failed)
}
