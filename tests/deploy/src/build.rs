//! What is shipped, built as it is shipped: the release bootstrap in its zip, and the command line.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Cargo's target folder, that this very program lies in: Cargo marks it by a file.
///
/// # Panics
/// Where the program does not lie in one.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a path");
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.expect("tests lie below a target folder").to_path_buf()
}

fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).env("CARGO_TARGET_DIR", target());
    // What Cargo told this program of its own package is not true of another one.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The `tenantry` binary: the command line, and `tenantry serve`.
///
/// # Panics
/// Where it does not build.
pub fn command_line() -> PathBuf {
    let output = cargo()
        .args(["build", "--quiet", "--package", "tenantry", "--bin", "tenantry", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the command line does not build");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let path = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    path.expect("cargo names the binary")
}

/// The zip with the release build of the bootstrap, made as `docs/deploy.md` tells; and what its maker says of it.
///
/// # Panics
/// Where it does not build.
pub fn bootstrap() -> (PathBuf, String) {
    let output = cargo()
        .args(["run", "--quiet", "--package", "tenantry-package"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the bootstrap cannot be packaged");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let zip = target().join("lambda/bootstrap.zip");
    assert!(zip.is_file(), "{} is not there: {said}", zip.display());
    (zip, said)
}
