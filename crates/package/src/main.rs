//! `cargo run -p tenantry-package [-- --target TRIPLE]`: builds the Lambda bootstrap, and packs it into
//! `target/lambda/bootstrap.zip`.
//!
//! The same binary makes the same zip, byte for byte, so that Terraform sees a change where there is one. It is refused
//! where Lambda could not run it (a newer C library than Amazon Linux 2023 has), or where it has grown too large to
//! start fast.

mod elf;
mod zip;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The newest C library of the runtime `provided.al2023`.
/// <https://docs.aws.amazon.com/linux/al2023/ug/libraries.html>
const GLIBC_MAX: (u32, u32) = (2, 34);
/// A cold start reads all of the zip.
const ZIP_BYTES_MAX: usize = 6_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = match arguments.as_slice() {
        [] => None,
        [flag, triple] if flag == "--target" => Some(triple.as_str()),
        _ => {
            eprintln!("usage: cargo run -p tenantry-package [-- --target TRIPLE]");
            return ExitCode::from(2);
        }
    };
    match package(target) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("The bootstrap is not packaged: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn package(target: Option<&str>) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let binary = build(&root, target)?;
    let bytes = std::fs::read(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let glibc = elf::newest_glibc(&bytes).map_err(|reason| format!("{}: {reason}", binary.display()))?;
    check_glibc(glibc)?;
    let zip = zip::of_executable("bootstrap", &bytes)?;
    if zip.len() > ZIP_BYTES_MAX {
        return Err(format!(
            "the zip has {} bytes, and a cold start bears {ZIP_BYTES_MAX}: see with `cargo bloat` or `cargo tree` what \
             came in",
            zip.len()
        ));
    }
    // The same place for every target: that is where docs/deploy.md and Terraform's example look.
    let folder = target_folder(&root).join("lambda");
    let path = folder.join("bootstrap.zip");
    write(&path, &zip)?;
    let glibc = glibc.map_or_else(|| "none".to_owned(), |(major, minor)| format!("{major}.{minor}"));
    Ok(format!(
        "{}: {} bytes zipped, {} bytes of program, newest GLIBC symbol {glibc}",
        path.display(),
        zip.len(),
        bytes.len()
    ))
}

/// Where cargo builds: beside the program that is running, which cargo itself put there.
fn target_folder(root: &Path) -> PathBuf {
    let running = std::env::current_exe().ok();
    let beside = running.as_deref().and_then(Path::parent).and_then(Path::parent);
    beside.map_or_else(|| root.join("target"), Path::to_path_buf)
}

fn build(root: &Path, target: Option<&str>) -> Result<PathBuf, String> {
    let folder = target_folder(root);
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.current_dir(root).args([
        "build",
        "--package",
        "tenantry-aws",
        "--bin",
        "bootstrap",
        "--profile",
        "lambda",
    ]);
    cargo.arg("--target-dir").arg(&folder);
    let mut built = folder;
    if let Some(triple) = target {
        cargo.args(["--target", triple]);
        built.push(triple);
    }
    let status = cargo.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err("it does not build; cargo says why above".to_owned());
    }
    Ok(built.join("lambda/bootstrap"))
}

fn check_glibc(found: Option<(u32, u32)>) -> Result<(), String> {
    match found {
        Some(version) if version > GLIBC_MAX => Err(format!(
            "it needs GLIBC {}.{}, and Lambda's Amazon Linux 2023 has {}.{}. Build it where the C library is as old: in a \
             container of Amazon Linux 2023, or on Debian 12",
            version.0, version.1, GLIBC_MAX.0, GLIBC_MAX.1
        )),
        _ => Ok(()),
    }
}

/// Whole or not at all: whoever deploys meanwhile reads the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(told)?;
    }
    std::fs::write(&beside, bytes).map_err(told)?;
    std::fs::rename(&beside, path).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_c_library_that_lambda_lacks_is_refused() {
        assert_eq!(check_glibc(None), Ok(()));
        assert_eq!(check_glibc(Some((2, 34))), Ok(()));
        assert!(check_glibc(Some((2, 35))).unwrap_err().contains("GLIBC 2.35"));
        assert!(check_glibc(Some((3, 0))).is_err());
    }
}
