//! The provider: a mirror on this machine, or the registry, asked once.

use super::{Missing, scrubbed, variable};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a mirror holds the provider.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";
/// The oldest Terraform that knows everything that is used.
const TERRAFORM_MIN: (u64, u64) = (1, 11);
/// The provider's major release, and the oldest minor one of it (`~> 5.100`).
const PROVIDER_MIN: (u64, u64) = (5, 100);
/// How deep below the root of the machine a mirror may lie.
const DEPTH_MAX: usize = 5;
/// How many folders are looked into at most.
const FOLDERS_MAX: usize = 60_000;
/// Folders that no mirror lies in, and that are large, slow, or no files at all.
const LEFT_OUT: &[&str] = &["proc", "sys", "dev", "run", "node_modules", ".git", ".cargo", ".rustup"];

/// A configuration that needs nothing but the provider.
const STUB: &str = r#"terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
"#;

/// What `terraform version` tells.
pub(super) struct Release {
    /// Such as `linux_amd64`.
    platform: String,
}

/// The binary's release.
pub(super) fn release() -> Result<Release, Missing> {
    let output = scrubbed().args(["version", "-json"]).output();
    let output = output.map_err(|error| Missing::Binary(format!("it does not start: {error}")))?;
    let told: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Missing::Binary(format!("`terraform version -json` cannot be read: {error}")))?;
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = text("terraform_version");
    match numbers(&version) {
        Some(found) if found >= TERRAFORM_MIN => Ok(Release { platform: text("platform") }),
        _ => Err(Missing::Binary(format!("its version is {version:?}"))),
    }
}

/// The root of a folder that has the provider for this machine.
pub(super) fn find(release: &Release) -> Result<PathBuf, Missing> {
    let cache = target_folder().join("terraform-providers");
    if holds_provider(&cache, &release.platform) {
        return Ok(cache);
    }
    if let Some(mirror) = mirror(Path::new("/"), &release.platform) {
        return Ok(mirror);
    }
    fetch(&cache)?;
    if holds_provider(&cache, &release.platform) {
        return Ok(cache);
    }
    Err(Missing::Provider("it was fetched, and is not in the folder that it was fetched into".to_owned()))
}

/// From the registry, with the machine's own proxies and certificates, into a folder that serves as a mirror from then
/// on.
fn fetch(cache: &Path) -> Result<(), Missing> {
    let failed = |error: std::io::Error| Missing::Provider(format!("{}: {error}", cache.display()));
    fs::create_dir_all(cache).map_err(failed)?;
    let stub = tempfile::tempdir().map_err(failed)?;
    fs::write(stub.path().join("main.tf"), STUB).map_err(failed)?;
    let mut command = Command::new("terraform");
    command.args(["init", "-input=false", "-backend=false", "-no-color"]).current_dir(stub.path());
    command.env("TF_PLUGIN_CACHE_DIR", cache).env("CHECKPOINT_DISABLE", "1");
    let named = variable("TF_CLI_CONFIG_FILE");
    if named.is_some_and(|file| !Path::new(&file).is_file()) {
        command.env_remove("TF_CLI_CONFIG_FILE");
    }
    let output = command.output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Missing::Provider(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The nearest mirror below `root`, breadth first.
fn mirror(root: &Path, platform: &str) -> Option<PathBuf> {
    let mut open = VecDeque::from([(root.to_path_buf(), 0)]);
    let mut looked_into = 0;
    while let Some((folder, depth)) = open.pop_front() {
        if holds_provider(&folder, platform) {
            return Some(folder);
        }
        looked_into += 1;
        if depth == DEPTH_MAX || looked_into == FOLDERS_MAX {
            continue;
        }
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                open.push_back((entry.path(), depth + 1));
            }
        }
    }
    None
}

/// Whether the folder is a mirror, packed or unpacked, with a release of the provider that is new enough.
/// <https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror>
fn holds_provider(folder: &Path, platform: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder.join(PROVIDER)) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let zipped = name.strip_prefix("terraform-provider-aws_");
        let zipped = zipped.and_then(|name| name.strip_suffix(&format!("_{platform}.zip")));
        let unpacked = entry.path().join(platform).is_dir().then_some(name.as_str());
        let version = zipped.or(unpacked).and_then(numbers);
        version.is_some_and(|(major, minor)| major == PROVIDER_MIN.0 && minor >= PROVIDER_MIN.1)
    })
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Cargo's target folder, that this very program lies in: Cargo marks it by a file.
pub(crate) fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let fallback = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    marked.map_or_else(fallback, Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_known_by_release_and_platform() {
        for (entry, is_folder, expected) in [
            ("5.100.0/linux_amd64", true, true),
            ("5.101.3/linux_amd64", true, true),
            ("5.99.0/linux_amd64", true, false),
            ("6.0.0/linux_amd64", true, false),
            ("5.100.0/darwin_arm64", true, false),
            ("terraform-provider-aws_5.100.0_linux_amd64.zip", false, true),
            ("terraform-provider-aws_5.100.0_darwin_arm64.zip", false, false),
        ] {
            let machine = tempfile::tempdir().expect("a folder");
            let root = machine.path().join("opt/mirror");
            let path = root.join(PROVIDER).join(entry);
            fs::create_dir_all(if is_folder { &path } else { path.parent().expect("a parent") })
                .expect("a folder");
            if !is_folder {
                fs::write(&path, "").expect("a file");
            }
            let found = mirror(machine.path(), "linux_amd64");
            assert_eq!(found, expected.then_some(root), "{entry}");
        }
    }
}
