//! The virtual environment that the emulator runs in: made once per release and Python, by one process at a time, and
//! moved to its place when it is whole.

use crate::{MINISTACK, Missing};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An interpreter that has the emulator.
///
/// # Errors
/// [`Missing`], but [`Missing::Start`].
pub(crate) fn python() -> Result<PathBuf, Missing> {
    let version =
        run(Command::new("python3").args(["-c", "import platform; print(platform.python_version())"]))
            .map_err(Missing::Python)?;
    let name = format!("ministack-{MINISTACK}-python-{}", version.trim());
    let folder = target_folder().join("emulator");
    fs::create_dir_all(&folder).map_err(|error| Missing::Venv(format!("{}: {error}", folder.display())))?;
    let environment = folder.join(&name);
    let python = environment.join("bin/python");
    if is_whole(&python) {
        return Ok(python);
    }
    // Held until the file is closed, also by a process that dies: nobody else makes it meanwhile.
    let lock = File::create(folder.join(format!("{name}.lock")))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Missing::Venv(format!("{}: {error}", folder.display())))?;
    if !is_whole(&python) {
        make(&folder, &environment)?;
    }
    drop(lock);
    Ok(python)
}

/// Whether its Python still runs, and has the emulator.
fn is_whole(python: &Path) -> bool {
    let ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ministack') is None)";
    python.exists() && run(Command::new(python).args(["-c", ask])).is_ok()
}

fn make(folder: &Path, environment: &Path) -> Result<(), Missing> {
    let failed = |error: std::io::Error| Missing::Venv(format!("{}: {error}", folder.display()));
    let growing = tempfile::Builder::new().prefix("growing-").tempdir_in(folder).map_err(failed)?;
    let fresh = growing.path().join("environment");
    run(Command::new("python3").args(["-m", "venv"]).arg(&fresh)).map_err(Missing::Venv)?;
    let release = format!("ministack=={MINISTACK}");
    run(Command::new(fresh.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &release,
    ]))
    .map_err(Missing::Index)?;
    if environment.exists() {
        fs::remove_dir_all(environment).map_err(failed)?;
    }
    // `python -m` works wherever the folder lies; the scripts beside it, which name their path, are not used.
    fs::rename(&fresh, environment).map_err(failed)
}

/// The standard output; else what went wrong.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(format!("{command:?} ended with {status}:\n{}", String::from_utf8_lossy(&stderr)))
}

/// Cargo's target folder, that this very program lies in: Cargo marks it by a file.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let fallback = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    marked.map_or_else(fallback, Path::to_path_buf)
}
