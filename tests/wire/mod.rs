//! AWS's own clients against the real binary: boto3 as it comes, but for the endpoint. The Rust SDK has a crate of its own,
//! `tests/sdk-tour`.

use crate::support::server::{Server, binary};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The release that the tour was written with.
const BOTO3: &str = "boto3==1.44.5";

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}:\n{stderr}", output.status))
}

/// An interpreter with boto3, in a virtual environment below the target folder; made once.
fn python() -> Result<PathBuf, String> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boto3");
    let python = environment.join("bin/python");
    let has_boto3 = |python: &Path| run(Command::new(python).args(["-c", "import boto3"])).is_ok();
    if !has_boto3(&python) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            BOTO3,
        ]))?;
    }
    Ok(python)
}

/// Not captured, as what tests print is: nobody may think that this was tried.
fn say_loudly(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {what}\n");
}

#[tokio::test]
async fn boto3_tours_the_protocol() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            say_loudly(&format!(
                "the tour with boto3, because python3 with venv and pip cannot be had: {why}"
            ));
            return;
        }
    };
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let printed = run(Command::new(binary()).arg("aws-credentials").arg("--data-dir").arg(dir.path()))
        .unwrap_or_else(|why| panic!("{why}"));
    let profile = dir.path().join("aws-config");
    std::fs::write(&profile, printed.stdout).expect("the profile is written");
    let tour = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/tour.py");
    let toured = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python);
        // Nothing else of this machine's configuration.
        command.env_clear().env("PATH", "/usr/bin:/bin").env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_CONFIG_FILE", profile).env("AWS_PROFILE", "tenantry");
        run(command.arg(tour))
    })
    .await
    .expect("the tour's thread");
    drop(server);
    if let Err(why) = toured {
        panic!("{why}");
    }
}
